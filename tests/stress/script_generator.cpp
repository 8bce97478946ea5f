// Texts of expressions by type, statements around them. Each map and variable has one type, told by its name, so that any
// statements go together.
#include "tests/stress/script_generator.h"

#include <vector>

#include "tests/stress/random.h"

namespace shrike::testing {
namespace {

class ScriptMaker {
 public:
  explicit ScriptMaker(uint64_t seed) : random_(seed) {}

  std::string script() {
    std::string text = probe();
    if (random_.chance(40)) text += probe();
    return text;
  }

 private:
  enum class Kind { plain, tracepoint };

  std::string probe() {
    std::string head;
    switch (random_.below(5)) {
      case 0: head = "begin"; break;
      case 1: head = "end"; break;
      case 2: head = "interval:ms:100"; break;
      case 3:
        head = "tracepoint:syscalls:sys_enter_openat";
        kind_ = Kind::tracepoint;
        break;
      case 4: head = "tracepoint:sched:sched_switch"; break;
    }
    std::string predicate = random_.chance(20) ? " /pid != " + number() + "/" : "";
    // What bodies may read is given a value first.
    std::string text =
        head + predicate + " {\n$i = (int64)" + number() + "; $u = (uint64)1; $s = \"abc\"; $t = (1, (\"x\", 2), \"yy\");\n";
    text += "@i = (int64)1; @s = \"abc\"; @a[(int64)1] = (int64)2; @b[\"k\"] = (int64)1; @c[(int64)1, \"q\"] = (int64)3;\n";
    text += "@d[(int64)1] = \"v\"; @e[(1, \"z\"), (int64)2] = ((int64)1, \"w\");\n";
    text += block(3, 6) + "}\n";
    kind_ = Kind::plain;
    return text;
  }

  std::string number() { return std::to_string(random_.chance(80) ? random_.below(100) : random_.word() >> 1); }

  std::string integer(uint32_t depth) {
    if (depth == 0) {
      return random_.pick<std::string>({number(), "pid", "tid", "nsecs", "cpu", "$i", "$u", "@i", "uid", "elapsed", "rand"});
    }
    std::string a = integer(depth - 1);
    switch (random_.below(16)) {
      case 0: return "(" + a + " ? " + integer(depth - 1) + " : " + integer(depth - 1) + ")";
      case 1:
        return "((" + random_.pick<std::string>({"int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"}) +
               ")" + a + ")";
      case 2: return "@a[" + a + "]";
      case 3: return "@b[" + string(0) + "]";
      case 4: return "@c[" + a + ", " + string(0) + "]";
      case 5: return "strncmp(" + string(1) + ", " + string(0) + ", " + std::to_string(1 + random_.below(20)) + ")";
      case 6: return "strcontains(" + string(0) + ", \"" + letters() + "\")";
      case 7: return "(" + string(1) + " == " + string(0) + ")";
      case 8: return "has_key(@a, " + a + ")";
      case 9: return "((struct task_struct *)curtask)->pid";
      case 10: return "($t.0 + $t.1.1)";
      case 11: return "(" + random_.pick<std::string>({"-", "!", "~"}) + a + ")";
      case 12: return "((struct task_struct *)curtask)->comm[" + std::to_string(random_.below(16)) + "]";
      default:
        return "(" + a + " " +
               random_.pick<std::string>({"+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", "<", "==", "&&", "||", "!="}) +
               " " + random_.pick<std::string>({"(" + integer(depth - 1) + " | 1)", std::to_string(1 + random_.below(50))}) + ")";
    }
  }

  std::string letters() {
    std::string text;
    for (uint32_t n = random_.below(12); n > 0; n--) text += static_cast<char>('a' + random_.below(26));
    return text;
  }

  std::string string(uint32_t depth) {
    switch (random_.below(depth == 0 ? 4 : 9)) {
      case 0: return "\"" + letters() + "\"";
      case 1: return "comm";
      case 2: return "$s";
      case 3: return "$t.2";
      case 4: return "@s";
      case 5: return "@d[" + integer(0) + "]";
      case 6: return kind_ == Kind::tracepoint && loops_ == 0 ? "str(args.filename)" : "str((uint64)" + integer(0) + ")";
      case 7: return "(" + integer(0) + " ? " + string(0) + " : " + string(0) + ")";
      default: return "str((uint64)" + integer(0) + ", " + std::to_string(1 + random_.below(200)) + ")";
    }
  }

  std::string aggregate() {
    std::string n = integer(1);
    switch (random_.below(8)) {
      case 0: return "@n0" + key() + " = count();\n";
      case 1: return "@n1" + key() + " = sum((int64)" + n + ");\n";
      case 2: return "@n2" + key() + " = min((uint64)" + n + ");\n";
      case 3: return "@n3" + key() + " = max((int64)" + n + ");\n";
      case 4: return "@n4" + key() + " = avg((int64)" + n + ");\n";
      case 5: return "@n5" + key() + " = stats((int64)" + n + ");\n";
      case 6: return "@n6" + key() + " = hist(" + n + ");\n";
      default: return "@n7 = lhist(" + n + ", 0, 100, 10);\n";
    }
  }
  std::string key() { return "[" + integer(1) + ", " + string(0) + "]"; }

  std::string print() {
    std::string format;
    std::string args;
    for (uint32_t n = random_.below(6); n > 0; n--) {
      bool is_text = random_.chance(35);
      format += is_text ? "%s " : random_.pick<std::string>({"%d ", "%lu ", "%x "});
      args += ", " + (is_text ? string(2) : integer(2));
    }
    return "printf(\"" + format + "\\n\"" + args + ");\n";
  }

  std::string block(uint32_t depth, uint32_t longest) {
    std::string text;
    for (uint32_t n = 1 + random_.below(longest); n > 0; n--) text += statement(depth);
    return text;
  }

  std::string statement(uint32_t depth) {
    switch (random_.below(depth == 0 ? 14 : 19)) {
      case 0: return "$i " + random_.pick<std::string>({"=", "+=", "^=", "*="}) + " (int64)" + integer(3) + ";\n";
      case 1: return "$u = (uint64)" + integer(2) + ";\n";
      case 2: return "$s = " + string(1) + ";\n";
      case 3: return "@s = " + string(2) + ";\n";
      case 4: return "@a[" + integer(1) + "]" + random_.pick<std::string>({"++", "--", " = (int64)5", " += 3"}) + ";\n";
      case 5: return "@b[" + string(1) + "] = (int64)" + integer(1) + ";\n";
      case 6: return "@c[" + integer(1) + ", " + string(1) + "] = (int64)" + integer(1) + ";\n";
      case 7: return "@d[" + integer(1) + "] = " + string(1) + ";\n";
      case 8: return "@e[(1, " + string(0) + "), (int64)" + integer(0) + "] = ((int64)" + integer(1) + ", " + string(0) + ");\n";
      case 9: return aggregate();
      case 10: return print();
      case 11: return other();
      case 12: return "$t = (" + integer(1) + ", (\"x\", " + integer(1) + "), \"yy\");\n";
      case 13:
        if (loops_ == 0) return print();
        return "if (" + integer(1) + ") { " + random_.pick<std::string>({"break", "continue", "return"}) + "; }\n";
      case 14:
      case 15: {
        std::string text = "if (" + integer(2) + ") {\n" + block(depth - 1, 3) + "}";
        return random_.chance(50) ? text + "\n" : text + " else {\n" + block(depth - 1, 3) + "}\n";
      }
      default: return loop(depth - 1);
    }
  }

  std::string other() {
    switch (random_.below(9)) {
      case 0: return "print((" + integer(1) + ", " + string(1) + "));\n";
      case 1: return "print(@a);\n";
      case 2: return "delete(@a, " + integer(1) + ");\n";
      case 3: return "$i = len(@a);\n";
      case 4: return "print(@e[(1, \"z\"), (int64)2]);\n";
      case 5: return "printf(\"%r\\n\", buf((uint64)" + integer(0) + ", " + std::to_string(1 + random_.below(100)) + "));\n";
      case 6: return kind_ == Kind::tracepoint && loops_ == 0 ? "@st[kstack, ustack] = count();\n" : "clear(@b);\n";
      case 7: return "_ = @i++ + ++@i;\n";
      default: return "printf(\"%s\\n\", ((struct task_struct *)curtask)->comm);\n";
    }
  }

  std::string loop(uint32_t depth) {
    std::string name = std::to_string(next_name_++);
    std::string text;
    uint32_t choice = random_.below(4);
    if (is_walked_ && choice < 2) choice += 2;  // the verifier walks each round
    bool was_walked = is_walked_;
    is_walked_ |= choice < 2;
    loops_++;
    if (choice == 0) text = "$w" + name + " = 0;\nwhile ($w" + name + " < 4) {\n$w" + name + "++;\n" + block(depth, 2) + "}\n";
    if (choice == 1) text = "unroll (3) {\n" + block(depth, 2) + "}\n";
    if (choice == 2) text = "for $r" + name + " : 0.." + integer(1) + " {\n$i += $r" + name + ";\n" + block(depth, 3) + "}\n";
    if (choice == 3)
      text = "for ($m" + name + " : @c) {\n$i += $m" + name + ".0.0 + $m" + name + ".1;\n" + block(depth, 3) + "}\n";
    loops_--;
    is_walked_ = was_walked;
    return text;
  }

  Random random_;
  Kind kind_ = Kind::plain;
  uint32_t loops_ = 0;
  uint32_t next_name_ = 0;
  bool is_walked_ = false;
};

}  // namespace

std::string generated_script(uint64_t seed) {
  return ScriptMaker(seed).script();
}

}  // namespace shrike::testing
