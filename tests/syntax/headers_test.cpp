// Headers of the C section, from a file system in memory: what they define, what of them is passed over, and what is said
// when one is missing or wrong.
#include <gtest/gtest.h>

#include <map>

#include "tests/syntax/parse_text.h"

namespace shrike {
namespace {

class MemoryHeaders : public HeaderLoader {
 public:
  std::map<std::string, std::string> files;  // "dir1/x.h": dir1 is searched before dir2
  bool btf = true;
  std::map<std::string, int> asked;  // by path: how often

  std::optional<HeaderFile> find(std::string_view path, bool is_quoted, std::string_view, size_t after) override {
    asked[std::string(path)]++;
    if (is_quoted)
      if (auto found = files.find(std::string(path)); found != files.end())
        return HeaderFile{found->first, found->first, found->second, Origin::user_header, 0};
    for (size_t i = after; i < 2; i++)
      if (auto found = files.find((i == 0 ? "dir1/" : "dir2/") + std::string(path)); found != files.end())
        return HeaderFile{found->first, found->first, found->second, Origin::system_header, i + 1};
    return std::nullopt;
  }
  bool has_btf() override { return btf; }
};

struct HeaderTest : ::testing::Test {
  MemoryHeaders headers;
  std::string messages;
  std::vector<std::string> names;
  std::string tree;

  std::string parse_script(std::string text, std::vector<std::string> first = {}) {
    SourceMap sources;
    uint32_t begin = sources.add("t.bt", std::move(text));
    Arena arena;
    Diagnostics diagnostics;
    ParseOptions options;
    options.headers = &headers;
    options.first_headers = std::move(first);
    ast::Program program = parse(sources, begin, options, arena, diagnostics);
    messages.clear();
    names.clear();
    for (const Diagnostic& diagnostic : diagnostics.all()) {
      messages += render(diagnostic, sources, {});
      names.emplace_back(row_of(diagnostic.id).name);
    }
    tree = print(program, sources);
    return tree;
  }
  // What `value` is read as after including <x.h>.
  std::string value(const std::string& header, const std::string& value) {
    headers.files["dir1/x.h"] = header;
    std::string all = parse_script("#include <x.h>\nbegin { @ = " + value + "; }");
    size_t at = all.find("@ = ");
    return messages + (at == std::string::npos ? all : all.substr(at + 4, all.find('\n', at) - at - 4));
  }
};

TEST_F(HeaderTest, GiveConstants) {
  EXPECT_EQ(value("#define PF 2\n#define AF PF\n", "AF"), "2");
  EXPECT_EQ(value("#define HEX 0xffUL /* of\n two lines */\n", "HEX"), "255u");
  EXPECT_EQ(value("#define C 'a'\n#define N '\\n'\n", "C + N"), "(+ 97 10)");
  EXPECT_EQ(value("#define S \"text\"\n", "S"), "\"text\"");
  EXPECT_EQ(value("#if defined(__x86_64__) && __SIZEOF_LONG__ == 8\n#define W 64\n#else\n#define W 32\n#endif\n", "W"), "64");
}

// A header that says nothing while a macro is defined is not read again; any other is.
TEST_F(HeaderTest, AreReadOnceWhereAMacroGuardsAllOfThem) {
  auto readings = [this](const std::string& header, const std::string& between = "") {
    headers.files["dir1/x.h"] = header;
    headers.asked.clear();
    parse_script("#include <x.h>\n" + between + "#include <x.h>\nbegin { }");
    EXPECT_EQ(messages, "");
    return headers.asked["x.h"];
  };
  EXPECT_EQ(readings("/* x */\n// x\n#ifndef X\n#define X\n#if 1\n#else\n#endif\nstruct a;\n#endif /* X */\n"), 1);
  EXPECT_EQ(readings("#ifndef X\n#define X\n#endif\n", "#undef X\n"), 2);
  EXPECT_EQ(readings("#ifndef X\n#define X\n#else\n#define Y\n#endif\n"), 2);
  EXPECT_EQ(readings("#ifndef X\n#define X\n#endif\nstruct a;\n"), 2);
  EXPECT_EQ(readings("struct a;\n#ifndef X\n#define X\n#endif\n"), 2);
  EXPECT_EQ(readings("#ifndef X\n#define X\n#endif\n#ifndef Y\n#define Y\n#endif\n"), 2);
  EXPECT_EQ(readings("#ifdef X\n#else\n#define X\n#endif\n"), 2);
  EXPECT_EQ(readings("#ifndef X\nstruct a;\n#endif\n"), 2);
}

TEST_F(HeaderTest, GiveMacrosWithArguments) {
  EXPECT_EQ(value("#define ADD(a, b) ((a) + (b))\n", "ADD(1, ADD(2, 3))"), "(+ 1 (+ 2 3))");
  EXPECT_EQ(value("#define CAT(a, b) a ## b\n#define ONE1 11\n", "CAT(ONE, 1)"), "11");
  EXPECT_EQ(value("#define STR(x) #x\n", "STR(a b)"), "\"a b\"");
  EXPECT_EQ(value("#define XSTR(x) STR(x)\n#define STR(x) #x\n#define V 5\n", "XSTR(V)"), "\"5\"");
  EXPECT_EQ(value("#define LAST(a, ...) f(__VA_ARGS__)\n", "LAST(1, 2, 3)"), "(call f 2 3)");
  EXPECT_EQ(value("#define F(a, rest...) f(a, ## rest)\n", "F(1)"), "(call f 1)");
  EXPECT_EQ(value("#define F(x) x\n", "F"), "F");
  EXPECT_EQ(value("#define f(x) f(x + 1)\n", "f(1)"), "(call f (+ 1 1))");
}

// Programs are given a header that has not all of what the kernel's own of that name has.
TEST_F(HeaderTest, OfTheKernelHaveItsConstantsToo) {
  const std::string script = "#include <linux/sched.h>\nbegin { @ = TASK_UNINTERRUPTIBLE + CLONE_VM; }";
  EXPECT_NE(parse_script(script).find("(+ 2 CLONE_VM)"), std::string::npos) << tree;
  headers.files["dir1/linux/sched.h"] = "#define CLONE_VM 0x100";
  EXPECT_NE(parse_script(script).find("(+ 2 256)"), std::string::npos) << tree;
  headers.files["dir1/linux/sched.h"] = "#define TASK_RUNNING 0\n#define TASK_UNINTERRUPTIBLE 9\n#define CLONE_VM 0x100\n";
  EXPECT_NE(parse_script(script).find("(+ 9 256)"), std::string::npos) << tree;
}

// A header's macro of a name that the language has is not what the script means.
TEST_F(HeaderTest, LeaveTheLanguagesNamesAlone) {
  EXPECT_EQ(value("#define str(x, y) y\n#define pid 3\n", "str(pid)"), "(call str pid)");
}

TEST_F(HeaderTest, ArePassedOverWhereTheyDoNotDefineTypes) {
  std::string all = value(
      "extern int a(void) __attribute__((nothrow));\n"
      "static inline int f(int x) { asm volatile goto(\"1:\" : : : : out); return ({ int y = x; y; }); out: return 1; }\n"
      "_Static_assert(sizeof(int) == 4, \"int\");\n"
      "__extension__ typedef long long wide;\n"
      "typedef __typeof__(sizeof(0)) odd;\n"
      "extern __inline __attribute__((gnu_inline)) unsigned int g(unsigned int b) { return b; }\n"
      "int array[] = {1, 2, 3}, *pointer;\n"
      "struct broken { int x[unknown]; };\n"
      "#define AFTER 7\n",
      "AFTER");
  EXPECT_EQ(all, "7");
  EXPECT_NE(tree.find("typedef"), std::string::npos) << tree;
  EXPECT_EQ(tree.find("broken"), std::string::npos) << tree;
}

TEST_F(HeaderTest, AreReadOnceWhereTheySaySo) {
  headers.files["dir1/a.h"] = "#pragma once\n#include <b.h>\n#include <b.h>\nstruct a { int x; };\n";
  headers.files["dir1/b.h"] = "#ifndef B\n#define B\nstruct b { int y; };\n#endif\n";
  parse_script("#include <a.h>\n#include <a.h>\nbegin { }");
  EXPECT_EQ(messages, "");
  EXPECT_EQ(tree.find("struct a"), tree.rfind("struct a"));
  EXPECT_EQ(tree.find("struct b"), tree.rfind("struct b"));
}

TEST_F(HeaderTest, MayAskForTheNextOfTheirName) {
  headers.files["dir1/n.h"] = "#include_next <n.h>\n#define FIRST 1\n";
  headers.files["dir2/n.h"] = "#define SECOND 2\n";
  EXPECT_NE(parse_script("#include <n.h>\nbegin { @ = FIRST + SECOND; }").find("(+ 1 2)"), std::string::npos) << tree;
  EXPECT_NE(parse_script("#if __has_include(<n.h>) && !__has_include(<o.h>)\nbegin { }\n#endif").find("begin"),
            std::string::npos);
}

TEST_F(HeaderTest, OfTheCommandLineComeFirst) {
  headers.files["own.h"] = "#define OWN 3\n";
  EXPECT_NE(parse_script("begin { @ = OWN; }", {"own.h"}).find("@ = 3"), std::string::npos) << tree;
}

TEST_F(HeaderTest, ThatAreMissingAreErrorsUnlessBtfStandsIn) {
  parse_script("#include \"gone.h\"\nbegin { }");
  EXPECT_EQ(names, Errors{"header_not_found"});
  EXPECT_EQ(messages.substr(0, messages.find('\n')), "t.bt:1:10-18: ERROR: header `gone.h` is not found");
  parse_script("#include <linux/gone.h>\nbegin { }");
  EXPECT_EQ(names, Errors{"header_not_installed"}) << messages;
  headers.btf = false;
  parse_script("#include <linux/gone.h>\nbegin { }");
  EXPECT_EQ(names, Errors{"header_not_found"}) << messages;
  EXPECT_NE(parse_script("#ifdef BPFTRACE_HAVE_BTF\nbegin { }\n#else\nend { }\n#endif").find("end"), std::string::npos) << tree;
}

TEST_F(HeaderTest, OfTheUserAreAnswerableForTheirMistakes) {
  headers.files["own.h"] = "#include \"inner.h\"\n";
  headers.files["inner.h"] = "struct s { int x[n]; };\n";
  parse_script("#include \"own.h\"\nbegin { }");
  EXPECT_EQ(messages,
            "inner.h:1:18-19: ERROR: this must be an integer constant\nstruct s { int x[n]; };\n                 ~\n"
            "own.h:1:10-19: NOTE: in a file included from here\n#include \"inner.h\"\n         ~~~~~~~~~\n"
            "t.bt:1:10-17: NOTE: in a file included from here\n#include \"own.h\"\n         ~~~~~~~\n");
}

TEST_F(HeaderTest, ThatIncludeThemselvesEnd) {
  headers.files["dir1/x.h"] = "#include <x.h>\n";
  parse_script("#include <x.h>\nbegin { }");
  EXPECT_EQ(names, Errors{"includes_too_deep"}) << messages;
}

TEST_F(HeaderTest, OfTheCompilerAreBuiltIn) {
  EXPECT_NE(parse_script("#include <stddef.h>\n#include <limits.h>\nbegin { @ = INT_MAX; }").find("2147483647"),
            std::string::npos);
  EXPECT_NE(parse_script("#include <sys/socket.h>\nbegin { @ = AF_INET6; }").find("@ = 10"), std::string::npos);
  EXPECT_EQ(messages, "");
}

}  // namespace
}  // namespace shrike
