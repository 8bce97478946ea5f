// Internal to the frontend: the task that has a number, found by the kernel's own table of them.
#pragma once

#include "frontend/lower.h"

namespace shrike {

class Checker;

// Whether the kernel's types tell what finding takes; reports what is missing.
bool can_find_tasks(Checker& c, Span span);
// The address of the task_struct of a process or thread, by its number in the first pid namespace; 0 if there is none.
mir::ValueId find_task(Lower& l, mir::ValueId number);

}  // namespace shrike
