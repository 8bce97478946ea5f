// The table of functions. Adding one is one row in functions.cpp (long lowerings in lower_<area>.cpp) and one test.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "frontend/checked.h"
#include "mir/module.h"

namespace shrike {

class Checker;
class Lower;
struct Place;

struct FunctionRow {
  std::string_view name;
  std::string_view params;  // for messages and the manual: "addr, [len]"
  uint32_t min_args;
  uint32_t max_args;
  bool is_unsafe;  // needs --unsafe
  // Types and checks the arguments; returns the result's type, void (none) for statements, null after an error.
  const mir::Type* (*check)(Checker&, const ast::Expr&, const ast::Call&);
  // One of the two: scalar results and statements (which return an invalid id), or bytes written to a place.
  mir::ValueId (*scalar)(Lower&, const ast::Expr&, const ast::Call&);
  void (*into)(Lower&, const ast::Expr&, const ast::Call&, const Place&);
  std::string_view doc;
  bool needs_reader = false;  // of the ring: a program that is pinned has none
};

// Of a string that str() reads from memory, as much as `as` holds, written to `to`. False where it is no such call, and has to be
// made whole.
bool read_beginning(Lower&, const ast::Expr&, const mir::Type* as, const Place& to);

const FunctionRow* find_function(std::string_view name);
std::vector<std::string_view> function_names();
const std::vector<const FunctionRow*>& all_functions();

// Functions that may only be assigned to a map: @m = count().
struct AggregationRow {
  std::string_view name;
  std::string_view params;
  uint32_t min_args;
  uint32_t max_args;
  mir::TypeKind kind;
  std::string_view doc;
};
std::span<const AggregationRow> all_aggregations();
const AggregationRow* find_aggregation(std::string_view name);
// Types an aggregation call; null after an error.
const mir::Type* check_aggregation(Checker& checker, const ast::Expr& expr, const ast::Call& call, const AggregationRow& row);

}  // namespace shrike
