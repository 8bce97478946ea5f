// Imports, with files that exist only here: what joins the program, and what is refused.
#include "frontend/imports.h"

#include <gtest/gtest.h>

#include <map>

namespace shrike {
namespace {

class Files : public ImportLoader {
 public:
  std::string identity_of(std::string_view script) override { return std::string(script); }
  ImportResult load(std::string_view path, std::string_view) override {
    ImportResult out;
    out.path = path;
    if (path == "open.bt") out.problem = ImportResult::Problem::writable_by_all;
    else if (path == "x.h") out.problem = ImportResult::Problem::not_a_script;
    else if (path == "folder")
      for (const char* name : {"a.bt", "b.bt"}) out.files.push_back({name, name, texts.at(name)});
    else if (auto found = texts.find(std::string(path)); found != texts.end())
      out.files.push_back({found->first, found->first, found->second});
    else {
      out.problem = ImportResult::Problem::unreadable;
      out.reason = "not there";
    }
    loads++;
    return out;
  }
  std::map<std::string, std::string> texts = {
      {"a.bt", "macro a(x) { x + 1 }"},
      {"b.bt", "import \"a.bt\" interval:s:1 { @b = a(1); }"},
      {"main.bt", ""},  // known by what it is, before it is read again
      {"loop.bt", "import \"main.bt\""},
      {"self.bt", "import \"self.bt\""},
      {"config.bt", "config = { max_map_keys = 5 }"},
      {"broken.bt", "begin { $x = ; }"},
  };
  int loads = 0;
};

struct Imported {
  explicit Imported(const std::string& text) {
    uint32_t begin = sources.add("main.bt", text);
    program = parse(sources, begin, {}, arena, diagnostics);
    merge_imports(program, begin, sources, files, {}, arena, diagnostics);
  }
  SourceMap sources;
  Arena arena;
  Diagnostics diagnostics;
  Files files;
  ast::Program program;
};

TEST(Imports, DefinitionsComeBeforeTheImportersOwn) {
  Imported script("import \"b.bt\"; macro own(x) { x } begin { @a = a(1); }");
  EXPECT_TRUE(script.diagnostics.all().empty());
  ASSERT_EQ(script.program.macros.size(), 2u);
  EXPECT_EQ(script.program.macros[0].name, "a");
  EXPECT_EQ(script.program.macros[1].name, "own");
  ASSERT_EQ(script.program.probes.size(), 2u);
  EXPECT_EQ(script.program.probes[0].attach_points[0].text, "interval:s:1");
}

TEST(Imports, AFileCountsOnceHoweverOftenItIsImported) {
  Imported script("import \"a.bt\" import \"folder\" import \"b.bt\" begin { }");
  EXPECT_TRUE(script.diagnostics.all().empty());
  EXPECT_EQ(script.program.macros.size(), 1u);
  EXPECT_EQ(script.program.probes.size(), 2u);
}

TEST(Imports, ExpressionsOfAllFilesHaveIdsOfTheirOwn) {
  Imported script("import \"b.bt\" begin { @a = 1; }");
  const auto* first = script.program.probes[0].body->statements[0]->as<ast::Assign>();
  const auto* second = script.program.probes[1].body->statements[0]->as<ast::Assign>();
  EXPECT_NE(first->target->id, second->target->id);
  EXPECT_LT(first->target->id.index, script.program.expr_count);
  EXPECT_LT(second->target->id.index, script.program.expr_count);
}

TEST(Imports, ProbesMayAllBeImported) {
  EXPECT_TRUE(Imported("import \"b.bt\"").diagnostics.all().empty());
}

struct Refused {
  Diag id;
  const char* script;
  const char* underlined;
  size_t labels;
};

class Refusal : public testing::TestWithParam<Refused> {};

TEST_P(Refusal, IsToldAtTheImport) {
  Imported script(GetParam().script);
  ASSERT_EQ(script.diagnostics.all().size(), 1u);
  const Diagnostic& said = script.diagnostics.all()[0];
  EXPECT_EQ(row_of(said.id).name, row_of(GetParam().id).name);
  EXPECT_EQ(script.sources.text(said.span), GetParam().underlined);
  EXPECT_EQ(said.labels.size(), GetParam().labels);
}

INSTANTIATE_TEST_SUITE_P(Imports, Refusal,
                         testing::Values(Refused{Diag::import_not_read, "import \"none.bt\" begin { }", "import \"none.bt\"", 0},
                                         Refused{Diag::import_writable, "import \"open.bt\" begin { }", "import \"open.bt\"", 0},
                                         Refused{Diag::import_not_script, "import \"x.h\" begin { }", "import \"x.h\"", 0},
                                         Refused{Diag::import_config, "import \"config.bt\" begin { }", "max_map_keys", 1},
                                         Refused{Diag::import_cycle, "import \"loop.bt\" begin { }", "import \"main.bt\"", 1},
                                         Refused{Diag::import_cycle, "import \"self.bt\" begin { }", "import \"self.bt\"", 1},
                                         Refused{Diag::expected_expression, "import \"broken.bt\" begin { }", ";", 0},
                                         Refused{Diag::empty_program, "import \"a.bt\"", "", 0}));

}  // namespace
}  // namespace shrike
