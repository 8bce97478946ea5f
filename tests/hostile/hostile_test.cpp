// Scripts nobody would write, through parser, macros, checker and lowering: made by grammar, and good ones damaged. Each must
// end, in time, with MIR that is valid or with a message; the build with sanitizers sees to the rest.
//
// SHRIKE_HOSTILE_SECONDS: how long each test goes on (2). SHRIKE_HOSTILE_SEED: where it begins (1). The script at work is in
// the file hostile-input.bt of the temporary folder, which is what to look at after a crash.
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "mir/text.h"
#include "mir/validate.h"
#include "tests/hostile/grammar.h"
#include "tests/stress/random.h"
#include "tests/stress/script_generator.h"
#include "tests/support/checked_script.h"
#include "tests/support/script_cases.h"

namespace shrike::testing {
namespace {

constexpr unsigned patience_seconds = 60;  // of one script; with sanitizers, on a busy machine
constexpr size_t longest_script = 20000;

uint64_t number_from(const char* variable, uint64_t otherwise) {
  const char* text = getenv(variable);
  return text == nullptr ? otherwise : strtoull(text, nullptr, 10);
}

// A script that does not end is a failure like a crash.
void say_it_hangs(int) {
  constexpr char text[] = "a script takes too long: see hostile-input.bt\n";
  if (write(STDERR_FILENO, text, sizeof text - 1) < 0) _exit(3);
  abort();
}

struct Outcome {
  bool is_parsed = false;
  bool is_compiled = false;
};

Outcome compile(const std::string& text) {
  static const std::string at_work = std::filesystem::temp_directory_path() / "hostile-input.bt";
  std::ofstream(at_work) << text;
  signal(SIGALRM, say_it_hangs);
  alarm(patience_seconds);
  CheckOptions options;
  options.positionals = {"1", "two"};
  options.unsafe = true;
  CheckedScript script(text, options);
  Outcome outcome;
  for (const Diagnostic& diagnostic : script.diagnostics.all()) EXPECT_FALSE(render(diagnostic, script.sources, {}).empty());
  outcome.is_parsed = !print(script.ast, script.sources).empty() && !script.diagnostics.has_errors();
  EXPECT_EQ(script.program == nullptr, script.diagnostics.has_errors()) << text;
  if (script.program != nullptr) {
    const mir::Module module = lower(*script.program);
    for (const mir::Violation& violation : mir::validate(module)) ADD_FAILURE() << violation.message << "\n" << text;
    outcome.is_compiled = true;
  }
  alarm(0);
  return outcome;
}

// Runs `once` for seeds in order until the time is over or something failed.
void go_on(const std::function<void(uint64_t seed)>& once) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(number_from("SHRIKE_HOSTILE_SECONDS", 2));
  uint64_t seed = number_from("SHRIKE_HOSTILE_SEED", 1);
  for (; std::chrono::steady_clock::now() < end && !::testing::Test::HasFailure(); seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    once(seed);
  }
}

const std::vector<std::string>& good_scripts() {
  static const std::vector<std::string>* const all = [] {
    auto* scripts = new std::vector<std::string>;
    for (const auto& entry : std::filesystem::directory_iterator("tests/conformance"))
      if (entry.path().extension() == ".txt")
        for (const ScriptCase& each : read_script_cases(entry.path())) scripts->push_back(each.text);
    for (const ScriptCase& each : read_script_cases("tests/compat/scripts.txt")) scripts->push_back(each.text);
    for (uint64_t seed = 1; seed <= 50; seed++) scripts->push_back(generated_script(seed));
    std::erase_if(*scripts, [](const std::string& text) { return text.size() > longest_script; });
    return scripts;
  }();
  return *all;
}

std::string damaged(Random& random) {
  const std::vector<std::string>& scripts = good_scripts();
  auto any = [&]() -> const std::string& { return scripts[random.below(static_cast<uint32_t>(scripts.size()))]; };
  auto place = [&](const std::string& text) { return random.below(static_cast<uint32_t>(text.size()) + 1); };
  std::string text = any();
  for (uint32_t times = 1 + random.below(4); times > 0; times--) {
    const size_t at = place(text);
    const size_t length = random.below(12);
    switch (random.below(6)) {
      case 0: text.erase(at, length); break;
      case 1: text.insert(at, text.substr(place(text), length)); break;
      case 2: {  // a piece of another script
        const std::string& other = any();
        text.insert(at, other.substr(place(other), random.below(60)));
        break;
      }
      case 3: text.insert(at, 1, static_cast<char>(random.below(256))); break;
      case 4:
        text.replace(at, length, random.pick<const char*>({"{", "}", "(", ")", ";", "@", "$a", "0", "\"", "/", "->", "[", "]"}));
        break;
      default:
        text.insert(at, random.pick<const char*>({"18446744073709551615", "-9223372036854775808", "while (1) {", "((((", "@a[",
                                                  "$a = ", "unroll(100) {", "(uint8[])", "struct s *", "%"}));
    }
  }
  return text.substr(0, longest_script);
}

TEST(Hostile, ScriptsByGrammar) {
  uint64_t all = 0, parsed = 0, compiled = 0;
  go_on([&](uint64_t seed) {
    const Outcome outcome = compile(script_by_grammar(seed));
    all++, parsed += outcome.is_parsed, compiled += outcome.is_compiled;
  });
  EXPECT_GT(compiled * 200, all) << "too few of " << all << " scripts get as far as lowering";
}

TEST(Hostile, DamagedScripts) {
  uint64_t compiled = 0;
  go_on([&](uint64_t seed) {
    Random random(seed);
    compiled += compile(damaged(random)).is_compiled;
  });
  EXPECT_GT(compiled, 0u);
}

}  // namespace
}  // namespace shrike::testing
