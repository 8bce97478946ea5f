// The table of a script's named arguments and its text.
#include "frontend/script_options.h"

#include "frontend/language_types.h"

namespace shrike {

namespace {

std::string show_default(const ScriptOption& option) {
  if (const auto* text = std::get_if<std::string>(&option.otherwise)) return "\"" + *text + "\"";
  const auto* number = std::get_if<int64_t>(&option.otherwise);
  if (number == nullptr) return "nothing";
  if (option.type->is(mir::TypeKind::boolean)) return *number != 0 ? "true" : "false";
  return std::to_string(*number);
}

std::string show_form(const std::string& name, const ScriptOption& option) {
  if (option.type->is(mir::TypeKind::boolean)) return "--" + name;
  return "--" + name + (option.type->is(mir::TypeKind::string) ? "=TEXT" : "=NUMBER");
}

}  // namespace

bool note_option(CheckedProgram& program, Diagnostics& diagnostics, std::string_view name, ScriptOption option) {
  auto [known, is_new] = program.script_options.try_emplace(std::string(name), option);
  ScriptOption& first = known->second;
  if (is_new) return true;
  if (first.span == option.span) {  // another walk, or another instance of the same probe
    first = std::move(option);
    return true;
  }
  if (first.help.empty()) first.help = option.help;
  bool is_same_kind = first.type->kind == option.type->kind;
  if (is_same_kind && first.otherwise == option.otherwise) return true;
  std::string here = is_same_kind ? show_default(option) : show(option.type);
  std::string there = is_same_kind ? show_default(first) : show(first.type);
  diagnostics.report(Diag::option_conflict, option.span, {std::string(name), here, there})
      .label(first.span, "`--" + std::string(name) + "` is " + there + " here");
  return false;
}

bool wants_option_help(const CheckedProgram& program) {
  return program.options.named.contains("help") && !program.script_options.contains("help");
}

std::string option_help(const CheckedProgram& program) {
  if (program.script_options.empty()) return "The script takes no options.\n";
  size_t width = 0;
  for (const auto& [name, option] : program.script_options) width = std::max(width, show_form(name, option).size());
  std::string out = "The script's options, after `--`:\n";
  for (const auto& [name, option] : program.script_options) {
    std::string form = show_form(name, option);
    out += "    " + form + std::string(width - form.size() + 2, ' ');
    out += option.help + (option.help.empty() ? "" : " ") + "(default " + show_default(option) + ")\n";
  }
  return out;
}

}  // namespace shrike
