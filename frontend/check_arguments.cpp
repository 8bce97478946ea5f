// What the rows of builtins and functions ask of their arguments: that they are integers, known while compiling, fit their
// format.
#include "frontend/checker.h"
#include "frontend/printf_format.h"

namespace shrike {

using mir::Type;
using mir::TypeKind;

bool Checker::integer(const ast::Expr* value, std::string_view what) {
  const Type* type = expr(value);
  if (type == nullptr) return false;
  if (!converts_to_integer(type)) {
    report(Diag::expected_integer, value->span, {std::string(what), show(type)});
    return false;
  }
  return true;
}

std::optional<int64_t> Checker::constant_integer(const ast::Expr* value, std::string_view what) {
  if (!integer(value, what)) return std::nullopt;
  if (const auto* known = std::get_if<int64_t>(&constant(value))) return *known;
  report(Diag::expected_constant, value->span, {std::string(what)});
  return std::nullopt;
}

std::optional<std::string_view> Checker::constant_string(const ast::Expr* value, std::string_view what) {
  if (expr(value) == nullptr) return std::nullopt;
  if (const auto* known = std::get_if<std::string>(&constant(value))) return *known;
  report(Diag::expected_string_literal, value->span, {std::string(what)});
  return std::nullopt;
}

bool Checker::format(const ast::Call& call, size_t first) {
  std::optional<std::string_view> text = constant_string(call.args[first], "a format");
  std::vector<const Type*> given;
  for (size_t i = first + 1; i < call.args.size(); i++) given.push_back(expr(call.args[i]));
  if (!text) return false;
  Span at = call.args[first]->span;
  ParsedFormat parsed = parse_format(*text);
  if (!parsed.error.empty()) {
    report(Diag::bad_format, at, {parsed.error});
    return false;
  }
  if (parsed.conversions.size() != given.size()) {
    report(Diag::format_argument_count, at, {std::to_string(parsed.conversions.size()), std::to_string(given.size())});
    return false;
  }
  bool is_good = true;
  for (size_t i = 0; i < given.size(); i++) {
    const Type* type = given[i];
    is_good &= type != nullptr;
    if (type == nullptr) continue;
    Conversion conversion = parsed.conversions[i];
    bool is_fine = conversion == Conversion::text
                       ? !type->is(TypeKind::none) && !type->is_chart() &&
                             (!type->is(TypeKind::record) || layout(type, call.args[first + 1 + i]->span) != nullptr)
                   : conversion == Conversion::bytes ? type->is(TypeKind::buffer) || type->is(TypeKind::string)
                                                     : converts_to_integer(type);
    if (!is_fine)
      report(Diag::format_argument_type, call.args[first + 1 + i]->span, {parsed.texts[i], show(type)})
          .label(at, "the format is here");
    is_good &= is_fine;
  }
  return is_good;
}

bool Checker::readable(const ProbeArgument& argument, Span span) {
  if (!argument.user || argument.user->kind != UserPlace::Kind::elsewhere) return true;
  report(Diag::unreadable_argument, span, {argument.name, body().points.front().name, argument.user->why});
  return false;
}

}  // namespace shrike
