// Internal to macro expansion: the definitions of a script, verified, and which form of an overloaded name fits a use.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "frontend/ast.h"
#include "mir/base/diagnostic.h"

namespace shrike {

enum class MacroParameter : uint8_t { variable, map, expression };  // $v, @m, name

inline MacroParameter kind_of(const ast::Parameter& parameter) {
  return parameter.name.starts_with('$')   ? MacroParameter::variable
         : parameter.name.starts_with('@') ? MacroParameter::map
                                           : MacroParameter::expression;
}

class MacroTable {
 public:
  // Reports what is wrong with the definitions themselves.
  MacroTable(const ast::Program& program, Diagnostics& diagnostics);

  bool is_name(std::string_view name) const { return forms_.contains(name); }
  const std::vector<const ast::MacroDefinition*>& forms_of(std::string_view name) const { return forms_.at(name); }
  // The form for arguments of these kinds; a `$v` or `@m` parameter wins over one that takes anything. Null: none.
  const ast::MacroDefinition* find(std::string_view name, const std::vector<MacroParameter>& arguments) const;

 private:
  std::unordered_map<std::string_view, std::vector<const ast::MacroDefinition*>> forms_;
};

// "swap($a, $b)"
std::string signature_of(const ast::MacroDefinition& macro);

}  // namespace shrike
