// Wildcards of kernel functions are looked up only to attach: the compiler asks nobody for them, and each place then keeps the
// program and the span of what was written.
#include <gtest/gtest.h>

#include "frontend/checked.h"
#include "tests/support/checked_script.h"

namespace shrike {
namespace {

std::vector<std::string> names(const std::vector<mir::AttachPoint>& probes) {
  std::vector<std::string> out;
  for (const mir::AttachPoint& probe : probes) out.push_back(probe.name);
  return out;
}

// All places of a script's one body, after expanding.
struct Expanded {
  explicit Expanded(const std::string& text) : script(text) {
    if (!script.program) return;
    for (const CheckedBody& body : script.program->bodies) places.insert(places.end(), body.points.begin(), body.points.end());
    questions_of_compiler = script.facts.function_questions;
    expand_patterns(places, script.facts, config_of(*script.program), script.diagnostics);
  }
  CheckedScript script;
  std::vector<mir::AttachPoint> places;
  int questions_of_compiler = 0;
};

using Names = std::vector<std::string>;

TEST(Patterns, AreLookedUpToAttachOnly) {
  const Expanded all("kprobe:do_* { @ = count(); }");
  EXPECT_EQ(all.questions_of_compiler, 0);
  EXPECT_EQ(names(all.places), (Names{"kprobe:do_rest", "kprobe:do_work"}));
  for (const mir::AttachPoint& place : all.places) {
    EXPECT_EQ(place.span.end - place.span.begin, 11u);
    EXPECT_FALSE(place.is_pattern);
  }
  EXPECT_EQ(all.script.facts.function_questions, 1);
}

TEST(Patterns, KeepOffsetModuleAndOrder) {
  EXPECT_EQ(names(Expanded("kprobe:do_w*+4, k:do_work, kretprobe:mod:do_r* { @ = count(); }").places),
            (Names{"kprobe:do_work+4", "kprobe:do_work", "kretprobe:mod:do_rest"}));
}

TEST(Patterns, ABodyThatNamesItsProbeIsOneForEachPlace) {
  const Expanded all("kprobe:do_* { @[probe] = count(); }");
  EXPECT_EQ(all.questions_of_compiler, 1);
  EXPECT_EQ(all.script.program->bodies.size(), 2u);
}

// The kernel tells one program for many places at which it runs.
TEST(Patterns, ABodyThatNamesItsProbeIsOneForManyPlaces) {
  const Expanded many("kprobe:do_*, kprobe:do_*, tracepoint:app:open, kprobe:do_work { @[probe] = count(); }");
  ASSERT_EQ(many.script.program->bodies.size(), 2u);
  EXPECT_EQ(many.script.program->bodies[0].points.size(), 5u);
  EXPECT_TRUE(many.script.program->bodies[0].names_places);
  const Expanded known("kprobe:do_*, kprobe:do_*, kprobe:do_work { if (comptime (probe == \"kprobe:do_work\")) { @ = 1; } }");
  EXPECT_EQ(known.script.program->bodies.size(), 5u) << "what is to be known while compiling is";
}

TEST(Patterns, ThatMatchNothing) {
  struct Row {
    const char* script;
    Diag said;
    size_t places;
  };
  const Row rows[] = {{"kprobe:od_* { @ = 1; }", Diag::no_such_probe, 0},
                      {"kprobe:od_*, kprobe:do_work { @ = 1; }", Diag::no_such_probe_warning, 1},
                      {"kprobe:od_*, kprobe:do_work { @[probe] = 1; }", Diag::no_such_probe_warning, 1},
                      {"config = { missing_probes = warn } kprobe:od_*, begin { @ = 1; }", Diag::no_such_probe_warning, 1},
                      {"config = { missing_probes = ignore } kprobe:od_* { @ = 1; }", Diag::nothing_to_attach, 0},
                      {"config = { max_probes = 1 } kprobe:do_* { @ = 1; }", Diag::too_many_probes, 2}};
  for (const Row& row : rows) {
    Expanded all(row.script);
    EXPECT_EQ(all.places.size(), row.places) << row.script;
    ASSERT_EQ(all.script.diagnostics.all().size(), 1u) << row.script;
    EXPECT_EQ(all.script.diagnostics.all()[0].id, row.said) << row.script;
  }
}

TEST(Patterns, LocksAreToldOf) {
  Expanded all("kprobe:_raw_* { @ = 1; }");
  ASSERT_EQ(all.script.diagnostics.all().size(), 1u);
  EXPECT_EQ(all.script.diagnostics.all()[0].id, Diag::traces_a_lock);
}

}  // namespace
}  // namespace shrike
