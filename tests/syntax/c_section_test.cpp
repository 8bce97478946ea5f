// Definitions in C and preprocessor lines.
#include <gtest/gtest.h>

#include "tests/syntax/parse_text.h"

namespace shrike {

namespace {

std::string tree(const std::string& text) {
  Parsed parsed = parse_text(text + "\nend {}");
  if (!parsed.messages.empty()) return parsed.messages;
  return parsed.tree.substr(0, parsed.tree.rfind("probe"));
}

// Of a probe that evaluates `text` after the `lines`.
std::string value(const std::string& lines, const std::string& text) {
  Parsed parsed = parse_text(lines + "\nbegin { " + text + " }");
  if (!parsed.messages.empty()) return parsed.messages;
  return parsed.tree.substr(parsed.tree.rfind("expr ") + 5);
}

}  // namespace

TEST(CSection, Structs) {
  EXPECT_EQ(tree("struct a { int x; unsigned long y; };"),
            "record 1:1 struct a\n  member 1:12 int x\n  member 1:19 unsigned long y\n");
  EXPECT_EQ(tree("struct a { char n[4][8], *p, **q; }"), "record 1:1 struct a\n  member 1:12 char n[4][8], *p, **q\n");
  EXPECT_EQ(tree("union a { struct b *x; enum c y; u32 z; };"),
            "record 1:1 union a\n  member 1:11 struct b *x\n  member 1:24 enum c y\n  member 1:34 u32 z\n");
  EXPECT_EQ(tree("struct a { const volatile char *const p; u8 __user *q; };"),
            "record 1:1 struct a\n  member 1:12 char *p\n  member 1:42 u8 *q\n");
  EXPECT_EQ(tree("struct a { int x:3, y:2 + 3, :4; };"), "record 1:1 struct a\n  member 1:12 int x:3, y:5, :4\n");
  EXPECT_EQ(tree("struct a { void (*f)(int, struct b *); int last[]; };"),
            "record 1:1 struct a\n  member 1:12 void *f\n  member 1:40 int last[0]\n");
  EXPECT_EQ(
      tree("struct a { union { int x; struct { char y; } z; }; } __attribute__((packed));"),
      "record 1:1 struct a packed\n  inline 1:12 union\n    member 1:20 int x\n    inline 1:27 struct\n      member 1:36 char y\n"
      "    member 1:27 struct z\n  member 1:12 union\n");
  EXPECT_EQ(tree("struct __attribute__((__packed__, unused)) a { };struct fwd;"), "record 1:1 struct a packed\n");
}

TEST(CSection, Enums) {
  EXPECT_EQ(tree("enum e { A, B = 1 << 4, C, D = -B, };"), "enum 1:1 e\n  A = 0\n  B = 16\n  C = 17\n  D = -16\n");
  EXPECT_EQ(tree("enum { A = (1 ? 7 : 8) & ~2 };"), "enum 1:1 \n  A = 5\n");
  EXPECT_EQ(tree("enum e { N = 3 }; struct s { int x[N * 2]; };"),
            "record 1:19 struct s\n  member 1:30 int x[6]\nenum 1:1 e\n  N = 3\n");
}

TEST(CSection, Typedefs) {
  EXPECT_EQ(tree("typedef unsigned int u33;"), "typedef 1:1\n  member 1:1 unsigned int u33\n");
  EXPECT_EQ(tree("typedef struct a *pa, va[3];"),
            "typedef 1:1\n  member 1:1 struct a *pa\ntypedef 1:1\n  member 1:1 struct a va[3]\n");
  EXPECT_EQ(tree("typedef struct { int x; } s;"),
            "typedef 1:1\n  inline 1:9 struct s\n    member 1:18 int x\n  member 1:1 struct s\n");
  EXPECT_EQ(tree("typedef enum { A } e;"), "enum 1:9 e\n  A = 0\ntypedef 1:1\n  member 1:1 enum e e\n");
}

TEST(CSection, DefinedNamesAreTypesInCasts) {
  EXPECT_EQ(value("typedef int word;", "(word)-1;"), "2:9 (cast word (- 1))\n");
  EXPECT_EQ(value("", "(word)-1;"), "2:9 (- word 1)\n");
  EXPECT_EQ(value("typedef int word;", "sizeof(word);"), "2:9 (call sizeof <word>)\n");
}

TEST(Directives, DefinesExpandAtTheirUse) {
  EXPECT_EQ(value("#define N 5", "N + 1;"), "2:9 (+ 5 1)\n");
  EXPECT_EQ(value("#define N M * 2\n#define M (1 + 2)", "N;"), "3:9 (* (+ 1 2) 2)\n");
  EXPECT_EQ(value("#define N 1 + \\\n 2", "N;"), "3:9 (+ 1 2)\n");
  EXPECT_EQ(value("#define N N + 1", "N;"), "2:9 (+ N 1)\n");
  EXPECT_EQ(value("#define A B\n#define B A", "A;"), "3:9 A\n");
  EXPECT_EQ(value("#define x y", "args.x;"), "2:9 (. args x)\n");
  EXPECT_EQ(value("#define N 5\n#undef N", "N;"), "3:9 N\n");
  EXPECT_EQ(value("#define FLAG", "f(FLAG);"), "2:9 (call f)\n");
  EXPECT_EQ(value("  #  define N 5 // five", "N;"), "2:9 5\n");
}

TEST(Directives, ConditionalsChoose) {
  EXPECT_EQ(value("#ifdef BPFTRACE_HAVE_BTF\n#define N 1\n#else\n#define N 2\n#endif", "N;"), "6:9 1\n");
  EXPECT_EQ(value("#ifndef BPFTRACE_HAVE_BTF\n' junk \"\n#include <x.h>\n#endif", "1;"), "5:9 1\n");
  EXPECT_EQ(
      value("#define V 7\n#if V > 8\n#define N 1\n#elif V == 7 && !defined(X)\n#define N 2\n#else\n#define N 3\n#endif", "N;"),
      "9:9 2\n");
  EXPECT_EQ(value("#if 0\n#if 1\n#define N 1\n#else\n#endif\n#define N 2\n#elif 1\n#define N 3\n#endif", "N;"), "10:9 3\n");
  EXPECT_EQ(value("#if defined BPFTRACE_HAVE_BTF || (1 / 0)\n#define N 1\n#endif", "N;").find("ERROR: malformed `#if`"), 14u);
}

TEST(Directives, AScriptMayStartWithAnInterpreterLine) {
  EXPECT_EQ(parse_text("#!/usr/bin/env shrike\nbegin { }").tree, "probe 2:1 begin\n");
}

}  // namespace shrike
