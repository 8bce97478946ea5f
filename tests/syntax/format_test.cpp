// --fmt: how things are laid out, that it is stable, and that it changes neither the tree nor a comment.
#include "frontend/format_script.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "frontend/parser.h"
#include "tests/support/script_cases.h"

namespace shrike {
namespace {

struct Script {
  explicit Script(const std::string& text) {
    begin = sources.add("t.bt", text);
    program = parse(sources, begin, {{"1", "2", "3"}}, arena, diagnostics);
  }
  std::string formatted() const { return format_script(program, sources.file_text(begin), begin); }
  // Without `line:column`.
  std::string tree() const {
    std::string out;
    for (char c : print(program, sources))
      if (c < '0' || c > '9') out += c;
    return out;
  }
  std::string errors() const {
    std::string out;
    for (const Diagnostic& diagnostic : diagnostics.all())
      if (row_of(diagnostic.id).severity == Severity::error) out += render(diagnostic, sources, {});
    return out;
  }
  SourceMap sources;
  Arena arena;
  Diagnostics diagnostics;
  ast::Program program;
  uint32_t begin;
};

std::string letters_of(const std::string& text) {
  std::string out;
  for (char c : text)
    if (c != ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\\') out += c;
  return out;
}

void expect_faithful(const std::string& text, const std::string& name) {
  Script before(text);
  ASSERT_EQ(before.errors(), "") << name;
  std::string once = before.formatted();
  Script after(once);
  EXPECT_EQ(after.errors(), "") << name << "\n" << once;
  EXPECT_EQ(after.tree(), before.tree()) << name;
  EXPECT_EQ(after.formatted(), once) << name;
  EXPECT_EQ(letters_of(once), letters_of(text)) << name;
}

struct Layout {
  const char* written;
  const char* formatted;
};

class Format : public ::testing::TestWithParam<Layout> {};

TEST_P(Format, LaysOut) {
  Script script(GetParam().written);
  ASSERT_EQ(script.errors(), "");
  EXPECT_EQ(script.formatted(), GetParam().formatted);
  expect_faithful(GetParam().written, GetParam().written);
}

INSTANTIATE_TEST_SUITE_P(
    Scripts, Format,
    ::testing::Values(
        Layout{"begin{$x=1+2*-3;@a [ $x,2 ]=- $x;}", "begin { $x = 1 + 2 * -3; @a[$x, 2] = -$x; }\n"},
        Layout{"begin{\n$x=1;$y=2; // two\n\n\n\nif($x){print( $x )}else{ clear(@);}\n}",
               "begin {\n  $x = 1;\n  $y = 2; // two\n\n  if ($x) { print($x) } else { clear(@); }\n}\n"},
        Layout{"begin\n{\n\n/* a\n  b */ exit();\n\n}\n", "begin\n{\n  /* a\n  b */ exit();\n}\n"},
        Layout{"k:f /pid==1&&arg0/2>3/{exit()}", "k:f /pid == 1 && arg0 / 2 > 3/ { exit() }\n"},
        Layout{"k:f / *arg0 == 1/ { }", "k:f / *arg0 == 1/ {}\n"},
        Layout{"u:/bin/sh:f,\n  u:\"/a b\":g\n/1/\n{ }", "u:/bin/sh:f,\nu:\"/a b\":g\n/1/\n{}\n"},
        Layout{"begin { $x=(struct  foo*)curtask; $y = ( uint8 ) -$x->a . b; }",
               "begin { $x = (struct  foo*)curtask; $y = (uint8)-$x->a.b; }\n"},
        Layout{"begin { $x = - -1; $x ++; -- $x; $y = !! $x; $z = $x?1:2; $w=$x ?: 3; }",
               "begin { $x = - -1; $x++; --$x; $y = !!$x; $z = $x ? 1 : 2; $w = $x ?: 3; }\n"},
        Layout{"begin { for $i:0 .. 3 { print($i) } for($k:@m){ } let $x:uint8=1; }",
               "begin { for $i : 0..3 { print($i) } for ($k : @m) {} let $x: uint8 = 1; }\n"},
        Layout{"macro m ($a,@b,c) { $a=c;c }\nbegin { }  interval:s:1 { m($x,@y,\n1); }",
               "macro m($a, @b, c) { $a = c; c }\nbegin {}\ninterval:s:1 {\n  m($x, @y,\n    1);\n}\n"},
        Layout{"#!/usr/bin/shrike\n#ifndef X\n# include <a.h>\n  struct  s { int a; };\n#endif\nconfig={a=1;b=\"c\"}\nbegin { }",
               "#!/usr/bin/shrike\n#ifndef X\n# include <a.h>\n  struct  s { int a; };\n#endif\nconfig = { a = 1; b = \"c\" "
               "}\nbegin "
               "{}\n"},
        Layout{"begin { $t=(1,); $r=(x=1,y=$t.0); $b={ $q=1; $q }; print((uint8*)$r) }",
               "begin { $t = (1,); $r = (x = 1, y = $t.0); $b = { $q = 1; $q }; print((uint8*)$r) }\n"}));

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(FormatFiles, AllScriptsAtHandStayWhatTheyAre) {
  size_t seen = 0;
  for (const char* folder : {"examples", "/usr/sbin"}) {
    if (!std::filesystem::is_directory(folder)) continue;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() != ".bt") continue;
      expect_faithful(read_text(entry.path()), entry.path().string());
      seen++;
    }
  }
  EXPECT_GE(seen, 5u);
}

TEST(FormatFiles, AllCasesThatParseStayWhatTheyAre) {
  std::vector<std::string> files = {"tests/compat/scripts.txt"};
  for (const auto& entry : std::filesystem::directory_iterator("tests/conformance"))
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  size_t seen = 0;
  for (const std::string& file : files) {
    for (const testing::ScriptCase& each : testing::read_script_cases(file)) {
      if (!Script(each.text).errors().empty()) continue;
      expect_faithful(each.text, each.name);
      seen++;
    }
  }
  EXPECT_GE(seen, 700u);
}

}  // namespace
}  // namespace shrike
