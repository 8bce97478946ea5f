// The BTF reader on blobs built here, on damaged ones, and on the running kernel's.
#include "mir/btf.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>

namespace shrike {

namespace {

using Kind = Btf::Kind;

// Writes BTF; type ids count from 1 in order of add().
class BtfBytes {
 public:
  uint32_t name(std::string_view text) {
    if (text.empty()) return 0;
    auto at = first_string_ + static_cast<uint32_t>(strings_.size());
    strings_.append(text).push_back('\0');
    return at;
  }
  uint32_t add(Kind kind, std::string_view type_name, uint32_t size_or_type, uint32_t vlen = 0, bool kind_flag = false) {
    put(name(type_name));
    put(static_cast<uint32_t>(kind) << 24 | vlen | (kind_flag ? 1u << 31 : 0));
    put(size_or_type);
    return ++last_id_;
  }
  uint32_t add_int(std::string_view type_name, uint32_t size, uint32_t encoding, uint32_t bits) {
    uint32_t id = add(Kind::integer, type_name, size);
    put(encoding << 24 | bits);
    return id;
  }
  void member(std::string_view member_name, uint32_t type, uint32_t bit_offset, uint32_t bit_size = 0) {
    put(name(member_name));
    put(type);
    put(bit_size << 24 | bit_offset);
  }
  void pair(std::string_view first, uint32_t second) {
    put(name(first));
    put(second);
  }
  void put(uint32_t word) { types_.append(reinterpret_cast<const char*>(&word), sizeof word); }

  // The types of a module, whose ids and strings go on where those of `base` end.
  void continue_after(const BtfBytes& base) {
    last_id_ = base.last_id_;
    first_string_ = static_cast<uint32_t>(base.strings_.size());
    strings_.clear();  // the empty name is the kernel's
  }

  std::vector<uint8_t> finish() const {
    auto types = static_cast<uint32_t>(types_.size());
    auto strings = static_cast<uint32_t>(strings_.size());
    uint32_t header[] = {0x0001eb9f, 24, 0, types, types, strings};
    std::string all(reinterpret_cast<const char*>(header), sizeof header);
    all += types_ + strings_;
    return {all.begin(), all.end()};
  }

 private:
  std::string types_;
  std::string strings_ = std::string(1, '\0');
  uint32_t last_id_ = 0;
  uint32_t first_string_ = 0;
};

const mir::RecordField* field_of(const mir::RecordLayout& layout, std::string_view name) {
  for (const mir::RecordField& field : layout.fields)
    if (field.name == name) return &field;
  return nullptr;
}

struct Sample {
  uint32_t int_id, char_id, bool_id, chars_id, inner_id, outer_id, const_id, alias_id, user_ptr_id, percpu_ptr_id, rcu_ptr_id,
      enum_id, enum64_id, ulong_id;
  std::vector<uint8_t> bytes;
};

Sample sample() {
  BtfBytes b;
  Sample s{};
  s.int_id = b.add_int("int", 4, 1, 32);
  s.char_id = b.add_int("char", 1, 1, 8);
  s.bool_id = b.add_int("_Bool", 1, 4, 8);
  s.ulong_id = b.add_int("unsigned long", 8, 0, 64);
  s.chars_id = b.add(Kind::array, "", 0);
  b.put(s.char_id);
  b.put(s.ulong_id);
  b.put(16);
  s.inner_id = b.add(Kind::union_, "", 8, 2);
  b.member("low", s.int_id, 0);
  b.member("whole", s.ulong_id, 0);
  s.outer_id = b.add(Kind::structure, "outer", 40, 6, true);
  b.member("first", s.int_id, 0);
  b.member("flag", s.int_id, 32 + 3, 2);
  b.member("", s.inner_id, 64);
  b.member("text", s.chars_id, 128);
  b.member("", s.int_id, 256, 5);
  b.member("late", s.int_id, 256 + 28, 8);  // packed: crosses its int
  s.const_id = b.add(Kind::const_, "", s.outer_id);
  s.alias_id = b.add(Kind::typedef_, "outer_t", s.const_id);
  uint32_t tag = b.add(Kind::type_tag, "user", s.char_id);
  s.user_ptr_id = b.add(Kind::pointer, "", tag);
  s.percpu_ptr_id = b.add(Kind::pointer, "", b.add(Kind::type_tag, "percpu", s.const_id));
  s.rcu_ptr_id = b.add(Kind::pointer, "", b.add(Kind::type_tag, "rcu", s.char_id));
  s.enum_id = b.add(Kind::enumeration, "color", 4, 2, true);
  b.pair("RED", 0);
  b.pair("BLUE", static_cast<uint32_t>(-3));
  s.enum64_id = b.add(Kind::enumeration64, "big", 8, 1);
  b.put(b.name("HUGE"));
  b.put(1);
  b.put(2);
  s.bytes = b.finish();
  return s;
}

}  // namespace

TEST(Btf, FindsByKindAndName) {
  Sample s = sample();
  auto btf = Btf::open(s.bytes);
  ASSERT_TRUE(btf);
  EXPECT_EQ(btf->find(Kind::structure, "outer"), s.outer_id);
  EXPECT_EQ(btf->find(Kind::typedef_, "outer_t"), s.alias_id);
  EXPECT_FALSE(btf->find(Kind::union_, "outer"));
  EXPECT_FALSE(btf->find(Kind::structure, "oute"));
  EXPECT_FALSE(btf->find(Kind::structure, ""));
  EXPECT_EQ(btf->type(s.outer_id).name, "outer");
  EXPECT_EQ(btf->type(999).kind, Kind::unknown);
  uint32_t count = 0;
  btf->each([&count](const Btf::TypeRecord&) { return ++count < 3; });
  EXPECT_EQ(count, 3u);
}

// After a few questions names are indexed: the answers stay what the scan gave.
TEST(Btf, AnswersTheSameHoweverOftenAsked) {
  Sample s = sample();
  auto btf = Btf::open(s.bytes);
  ASSERT_TRUE(btf);
  for (int round = 0; round < 10; round++) {
    EXPECT_EQ(btf->find(Kind::structure, "outer"), s.outer_id) << round;
    EXPECT_EQ(btf->find(Kind::typedef_, "outer_t"), s.alias_id) << round;
    EXPECT_FALSE(btf->find(Kind::union_, "outer")) << round;
    EXPECT_FALSE(btf->find(Kind::structure, "oute")) << round;
    EXPECT_FALSE(btf->find(Kind::structure, "")) << round;
    EXPECT_FALSE(btf->find(Kind::data_section, "outer")) << round;
    ASSERT_TRUE(btf->find_enum_value("BLUE")) << round;
    EXPECT_EQ(btf->find_enum_value("BLUE")->value, -3) << round;
    EXPECT_EQ(btf->find_enum_value("HUGE")->enumeration, s.enum64_id) << round;
    EXPECT_FALSE(btf->find_enum_value("GREEN")) << round;
  }
}

TEST(Btf, SkipsModifiersAndKnowsSizes) {
  Sample s = sample();
  auto btf = Btf::open(s.bytes);
  ASSERT_TRUE(btf);
  EXPECT_EQ(btf->skip_modifiers(s.alias_id), s.outer_id);
  EXPECT_EQ(btf->size_of(s.alias_id), 40u);
  EXPECT_EQ(btf->size_of(s.chars_id), 16u);
  EXPECT_EQ(btf->size_of(s.user_ptr_id), 8u);
  EXPECT_EQ(btf->size_of(0), 0u);
}

TEST(Btf, EnumValuesOfBothWidths) {
  Sample s = sample();
  auto btf = Btf::open(s.bytes);
  ASSERT_TRUE(btf);
  ASSERT_TRUE(btf->find_enum_value("BLUE"));
  EXPECT_EQ(btf->find_enum_value("BLUE")->value, -3);
  EXPECT_EQ(btf->find_enum_value("HUGE")->value, (int64_t{2} << 32) + 1);
  EXPECT_FALSE(btf->find_enum_value("GREEN"));
  EXPECT_FALSE(btf->find_enum_value("outer"));
  EXPECT_EQ(btf->enum_values(s.enum_id).size(), 2u);
}

TEST(Btf, DataTypes) {
  Sample s = sample();
  auto btf = Btf::open(s.bytes);
  ASSERT_TRUE(btf);
  mir::TypePool pool;
  auto text = [&](uint32_t id) { return btf->to_type(id, pool, mir::AddressSpace::kernel)->text; };
  EXPECT_EQ(text(s.int_id), "int32");
  EXPECT_EQ(text(s.bool_id), "bool");
  EXPECT_EQ(text(s.ulong_id), "uint64");
  EXPECT_EQ(text(s.chars_id), "string[16]");
  EXPECT_EQ(text(s.user_ptr_id), "int8*user");
  EXPECT_EQ(text(s.percpu_ptr_id), "struct outer*percpu");
  EXPECT_EQ(pool.parse("struct outer*percpu")->space, mir::AddressSpace::percpu);
  EXPECT_EQ(text(s.rcu_ptr_id), "int8*");  // read like any other
  EXPECT_EQ(text(s.alias_id), "struct outer");
  EXPECT_EQ(text(s.enum_id), "senum color");  // one of its values is negative
  EXPECT_EQ(text(0), "void");
}

TEST(Btf, LayoutFlattensAnonymousMembersAndPlacesBitFields) {
  Sample s = sample();
  auto btf = Btf::open(s.bytes);
  ASSERT_TRUE(btf);
  mir::TypePool pool;
  const mir::RecordLayout* layout = btf->define_record("outer", false, pool);
  ASSERT_NE(layout, nullptr);
  EXPECT_EQ(layout->size, 40u);
  ASSERT_EQ(layout->fields.size(), 6u);
  EXPECT_EQ(field_of(*layout, "low")->offset, 8u);
  EXPECT_EQ(field_of(*layout, "whole")->offset, 8u);
  EXPECT_EQ(field_of(*layout, "text")->type->text, "string[16]");
  const mir::RecordField* flag = field_of(*layout, "flag");
  EXPECT_EQ(flag->offset, 4u);
  EXPECT_EQ(flag->bit_offset, 3u);
  EXPECT_EQ(flag->bit_size, 2u);
  const mir::RecordField* late = field_of(*layout, "late");
  EXPECT_EQ(late->offset, 35u);
  EXPECT_EQ(late->bit_offset, 4u);
  EXPECT_EQ(late->type->text, "int16");
  EXPECT_EQ(btf->define_record("outer", false, pool), layout);
  EXPECT_EQ(btf->define_record("outer", true, pool), nullptr);
  EXPECT_EQ(btf->define_record("nothing", false, pool), nullptr);
}

TEST(Btf, RecordsWithoutANameGoByTypedefOrId) {
  BtfBytes b;
  uint32_t integer = b.add_int("int", 4, 1, 32);
  uint32_t counter = b.add(Kind::structure, "", 4, 1);
  b.member("counter", integer, 0);
  uint32_t alias = b.add(Kind::typedef_, "atomic_t", counter);
  uint32_t nested = b.add(Kind::structure, "", 4, 1);
  b.member("x", integer, 0);
  b.add(Kind::structure, "holder", 8, 2);
  b.member("count", alias, 0);
  b.member("inner", nested, 32);
  std::vector<uint8_t> bytes = b.finish();
  auto btf = Btf::open(bytes);
  ASSERT_TRUE(btf);
  mir::TypePool pool;
  const mir::RecordLayout* holder = btf->define_record("holder", false, pool);
  ASSERT_NE(holder, nullptr);
  EXPECT_EQ(holder->fields[0].type->text, "struct atomic_t");
  const mir::RecordLayout* atomic = btf->define_record(holder->fields[0].type->name, false, pool);
  ASSERT_NE(atomic, nullptr);
  EXPECT_EQ(atomic->fields[0].name, "counter");
  const mir::RecordLayout* inner = btf->define_record(holder->fields[1].type->name, false, pool);
  ASSERT_NE(inner, nullptr);
  EXPECT_EQ(inner->fields[0].name, "x");
}

TEST(Btf, RawTracepointParamsTakeNamesFromTheTraceFunction) {
  BtfBytes b;
  uint32_t integer = b.add_int("int", 4, 1, 32);
  uint32_t any = b.add(Kind::pointer, "", 0);
  uint32_t nameless = b.add(Kind::function_prototype, "", 0, 2);
  b.pair("", any);
  b.pair("", integer);
  uint32_t pointer = b.add(Kind::pointer, "", nameless);
  b.add(Kind::typedef_, "btf_trace_tick", pointer);
  uint32_t named = b.add(Kind::function_prototype, "", integer, 2);
  b.pair("__data", any);
  b.pair("count", integer);
  b.add(Kind::function, "__traceiter_tick", named);
  std::vector<uint8_t> bytes = b.finish();
  auto btf = Btf::open(bytes);
  ASSERT_TRUE(btf);
  auto params = btf->raw_tracepoint_params("tick");
  ASSERT_TRUE(params);
  ASSERT_EQ(params->size(), 1u);
  EXPECT_EQ(params->at(0).name, "count");
  EXPECT_FALSE(btf->raw_tracepoint_params("tock"));
  EXPECT_EQ(btf->raw_tracepoint_names(), std::vector<std::string_view>{"tick"});
}

TEST(Btf, RefusesWhatIsNotBtf) {
  EXPECT_FALSE(Btf::open({}));
  std::vector<uint8_t> zeros(100, 0);
  EXPECT_FALSE(Btf::open(zeros));
  std::vector<uint8_t> bytes = sample().bytes;
  bytes.pop_back();
  EXPECT_FALSE(Btf::open(bytes));
}

// Every single corrupted byte: no crash, no endless loop, whatever the answers are.
TEST(Btf, SurvivesDamage) {
  const Sample s = sample();
  for (size_t at = 0; at < s.bytes.size(); at++) {
    for (uint8_t value : {0x00, 0x01, 0x7f, 0xff}) {
      std::vector<uint8_t> bytes = s.bytes;
      bytes[at] = value;
      auto btf = Btf::open(bytes);
      if (!btf) continue;
      mir::TypePool pool;
      btf->define_record("outer", false, pool);
      btf->find_enum_value("HUGE");
      btf->each([&](const Btf::TypeRecord& type) {
        btf->size_of(type.id);
        btf->params(type.id);
        btf->to_type(type.id, pool, mir::AddressSpace::user);
        return true;
      });
    }
  }
}

// A record of a module with members of the kernel's types and of its own.
TEST(SplitBtf, ModulesGoOnWhereTheKernelEnds) {
  BtfBytes kernel;
  uint32_t int_id = kernel.add_int("int", 4, 1, 32);
  uint32_t char_id = kernel.add_int("char", 1, 1, 8);
  uint32_t chars = kernel.add(Kind::array, "", 0);
  for (uint32_t word : {char_id, int_id, 8u}) kernel.put(word);
  uint32_t shared = kernel.add(Kind::structure, "shared", 4, 1);
  kernel.member("count", int_id, 0);
  std::vector<uint8_t> kernel_bytes = kernel.finish();
  std::optional<Btf> base = Btf::open(kernel_bytes);
  ASSERT_TRUE(base);

  BtfBytes module;
  module.continue_after(kernel);
  uint32_t anonymous = module.add(Kind::structure, "", 4, 1);
  module.member("inside", int_id, 0);
  uint32_t state = module.add(Kind::enumeration, "state", 4, 1);
  module.pair("RUNNING", 7);
  uint32_t own = module.add(Kind::structure, "own", 24, 4);
  module.member("common", shared, 0);
  module.member("text", chars, 32);
  module.member("named", anonymous, 96);
  module.member("now", state, 128);
  std::vector<uint8_t> module_bytes = module.finish();
  std::optional<Btf> btf = Btf::open_module(module_bytes, "driver", *base);
  ASSERT_TRUE(btf);

  EXPECT_EQ(anonymous, shared + 1);
  EXPECT_EQ(btf->find(Kind::structure, "own"), own);
  EXPECT_EQ(btf->find(Kind::structure, "shared"), std::nullopt);  // its own only
  EXPECT_EQ(base->find(Kind::structure, "own"), std::nullopt);
  EXPECT_EQ(btf->type(shared).name, "shared");
  EXPECT_EQ(btf->size_of(chars), 8u);
  EXPECT_EQ(btf->find_enum_value("RUNNING")->value, 7);

  mir::TypePool pool;
  const mir::RecordLayout* layout = btf->define_record("own", false, pool);
  ASSERT_NE(layout, nullptr);
  EXPECT_EQ(layout->size, 24u);
  EXPECT_EQ(field_of(*layout, "common")->type->text, "struct shared");
  EXPECT_EQ(field_of(*layout, "text")->type->text, "string[8]");
  EXPECT_EQ(field_of(*layout, "now")->type->text, "enum state");
  const mir::Type* named = field_of(*layout, "named")->type;
  EXPECT_EQ(named->text, "struct anon_" + std::to_string(anonymous) + "driver");
  ASSERT_NE(btf->define_record(named->name, false, pool), nullptr);
  EXPECT_EQ(pool.layout(named)->fields.front().name, "inside");

  for (size_t length = 0; length < module_bytes.size(); length++)  // damage ends the types, and nothing else
    if (auto cut = Btf::open_module(std::span(module_bytes).first(length), "driver", *base))
      cut->define_record("own", false, pool);
}

class LiveBtf : public testing::Test {
 protected:
  void SetUp() override {
    std::ifstream file("/sys/kernel/btf/vmlinux", std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(file), {});
    if (bytes_.empty()) GTEST_SKIP() << "this kernel has no BTF";
    btf_ = Btf::open({reinterpret_cast<const uint8_t*>(bytes_.data()), bytes_.size()});
    ASSERT_TRUE(btf_);
  }

  std::string bytes_;
  std::optional<Btf> btf_;
  mir::TypePool pool_;
};

TEST_F(LiveBtf, KnownRecords) {
  const mir::RecordLayout* list = btf_->define_record("list_head", false, pool_);
  ASSERT_NE(list, nullptr);
  EXPECT_EQ(list->size, 16u);
  EXPECT_EQ(field_of(*list, "prev")->offset, 8u);
  EXPECT_EQ(field_of(*list, "prev")->type->text, "struct list_head*");

  const mir::RecordLayout* task = btf_->define_record("task_struct", false, pool_);
  ASSERT_NE(task, nullptr);
  EXPECT_EQ(field_of(*task, "comm")->type->text, "string[16]");
  EXPECT_EQ(field_of(*task, "pid")->type->text, "int32");
  EXPECT_EQ(field_of(*task, "tgid")->offset, field_of(*task, "pid")->offset + 4);
  EXPECT_EQ(field_of(*task, "in_execve")->bit_size, 1u);

  // `next` is two anonymous levels deep.
  const mir::RecordLayout* skb = btf_->define_record("sk_buff", false, pool_);
  ASSERT_NE(skb, nullptr);
  ASSERT_NE(field_of(*skb, "next"), nullptr);
  EXPECT_EQ(field_of(*skb, "next")->offset, 0u);
  for (const mir::RecordField& field : skb->fields) EXPECT_FALSE(field.name.empty());
}

TEST_F(LiveBtf, RawTracepoints) {
  auto params = btf_->raw_tracepoint_params("sched_switch");
  ASSERT_TRUE(params);
  ASSERT_GE(params->size(), 3u);
  EXPECT_EQ(params->at(1).name, "prev");
  EXPECT_EQ(btf_->to_type(params->at(1).type, pool_, mir::AddressSpace::kernel)->text, "struct task_struct*");
  EXPECT_GT(btf_->raw_tracepoint_names().size(), 100u);
  EXPECT_EQ(btf_->find_enum_value("TCP_ESTABLISHED")->value, 1);
}

// Of equal names the first, as a scan finds it.
TEST_F(LiveBtf, IndexFindsWhatAScanFinds) {
  std::map<std::pair<Kind, std::string_view>, uint32_t> first;
  std::map<std::string_view, int64_t> values;
  btf_->each([&](const Btf::TypeRecord& type) {
    if (!type.name.empty()) first.try_emplace({type.kind, type.name}, type.id);
    if (type.kind == Kind::enumeration || type.kind == Kind::enumeration64)
      for (const Btf::EnumValue& value : btf_->enum_values(type.id)) values.try_emplace(value.name, value.value);
    return true;
  });
  EXPECT_GT(first.size(), 10000u);
  for (const auto& [named, id] : first) ASSERT_EQ(btf_->find(named.first, named.second), id) << named.second;
  for (const auto& [name, value] : values) ASSERT_EQ(btf_->find_enum_value(name)->value, value) << name;
}

// Every member of task_struct against another reader of the same bytes.
TEST_F(LiveBtf, AgreesWithBpftool) {
  std::FILE* dump = popen("bpftool btf dump file /sys/kernel/btf/vmlinux format raw 2>/dev/null", "r");
  ASSERT_NE(dump, nullptr);
  std::map<std::string, uint32_t> expected;
  char line[512];
  bool is_inside = false;
  uint32_t size = 0;
  while (std::fgets(line, sizeof line, dump) != nullptr) {
    char name[256];
    uint32_t type = 0;
    uint32_t offset = 0;
    if (line[0] == '[') is_inside = std::sscanf(strstr(line, "] ") + 2, "STRUCT 'task_struct' size=%u", &size) == 1;
    else if (is_inside && std::sscanf(line, " '%255[^']' type_id=%u bits_offset=%u", name, &type, &offset) == 3)
      expected[name] = offset;
  }
  pclose(dump);
  if (expected.empty()) GTEST_SKIP() << "no bpftool";
  const mir::RecordLayout* task = btf_->define_record("task_struct", false, pool_);
  EXPECT_EQ(task->size, size);
  for (const auto& [name, offset] : expected) {
    if (name == "(anon)") continue;
    const mir::RecordField* field = field_of(*task, name);
    ASSERT_NE(field, nullptr) << name;
    EXPECT_EQ(field->offset * 8 + field->bit_offset, offset) << name;
  }
}

}  // namespace shrike
