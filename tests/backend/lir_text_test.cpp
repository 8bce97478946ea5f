// The text form of LIR: what is printed after any stage reads back as the same, and mistakes in it are reported.
#include <gtest/gtest.h>

#include "backend-bpf/backend.h"
#include "backend-bpf/lir_text.h"
#include "backend-bpf/lir_validate.h"
#include "tests/backend/random_mir.h"

namespace shrike {
namespace {

TEST(LirText, EveryStageReadsBackAsPrinted) {
  for (uint64_t seed = 1; seed <= 12; seed++) {
    test::RandomProgram program = test::random_program(seed, {.statements = 20, .live_values = 14, .iterators = true});
    bpf::BackendOptions options;
    options.print_after = {"all"};
    std::vector<std::string> texts;
    options.on_print = [&](std::string_view, const std::string& text) { texts.push_back(text); };
    Diagnostics diagnostics;
    lir::Module module = bpf::select(std::move(program.base.module), options);
    texts.push_back(lir::print(module));
    ASSERT_TRUE(bpf::allocate(module, options, diagnostics));
    ASSERT_EQ(texts.size(), 7u);
    for (const std::string& text : texts) {
      Diagnostics mistakes;
      lir::Module again = lir::parse(text, 1, mistakes);
      ASSERT_FALSE(mistakes.has_errors()) << mistakes.all()[0].message;
      EXPECT_TRUE(lir::validate(again).empty());
      // Comments with the places of slots are for readers; laid out again they come back.
      std::string printed = lir::print(again);
      size_t comment;
      std::string plain = text;
      while ((comment = plain.find("  # r10")) != std::string::npos) plain.erase(comment, plain.find('\n', comment) - comment);
      EXPECT_EQ(printed, plain);
    }
  }
}

// A program read from text compiles to the same bytes, whichever stage the text is from.
TEST(LirText, TextFromAnyStageCompilesToTheSameBytes) {
  for (uint64_t seed = 30; seed < 36; seed++) {
    bpf::BackendOptions options;
    options.validate = true;
    std::vector<std::string> texts;
    options.print_after = {"all"};
    options.on_print = [&](std::string_view, const std::string& text) { texts.push_back(text); };
    Diagnostics diagnostics;
    test::RandomProgram program = test::random_program(seed, {.statements = 15, .live_values = 12});
    lir::Module module = bpf::select(std::move(program.base.module), options);
    texts.push_back(lir::print(module));
    ASSERT_TRUE(bpf::allocate(module, options, diagnostics));
    std::string wanted = bpf::print(bpf::emit(std::move(module)), nullptr);
    options.on_print = nullptr;
    for (const std::string& text : texts) {
      lir::Module again = lir::parse(text, 1, diagnostics);
      ASSERT_TRUE(bpf::allocate(again, options, diagnostics));
      EXPECT_EQ(bpf::print(bpf::emit(std::move(again)), nullptr), wanted) << text;
    }
  }
}

std::string first_mistake(const std::string& text) {
  Diagnostics diagnostics;
  lir::parse(text, 1, diagnostics);
  return diagnostics.all().empty() ? "" : diagnostics.all()[0].message;
}

TEST(LirText, MistakesAreReported) {
  std::string start = "lir isa 3\ninterface {\n}\nfn \"f\" program kprobe {\n  slot $s 8 align 8\n^entry:\n";
  EXPECT_EQ(first_mistake(start + "  r0 = mov64 0\n  exit\n}\n"), "");
  EXPECT_NE(first_mistake(start + "  r0 = frob r1\n}\n"), "");
  EXPECT_NE(first_mistake(start + "  r11 = mov64 0\n}\n"), "");
  EXPECT_NE(first_mistake(start + "  r1 = add64 r1, 2\n}\n"), "");
  EXPECT_NE(first_mistake(start + "  mov64 r1, 2\n}\n"), "");
  EXPECT_NE(first_mistake(start + "  r1 = lea $t #0\n}\n"), "");
  EXPECT_NE(first_mistake(start + "  r1 = ld_map @m\n}\n"), "");
  EXPECT_NE(first_mistake(start + "  call no_such_helper\n}\n"), "");
  EXPECT_NE(first_mistake(start + "  ja ^nowhere\n}\n"), "");
  EXPECT_NE(first_mistake(start + "  r1 = ld_func &\"g\"\n  exit\n}\n"), "");
  EXPECT_NE(first_mistake("lir isa 9\ninterface {\n}\n"), "");
  EXPECT_NE(first_mistake("\x01\x02 junk"), "");
  EXPECT_NE(first_mistake(start), "");
}

// invariant N of lir_validate.cpp, and a body that breaks it
TEST(LirValidate, EveryInvariantIsChecked) {
  const std::pair<const char*, const char*> cases[] = {
      {"1", "  r0 = mov64 0"},
      {"1", "  r0 = mov64 0\n  exit\n  exit"},
      {"3", "  r10 = mov64 0\n  r0 = mov64 0\n  exit"},
      {"3", "  r0 = mov64 0\n  add64 r0, r10\n  exit"},
      {"4", "  r0 = movsx8 r1\n  exit"},
      {"5", "  r0 = mov64 4294967296\n  exit"},
      {"5", "  r0 = mov64 1\n  lsh64 r0, 64\n  exit"},
      {"5", "  r0 = mov64 1\n  div64 r0, 0\n  exit"},
      {"6", "  ja ^next(r1)\n^next:\n  r0 = mov64 0\n  exit"},
      {"7", "  st64 [$s #4], 0\n  r0 = mov64 0\n  exit"},
      {"7", "  st16 [$s #3], 0\n  r0 = mov64 0\n  exit"},
      {"7", "  r0 = ld_value @h #0\n  exit"},
      {"7", "  r0 = ld_value @m #64\n  exit"},
      {"7", "  r2 = ld_func &\"f\"\n  r0 = mov64 0\n  exit"},
      {"8", "  exit"},
      {"8", "  r0 = mov64 r2\n  exit"},
      {"8", "  call get_current_pid_tgid\n  r0 = mov64 r1\n  exit"},
      {"8", "  jeq r1, 0, ^a, ^b\n^a:\n  r0 = mov64 0\n  ja ^b\n^b:\n  exit"},
  };
  for (auto [number, body] : cases) {
    std::string text =
        "lir isa 3\ninterface {\n  map @m user array bytes 4 64 entries 1\n  map @h user hash bytes 4 64 entries 1\n}\n"
        "fn \"f\" program kprobe {\n  slot $s 8 align 8\n^entry:\n" +
        std::string(body) + "\n}\n";
    Diagnostics diagnostics;
    lir::Module module = lir::parse(text, 1, diagnostics);
    ASSERT_FALSE(diagnostics.has_errors()) << body << diagnostics.all()[0].message;
    std::vector<lir::Violation> found = lir::validate(module);
    ASSERT_FALSE(found.empty()) << body;
    EXPECT_EQ(found[0].message.rfind("invariant " + std::string(number) + ":", 0), 0u) << body << ": " << found[0].message;
  }
}

}  // namespace
}  // namespace shrike
