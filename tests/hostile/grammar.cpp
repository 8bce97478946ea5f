// One function a rule of the grammar. Depth limits the size; names come from a few, so that uses meet.
#include "tests/hostile/grammar.h"

#include "tests/stress/random.h"

namespace shrike::testing {

namespace {

class Grammar {
 public:
  explicit Grammar(uint64_t seed) : random_(seed) {}

  std::string script() {
    std::string out;
    if (random_.chance(20)) out += "struct s { int a; long b[3]; char name[8]; struct { int c : 3; int d; } e; };\n";
    if (random_.chance(15)) out += "enum color { red, green = 5, blue };\n#define LIMIT 7\n";
    if (random_.chance(15)) out += "config = { max_strlen = 32; missing_probes = \"warn\" }\n";
    if (random_.chance(15)) out += "let @d = " + random_.pick<std::string>({"hash", "lruhash", "percpuhash"}) + "(10);\n";
    if (random_.chance(25)) out += "macro m($a, @b, c) { $a = c; @b[c] = $a; " + expr(2) + " }\n";
    if (random_.chance(25)) out += "fn f($a: int64, $b: " + type() + ") : int64 " + block(2);
    for (uint32_t i = 0, count = 1 + random_.below(3); i < count; i++) {
      out += probe() + (random_.chance(20) ? " /" + expr(2) + "/ " : " ") + block(3) + "\n";
    }
    return out;
  }

 private:
  std::string probe() {
    return random_.pick<std::string>({"begin", "end", "interval:s:1", "kprobe:do_work", "tracepoint:app:open", "profile:hz:99",
                                      "kretprobe:do_work", "uprobe:/bin/app:main", "tracepoint:app:*, kprobe:do_*"});
  }
  std::string variable() { return random_.pick<std::string>({"$a", "$b", "$c", "$kv"}); }
  std::string map() { return random_.pick<std::string>({"@", "@a", "@b", "@d"}); }
  std::string number() { return random_.pick<std::string>({"0", "1", "-1", "7", "0x10", "4e3", "10ms", "0xffffffffffffffff"}); }
  std::string text() { return random_.pick<std::string>({"\"\"", "\"a\"", "\"longer text\"", "\"%d %s\\n\"", "\"\\x41\\n\""}); }
  std::string type() {
    return random_.pick<std::string>({"int8", "uint64", "bool", "int64", "string[8]", "uint8[8]", "struct s *", "enum color",
                                      "int32 *", "typeof($a)", "username_t", "int8[]"});
  }
  std::string op() {
    return random_.pick<std::string>({"+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", "==", "!=", "<", "<=", "&&", "||"});
  }
  std::string target() { return random_.chance(50) ? variable() : map() + (random_.chance(50) ? "[" + list(1) + "]" : ""); }

  std::string list(int depth) {
    std::string out = expr(depth);
    for (uint32_t i = random_.below(3); i > 0; i--) out += ", " + expr(depth);
    return out;
  }

  std::string leaf() {
    switch (random_.below(8)) {
      case 0: return variable();
      case 1: return map();
      case 2: return text();
      case 3: return random_.pick<std::string>({"pid", "comm", "nsecs", "args", "arg0", "retval", "kstack", "probe", "curtask"});
      case 4: return random_.pick<std::string>({"$1", "$2", "$#", "true", "red", "LIMIT", "args.size", "args.name"});
      default: return number();
    }
  }

  std::string call(int depth) {
    std::string name =
        random_.pick<std::string>({"str", "buf", "len", "has_key", "delete", "printf", "print", "f", "m", "strncmp", "count",
                                   "hist", "sum", "ntop", "ksym", "sizeof", "exit", "find", "clear"});
    return name + "(" + (random_.chance(30) ? map() + (random_.chance(50) ? ", " + expr(depth - 1) : "") : list(depth - 1)) + ")";
  }

  std::string expr(int depth) {
    if (depth <= 0) return leaf();
    switch (random_.below(16)) {
      case 0: return "(" + expr(depth - 1) + ")";
      case 1: return random_.pick<std::string>({"-", "!", "~", "*", "&"}) + "(" + expr(depth - 1) + ")";
      case 2: return "(" + expr(depth - 1) + ") ? (" + expr(depth - 1) + ") : " + expr(depth - 1);
      case 3: return "(" + expr(depth - 1) + ") ?: " + expr(depth - 1);
      case 4: return "(" + type() + ")" + expr(depth - 1);
      case 5: return "(" + list(depth - 1) + ", " + expr(depth - 1) + ")";
      case 6: return "(a=" + expr(depth - 1) + ", b=" + expr(depth - 1) + ")";
      case 7: return "(" + expr(depth - 1) + ")" + random_.pick<std::string>({".a", "->b", ".0", ".1.0", ".e.d", "[1]", "[9]"});
      case 8: return map() + "[" + list(depth - 1) + "]";
      case 9: return target() + random_.pick<std::string>({"++", "--"});
      case 10: return "{ " + statement(depth - 1) + " " + expr(depth - 1) + " }";
      case 11: return "(if " + expr(depth - 1) + " { " + expr(depth - 1) + " } else { " + expr(depth - 1) + " })";
      case 12: return call(depth);
      default: return "(" + expr(depth - 1) + ") " + op() + " (" + expr(depth - 1) + ")";
    }
  }

  std::string block(int depth) {
    std::string out = "{ ";
    for (uint32_t i = random_.below(4); i > 0; i--) out += statement(depth) + " ";
    return out + "}";
  }

  std::string statement(int depth) {
    if (depth <= 0) return target() + " = " + leaf() + ";";
    switch (random_.below(14)) {
      case 0: return "if (" + expr(2) + ") " + block(depth - 1) + (random_.chance(50) ? " else " + block(depth - 1) : "");
      case 1: return "while (" + expr(2) + ") " + block(depth - 1);
      case 2: return "unroll(" + std::to_string(1 + random_.below(4)) + ") " + block(depth - 1);
      case 3: return "for ($kv : " + map() + ") " + block(depth - 1);
      case 4: return "for $c : " + number() + ".." + variable() + " " + block(depth - 1);
      case 5: return random_.pick<std::string>({"break;", "continue;", "return;", "return 1;", "exit();"});
      case 6: return "let $b: " + type() + " = " + expr(2) + ";";
      case 7: return target() + " " + random_.pick<std::string>({"+=", "-=", "*=", "/=", "<<=", "|="}) + " " + expr(2) + ";";
      case 8: return call(2) + ";";
      case 9: return "printf(" + text() + ", " + list(1) + ");";
      case 10: return "_ = " + expr(2) + ";";
      default: return target() + " = " + expr(3) + ";";
    }
  }

  Random random_;
};

}  // namespace

std::string script_by_grammar(uint64_t seed) {
  return Grammar(seed).script();
}

}  // namespace shrike::testing
