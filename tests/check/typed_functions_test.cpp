// fentry at functions of modules and BPF programs: which of them a name means.
#include <gtest/gtest.h>

#include "frontend/parser.h"
#include "frontend/probes.h"
#include "mir/btf.h"
#include "tests/support/fixture_facts.h"

namespace shrike {
namespace {

// A kernel without functions, and two modules that both have `shared`; one BPF program.
class ModuleFacts : public FixtureFacts {
 public:
  Answer<const Btf*> btf() override { return {Lookup::found, &*types_, ""}; }
  Answer<const Btf*> types_of(std::string_view target) override {
    if (target == "absent") return {Lookup::missing, nullptr, "no module `absent` is loaded"};
    return btf();
  }
  std::vector<std::string> modules_with(const std::function<bool(const Btf&)>&) override { return modules; }
  Answer<std::vector<ProbeTarget>> match_program_functions(uint64_t id, std::string_view function) override {
    if (id > 1 || function != "filter") return {Lookup::missing, {}, "there is only one"};
    return {Lookup::found, {{"bpf:1", "filter", 0}}, ""};
  }
  std::vector<std::string> modules;

 private:
  const std::vector<uint8_t> bytes_ = {0x9f, 0xeb, 1, 0, 24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0};
  const std::optional<Btf> types_ = Btf::open(bytes_);
};

struct Resolved {
  Resolved(const std::string& text, std::vector<std::string> modules) {
    facts.modules = std::move(modules);
    const uint32_t begin = sources.add("test.bt", text + " { }");
    program = parse(sources, begin, {}, arena, diagnostics);
    const ast::AttachPoint& point = program.probes[0].attach_points[0];
    places = resolve_attach_point(point, *find_probe(point.provider), facts, "error", {}, diagnostics);
  }
  std::string said() const {
    std::string all;
    for (const Diagnostic& each : diagnostics.all()) all += render(each, sources, {});
    return all;
  }

  SourceMap sources;
  Diagnostics diagnostics;
  Arena arena;
  ModuleFacts facts;
  ast::Program program;
  std::vector<mir::AttachPoint> places;
};

TEST(TypedFunctions, OfTheOneModuleThatHasIt) {
  const Resolved one("fentry:shared", {"driver"});
  ASSERT_EQ(one.places.size(), 1u) << one.said();
  EXPECT_EQ(one.places[0].name, "fentry:driver:shared");
  EXPECT_EQ(one.places[0].target, "driver");
}

TEST(TypedFunctions, OfSeveralModulesMustBeNamed) {
  const Resolved two("fexit:shared", {"driver", "other"});
  EXPECT_TRUE(two.places.empty());
  ASSERT_EQ(two.diagnostics.all().size(), 1u);
  EXPECT_EQ(two.diagnostics.all()[0].id, Diag::ambiguous_function);
  EXPECT_NE(two.said().find("`driver`, `other`"), std::string::npos) << two.said();
  EXPECT_NE(two.said().find("`fexit:driver:shared`"), std::string::npos) << two.said();
}

TEST(TypedFunctions, OfAModuleThatIsNotLoaded) {
  const Resolved none("fentry:absent:shared", {});
  EXPECT_NE(none.said().find("no module `absent` is loaded"), std::string::npos) << none.said();
}

TEST(TypedFunctions, OfPrograms) {
  for (const char* written : {"fentry:bpf:filter", "fentry:bpf:1:filter", "fentry:bpf:*:filter"}) {
    const Resolved program(written, {});
    ASSERT_EQ(program.places.size(), 1u) << program.said();
    EXPECT_EQ(program.places[0].name, "fentry:bpf:1:filter");
  }
  EXPECT_NE(Resolved("fentry:bpf:2:filter", {}).said().find("there is only one"), std::string::npos);
  for (const char* wrong : {"fentry:bpf:x:filter", "fentry:bpf:0:filter", "fentry:a:b:c", "fentry:bpf:1:2:filter"}) {
    const Resolved refused(wrong, {});
    ASSERT_EQ(refused.diagnostics.all().size(), 1u) << wrong;
    EXPECT_EQ(refused.diagnostics.all()[0].id, Diag::bad_attach_point) << wrong;
  }
}

}  // namespace
}  // namespace shrike
