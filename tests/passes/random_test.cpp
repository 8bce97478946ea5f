// Every pass, and all of them in order, keep random programs valid and their behaviour the same.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <random>
#include <set>

#include "mir/build.h"
#include "mir/interpret.h"
#include "mir/obligations.h"
#include "mir/text.h"
#include "mir/validate.h"
#include "tests/passes/pass_check.h"
#include "tests/passes/random_program.h"
#include "tests/support/seeds.h"

namespace shrike::passes {
namespace {

constexpr uint32_t programs = 60 / test::fewer;
constexpr uint32_t runs = 3;

// A quarter of the programs has functions, half of them callbacks; these need more of the stack than tight budgets leave.
mir::Module program_of(uint64_t seed) {
  return random_program(static_cast<uint32_t>(seed),
                        {.aggregates = true, .functions = seed % 4 == 1 ? 2u : 0u, .callbacks = seed % 4 >= 2});
}

std::string messages(const Diagnostics& diagnostics) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics.all()) text += diagnostic.message + "\n";
  return text;
}

// Few enough bytes that some slots have to leave the stack, but as many as what must stay takes. Of every other program with
// functions, frames leave it, too: those of several callers into scratch maps of their own, at other places there.
uint32_t stack_for(uint64_t seed) {
  return seed % 4 == 0 || seed % 8 == 1 ? 128 : 512;
}

std::vector<uint8_t> random_context(uint32_t seed) {
  static constexpr uint64_t interesting[] = {0, 1, 7, 50, 99, 100, 1u << 20, UINT64_MAX, uint64_t{1} << 63};
  std::mt19937_64 random(seed);
  std::vector<uint8_t> context(64);
  for (size_t at = 0; at < context.size(); at += 8) {
    uint64_t word = random() % 2 ? interesting[random() % std::size(interesting)] : random();
    std::memcpy(&context[at], &word, 8);
  }
  return context;
}

// An array's value that a program only looked at; user space cannot tell it from one that nobody touched.
bool is_untouched(const mir::MapDecl& map, const mir::Machine::Entry& entry) {
  if (map.kind != mir::MapKind::array && map.kind != mir::MapKind::percpu_array) return false;
  return std::ranges::all_of(entry.values, [](const auto& value) { return std::ranges::count(value, 0) == std::ssize(value); });
}

// All that user space can see of some runs in a row: results and the contents of the first `maps` maps.
std::string behaviour(const mir::Module& module, uint32_t seed, uint32_t maps) {
  mir::Machine machine(module);
  std::string seen;
  for (uint32_t i = 0; i < runs; i++) {
    mir::Machine::Outcome outcome = machine.run(mir::FunctionId(0u), random_context(seed * runs + i));
    seen += "run " + std::to_string(i) + ": " + std::to_string(outcome.result) + " " + outcome.fault + "\n";
  }
  for (uint32_t m = 0; m < maps; m++) {
    seen += module.interface.maps[mir::MapId(m)].name + ":";
    for (const mir::Machine::Entry& entry : machine.entries(mir::MapId(m))) {
      if (is_untouched(module.interface.maps[mir::MapId(m)], entry)) continue;
      seen += "\n ";
      for (uint8_t byte : entry.key) seen += " " + std::to_string(byte);
      for (const std::vector<uint8_t>& value : entry.values) {
        seen += " |";
        for (uint8_t byte : value) seen += " " + std::to_string(byte);
      }
    }
    seen += "\n";
  }
  return seen;
}

void expect_same(const mir::Module& before, const mir::Module& after, uint32_t seed) {
  uint32_t maps = static_cast<uint32_t>(before.interface.maps.size());
  std::string wanted = behaviour(before, seed, maps), seen = behaviour(after, seed, maps);
  EXPECT_EQ(wanted, seen) << "--- before\n" << mir::print(before, {}) << "--- after\n" << mir::print(after, {});
}

TEST(Random, ProgramsDoNotFault) {
  for (uint32_t seed = 0; seed < programs; seed++) {
    mir::Module module = program_of(seed);
    mir::Machine machine(module);
    EXPECT_EQ(machine.run(mir::FunctionId(0u), random_context(seed)).fault, "") << seed;
  }
}

TEST(Random, PipelineKeepsProgramsValidAndTheirBehaviour) {
  for (uint32_t seed = 0; seed < programs && !testing::Test::HasFailure(); seed++) {
    SCOPED_TRACE(seed);
    mir::Module before = program_of(seed), after = program_of(seed);
    Diagnostics diagnostics;
    PipelineOptions options{.validate = true};
    options.limits.stack_bytes = stack_for(seed);
    options.limits.has_number_iterators = [] { return true; };
    EXPECT_TRUE(run_pipeline(after, options, diagnostics)) << messages(diagnostics);
    expect_same(before, after, seed);
  }
}

// Every way to leave optional passes out, row by row over the texts there can be then: most choices lead to the same few.
class Choices {
 public:
  // `before` must outlive the choices: their modules take its types. Of more than `most` after a row some are followed, which the
  // seed chooses.
  Choices(const mir::Module& before, uint32_t seed, uint32_t stack_bytes, size_t most)
      : seed_(seed), most_(most), maps_(static_cast<uint32_t>(before.interface.maps.size())) {
    options_.limits.stack_bytes = stack_bytes;
    options_.limits.has_number_iterators = [] { return true; };
    wanted_ = behaviour(before, seed_, maps_);
    states_ = {{{mir::print(before, {}), {}}, ""}};
    modules_.emplace(mir::print(before, {}), copy_of(before));
  }
  void run(const std::vector<std::string>& rows) {
    for (size_t i = 0; i < rows.size() && !testing::Test::HasFailure(); i++) {
      const bool is_first =
          std::find(rows.begin(), rows.begin() + static_cast<long>(i), rows[i]) == rows.begin() + static_cast<long>(i);
      const bool is_last = std::find(rows.begin() + static_cast<long>(i) + 1, rows.end(), rows[i]) == rows.end();
      row(rows[i], is_optional(rows[i]) && is_first, is_last);
    }
    for (const auto& [state, path] : states_) finish(state.first, path);
  }
  size_t results() const { return states_.size(); }

 private:
  // A text and the passes that were left out of it and come again.
  using State = std::pair<std::string, std::set<std::string>>;

  void row(const std::string& pass, bool is_choice, bool is_last) {
    std::map<State, std::string> next;
    for (const auto& [state, path] : states_) {
      const bool is_left_out = state.second.contains(pass);
      State left_out{state.first, state.second},
          done{is_choice || !is_left_out ? after(pass, state.first, path) : "", state.second};
      left_out.second.insert(pass);
      for (State* each : {&left_out, &done})
        if (is_last) each->second.erase(pass);
      if (is_choice || is_left_out) next.emplace(std::move(left_out), is_choice ? path + " " + pass : path);
      if (is_choice || !is_left_out) next.emplace(std::move(done), path);
    }
    states_ = followed(std::move(next));
    std::erase_if(modules_, [&](const auto& module) {
      auto state = states_.lower_bound({module.first, {}});
      return state == states_.end() || state->first.first != module.first;
    });
    results_.clear();
    done_.push_back(pass);
    std::replace(done_.back().begin(), done_.back().end(), '-', '_');
  }
  std::map<State, std::string> followed(std::map<State, std::string> all) {
    std::mt19937_64 random(seed_ + done_.size());
    size_t left = all.size(), wanted = most_;
    if (left > wanted)
      std::erase_if(all, [&](const auto&) {
        const bool is_followed = random() % left-- < wanted;
        wanted -= is_followed ? 1 : 0;
        return !is_followed;
      });
    return all;
  }
  // Once for each text, whatever has been left out on the way to it.
  std::string after(const std::string& pass, const std::string& text, const std::string& path) {
    auto [result, is_new] = results_.try_emplace(text);
    if (is_new) result->second = run_on(pass, text, path);
    return result->second;
  }
  std::string run_on(const std::string& pass, const std::string& text, const std::string& path) {
    mir::Module module = copy_of(modules_.at(text));
    Diagnostics diagnostics;
    EXPECT_TRUE(run_pass(pass, module, options_, diagnostics)) << messages(diagnostics) << pass << " without" << path << "\n"
                                                               << text;
    std::string made = mir::print(module, {});
    if (modules_.contains(made)) return made;  // seen and found valid before
    for (const mir::Violation& violation : mir::validate(module))
      ADD_FAILURE() << violation.message << "\n" << pass << " without" << path << "\n" << text << made;
    modules_.try_emplace(made, std::move(module));
    return made;
  }
  void finish(const std::string& text, const std::string& path) const {
    const mir::Module module = parsed(text);
    SCOPED_TRACE("without" + path);
    for (const mir::Violation& violation : mir::validate(module, {done_.begin(), done_.end()}))
      ADD_FAILURE() << violation.message << "\n" << text;
    for (uint32_t f = 0; f < module.functions.size(); f++)
      for (const mir::Obligation& missing : mir::unproved(module, mir::FunctionId(f)))
        ADD_FAILURE() << text_of(missing, module.functions[mir::FunctionId(f)]) << "\n" << text;
    EXPECT_EQ(behaviour(module, seed_, maps_), wanted_) << text;
  }
  // All that passes change; reading a text again would take most of the time. finish() does, of what comes out in the end.
  static mir::Module copy_of(const mir::Module& module) {
    mir::Module copy;
    copy.interface.maps = module.interface.maps;
    copy.interface.probes = module.interface.probes;
    copy.functions = module.functions;
    return copy;
  }
  static mir::Module parsed(const std::string& text) {
    Diagnostics errors;
    mir::Module module = mir::parse(text, 1, errors);
    EXPECT_FALSE(errors.has_errors()) << text;
    return module;
  }

  uint32_t seed_;
  size_t most_;
  uint32_t maps_;
  PipelineOptions options_;
  std::string wanted_;
  std::map<State, std::string> states_;         // with a choice that leads there: the passes it leaves out
  std::map<std::string, mir::Module> modules_;  // by text: those of states_ and of what the row at hand has made
  std::map<std::string, std::string> results_;  // of the row at hand
  std::vector<std::string> done_;
};

// A program has some hundred texts on its way, a few have thousands. Long runs follow fewer, and so reach more programs.
constexpr size_t programs_with_all_choices = 30, most_in_long_runs = 16;

TEST(Random, EveryChoiceOfOptionalPassesKeepsBehaviour) {
  std::vector<std::string> rows;
  mir::Module first = random_program(0, {});
  Diagnostics diagnostics;
  PipelineOptions options;
  options.on_done = [&](std::string_view pass, const mir::Module&) { rows.emplace_back(pass); };
  ASSERT_TRUE(run_pipeline(first, options, diagnostics));
  const test::Seeds seeds = test::seeds(5000, programs_with_all_choices);
  size_t results = 0;
  const size_t most = seeds.count > programs_with_all_choices ? most_in_long_runs : SIZE_MAX;
  for (uint64_t seed = seeds.first; seed < seeds.end() && !testing::Test::HasFailure(); seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const mir::Module before = program_of(seed);
    Choices choices(before, static_cast<uint32_t>(seed), stack_for(seed), most);
    choices.run(rows);
    results += choices.results();
  }
  EXPECT_GE(results, 4 * seeds.count);
}

// A pass more or in another place changes nothing that a program does.
TEST(Random, PassesInAnyOrderKeepBehaviour) {
  const test::Seeds seeds = test::seeds(7000, 30);
  for (uint64_t seed = seeds.first; seed < seeds.end() && !testing::Test::HasFailure(); seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    std::vector<std::string> passes{"expand-aggregates"};
    for (size_t i = 0; i < 6; i++)
      passes.emplace_back(std::array{"simplify", "reuse-values", "remove-dead", "share-slots", "inline-functions",
                                     "promote-slots", "reuse-slots", "reuse-lookups", "fuse-updates", "forward-updates",
                                     "merge-slots"}[random() % 11]);
    for (const char* last : {"clamp-bounds", "share-slots", "spill-to-scratch", "remove-dead"}) passes.emplace_back(last);
    const mir::Module before = program_of(seed);
    mir::Module after = program_of(seed);
    Diagnostics diagnostics;
    EXPECT_TRUE(run_pipeline(after, {.passes = passes, .validate = true}, diagnostics)) << messages(diagnostics);
    expect_same(before, after, static_cast<uint32_t>(seed));
  }
}

// Every pair of operations, the second on the result of the first, with constants that rules look for.
std::vector<mir::Opcode> integer_ops() {
  std::vector<mir::Opcode> ops;
  for (auto op = mir::Opcode::add; op <= mir::Opcode::clamp_u; op = mir::Opcode(static_cast<int>(op) + 1)) ops.push_back(op);
  return ops;
}

mir::ValueId apply_op(mir::Builder& b, mir::Opcode op, mir::ValueId x, int64_t k, bool constant_first) {
  if (op == mir::Opcode::clamp_u) return b.clamp_u(x, static_cast<uint64_t>(k));
  if (op == mir::Opcode::neg || op > mir::Opcode::le_s) return b.unary(op, x);
  mir::ValueId constant = b.constant(k);
  return constant_first ? b.binary(op, constant, x) : b.binary(op, x, constant);
}

mir::Module pairs_of(mir::Opcode first, mir::Opcode second) {
  static constexpr int64_t constants[] = {0, 1, -1, 2, 8, 63, 255, 0xffff, 0x7fffffff, INT64_MIN};
  mir::Module module;
  mir::FunctionId id = module.functions.add({.name = "pairs"});
  mir::Builder b(module, id, module.functions[id].blocks.add({.name = "entry", .params = {}, .insts = {}}));
  mir::ValueId ctx = b.add_param(b.block(), {mir::Region::ctx, false});
  mir::ValueId x = b.load(mir::MemWidth::u64, ctx, 0), sum = b.constant(0);
  for (size_t i = 0; i < std::size(constants) * 2; i++) {
    int64_t k1 = constants[i % std::size(constants)],
            k2 = constants[(i * 7 + static_cast<size_t>(second)) % std::size(constants)];
    mir::ValueId inner = apply_op(b, first, x, k1, i % 3 == 2);
    mir::ValueId outer = apply_op(b, second, inner, k2, i % 5 == 4);
    sum = b.binary(mir::Opcode::add, b.binary(mir::Opcode::mul, sum, b.constant(1000003)), outer);
  }
  b.ret(sum);
  return module;
}

TEST(Random, AlgebraGivesTheSameForAllPairsOfOperations) {
  static constexpr uint64_t inputs[] = {0,   1,   2,      7,          8,          63,         64,
                                        255, 256, 0x8000, 0xffffffff, 1ull << 63, UINT64_MAX, 0x123456789abcdef0};
  PipelineOptions options;
  Diagnostics diagnostics;
  for (mir::Opcode first : integer_ops()) {
    for (mir::Opcode second : integer_ops()) {
      mir::Module before = pairs_of(first, second), after = pairs_of(first, second);
      ASSERT_TRUE(run_pass("simplify", after, options, diagnostics));
      for (uint64_t input : inputs) {
        std::vector<uint8_t> context(64);
        std::memcpy(context.data(), &input, 8);
        uint64_t wanted = mir::Machine(before).run(mir::FunctionId(0u), context).result;
        ASSERT_EQ(mir::Machine(after).run(mir::FunctionId(0u), context).result, wanted)
            << mir::row_of(first).name << " then " << mir::row_of(second).name << " of " << input;
      }
    }
  }
}

class RandomPass : public testing::TestWithParam<std::string_view> {};

TEST_P(RandomPass, KeepsBehaviour) {
  for (uint32_t seed = 0; seed < programs && !testing::Test::HasFailure(); seed++) {
    SCOPED_TRACE(seed);
    Diagnostics diagnostics;
    PipelineOptions options;
    options.limits.stack_bytes = 128;
    options.limits.has_number_iterators = [] { return true; };
    bool expands = GetParam() == "expand-aggregates";
    mir::Module before = program_of(seed + 1000), after = program_of(seed + 1000);
    if (!expands) {
      ASSERT_TRUE(run_pass("expand-aggregates", before, options, diagnostics));
      ASSERT_TRUE(run_pass("expand-aggregates", after, options, diagnostics));
    }
    run_pass(GetParam(), after, options, diagnostics);  // check-budget may well refuse
    expect_same(before, after, seed);
  }
}

INSTANTIATE_TEST_SUITE_P(All, RandomPass, testing::ValuesIn(pass_names()), [](const auto& tested) {
  std::string name(tested.param);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace shrike::passes
