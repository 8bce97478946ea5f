// Internal to the frontend: what builtins.cpp shares with functions_process.cpp, where they stand with an argument.
#pragma once

#include "frontend/lower.h"

namespace shrike {

class Checker;

// As shrike's own pid namespace counts them, or the first one.
mir::ValueId current_pid(Lower& l, bool is_init = false);
mir::ValueId current_tid(Lower& l, bool is_init = false);

// ppid, pcomm, leader_tid, leader_comm: of the current task, or of the one a call is given.
const mir::Type* task_field_type(Checker& c, const ast::Expr& expr);
mir::ValueId task_field_scalar(Lower& l, const ast::Expr& expr);
void task_field_into(Lower& l, const ast::Expr& expr, const Place& to);

}  // namespace shrike
