// The token reader and the Interface section.
#include "mir/text_interface.h"

#include <gtest/gtest.h>

#include "mir/text.h"

namespace shrike::mir {
namespace {

std::string first_error(const Diagnostics& diagnostics) {
  return diagnostics.all().empty() ? "" : diagnostics.all()[0].message;
}

struct ReadBack {
  Interface interface;
  std::vector<ProbeProgram> programs;
  Diagnostics diagnostics;

  explicit ReadBack(std::string_view text) {
    TextReader reader(text, 1, diagnostics);
    read_interface(reader, interface, programs);
  }
};

TEST(TextInterface, EveryFieldSurvivesTheRoundTrip) {
  Interface in;
  in.types.define_record({"inner", true, 4, {{"x", in.types.integer(4, true), 0}}});
  in.types.define_record({"outer",
                          false,
                          24,
                          {{"a", in.types.integer(4, false), 0, 3, 5},
                           {"", in.types.record("inner", true), 4},
                           {"odd name", in.types.string(4), 8, 0, 0, true},
                           {"7up", in.types.int64(), 16}}});
  in.types.define_record({"unused", false, 8, {}});
  in.types.define_enumeration("mood", {{"good", 0}, {"bad", -1}, {"odd name", 7}});
  in.types.define_enumeration("unused_mood", {{"none", 0}});
  in.strings = {"%H:%M", "quote \" back \\ line \n tab \t bell \a é"};
  const Type* key = in.types.tuple({in.types.record("outer", false), in.types.array(in.types.string(3), 2)});
  MapId m = in.maps.add({"@m", MapRole::user, MapKind::percpu_hash, true, key, in.types.hist(2), 32, 1992, 77});
  in.maps.add({.name = "@early", .key = in.types.int64(), .value = in.types.int64(), .key_size = 8, .is_preallocated = true});
  MapId pages = in.maps.add({.name = ".pages_s", .role = MapRole::pages, .kind = MapKind::hash, .key_size = 16});
  in.maps.add({.name = "@s", .value = in.types.tseries(1, 2000, SeriesFold::sum, true), .key_size = 8, .pages = pages});
  in.maps.add({"@", MapRole::user, MapKind::array, false, nullptr, in.types.int64(), 4, 16, 1});
  in.maps.add({".ring", MapRole::ring, MapKind::ring, false, nullptr, nullptr, 0, 0, 4096});
  for (const char* name : {"@.ring", ".", "", "x y", "@7", ".scratch.a \"b\""})
    in.maps.add({name, MapRole::scratch, MapKind::percpu_array});
  in.maps.add(
      {.name = ".names", .role = MapRole::table, .kind = MapKind::array, .value_size = 16, .rows = {"one", "quote \"", ""}});
  in.maps.add({.name = ".globals",
               .role = MapRole::globals,
               .kind = MapKind::array,
               .value_size = 16,
               .constants = std::string("\0\"\n\\\xff\0\0\0", 8)});
  in.events.add({EventKind::printf,
                 "a %d\n",
                 {{in.types.pointer(in.types.record("far", false), AddressSpace::user), 8}, {in.types.string(5), 16}},
                 24,
                 {},
                 {}});
  in.events.add({EventKind::warnf, "%s\n", {{in.types.string(4), 8}}, 8, {}, {}, std::string("a\0\n\"", 4), EventId(3u)});
  in.events.add({EventKind::print_map, "", {}, 8, m, {}});
  in.events.add({EventKind::print_value, "", {{in.types.array(in.types.enumeration("mood", 4, true), 1), 8}}, 16, {}, {}});
  in.events.add({EventKind::print_value, "", {{in.types.enumeration("mood", 8, true), 8}}, 16, {}, {}});
  in.probes.push_back({.kind = ProbeKind::uprobe,
                       .name = "uprobe:/bin/sh:main",
                       .target = "/bin/sh",
                       .function = "main",
                       .address = UINT64_MAX,
                       .offset = 3,
                       .program = FunctionId(1u)});
  in.probes.push_back({.kind = ProbeKind::usdt,
                       .name = "usdt:/bin/sh:a:b",
                       .target = "/bin/sh",
                       .function = "a:b",
                       .address = 16,
                       .semaphore = 0x4010,
                       .program = FunctionId(0u)});
  in.probes.push_back({.kind = ProbeKind::profile,
                       .name = "profile:hz:99",
                       .period = 99,
                       .cookie = 7,
                       .in_hertz = true,
                       .program = FunctionId(0u)});
  in.probes.push_back({.kind = ProbeKind::begin, .name = "begin"});
  in.probes.push_back(
      {.kind = ProbeKind::kprobe, .name = "kprobe:a*", .function = "a*", .is_pattern = true, .is_alternative = true});

  std::vector<std::string> names = {"one", "two\"s"};
  std::string text = print_interface(in, names);
  EXPECT_EQ(text.find("unused"), std::string::npos);
  ReadBack back(text);
  ASSERT_TRUE(back.diagnostics.all().empty()) << first_error(back.diagnostics) << "\n" << text;
  ASSERT_EQ(back.programs.size(), 3u);
  EXPECT_EQ(back.programs[0].function, "two\"s");
  for (const ProbeProgram& program : back.programs)
    back.interface.probes[program.probe].program = FunctionId(program.function == "one" ? 0u : 1u);
  EXPECT_EQ(print_interface(back.interface, names), text);

  const std::vector<Enumerator>* mood = back.interface.types.enumerators(back.interface.types.enumeration("mood"));
  ASSERT_NE(mood, nullptr);
  ASSERT_EQ(mood->size(), 3u);
  EXPECT_EQ((*mood)[1].value, -1);
  EXPECT_EQ((*mood)[2].name, "odd name");

  const RecordLayout* outer = back.interface.types.layout(back.interface.types.record("outer", false));
  ASSERT_NE(outer, nullptr);
  EXPECT_EQ(outer->fields[0].bit_size, 5u);
  EXPECT_EQ(outer->fields[1].name, "");
  EXPECT_TRUE(outer->fields[2].is_data_loc);
  EXPECT_EQ(back.interface.maps[m].key->size, key->size);
  EXPECT_EQ(back.interface.strings, in.strings);
  for (uint32_t i = 0; i < in.maps.size(); i++) EXPECT_EQ(back.interface.maps[MapId(i)].name, in.maps[MapId(i)].name);
  EXPECT_EQ(back.interface.events[EventId(2u)].map, m);
  EXPECT_EQ(back.interface.events[EventId(1u)].next, EventId(3u));
  EXPECT_EQ(back.interface.events[EventId(1u)].constants, in.events[EventId(1u)].constants);
  EXPECT_EQ(back.interface.probes[0].address, UINT64_MAX);
  EXPECT_TRUE(back.interface.probes.back().is_pattern && back.interface.probes.back().is_alternative);
  EXPECT_EQ(back.interface.probes[1].semaphore, 0x4010u);
}

TEST(TextInterface, MistakesAreReportedWhereTheyAre) {
  struct Row {
    const char* text;
    Diag id;
    const char* at;
  };
  const Row rows[] = {
      {"interface { map @m user hash bytes 8 8 entries 1 map @m user hash bytes 8 8 entries 1 }", Diag::text_duplicate_name,
       "@m"},
      {"interface { map @m user bush bytes 8 8 entries 1 }", Diag::text_unknown_name, "bush"},
      {"interface { event 0 clear \"\" () size 8 map @x }", Diag::text_unknown_name, "@x"},
      {"interface { event 1 clear \"\" () size 8 }", Diag::text_mismatch, "1"},
      {"interface { map @m user hash value int65 bytes 8 8 entries 1 }", Diag::text_bad_type, "int65"},
      {"interface { map @m user hash bytes 4294967296 8 entries 1 }", Diag::text_out_of_range, "4294967296"},
      {"interface { map @m user hash bytes 99999999999999999999999 8 entries 1 }", Diag::text_out_of_range,
       "99999999999999999999999"},
      {"interface { record struct s size 4 { int32 a @99999999999 } }", Diag::text_out_of_range, "@99999999999"},
      {"interface { string 0 \"a\\q\" }", Diag::bad_escape, "\\q"},
      {"interface { string 0 \"a }", Diag::unterminated_string, "\"a }"},
      {"interface { sting }", Diag::expected_token, "sting"},
  };
  for (const Row& row : rows) {
    ReadBack back(row.text);
    ASSERT_FALSE(back.diagnostics.all().empty()) << row.text;
    const Diagnostic& error = back.diagnostics.all()[0];
    EXPECT_EQ(error.id, row.id) << row.text << ": " << error.message;
    std::string_view text = row.text;
    size_t begin = error.span.begin - 1;
    EXPECT_EQ(text.substr(begin, error.span.end - error.span.begin), row.at) << row.text;
  }
}

TEST(TextInterface, RecordsThatHoldEachOtherEndSomewhere) {
  ReadBack back(
      "interface { record struct a size 4 { struct b x @0 } record struct b size 4 { struct a x @0 struct b[9] y @0 }"
      " map @ user hash keyed key (struct a,struct b[1000000000]) bytes 8 8 entries 1 }");
  Diagnostics& diagnostics = back.diagnostics;
  EXPECT_EQ(first_error(diagnostics), "`(struct a,struct b[1000000000])` is not a type");
  EXPECT_FALSE(print_interface(back.interface, {}).empty());
}

TEST(TextReader, CommentsAndOffsetsAreToldApart) {
  Diagnostics diagnostics;
  TextReader reader("a #4 # a comment #5\n#-6 # last", 1, diagnostics);
  EXPECT_EQ(reader.word("a word"), "a");
  EXPECT_EQ(reader.offset("an offset"), 4);
  EXPECT_EQ(reader.offset("an offset"), -6);
  EXPECT_TRUE(reader.at_end());
  EXPECT_FALSE(reader.failed());
}

}  // namespace
}  // namespace shrike::mir
