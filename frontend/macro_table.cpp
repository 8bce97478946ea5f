// Definitions of macros: what they may hold, and overloading by the count and kinds of parameters.
#include "frontend/macro_table.h"

#include <algorithm>

#include "frontend/ast_walk.h"

namespace shrike {

namespace {

bool is_loop(const ast::Stmt& statement) {
  return statement.as<ast::While>() != nullptr || statement.as<ast::Unroll>() != nullptr ||
         statement.as<ast::ForMap>() != nullptr || statement.as<ast::ForRange>() != nullptr;
}

// A macro's body becomes part of the probe that uses it: a `return` in it would end that probe.
void check_control_flow(const ast::MacroDefinition& macro, Diagnostics& diagnostics) {
  int loops = 0;
  ast::Visitor visitor;
  visitor.before_statement = [&](const ast::Stmt& statement) {
    std::string_view word;
    if (statement.as<ast::Return>() != nullptr) word = "return";
    if (loops == 0 && statement.as<ast::Break>() != nullptr) word = "break";
    if (loops == 0 && statement.as<ast::Continue>() != nullptr) word = "continue";
    if (!word.empty())
      diagnostics.report(Diag::macro_left, statement.span, {std::string(word), std::string(macro.name)})
          .label(macro.span, "the macro");
    loops += is_loop(statement) ? 1 : 0;
  };
  visitor.after_statement = [&](const ast::Stmt& statement) { loops -= is_loop(statement) ? 1 : 0; };
  ast::walk(macro.body, visitor);
  ast::walk(macro.value, visitor);
}

void check_parameters(const ast::MacroDefinition& macro, Diagnostics& diagnostics) {
  for (size_t i = 0; i < macro.params.size(); i++) {
    const ast::Parameter& parameter = macro.params[i];
    if (parameter.type) diagnostics.report(Diag::macro_parameter_typed, parameter.span, {std::string(parameter.name)});
    for (size_t j = 0; j < i; j++) {
      if (macro.params[j].name != parameter.name) continue;
      diagnostics.report(Diag::macro_parameter_repeated, parameter.span, {std::string(parameter.name)})
          .label(macro.params[j].span, "first named here");
    }
  }
}

bool have_same_kinds(const ast::MacroDefinition& a, const ast::MacroDefinition& b) {
  return std::equal(a.params.begin(), a.params.end(), b.params.begin(), b.params.end(),
                    [](const ast::Parameter& x, const ast::Parameter& y) { return kind_of(x) == kind_of(y); });
}

bool fits(const ast::MacroDefinition& macro, const std::vector<MacroParameter>& arguments) {
  return std::equal(macro.params.begin(), macro.params.end(), arguments.begin(), arguments.end(),
                    [](const ast::Parameter& parameter, MacroParameter argument) {
                      MacroParameter wanted = kind_of(parameter);
                      return wanted == MacroParameter::expression || wanted == argument;
                    });
}

// Of two forms that fit, the one whose first differing parameter asks for more.
bool is_narrower(const ast::MacroDefinition& a, const ast::MacroDefinition& b) {
  for (size_t i = 0; i < a.params.size(); i++) {
    bool a_any = kind_of(a.params[i]) == MacroParameter::expression;
    bool b_any = kind_of(b.params[i]) == MacroParameter::expression;
    if (a_any != b_any) return b_any;
  }
  return false;
}

}  // namespace

MacroTable::MacroTable(const ast::Program& program, Diagnostics& diagnostics) {
  for (const ast::MacroDefinition& macro : program.macros) {
    check_control_flow(macro, diagnostics);
    check_parameters(macro, diagnostics);
    std::vector<const ast::MacroDefinition*>& forms = forms_[macro.name];
    auto same = std::find_if(forms.begin(), forms.end(),
                             [&](const ast::MacroDefinition* other) { return have_same_kinds(*other, macro); });
    if (same != forms.end())
      diagnostics.report(Diag::macro_redefined, macro.span, {signature_of(macro)}).label((*same)->span, "first defined here");
    forms.push_back(&macro);
  }
}

const ast::MacroDefinition* MacroTable::find(std::string_view name, const std::vector<MacroParameter>& arguments) const {
  const ast::MacroDefinition* best = nullptr;
  for (const ast::MacroDefinition* form : forms_of(name))
    if (fits(*form, arguments) && (best == nullptr || is_narrower(*form, *best))) best = form;
  return best;
}

std::string signature_of(const ast::MacroDefinition& macro) {
  std::string text(macro.name);
  text += "(";
  for (const ast::Parameter& parameter : macro.params) {
    if (text.back() != '(') text += ", ";
    text += parameter.name;
  }
  return text + ")";
}

}  // namespace shrike
