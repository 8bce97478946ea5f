// --emit=checked: maps with their types, then each body with its attach points and the type of every expression that has
// one. For readers; nothing parses it.
#include "frontend/ast_walk.h"
#include "frontend/checked.h"
#include "frontend/language_types.h"
#include "frontend/probes.h"

namespace shrike {

namespace {

void print_map(const UserMap& map, std::string& out) {
  out.append("map ").append(map.name);
  if (map.is_keyed) out.append(" key=").append(show(map.key));
  out.append(" value=").append(show(map.value)).append("\n");
}

// An operand of a long expression is nearly as long as that, and so is the next one in it.
constexpr size_t longest_text = 200;

void print_text(std::string_view text, std::string& out) {
  const bool is_cut = text.size() > longest_text;
  size_t end = is_cut ? longest_text : text.size();
  while (is_cut && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) end--;  // inside of a character
  for (char c : text.substr(0, end)) out += c == '\n' || c == '\t' ? ' ' : c;
  if (is_cut) out.append("...");
}

void print_body(const CheckedBody& body, const SourceMap& sources, std::string& out) {
  for (const mir::AttachPoint& point : body.points) out.append("probe ").append(point.name).append("\n");
  if (body.function != nullptr)
    out.append("fn ").append(body.function->name).append(" : ").append(show(body.result)).append("\n");
  else out.append("  program ").append(mir::name_of(body.context.row->program)).append("\n");
  for (const Variable& variable : body.variables) {
    out.append("  variable ").append(variable.name).append(" : ").append(show(variable.type));
    if (variable.is_captured) out.append("  # shared with the body of a loop");
    out.append("\n");
  }
  ast::Visitor visitor;
  visitor.on_expr = [&](const ast::Expr& expr) {
    const ExprNote& note = body.notes[expr.id];
    if (note.type == nullptr) return;
    Location at = sources.locate(expr.span.begin);
    out.append("  ").append(std::to_string(at.line)).append(":").append(std::to_string(at.column)).append(" ");
    print_text(sources.text(expr.span), out);
    out.append(" : ").append(show(note.type));
    if (const auto* value = std::get_if<int64_t>(&note.constant)) out.append(" = ").append(std::to_string(*value));
    if (const auto* text = std::get_if<std::string>(&note.constant); text != nullptr && expr.as<ast::StrLit>() == nullptr)
      out.append(" = \"").append(*text).append("\"");
    out.append("\n");
  };
  if (body.probe != nullptr) ast::walk(body.probe->predicate, visitor);
  ast::walk(body.block(), visitor);
}

}  // namespace

std::string print(const CheckedProgram& program, const SourceMap& sources) {
  std::string out;
  for (const UserMap& map : program.maps) print_map(map, out);
  for (const CheckedBody& body : program.bodies) print_body(body, sources, out);
  for (const CheckedBody& function : program.functions) print_body(function, sources, out);
  return out;
}

}  // namespace shrike
