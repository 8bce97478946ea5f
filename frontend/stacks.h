// Stack traces and user symbols as values; shared by the builtins `kstack` and `ustack` and the functions of those names.
#pragma once

#include "frontend/checker.h"

namespace shrike {

class Lower;
struct Place;

const mir::Type* default_stack_type(Checker& checker, mir::TypeKind kind);
// kstack(mode), kstack(limit), kstack(mode, limit)
const mir::Type* check_stack_call(Checker& checker, const ast::Call& call, mir::TypeKind kind);
// Writes the stack whose type the expression has.
void write_stack(Lower& lower, const ast::Expr& expr, const Place& to);
void write_user_symbol(Lower& lower, mir::ValueId address, const Place& to);

}  // namespace shrike
