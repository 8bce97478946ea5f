// A script is a tree that is written as text once and walked once to compute its output.
#include "tests/stress/evaluated_script.h"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "tests/stress/random.h"

namespace shrike::testing {
namespace {

struct IntType {
  uint32_t bytes = 8;
  bool is_signed = true;
  bool is_truth = false;
};

int64_t cut(int64_t value, IntType type) {
  if (type.bytes == 8) return value;
  uint32_t shift = 64 - 8 * type.bytes;
  uint64_t high = static_cast<uint64_t>(value) << shift;
  return type.is_signed ? static_cast<int64_t>(high) >> shift : static_cast<int64_t>(high >> shift);
}

// In operations with integers a truth value is unsigned; shifted, or by `+`, `-` and `~`, it becomes a signed integer.
constexpr IntType boolean{8, false, true};

std::string name_of(IntType type) {
  return (type.is_signed ? "int" : "uint") + std::to_string(type.bytes * 8);
}

constexpr uint32_t variable_count = 5;
constexpr uint32_t map_count = 2;    // @m0 holds signed values, @m1 unsigned ones
constexpr uint32_t keyed_count = 2;  // @k0, @k1 likewise

struct State {
  std::array<int64_t, variable_count> variables{};
  std::array<int64_t, map_count> maps{};
  std::array<std::map<int64_t, int64_t>, keyed_count> keyed;
  std::map<std::string, int64_t> counters;  // of loops
  std::string printed;
  enum class Leaving { no, next, loop, probe } leaving = Leaving::no;
};

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;
struct Expr {
  enum class Kind { literal, variable, counter, map, keyed, has_key, unary, binary, ternary, cast, step, element };
  Kind kind = Kind::literal;
  IntType type;
  int64_t value = 0;   // literal
  uint32_t index = 0;  // of a variable or map; which element of a tuple
  std::string op;      // operator; name of a counter
  bool is_prefix = false;
  std::vector<ExprPtr> operands;
  std::optional<int64_t> constant;  // what shrike knows when it compiles
};

uint64_t bits(int64_t value) {
  return static_cast<uint64_t>(value);
}

// Truth values and constants take the sign of the other side; of two truth values a number with a sign is made.
bool is_signed_operation(const Expr& a, const Expr& b) {
  auto takes_sign = [](const Expr& e) { return e.type.is_truth || (e.constant && *e.constant >= 0); };
  auto has_sign = [](const Expr& e) { return e.type.is_signed || e.type.is_truth; };
  if (takes_sign(b)) return has_sign(a);
  if (takes_sign(a)) return has_sign(b);
  return has_sign(a) || has_sign(b);
}

int64_t divide(int64_t a, int64_t b, bool is_signed, bool wants_rest) {
  if (b == 0) return 1;
  if (!is_signed) return static_cast<int64_t>(wants_rest ? bits(a) % bits(b) : bits(a) / bits(b));
  if (b == -1) return wants_rest ? 0 : static_cast<int64_t>(0 - bits(a));
  return wants_rest ? a % b : a / b;
}

int64_t apply(const std::string& op, int64_t a, int64_t b, bool is_signed) {
  auto order = [&](auto compare) { return is_signed ? compare(a, b) : compare(bits(a), bits(b)); };
  if (op == "+") return static_cast<int64_t>(bits(a) + bits(b));
  if (op == "-") return static_cast<int64_t>(bits(a) - bits(b));
  if (op == "*") return static_cast<int64_t>(bits(a) * bits(b));
  if (op == "/") return divide(a, b, is_signed, false);
  if (op == "%") return divide(a, b, is_signed, true);
  if (op == "&") return a & b;
  if (op == "|") return a | b;
  if (op == "^") return a ^ b;
  if (op == "<<") return static_cast<int64_t>(bits(a) << (bits(b) & 63));
  if (op == ">>") return static_cast<int64_t>(bits(a) >> (bits(b) & 63));
  if (op == "==") return a == b;
  if (op == "!=") return a != b;
  if (op == "<") return order([](auto x, auto y) { return x < y; });
  if (op == "<=") return order([](auto x, auto y) { return x <= y; });
  if (op == ">") return order([](auto x, auto y) { return x > y; });
  return order([](auto x, auto y) { return x >= y; });
}

IntType variable_type(uint32_t index) {
  constexpr IntType types[variable_count] = {{8, true}, {8, false}, {4, true}, {2, false}, {1, true}};
  return types[index];
}

int64_t evaluate(const Expr& e, State& s) {
  using Kind = Expr::Kind;
  switch (e.kind) {
    case Kind::literal: return e.value;
    case Kind::variable: return s.variables[e.index];
    case Kind::counter: return s.counters[e.op];
    case Kind::map: return s.maps[e.index];
    case Kind::keyed:
    case Kind::has_key: {
      auto found = s.keyed[e.index].find(evaluate(*e.operands[0], s));
      bool is_there = found != s.keyed[e.index].end();
      return e.kind == Kind::has_key ? is_there : is_there ? found->second : 0;
    }
    case Kind::unary: {
      int64_t value = evaluate(*e.operands[0], s);
      if (e.op == "-") return static_cast<int64_t>(0 - bits(value));
      return e.op == "!" ? value == 0 : e.op == "~" ? ~value : value;
    }
    case Kind::binary: {
      int64_t a = evaluate(*e.operands[0], s);
      if (e.op == "&&") return a != 0 && evaluate(*e.operands[1], s) != 0;
      if (e.op == "||") return a != 0 || evaluate(*e.operands[1], s) != 0;
      int64_t b = evaluate(*e.operands[1], s);
      return apply(e.op, a, b, is_signed_operation(*e.operands[0], *e.operands[1]));
    }
    case Kind::ternary: return evaluate(*e.operands[evaluate(*e.operands[0], s) != 0 ? 1 : 2], s);
    case Kind::cast: return cut(evaluate(*e.operands[0], s), e.type);
    case Kind::step: {
      int64_t& at = s.variables[e.index];
      int64_t old = at;
      at = cut(apply(e.op == "++" ? "+" : "-", at, 1, true), e.type);
      return e.is_prefix ? at : old;
    }
    case Kind::element: {
      int64_t first = evaluate(*e.operands[0], s);
      int64_t second = evaluate(*e.operands[1], s);
      return e.index == 0 ? first : second;
    }
  }
  return 0;
}

std::string text_of(const Expr& e) {
  using Kind = Expr::Kind;
  auto part = [&](size_t i) { return text_of(*e.operands[i]); };
  switch (e.kind) {
    case Kind::literal: return std::to_string(e.value);
    case Kind::variable: return "$v" + std::to_string(e.index);
    case Kind::counter: return "$" + e.op;
    case Kind::map: return "@m" + std::to_string(e.index);
    case Kind::keyed: return "@k" + std::to_string(e.index) + "[" + part(0) + "]";
    case Kind::has_key: return "has_key(@k" + std::to_string(e.index) + ", " + part(0) + ")";
    case Kind::unary: return "(" + e.op + part(0) + ")";
    case Kind::binary: return "(" + part(0) + " " + e.op + " " + part(1) + ")";
    case Kind::ternary: return "(" + part(0) + " ? " + part(1) + " : " + part(2) + ")";
    case Kind::cast: return "((" + name_of(e.type) + ")" + part(0) + ")";
    case Kind::step: {
      std::string variable = "$v" + std::to_string(e.index);
      return e.is_prefix ? "(" + e.op + variable + ")" : "(" + variable + e.op + ")";
    }
    case Kind::element: return "(" + part(0) + ", " + part(1) + ")." + std::to_string(e.index);
  }
  return "";
}

struct Stmt;
using Block = std::vector<std::unique_ptr<Stmt>>;
struct Stmt {
  enum class Kind { assign, modify, set_map, add_map, set_key, erase, print, choice, repeat, unroll, range, fold, leave };
  Kind kind = Kind::assign;
  uint32_t index = 0;
  std::string op;  // of modify; name of a counter; what leave leaves by
  int64_t count = 0;
  std::vector<ExprPtr> values;
  Block body, otherwise;
};

using Leaving = State::Leaving;

void run(const Block& block, State& s);

void run_loop(const Stmt& stmt, State& s, int64_t from, int64_t to) {
  for (int64_t i = from; i < to; i++) {
    if (stmt.kind != Stmt::Kind::unroll) s.counters[stmt.op] = i;
    run(stmt.body, s);
    if (s.leaving == Leaving::probe) return;
    bool is_left = s.leaving == Leaving::loop;
    s.leaving = Leaving::no;
    if (is_left) return;
  }
}

void run(const Stmt& stmt, State& s) {
  using Kind = Stmt::Kind;
  auto value = [&](size_t i) { return evaluate(*stmt.values[i], s); };
  switch (stmt.kind) {
    case Kind::assign: s.variables[stmt.index] = cut(value(0), variable_type(stmt.index)); break;
    case Kind::modify: {
      Expr target;
      target.type = variable_type(stmt.index);
      int64_t old = s.variables[stmt.index];
      int64_t changed = apply(stmt.op, old, value(0), is_signed_operation(target, *stmt.values[0]));
      s.variables[stmt.index] = cut(changed, target.type);
      break;
    }
    case Kind::set_map: s.maps[stmt.index] = value(0); break;
    case Kind::add_map: s.maps[stmt.index] = apply("+", s.maps[stmt.index], 1, true); break;
    case Kind::set_key: {
      int64_t stored = value(1);
      s.keyed[stmt.index][value(0)] = stored;
      break;
    }
    case Kind::erase: s.keyed[stmt.index].erase(value(0)); break;
    case Kind::print: {
      char line[128];
      int64_t shown[3] = {value(0), value(1), value(2)};
      snprintf(line, sizeof line, "%" PRId64 " %" PRIu64 " %" PRIx64 "\n", shown[0], bits(shown[1]), bits(shown[2]));
      s.printed += line;
      break;
    }
    case Kind::choice: run(value(0) != 0 ? stmt.body : stmt.otherwise, s); break;
    case Kind::repeat: run_loop(stmt, s, 1, stmt.count + 1); break;
    case Kind::unroll: run_loop(stmt, s, 0, stmt.count); break;
    case Kind::range: {
      int64_t from = value(0);
      int64_t to = value(1);
      run_loop(stmt, s, from, to);
      break;
    }
    case Kind::fold:
      for (const auto& [key, held] : s.keyed[stmt.index]) {
        int64_t sum = apply("+", apply("*", key, 3, true), held, true);
        s.variables[0] = apply("+", s.variables[0], sum, true);
      }
      break;
    case Kind::leave:
      s.leaving = stmt.op == "break" ? Leaving::loop : stmt.op == "continue" ? Leaving::next : Leaving::probe;
      break;
  }
}

void run(const Block& block, State& s) {
  for (const auto& stmt : block) {
    run(*stmt, s);
    if (s.leaving != Leaving::no) return;
  }
}

std::string text_of(const Block& block);

std::string text_of(const Stmt& stmt) {
  using Kind = Stmt::Kind;
  std::string index = std::to_string(stmt.index);
  auto value = [&](size_t i) { return text_of(*stmt.values[i]); };
  std::string cast = stmt.index == 0 ? "(int64)" : "(uint64)";
  switch (stmt.kind) {
    case Kind::assign: {
      // What is known when it is compiled must fit, or be made to.
      const IntType type = variable_type(stmt.index);
      const std::optional<int64_t>& known = stmt.values[0]->constant;
      const bool fits = !known || cut(*known, {type.bytes, true}) == *known || cut(*known, {type.bytes, false}) == *known;
      return "$v" + index + " = " + (fits ? "" : "(" + name_of(type) + ")") + value(0) + ";\n";
    }
    case Kind::modify: return "$v" + index + " " + stmt.op + "= " + value(0) + ";\n";
    case Kind::set_map: return "@m" + index + " = " + cast + value(0) + ";\n";
    case Kind::add_map: return "@m" + index + "++;\n";
    case Kind::set_key: return "@k" + index + "[" + value(0) + "] = " + cast + value(1) + ";\n";
    case Kind::erase: return "delete(@k" + index + ", " + value(0) + ");\n";
    case Kind::print: return "printf(\"%ld %lu %lx\\n\", " + value(0) + ", " + value(1) + ", " + value(2) + ");\n";
    case Kind::choice: {
      std::string text = "if (" + value(0) + ") {\n" + text_of(stmt.body) + "}";
      return stmt.otherwise.empty() ? text + "\n" : text + " else {\n" + text_of(stmt.otherwise) + "}\n";
    }
    case Kind::repeat:
      return "$" + stmt.op + " = 0;\nwhile ($" + stmt.op + " < " + std::to_string(stmt.count) + ") {\n$" + stmt.op + "++;\n" +
             text_of(stmt.body) + "}\n";
    case Kind::unroll: return "unroll (" + std::to_string(stmt.count) + ") {\n" + text_of(stmt.body) + "}\n";
    case Kind::range: return "for $" + stmt.op + " : " + value(0) + ".." + value(1) + " {\n" + text_of(stmt.body) + "}\n";
    case Kind::fold: return "for ($" + stmt.op + " : @k" + index + ") { $v0 += $" + stmt.op + ".0 * 3 + $" + stmt.op + ".1; }\n";
    case Kind::leave: return stmt.op + ";\n";
  }
  return "";
}

std::string text_of(const Block& block) {
  std::string text;
  for (const auto& stmt : block) text += text_of(*stmt);
  return text;
}

class Maker {
 public:
  explicit Maker(uint64_t seed) : random_(seed) {}

  Block block(uint32_t depth, uint32_t longest) {
    Block made;
    size_t visible = counters_.size();
    for (uint32_t n = 1 + random_.below(longest); n > 0; n--) made.push_back(statement(depth));
    counters_.resize(visible);
    return made;
  }

  ExprPtr expr(uint32_t depth) {
    ExprPtr e = depth == 0 || random_.chance(15) ? leaf() : inner(depth - 1);
    return e;
  }

 private:
  using Kind = Expr::Kind;

  ExprPtr make(Kind kind, IntType type, std::string op = "") {
    auto e = std::make_unique<Expr>();
    e->kind = kind;
    e->type = type;
    e->op = std::move(op);
    return e;
  }

  ExprPtr literal(int64_t value) {
    ExprPtr e = make(Kind::literal, {});
    e->value = value;
    e->constant = value;
    return e;
  }

  ExprPtr leaf() {
    uint32_t choice = random_.below(10);
    if (choice < 3) {
      if (random_.chance(60)) return literal(random_.below(20));
      return literal(random_.pick<int64_t>({255, 256, 65535, 1ll << 31, (1ll << 31) - 1, 1ll << 32, (1ll << 32) - 1, INT64_MAX,
                                            1ll << 62, 0x123456789abcdef, 63, 64, 65, 127, 128, 1000003}));
    }
    if (choice < 8) {
      if (!counters_.empty() && random_.chance(30)) return make(Kind::counter, {}, counters_[random_.below(counters_.size())]);
      uint32_t index = random_.below(variable_count);
      ExprPtr e = make(Kind::variable, variable_type(index));
      e->index = index;
      return e;
    }
    uint32_t index = random_.below(map_count);
    ExprPtr e = make(Kind::map, {8, index == 0});
    e->index = index;
    return e;
  }

  ExprPtr inner(uint32_t depth) {
    switch (random_.below(14)) {
      case 0: return unary(depth);
      case 1: {
        ExprPtr e = make(Kind::ternary, {});
        for (int i = 0; i < 3; i++) e->operands.push_back(expr(depth));
        const IntType& a = e->operands[1]->type;
        const IntType& b = e->operands[2]->type;
        e->type = {std::max(a.bytes, b.bytes), a.is_signed || b.is_signed, a.is_truth && b.is_truth};
        // What does not fit the common type is not touched: a choice keeps all 64 bits.
        return e;
      }
      case 2: {
        ExprPtr e = make(Kind::cast, {random_.pick<uint32_t>({1, 2, 4, 8}), random_.chance(50)});
        e->operands.push_back(expr(depth));
        if (e->operands[0]->constant) e->constant = cut(*e->operands[0]->constant, e->type);
        return e;
      }
      case 3: {
        uint32_t index = random_.below(variable_count);
        ExprPtr e = make(Kind::step, variable_type(index), random_.chance(50) ? "++" : "--");
        e->index = index;
        e->is_prefix = random_.chance(50);
        return e;
      }
      case 4: {
        ExprPtr e = make(Kind::element, {});
        for (int i = 0; i < 2; i++) e->operands.push_back(expr(depth));
        e->index = random_.below(2);
        const IntType& chosen = e->operands[e->index]->type;
        e->type = {8, chosen.is_signed, chosen.is_truth};
        return e;
      }
      case 5: {
        uint32_t index = random_.below(keyed_count);
        ExprPtr e = make(random_.chance(70) ? Kind::keyed : Kind::has_key, {8, index == 0});
        if (e->kind == Kind::has_key) e->type = boolean;
        e->index = index;
        e->operands.push_back(key());
        return e;
      }
      default: return binary(depth);
    }
  }

  ExprPtr unary(uint32_t depth) {
    std::string op = random_.pick<const char*>({"-", "!", "~", "+"});
    ExprPtr operand = expr(depth);
    const bool is_signed = op == "-" || operand->type.is_signed || operand->type.is_truth;
    ExprPtr e = make(Kind::unary, op == "!" ? boolean : IntType{8, is_signed}, op);
    e->operands.push_back(std::move(operand));
    return known(std::move(e));
  }

  ExprPtr binary(uint32_t depth) {
    std::string op = random_.pick<const char*>({"+", "-",  "*", "/",  "%",  "&",  "|", "^", "<<", ">>", "==", "!=",
                                                "<", "<=", ">", ">=", "&&", "||", "+", "-", "<",  "/",  "%"});
    ExprPtr a = expr(depth);
    ExprPtr b = expr(depth);
    if ((op == "/" || op == "%") && b->constant && *b->constant == 0) b = literal(3);
    bool is_signed = is_signed_operation(*a, *b);
    ExprPtr e = make(Kind::binary, {}, op);
    if (op == "<<" || op == ">>") e->type.is_signed = a->type.is_signed || a->type.is_truth;
    else if (op == "+" || op == "*" || op == "/" || op == "%" || op == "&" || op == "|" || op == "^")
      e->type.is_signed = is_signed;
    else if (op != "-") e->type = boolean;
    e->operands.push_back(std::move(a));
    e->operands.push_back(std::move(b));
    return known(std::move(e));
  }

  // Constant operands make a constant.
  static ExprPtr known(ExprPtr e) {
    for (const ExprPtr& operand : e->operands)
      if (!operand->constant) return e;
    State none;
    e->constant = evaluate(*e, none);
    return e;
  }

  ExprPtr key() {  // few enough that keys meet
    ExprPtr e = make(Kind::binary, {}, "&");
    e->operands.push_back(leaf());
    e->operands.push_back(literal(7));
    e->type.is_signed = is_signed_operation(*e->operands[0], *e->operands[1]);
    return known(std::move(e));
  }

  std::unique_ptr<Stmt> statement(uint32_t depth) {
    auto s = std::make_unique<Stmt>();
    uint32_t choice = random_.below(depth == 0 ? 11 : 18);
    if (choice < 4) {
      s->kind = Stmt::Kind::assign;
      s->index = random_.below(variable_count);
      s->values.push_back(expr(4));
    } else if (choice == 4) {
      s->kind = Stmt::Kind::modify;
      s->index = random_.below(variable_count);
      s->op = random_.pick<const char*>({"+", "-", "*", "&", "|", "^", "<<", ">>", "/", "%"});
      s->values.push_back(expr(2));
      if ((s->op == "/" || s->op == "%") && s->values[0]->constant && *s->values[0]->constant == 0) s->values[0] = literal(7);
    } else if (choice == 5) {
      s->index = random_.below(map_count);
      s->kind = random_.chance(50) ? Stmt::Kind::set_map : Stmt::Kind::add_map;
      if (s->kind == Stmt::Kind::set_map) s->values.push_back(expr(2));
    } else if (choice < 8) {
      s->index = random_.below(keyed_count);
      s->kind = choice == 6 || random_.chance(50) ? Stmt::Kind::set_key : Stmt::Kind::erase;
      s->values.push_back(key());
      if (s->kind == Stmt::Kind::set_key) s->values.push_back(expr(2));
    } else if (choice < 10) {
      s->kind = Stmt::Kind::print;
      for (int i = 0; i < 3; i++) s->values.push_back(expr(3));
    } else if (choice == 10 && loops_ > 0) {
      leave_sometimes(*s);
    } else {
      compound(*s, depth == 0 ? 0 : depth - 1, depth == 0 ? 0 : choice);
    }
    return s;
  }

  void leave_sometimes(Stmt& s) {
    s.kind = Stmt::Kind::choice;
    s.values.push_back(expr(2));
    auto leave = std::make_unique<Stmt>();
    leave->kind = Stmt::Kind::leave;
    leave->op = random_.pick<const char*>({"break", "continue", "continue", "break", "return"});
    s.body.push_back(std::move(leave));
  }

  void compound(Stmt& s, uint32_t depth, uint32_t choice) {
    if (choice < 14) {
      s.kind = Stmt::Kind::choice;
      s.values.push_back(expr(3));
      s.body = block(depth, 3);
      if (random_.chance(50)) s.otherwise = block(depth, 3);
      return;
    }
    if (choice == 17) {
      s.kind = Stmt::Kind::fold;
      s.index = random_.below(keyed_count);
      s.op = "e" + std::to_string(next_name_++);
      return;
    }
    // The verifier walks every round of `while` and `unroll`: in one another they would be too much for it.
    s.kind = is_walked_ || choice == 16 ? Stmt::Kind::range : choice == 14 ? Stmt::Kind::repeat : Stmt::Kind::unroll;
    s.count = 1 + random_.below(4);
    s.op = "c" + std::to_string(next_name_++);
    if (s.kind == Stmt::Kind::range) {
      int64_t from = random_.below(3);
      s.values.push_back(random_.chance(70) ? literal(from) : key());
      s.values.push_back(random_.chance(70) ? literal(from + s.count) : key());
    }
    size_t visible = counters_.size();
    if (s.kind != Stmt::Kind::unroll) counters_.push_back(s.op);
    loops_++;
    bool was_walked = is_walked_;
    is_walked_ |= s.kind != Stmt::Kind::range;
    s.body = block(depth, is_walked_ ? 2 : 3);
    is_walked_ = was_walked;
    loops_--;
    counters_.resize(visible);
  }

  Random random_;
  std::vector<std::string> counters_;
  uint32_t next_name_ = 0;
  uint32_t loops_ = 0;
  bool is_walked_ = false;  // in a loop whose rounds the verifier walks
};

}  // namespace

EvaluatedScript evaluated_script(uint64_t seed) {
  Random random(seed);
  Maker maker(seed ^ 0x5eed);
  EvaluatedScript script;
  State state;
  script.text = "begin {\n";
  for (uint32_t i = 0; i < variable_count; i++) {
    const int64_t value = random.below(variable_type(i).bytes == 1 ? 128 : 300);  // a constant must fit
    state.variables[i] = cut(value, variable_type(i));
    script.text += "let $v" + std::to_string(i) + ": " + name_of(variable_type(i)) + " = " + std::to_string(value) + ";\n";
  }
  script.text += "@m0 = (int64)0; @m1 = (uint64)0; @k0[(int64)9] = (int64)0; @k1[(int64)9] = (uint64)0;\n";
  script.text += "delete(@k0, 9); delete(@k1, 9);\n";
  Block body = maker.block(3, 8);
  auto last = std::make_unique<Stmt>();
  last->kind = Stmt::Kind::print;
  for (uint32_t i = 0; i < 3; i++) {
    last->values.push_back(std::make_unique<Expr>());
    last->values.back()->kind = Expr::Kind::variable;
    last->values.back()->index = i;
  }
  body.push_back(std::move(last));
  run(body, state);
  script.text += text_of(body) + "}\nbegin { clear(@m0); clear(@m1); clear(@k0); clear(@k1); exit(); }\n";
  script.expected = state.printed;
  return script;
}

}  // namespace shrike::testing
