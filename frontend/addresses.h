// Internal to the frontend: what functions take as an address, and addresses whose type the kernel itself vouches for.
#pragma once

#include "frontend/lower.h"

namespace shrike {

class Checker;

bool is_address(const mir::Type* type);

// Some helpers want a pointer that the kernel knows to be one to a record of some type. Programs get such pointers with their
// context: `args.x` of fentry and fexit, `ctx->x` of iter, or a record that lies in what one of those points to.
bool is_from_context(Checker& c, const ast::Expr* expr);
// Calls `use` with that pointer, and gives what it gives; 0 without a call if there is none, as at the end of an iteration.
mir::ValueId with_pointer_from_context(Lower& l, const ast::Expr* expr, const std::function<mir::ValueId(mir::ValueId)>& use);

}  // namespace shrike
