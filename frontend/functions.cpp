// Joins the tables of functions. Columns of the rows: functions.h.
#include "frontend/functions.h"

#include "frontend/function_rows.h"

namespace shrike {

namespace {

template <class F>
void each_row(F&& f) {
  for (auto rows : {output_functions(), map_functions(), memory_functions(), network_functions(), process_functions(),
                    string_functions(), type_functions(), value_functions()})
    for (const FunctionRow& row : rows) f(row);
}

}  // namespace

const FunctionRow* find_function(std::string_view name) {
  const FunctionRow* found = nullptr;
  each_row([&](const FunctionRow& row) {
    if (row.name == name) found = &row;
  });
  return found;
}

std::vector<std::string_view> function_names() {
  std::vector<std::string_view> names;
  each_row([&](const FunctionRow& row) { names.push_back(row.name); });
  return names;
}

const std::vector<const FunctionRow*>& all_functions() {
  static const std::vector<const FunctionRow*> all = [] {
    std::vector<const FunctionRow*> out;
    each_row([&](const FunctionRow& row) { out.push_back(&row); });
    return out;
  }();
  return all;
}

}  // namespace shrike
