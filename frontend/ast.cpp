// Spellings of the tree's operators, and its chains.
#include "frontend/ast.h"

#include "mir/base/check.h"

namespace shrike::ast {

std::string_view text_of(UnaryOp op) {
  switch (op) {
    case UnaryOp::plus: return "+";
    case UnaryOp::minus: return "-";
    case UnaryOp::logical_not: return "!";
    case UnaryOp::bit_not: return "~";
    case UnaryOp::dereference: return "*";
    case UnaryOp::address_of: return "&";
  }
  UNREACHABLE("unary operator without a text");
}

std::string_view text_of(BinaryOp op) {
  switch (op) {
    case BinaryOp::add: return "+";
    case BinaryOp::sub: return "-";
    case BinaryOp::mul: return "*";
    case BinaryOp::div: return "/";
    case BinaryOp::mod: return "%";
    case BinaryOp::bit_and: return "&";
    case BinaryOp::bit_or: return "|";
    case BinaryOp::bit_xor: return "^";
    case BinaryOp::shl: return "<<";
    case BinaryOp::shr: return ">>";
    case BinaryOp::eq: return "==";
    case BinaryOp::ne: return "!=";
    case BinaryOp::lt: return "<";
    case BinaryOp::le: return "<=";
    case BinaryOp::gt: return ">";
    case BinaryOp::ge: return ">=";
    case BinaryOp::logical_and: return "&&";
    case BinaryOp::logical_or: return "||";
  }
  UNREACHABLE("binary operator without a text");
}

const Stmt* else_if(const If& statement) {
  const Block* block = statement.otherwise;
  if (block == nullptr || block->statements.size() != 1 || block->statements[0]->as<If>() == nullptr) return nullptr;
  return block->statements[0];
}

std::vector<const Expr*> left_spine(const Expr* expr) {
  std::vector<const Expr*> spine = {expr};
  while (const auto* binary = spine.back()->as<Binary>()) spine.push_back(binary->left);
  return spine;
}

}  // namespace shrike::ast
