// Macro expansion: copies trees, replacing uses of macros by their bodies and, inside a body, parameters by arguments.
//
// A Use is one expansion in progress. An argument is kept with the use it was written in and copied from there each time
// its parameter is met, so arguments see the caller's names and never the macro's. A macro's own variables get a name per
// use that no script can write. Every step goes to a smaller part of a text or to a macro not yet in the chain of uses, so
// expansion ends; how much it makes is bounded by max_copies, how deep by max_depth.
#include "frontend/expand_macros.h"

#include <algorithm>
#include <map>

#include "frontend/ast_walk.h"
#include "frontend/builtins.h"
#include "frontend/functions.h"
#include "frontend/macro_table.h"

namespace shrike {

namespace {

constexpr uint32_t max_copies = 200000;
constexpr uint32_t max_depth = 900;

struct Use;

// An expression as written in the body of `use`; null: in the script itself.
struct Argument {
  const ast::Expr* expr;
  const Use* use;
};

struct Use {
  const ast::MacroDefinition* macro = nullptr;
  const Use* outer = nullptr;  // whose body holds the use
  Span span;
  Span body;           // as defined
  uint32_t begin = 0;  // of the offsets that stand for the body in this use; 0: none
  uint32_t number = 0;
  std::vector<Argument> arguments;
  mutable std::map<std::string_view, std::string_view> renamed;

  const Argument* argument(std::string_view name) const {
    for (size_t i = 0; i < arguments.size(); i++)
      if (macro->params[i].name == name) return &arguments[i];
    return nullptr;
  }
};

class MacroExpander {
 public:
  MacroExpander(ast::Program& program, SourceMap& sources, Arena& arena, Diagnostics& diagnostics)
      : program_(program),
        sources_(sources),
        arena_(arena),
        diagnostics_(diagnostics),
        table_(program, diagnostics),
        first_id_(program.expr_count) {}

  void run();

 private:
  bool uses_macros(const ast::Expr* predicate, const ast::Block* body) const;

  const ast::Expr* copy(const ast::Expr* expr, const Use* use);
  ast::ExprNode copy_node(const ast::Expr& expr, const Use* use);
  ast::ExprNode copy_chain(const ast::Expr& expr, const Use* use);
  ast::StmtNode copy_chain(const ast::If& first, const Use* use, bool keeps_value);
  ast::ExprList copy_list(const ast::ExprList& list, const Use* use);
  ast::TypeName copy_type(const ast::TypeName& type, const Use* use);
  std::optional<ast::TypeName> copy_type(const std::optional<ast::TypeName>& type, const Use* use);
  const ast::Block* copy(const ast::Block* block, const Use* use, bool keeps_value = false);
  const ast::Stmt* copy(const ast::Stmt& statement, const Use* use, bool keeps_value = false);
  ast::StmtNode copy_node(const ast::Stmt& statement, const Use* use, bool keeps_value);

  bool names_macro(const ast::Expr& expr) const;
  bool start_use(const ast::Expr& expr, const Use* use, Use& out);
  // Null if no form fits.
  const ast::Expr* expand(const ast::Expr& expr, const Use* use);
  const ast::Stmt* expand_statement(const ast::Expr& expr, const Use* use);
  void add_as_statement(ast::Block& block, const ast::Expr* value, const Use* use);
  Argument resolve(const ast::Expr* expr, const Use* use) const;
  void report_no_form(const ast::Expr& expr, std::string_view name, Span span);

  std::string_view variable_name(std::string_view name, const Use* use);
  std::string_view map_name(std::string_view name, const Use* use);
  static Span place(Span span, const Use* use);
  bool is_too_much(Span span, const Use* use);

  const ast::Expr* make(Span span, ast::ExprNode node) {
    return arena_.make<ast::Expr>(ast::Expr{ast::ExprId(program_.expr_count++), span, std::move(node)});
  }
  const ast::Stmt* make(Span span, ast::StmtNode node) { return arena_.make<ast::Stmt>(ast::Stmt{span, std::move(node)}); }

  ast::Program& program_;
  SourceMap& sources_;
  Arena& arena_;
  Diagnostics& diagnostics_;
  MacroTable table_;
  uint32_t first_id_;
  uint32_t uses_ = 0;
  uint32_t depth_ = 0;
  bool gave_up_ = false;
};

void MacroExpander::run() {
  if (diagnostics_.has_errors()) return;
  for (ast::Probe& probe : program_.probes) {
    if (!uses_macros(probe.predicate, probe.body)) continue;
    if (probe.predicate != nullptr) probe.predicate = copy(probe.predicate, nullptr);
    probe.body = copy(probe.body, nullptr);
  }
  for (ast::FunctionDefinition& function : program_.functions)
    if (uses_macros(nullptr, function.body)) function.body = copy(function.body, nullptr);
}

bool MacroExpander::uses_macros(const ast::Expr* predicate, const ast::Block* body) const {
  bool found = false;
  ast::Visitor visitor;
  visitor.on_expr = [&](const ast::Expr& expr) { found |= names_macro(expr); };
  ast::walk(predicate, visitor);
  ast::walk(body, visitor);
  return found;
}

// --- uses

bool MacroExpander::names_macro(const ast::Expr& expr) const {
  if (const auto* call = expr.as<ast::Call>()) return table_.is_name(call->name);
  if (const auto* ident = expr.as<ast::Ident>()) return table_.is_name(ident->name);
  return false;
}

// What a parameter stands for, through all callers.
Argument MacroExpander::resolve(const ast::Expr* expr, const Use* use) const {
  for (;;) {
    const auto* ident = expr->as<ast::Ident>();
    const Argument* argument = ident == nullptr || use == nullptr ? nullptr : use->argument(ident->name);
    if (argument == nullptr) return {expr, use};
    expr = argument->expr;
    use = argument->use;
  }
}

// Fills `out`. False if no macro is meant after all, or after a mistake, which is reported.
bool MacroExpander::start_use(const ast::Expr& expr, const Use* use, Use& out) {
  const auto* call = expr.as<ast::Call>();
  std::string_view name = call != nullptr ? call->name : expr.as<ast::Ident>()->name;
  out.outer = use;
  out.span = place(expr.span, use);
  std::vector<MacroParameter> kinds;
  if (call != nullptr) {
    for (const ast::Expr* arg : call->args) {
      Argument argument = resolve(arg, use);
      out.arguments.push_back(argument);
      const auto* map = argument.expr->as<ast::MapRef>();
      kinds.push_back(argument.expr->as<ast::Variable>() != nullptr ? MacroParameter::variable
                      : map != nullptr && map->key == nullptr       ? MacroParameter::map
                                                                    : MacroParameter::expression);
    }
  }
  out.macro = table_.find(name, kinds);
  if (out.macro == nullptr) {
    report_no_form(expr, name, out.span);
    return false;
  }
  for (const Use* active = use; active != nullptr; active = active->outer) {
    if (active->macro != out.macro) continue;
    Diagnostic& said = diagnostics_.report(Diag::macro_recursion, out.span, {std::string(name)});
    said.label(out.macro->span, "defined here").with_hint("use a loop");
    return false;
  }
  out.number = ++uses_;
  out.body = out.macro->body->span;
  if (out.macro->value != nullptr) out.body = cover(out.body, out.macro->value->span);
  out.begin = sources_.add_use(out.body, out.span);
  return true;
}

// What no form fits may be what the language has under the same name: then this is silent.
void MacroExpander::report_no_form(const ast::Expr& expr, std::string_view name, Span span) {
  bool is_call = expr.as<ast::Call>() != nullptr;
  if (is_call ? find_function(name) != nullptr || find_aggregation(name) != nullptr : find_builtin(name) != nullptr) return;
  Diagnostic& said = diagnostics_.report(Diag::macro_form_unknown, span, {std::string(name)});
  std::string hint;
  for (const ast::MacroDefinition* form : table_.forms_of(name)) {
    said.label(form->span, "defined here");
    hint += (hint.empty() ? "`" : " or `") + signature_of(*form) + "`";
  }
  said.with_hint("write " + hint + ": `$` takes a variable, `@` a map without its key, a name any expression");
}

const ast::Expr* MacroExpander::expand(const ast::Expr& expr, const Use* use) {
  Use inner;
  if (!start_use(expr, use, inner)) return nullptr;
  const ast::MacroDefinition& macro = *inner.macro;
  if (macro.value == nullptr) {
    diagnostics_.report(Diag::macro_without_value, inner.span, {std::string(macro.name)})
        .label(macro.span, "defined here")
        .with_hint("leave out the `;` after its last expression");
    return make(inner.span, ast::ErrorExpr{});
  }
  if (macro.body->statements.empty()) return copy(macro.value, &inner);
  const ast::Block* block = copy(macro.body, &inner);
  return make(inner.span, ast::BlockExpr{block, copy(macro.value, &inner)});
}

const ast::Stmt* MacroExpander::expand_statement(const ast::Expr& expr, const Use* use) {
  Use inner;
  if (!start_use(expr, use, inner)) return nullptr;
  auto* block = arena_.make<ast::Block>();
  block->span = inner.span;
  for (const ast::Stmt* statement : inner.macro->body->statements) block->statements.push_back(copy(*statement, &inner));
  if (inner.macro->value != nullptr) add_as_statement(*block, inner.macro->value, &inner);
  return make(inner.span, ast::StmtNode(ast::BlockStmt{block}));
}

// A value that nobody wants.
void MacroExpander::add_as_statement(ast::Block& block, const ast::Expr* value, const Use* use) {
  if (const auto* chosen = value->as<ast::IfExpr>()) block.statements.push_back(copy(*chosen->statement, use));
  else block.statements.push_back(copy(ast::Stmt{value->span, ast::ExprStmt{value}}, use));
}

// --- names

std::string_view MacroExpander::variable_name(std::string_view name, const Use* use) {
  if (use == nullptr) return name;
  if (const Argument* argument = use->argument(name))
    return variable_name(argument->expr->as<ast::Variable>()->name, argument->use);
  std::string_view& renamed = use->renamed[name];
  if (renamed.empty())
    renamed = arena_.copy(std::string(name) + "." + std::string(use->macro->name) + "." + std::to_string(use->number));
  return renamed;
}

std::string_view MacroExpander::map_name(std::string_view name, const Use* use) {
  if (use == nullptr) return name;
  const Argument* argument = use->argument(name);
  return argument == nullptr ? name : map_name(argument->expr->as<ast::MapRef>()->name, argument->use);
}

// --- copies

// Of what is written at `span` in the body of `use`.
Span MacroExpander::place(Span span, const Use* use) {
  if (use == nullptr) return span;
  if (use->begin == 0 || span.begin < use->body.begin || span.end > use->body.end) return use->span;
  return {use->begin + (span.begin - use->body.begin), use->begin + (span.end - use->body.begin)};
}

bool MacroExpander::is_too_much(Span span, const Use* use) {
  if (gave_up_) return true;
  for (; use != nullptr; use = use->outer) span = use->span;  // all of it is made by what the script says
  if (depth_ > max_depth) {
    diagnostics_.report(Diag::expression_too_deep, span, {std::to_string(max_depth)});
  } else if (uses_ != 0 && program_.expr_count - first_id_ > max_copies + first_id_) {
    diagnostics_.report(Diag::macros_too_big, span, {std::to_string(max_copies)});
  } else {
    return false;
  }
  gave_up_ = true;
  return true;
}

const ast::Expr* MacroExpander::copy(const ast::Expr* expr, const Use* use) {
  if (expr == nullptr) return nullptr;
  Span span = place(expr->span, use);
  depth_++;
  const ast::Expr* result = nullptr;
  const auto* ident = expr->as<ast::Ident>();
  const Argument* argument = ident == nullptr || use == nullptr ? nullptr : use->argument(ident->name);
  if (is_too_much(span, use)) result = make(span, ast::ErrorExpr{});
  else if (argument != nullptr) result = copy(argument->expr, argument->use);
  else if (names_macro(*expr)) result = expand(*expr, use);
  if (result == nullptr) result = make(span, copy_node(*expr, use));
  depth_--;
  return result;
}

ast::ExprNode MacroExpander::copy_node(const ast::Expr& expr, const Use* use) {
  using namespace ast;
  auto sub = [&](const Expr* child) { return copy(child, use); };
  return std::visit(
      Overloaded{
          [&](const ast::Variable& e) -> ExprNode { return ast::Variable{variable_name(e.name, use)}; },
          [&](const MapRef& e) -> ExprNode { return MapRef{map_name(e.name, use), sub(e.key)}; },
          [&](const Call& e) -> ExprNode {
            return Call{e.name, place(e.name_span, use), copy_list(e.args, use), copy_type(e.type_arg, use), e.field_path};
          },
          [&](const Unary& e) -> ExprNode { return Unary{e.op, sub(e.operand)}; },
          [&](const IncDecExpr& e) -> ExprNode { return IncDecExpr{e.op, sub(e.operand)}; },
          [&](const Binary&) -> ExprNode { return copy_chain(expr, use); },
          [&](const Ternary& e) -> ExprNode {
            const Expr* condition = sub(e.condition);
            const Expr* then = sub(e.then);
            return Ternary{condition, then, sub(e.otherwise)};
          },
          [&](const Cast& e) -> ExprNode { return Cast{copy_type(e.type, use), sub(e.operand)}; },
          [&](const Field& e) -> ExprNode { return Field{sub(e.object), e.name, place(e.name_span, use), e.is_arrow}; },
          [&](const TupleField& e) -> ExprNode { return TupleField{sub(e.object), e.index, place(e.index_span, use)}; },
          [&](const Index& e) -> ExprNode {
            const Expr* object = sub(e.object);
            return Index{object, sub(e.index)};
          },
          [&](const Tuple& e) -> ExprNode { return Tuple{copy_list(e.elements, use)}; },
          [&](const Record& e) -> ExprNode {
            Record record = e;
            for (auto& [name, value] : record.fields) value = sub(value);
            return record;
          },
          [&](const BlockExpr& e) -> ExprNode {
            const Block* block = copy(e.block, use);
            return BlockExpr{block, sub(e.value)};
          },
          [&](const IfExpr& e) -> ExprNode { return IfExpr{copy(*e.statement, use, true)}; },
          [&](const Comptime& e) -> ExprNode { return Comptime{sub(e.operand)}; },
          [&](const auto& e) -> ExprNode { return e; },
      },
      expr.node);
}

// Operators in a row, from the first one on.
ast::ExprNode MacroExpander::copy_chain(const ast::Expr& expr, const Use* use) {
  const std::vector<const ast::Expr*> spine = ast::left_spine(&expr);
  const ast::Expr* left = copy(spine.back(), use);
  for (size_t i = spine.size() - 2;; i--) {
    const auto& e = *spine[i]->as<ast::Binary>();
    ast::ExprNode node = ast::Binary{e.op, place(e.op_span, use), left, copy(e.right, use)};
    if (i == 0) return node;
    left = make(place(spine[i]->span, use), std::move(node));
  }
}

ast::ExprList MacroExpander::copy_list(const ast::ExprList& list, const Use* use) {
  ast::ExprList out;
  for (const ast::Expr* expr : list) out.push_back(copy(expr, use));
  return out;
}

ast::TypeName MacroExpander::copy_type(const ast::TypeName& type, const Use* use) {
  ast::TypeName out = type;
  out.span = place(type.span, use);
  out.of = copy(type.of, use);
  for (ast::TypeSuffix& suffix : out.suffixes) suffix.count = copy(suffix.count, use);
  return out;
}

std::optional<ast::TypeName> MacroExpander::copy_type(const std::optional<ast::TypeName>& type, const Use* use) {
  if (!type) return std::nullopt;
  return copy_type(*type, use);
}

// `keeps_value`: the block is a branch of an `if` used as a value; its last statement stays an expression.
const ast::Block* MacroExpander::copy(const ast::Block* block, const Use* use, bool keeps_value) {
  if (block == nullptr) return nullptr;
  auto* out = arena_.make<ast::Block>();
  out->span = place(block->span, use);
  for (const ast::Stmt* statement : block->statements)
    out->statements.push_back(copy(*statement, use, keeps_value && statement == block->statements.back()));
  return out;
}

const ast::Stmt* MacroExpander::copy(const ast::Stmt& statement, const Use* use, bool keeps_value) {
  depth_++;
  Span span = place(statement.span, use);
  const ast::Stmt* result = nullptr;
  if (is_too_much(span, use)) {
    result = make(span, ast::StmtNode(ast::BlockStmt{arena_.make<ast::Block>()}));
  } else if (const auto* alone = statement.as<ast::ExprStmt>(); alone != nullptr && !keeps_value) {
    Argument meant = resolve(alone->expr, use);
    if (names_macro(*meant.expr)) {
      result = expand_statement(*meant.expr, meant.use);
      if (result == nullptr) result = make(span, ast::StmtNode(ast::ExprStmt{make(span, copy_node(*meant.expr, meant.use))}));
    }
  }
  if (result == nullptr) result = make(span, copy_node(statement, use, keeps_value));
  depth_--;
  return result;
}

ast::StmtNode MacroExpander::copy_node(const ast::Stmt& statement, const Use* use, bool keeps_value) {
  using namespace ast;
  auto sub = [&](const Expr* child) { return copy(child, use); };
  return std::visit(Overloaded{
                        [&](const ExprStmt& s) -> StmtNode { return ExprStmt{sub(s.expr)}; },
                        [&](const Assign& s) -> StmtNode {
                          const Expr* target = sub(s.target);
                          return Assign{target, s.op, sub(s.value)};
                        },
                        [&](const Let& s) -> StmtNode {
                          const Expr* variable = sub(s.variable);
                          return Let{variable, copy_type(s.type, use), sub(s.value)};
                        },
                        [&](const If& s) -> StmtNode { return copy_chain(s, use, keeps_value); },
                        [&](const While& s) -> StmtNode {
                          const Expr* condition = sub(s.condition);
                          return While{condition, copy(s.body, use)};
                        },
                        [&](const Unroll& s) -> StmtNode {
                          const Expr* count = sub(s.count);
                          return Unroll{count, copy(s.body, use)};
                        },
                        [&](const ForMap& s) -> StmtNode {
                          const Expr* variable = sub(s.variable);
                          const Expr* map = sub(s.map);
                          return ForMap{variable, map, copy(s.body, use)};
                        },
                        [&](const ForRange& s) -> StmtNode {
                          const Expr* variable = sub(s.variable);
                          const Expr* from = sub(s.from);
                          const Expr* to = sub(s.to);
                          return ForRange{variable, from, to, copy(s.body, use)};
                        },
                        [&](const Return& s) -> StmtNode { return Return{sub(s.value)}; },
                        [&](const BlockStmt& s) -> StmtNode { return BlockStmt{copy(s.block, use)}; },
                        [&](const auto& s) -> StmtNode { return s; },
                    },
                    statement.node);
}

// `else if` after `else if`, put together from the last.
ast::StmtNode MacroExpander::copy_chain(const ast::If& first, const Use* use, bool keeps_value) {
  struct Arm {
    ast::If copied;
    Span span;  // of the block that is its `else`
    Span next;  // of the `if` there
  };
  std::vector<Arm> arms;
  for (const ast::If* at = &first; at != nullptr;) {
    const ast::Expr* condition = copy(at->condition, use);
    const ast::Block* then = copy(at->then, use, keeps_value);
    const ast::Stmt* next = ast::else_if(*at);
    if (next == nullptr) arms.push_back({{condition, then, copy(at->otherwise, use, keeps_value)}, {}, {}});
    else arms.push_back({{condition, then, nullptr}, place(at->otherwise->span, use), place(next->span, use)});
    at = next == nullptr ? nullptr : next->as<ast::If>();
  }
  for (size_t i = arms.size() - 1; i > 0; i--) {
    auto* block = arena_.make<ast::Block>();
    block->span = arms[i - 1].span;
    block->statements.push_back(make(arms[i - 1].next, ast::StmtNode(arms[i].copied)));
    arms[i - 1].copied.otherwise = block;
  }
  return arms[0].copied;
}

}  // namespace

void expand_macros(ast::Program& program, SourceMap& sources, Arena& arena, Diagnostics& diagnostics) {
  if (!program.macros.empty()) MacroExpander(program, sources, arena, diagnostics).run();
}

namespace {

// `$t.swap.1` is `$t` to its author.
void restore_names(std::string& text) {
  auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  auto skip = [&](size_t at, auto is_part) {
    while (at < text.size() && is_part(text[at])) at++;
    return at;
  };
  auto is_word_part = [&](char c) { return is_letter(c) || is_digit(c); };
  for (size_t at = text.find('$'); at != std::string::npos; at = text.find('$', at + 1)) {
    const size_t name_end = skip(at + 1, is_word_part);
    if (name_end >= text.size() || text[name_end] != '.' || name_end == at + 1) continue;
    const size_t macro_end = skip(name_end + 1, is_word_part);
    if (macro_end >= text.size() || text[macro_end] != '.') continue;
    const size_t end = skip(macro_end + 1, is_digit);
    if (end != macro_end + 1) text.erase(name_end, end - name_end);
  }
}

}  // namespace

void restore_macro_names(Diagnostic& diagnostic) {
  restore_names(diagnostic.message);
  restore_names(diagnostic.hint);
  for (Label& label : diagnostic.labels) restore_names(label.text);
}

}  // namespace shrike
