// Scalar expressions: one function per kind of node, giving a 64-bit value.
#include "frontend/constants.h"
#include "frontend/lower.h"
#include "frontend/probes.h"

namespace shrike {

using mir::BlockId;
using mir::Opcode;
using mir::Type;
using mir::TypeKind;
using mir::ValueId;

struct ScalarLower {
  Lower& l;
  const ast::Expr& self;
  mir::Builder& b() { return l.b(); }

  ValueId operator()(const ast::Ident&) { return builtin(); }
  ValueId builtin() {
    const BuiltinRow* row = l.note(&self).builtin;
    CHECK(row != nullptr && row->scalar != nullptr, "not a scalar builtin");
    return row->scalar(l, self);
  }
  ValueId operator()(const ast::Variable&) { return l.read_variable(l.note(&self).variable); }
  ValueId operator()(const ast::MapRef&) { return l.load_map(&self); }
  ValueId operator()(const ast::Call& e) {
    if (l.note(&self).callee != nullptr) return l.call_scalar(self, e);
    if (l.note(&self).builtin != nullptr) return builtin();
    const FunctionRow* row = l.note(&self).function;
    CHECK(row != nullptr && row->scalar != nullptr, "not a scalar function");
    return row->scalar(l, self, e);
  }

  ValueId operator()(const ast::Unary& e) {
    switch (e.op) {
      case ast::UnaryOp::plus: return l.scalar(e.operand);
      case ast::UnaryOp::minus: return b().unary(Opcode::neg, l.scalar(e.operand));
      case ast::UnaryOp::bit_not: return b().binary(Opcode::xor_, l.scalar(e.operand), b().constant(-1));
      case ast::UnaryOp::logical_not: return b().binary(Opcode::eq, l.scalar(e.operand), b().constant(0));
      case ast::UnaryOp::dereference: return l.load_scalar(l.place(&self), l.type(&self));
      case ast::UnaryOp::address_of: return l.address_of(e.operand);
    }
    UNREACHABLE("unary operator without lowering");
  }

  ValueId operator()(const ast::IncDecExpr& e) { return l.inc_dec(self, e); }

  ValueId operator()(const ast::Binary& e) {
    if (e.op == ast::BinaryOp::logical_and || e.op == ast::BinaryOp::logical_or) return l.short_circuit(self);
    return l.binary(self);
  }

  ValueId operator()(const ast::Ternary& e) {
    if (e.then == nullptr) {  // a ?: b evaluates a once
      ValueId value = l.scalar(e.condition);
      return l.choose(value, [&] { return value; }, [&] { return l.scalar(e.otherwise); });
    }
    if (l.type(&self)->is(TypeKind::none)) {
      BlockId then = l.new_block("then");
      BlockId otherwise = l.new_block("else");
      BlockId end = l.new_block("end");
      l.branch_on(e.condition, then, otherwise);
      l.enter(then);
      l.discard(e.then);
      l.jump(end);
      l.enter(otherwise);
      l.discard(e.otherwise);
      l.jump(end);
      l.enter(end);
      return {};
    }
    return l.choose(l.condition(e.condition), [&] { return l.scalar(e.then); }, [&] { return l.scalar(e.otherwise); });
  }

  ValueId operator()(const ast::Cast& e) {
    const Type* from = l.type(e.operand);
    if (!from->is(TypeKind::array)) return l.extend(l.scalar(e.operand), l.type(&self));
    Place bytes{l.slot("bytes", from->size)};  // where a number may be loaded from
    l.into(e.operand, from, bytes);
    return l.load_scalar(bytes, l.type(&self));
  }

  ValueId operator()(const ast::Field&) {
    if (l.note(&self).argument != UINT32_MAX) return l.load_argument(l.body().context.arguments[l.note(&self).argument]);
    const mir::RecordField* field = l.note(&self).field;
    if (field != nullptr && field->bit_size != 0) return l.load_bit_field(l.place(&self), *field);
    return l.load_scalar(l.place(&self), l.type(&self));
  }
  ValueId operator()(const ast::TupleField&) { return l.load_scalar(l.place(&self), l.type(&self)); }
  ValueId operator()(const ast::Index&) { return l.load_scalar(l.place(&self), l.type(&self)); }

  ValueId operator()(const ast::BlockExpr& e) {
    l.block(e.block);
    return e.value == nullptr ? ValueId() : l.scalar(e.value);
  }
  ValueId operator()(const ast::IfExpr& e) {
    bool is_void = l.type(&self)->is(TypeKind::none);
    BlockId join = l.new_block("join");
    ValueId result = is_void ? ValueId() : b().add_param(join, {});
    l.each_branch(*e.statement->as<ast::If>(), [&](const ast::Expr* value) {
      ValueId leaf = l.scalar(value);
      if (is_void) l.jump(join);
      else l.jump_with(join, {leaf});
    });
    l.enter(join);
    return result;
  }
  ValueId operator()(const ast::Comptime& e) { return l.scalar(e.operand); }
  ValueId operator()(const auto&) { UNREACHABLE("expression that is no scalar"); }
};

ValueId Lower::scalar(const ast::Expr* expr) {
  Span outer = b().span();
  b().set_span(expr->span);
  ValueId value;
  if (const auto* constant = std::get_if<int64_t>(&note(expr).constant)) {
    value = b().constant(*constant);
  } else {
    value = std::visit(ScalarLower{*this, *expr}, expr->node);
  }
  b().set_span(outer);
  return value;
}

void Lower::discard(const ast::Expr* expr) {
  const Type* value_type = type(expr);
  if (value_type == nullptr || is_scalar(value_type) || value_type->is(TypeKind::none) || value_type->is_aggregate()) {
    if (const auto* e = expr->as<ast::IncDecExpr>(); e != nullptr && e->operand->as<ast::MapRef>() != nullptr) {
      bool is_up = e->op == ast::IncDec::pre_increment || e->op == ast::IncDec::post_increment;
      b().set_span(expr->span);
      add_to_map(e->operand, b().constant(is_up ? 1 : -1), false);
      return;
    }
    scalar(expr);
  } else if (expr->as<ast::StrLit>() == nullptr) {
    place(expr);
  }
}

ValueId Lower::extend(ValueId value, const Type* to) {
  if (to->is(TypeKind::boolean)) return b().binary(Opcode::ne, value, b().constant(0));
  if (!to->is(TypeKind::integer)) return value;
  switch (to->size) {
    case 1: return b().unary(to->is_signed ? Opcode::sext8 : Opcode::zext8, value);
    case 2: return b().unary(to->is_signed ? Opcode::sext16 : Opcode::zext16, value);
    case 4: return b().unary(to->is_signed ? Opcode::sext32 : Opcode::zext32, value);
    default: return value;
  }
}

ValueId Lower::condition(const ast::Expr* expr) {
  return scalar(expr);
}

// Of `a && b || c` the left operands are followed in a loop, what is to the right of them waits.
void Lower::branch_on(const ast::Expr* expr, BlockId then, BlockId otherwise) {
  struct Waiting {
    BlockId block;
    const ast::Expr* expr;
    BlockId then;
    BlockId otherwise;
  };
  std::vector<Waiting> waiting;
  auto is_known = [&] { return !std::holds_alternative<std::monostate>(note(expr).constant); };
  while (!is_known()) {
    const auto* e = expr->as<ast::Binary>();
    if (e == nullptr || (e->op != ast::BinaryOp::logical_and && e->op != ast::BinaryOp::logical_or)) break;
    BlockId right = new_block(e->op == ast::BinaryOp::logical_and ? "and" : "or");
    waiting.push_back({right, e->right, then, otherwise});
    (e->op == ast::BinaryOp::logical_and ? then : otherwise) = right;
    expr = e->left;
  }
  const auto* negation = expr->as<ast::Unary>();
  if (!is_known() && negation != nullptr && negation->op == ast::UnaryOp::logical_not) {
    branch_on(negation->operand, otherwise, then);
  } else {
    Span outer = b().span();
    b().set_span(expr->span);
    branch(condition(expr), then, otherwise);
    b().set_span(outer);
  }
  for (; !waiting.empty(); waiting.pop_back()) {
    enter(waiting.back().block);
    branch_on(waiting.back().expr, waiting.back().then, waiting.back().otherwise);
  }
}

ValueId Lower::short_circuit(const ast::Expr& self) {
  BlockId yes = new_block("true");
  BlockId no = new_block("false");
  BlockId join = new_block("join");
  branch_on(&self, yes, no);
  ValueId result = b().add_param(join, {});
  for (auto [block, value] : {std::pair(yes, 1), std::pair(no, 0)}) {
    enter(block);
    jump_with(join, {b().constant(value)});
  }
  enter(join);
  return result;
}

namespace {

// Does the operator work on two numbers, each in a register?
bool is_arithmetic(const ast::Binary& e, const Type* left) {
  using Op = ast::BinaryOp;
  if (e.op == Op::logical_and || e.op == Op::logical_or) return false;
  return (e.op != Op::eq && e.op != Op::ne) || converts_to_integer(left);
}

}  // namespace

// Operators in a row are computed one after the other, from the left.
ValueId Lower::binary(const ast::Expr& self) {
  std::vector<const ast::Expr*> chain;
  const ast::Expr* first = &self;
  while (const auto* e = first->as<ast::Binary>()) {
    const bool is_known = std::holds_alternative<int64_t>(note(first).constant);
    if (is_known || !is_arithmetic(*e, type(e->left))) break;
    chain.push_back(first);
    first = e->left;
  }
  if (chain.empty()) {
    const auto& e = *self.as<ast::Binary>();
    const bool is_text = type(e.left)->is(TypeKind::string);
    ValueId equal = is_text ? strings_equal(e.left, e.right) : values_equal(e.left, e.right);
    return e.op == ast::BinaryOp::eq ? equal : b().binary(Opcode::xor_, equal, b().constant(1));
  }
  Span outer = b().span();
  ValueId value = scalar(first);
  for (; !chain.empty(); chain.pop_back()) {
    b().set_span(chain.back()->span);
    value = arithmetic_on(*chain.back(), value);
  }
  b().set_span(outer);
  return value;
}

ValueId Lower::arithmetic_on(const ast::Expr& self, ValueId left) {
  const auto& e = *self.as<ast::Binary>();
  const Type* left_type = type(e.left);
  ValueId right = scalar(e.right);
  if (type(&self)->is(TypeKind::pointer)) {  // moved by whole elements
    ValueId& count = left_type->is(TypeKind::pointer) ? right : left;
    count = in_elements(count, type(&self));
  } else if (e.op == ast::BinaryOp::sub && left_type->is(TypeKind::pointer) && type(e.right)->is(TypeKind::pointer)) {
    ValueId bytes = b().binary(Opcode::sub, left, right);
    uint32_t size = left_type->element->size;
    return size <= 1 ? bytes : b().binary(Opcode::div_s, bytes, b().constant(size));
  }
  bool is_signed = is_signed_operation(note(e.left), note(e.right));
  return arithmetic(e, left, right, is_signed, self.span);
}

// What is added to a pointer counts elements.
ValueId Lower::in_elements(ValueId count, const Type* moved) {
  uint32_t size = moved->is(TypeKind::pointer) ? moved->element->size : 1;
  return size <= 1 ? count : b().binary(Opcode::mul, count, b().constant(size));
}

ValueId Lower::arithmetic(const ast::Binary& e, ValueId left, ValueId right, bool is_signed, Span span) {
  using Op = ast::BinaryOp;
  Opcode less = is_signed ? Opcode::lt_s : Opcode::lt_u;
  Opcode less_equal = is_signed ? Opcode::le_s : Opcode::le_u;
  switch (e.op) {
    case Op::add: return b().binary(Opcode::add, left, right);
    case Op::sub: return b().binary(Opcode::sub, left, right);
    case Op::mul: return b().binary(Opcode::mul, left, right);
    case Op::div:
    case Op::mod: return divide(e, left, right, is_signed, span);
    case Op::bit_and: return b().binary(Opcode::and_, left, right);
    case Op::bit_or: return b().binary(Opcode::or_, left, right);
    case Op::bit_xor: return b().binary(Opcode::xor_, left, right);
    case Op::shl: return b().binary(Opcode::shl, left, right);
    case Op::shr: return b().binary(Opcode::shr_u, left, right);
    case Op::eq: return b().binary(Opcode::eq, left, right);
    case Op::ne: return b().binary(Opcode::ne, left, right);
    case Op::lt: return b().binary(less, left, right);
    case Op::le: return b().binary(less_equal, left, right);
    case Op::gt: return b().binary(less, right, left);
    case Op::ge: return b().binary(less_equal, right, left);
    case Op::logical_and:
    case Op::logical_or: break;
  }
  UNREACHABLE("binary operator without lowering");
}

// A divisor that is not known gets a test: zero is reported and the result is 1.
ValueId Lower::divide(const ast::Binary& e, ValueId left, ValueId right, bool is_signed, Span span) {
  bool is_division = e.op == ast::BinaryOp::div;
  Opcode op = is_division ? (is_signed ? Opcode::div_s : Opcode::div_u) : (is_signed ? Opcode::mod_s : Opcode::mod_u);
  if (std::holds_alternative<int64_t>(note(e.right).constant)) return b().binary(op, left, right);
  return choose(
      right, [&] { return b().binary(op, left, right); },
      [&] {
        runtime_error("division by zero", span);
        return b().constant(1);
      });
}

ValueId Lower::inc_dec(const ast::Expr&, const ast::IncDecExpr& e) {
  bool is_up = e.op == ast::IncDec::pre_increment || e.op == ast::IncDec::post_increment;
  bool is_pre = e.op == ast::IncDec::pre_increment || e.op == ast::IncDec::pre_decrement;
  const Type* value_type = type(e.operand);
  uint32_t step = value_type->is(TypeKind::pointer) && value_type->element->size != 0 ? value_type->element->size : 1;
  ValueId amount = b().constant(is_up ? int64_t{step} : -int64_t{step});
  if (e.operand->as<ast::MapRef>() != nullptr) {
    ValueId old = add_to_map(e.operand, amount, true);
    return is_pre ? b().binary(Opcode::add, old, amount) : old;
  }
  VariableId id = note(e.operand).variable;
  ValueId old = read_variable(id);
  ValueId changed = extend(b().binary(Opcode::add, old, amount), value_type);
  assign_scalar(id, changed);
  return is_pre ? changed : old;
}

}  // namespace shrike
