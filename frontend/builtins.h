// The table of builtin variables. Adding one is one row here and one test; the parser knows none of them.
#pragma once

#include <string_view>
#include <vector>

#include "frontend/checked.h"
#include "mir/module.h"

namespace shrike {

class Checker;
class Lower;
struct Place;

struct BuiltinRow {
  std::string_view name;
  uint32_t needs;  // ProbeUse bits of which the probe must have one; 0: usable everywhere
  // The value's type; may report. Null after an error.
  const mir::Type* (*type)(Checker&, const ast::Expr&);
  // One of the two: a scalar value, or the bytes of anything else written to a place.
  mir::ValueId (*scalar)(Lower&, const ast::Expr&);
  void (*into)(Lower&, const ast::Expr&, const Place&);
  std::string_view doc;
};

// `arg0` to `argN` find the row `argN`.
// N of `argN`.
std::optional<uint32_t> argument_number(std::string_view name);
const BuiltinRow* find_builtin(std::string_view name);
const std::vector<const BuiltinRow*>& all_builtins();

// The address of the function that a probe is at, or at whose return it is. Checking lays out the types that it needs.
void lay_out_traced_function(Checker& c, Span span);
mir::ValueId traced_function(Lower& l);

}  // namespace shrike
