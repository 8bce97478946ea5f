// Internal to the frontend: the rows of the function table, by area. functions.cpp joins them.
#pragma once

#include <span>

#include "frontend/functions.h"

namespace shrike {

std::span<const FunctionRow> output_functions();  // functions_output.cpp: printf, print, exit ...
std::span<const FunctionRow> map_functions();     // functions_map.cpp: delete, has_key, len ...
std::span<const FunctionRow> memory_functions();  // functions_memory.cpp: str, buf, ntop ...
std::span<const FunctionRow> value_functions();   // functions_value.cpp: ksym, reg, nsecs, sizeof ...

}  // namespace shrike
