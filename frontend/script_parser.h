// The recursive-descent parser behind parser.h; one class over parser*.cpp. Needs a Lexer; establishes the Program.
// After a mistake the parser panics: every token reads as `invalid` and nothing more is reported until a statement or
// top-level loop resynchronizes, so that each independent mistake gives one message. Depth is limited twice: what nests
// in the text (max_nesting) and how deep expression trees get by long chains (max_chain), so that every later stage may
// recurse over the tree. Chains of `else if` and of operators are as long as they like: those are followed in loops.
#pragma once

#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "frontend/constant_expr.h"
#include "frontend/lexer.h"
#include "frontend/parser.h"

namespace shrike {

class ScriptParser {
 public:
  static constexpr uint32_t max_nesting = 400;
  static constexpr uint32_t max_chain = 500;

  ScriptParser(std::string_view text, uint32_t begin, const ParseOptions& options, Headers* headers, Arena& arena,
               Diagnostics& diagnostics);

  ast::Program parse_program();

 private:
  struct Nesting {
    ScriptParser& parser;
    explicit Nesting(ScriptParser& p) : parser(p) { parser.nesting_++; }
    Nesting(const Nesting&) = delete;
    ~Nesting() { parser.nesting_--; }
  };
  // A block; `is_open` if its last statement has no `;` and can be the block's value.
  struct ParsedBlock {
    ast::Block* block;
    bool is_open;
  };

  // --- tokens
  const Token& peek(size_t ahead = 0);
  bool at(TokenKind kind) { return peek().kind == kind; }
  Token take();
  bool accept(TokenKind kind);
  bool expect(TokenKind kind);
  Token expect_name(std::string_view what);
  Span since(Span start) const { return cover(start, last_span_); }

  // --- mistakes (parser.cpp)
  Diagnostic& fail(Diag id, Span span, std::initializer_list<std::string> args = {});  // and panic
  Diagnostic& fail_expected(std::string_view what);
  bool is_too_deep();
  void synchronize();       // to after `;` or before `}`, over balanced braces
  void skip_to_body_end();  // to after the next balanced `{ }` at top level
  void skip_braces();

  // --- top level (parser.cpp)
  void parse_item(ast::Program& program);
  bool parse_word_item(ast::Program& program);
  void parse_config(ast::Program& program);
  void parse_config_entry(ast::Program& program);
  void parse_block_import();
  void parse_import(ast::Program& program);
  void parse_map_declaration(ast::Program& program);
  void parse_function(ast::Program& program);
  void parse_macro(ast::Program& program);
  ast::Parameter parse_parameter();
  enum class Section : uint8_t { c, config, items };
  void enter_section(Section section, Span first);
  void report_out_of_order(Span at, std::string_view what, std::string_view before, Section section);

  // --- probes (parser_probe.cpp)
  void parse_probe(ast::Program& program);
  bool parse_attach_points(ast::Probe& probe);
  bool parse_attach_point(ast::Probe& probe);
  bool parse_predicate(ast::Probe& probe);
  std::string replace_positionals(std::string_view raw, Span span);
  void split_attach_point(std::string_view text, ast::AttachPoint& point);

  // --- statements (parser_stmt.cpp)
  ParsedBlock parse_block();
  const ast::Stmt* parse_statement();
  const ast::Stmt* parse_simple_statement();
  const ast::Stmt* parse_let();
  const ast::Stmt* parse_if();
  const ast::Stmt* parse_for();
  const ast::Stmt* parse_while_or_unroll();
  const ast::Stmt* parse_expression_statement();
  const ast::Expr* parse_condition();
  const ast::Expr* take_value(ast::Block& block);
  void end_statement(const ast::Expr* expr);
  template <class T>
  const ast::Stmt* make_stmt(Span span, T node) {
    return arena_.make<ast::Stmt>(ast::Stmt{span, ast::StmtNode(std::move(node))});
  }

  // --- expressions (parser_expr.cpp)
  const ast::Expr* parse_expr();
  const ast::Expr* parse_binary(int lowest);
  const ast::Expr* parse_unary();
  const ast::Expr* parse_prefix_increment();
  const ast::Expr* parse_postfix();
  const ast::Expr* parse_postfix_of(const ast::Expr* object, Span start);
  const ast::Expr* parse_field(const ast::Expr* object, Span start);
  const ast::Expr* parse_operand();
  const ast::Expr* parse_cast();
  const ast::Expr* parse_primary();
  const ast::Expr* parse_leaf();
  const ast::Expr* parse_parenthesized();
  const ast::Expr* parse_record(Span start);
  const ast::Expr* parse_map_ref();
  const ast::Expr* parse_name();
  const ast::Expr* parse_call(const Token& name);
  void parse_type_call_argument(ast::Call& call);
  void parse_container_of(ast::Call& call);
  void parse_field_path(ast::Call& call);
  const ast::Expr* parse_value_block();
  const ast::Expr* parse_value_if();
  const ast::Expr* error_expr();
  ast::ExprList parse_list(TokenKind close, bool* has_trailing_comma = nullptr);
  const ast::Expr* make_expr(Span span, ast::ExprNode node, std::initializer_list<const ast::Expr*> children = {},
                             const ast::ExprList* more = nullptr);
  uint32_t depth_of(const ast::Expr* expr) const { return depths_[expr->id.index - options_.first_expr_id]; }
  void check_incrementable(const ast::Expr* operand);

  // --- types (parser_types.cpp)
  bool at_cast();
  bool at_type_argument();
  bool is_type_name(std::string_view name) const;
  bool starts_type(size_t ahead);
  size_t skip_stars(size_t ahead);
  ast::TypeName parse_type();
  const ast::Expr* parse_size();
  void parse_type_head(ast::TypeName& type);
  std::string_view parse_c_words();

  // --- the C section and headers (parser_c.cpp, parser_c_types.cpp)
  // What stands before the names of a declaration.
  struct Specifiers {
    ast::CMember type;
    bool is_typedef = false;
    bool has_body = false;
    ast::CRecord* made_record = nullptr;  // one without a name, which a typedef may give it
    ast::CEnum* made_enum = nullptr;      // the same
  };
  void parse_header_item();
  void skip_header_item();
  void parse_declaration();
  bool skip_other_declaration();
  void add_typedef(const Specifiers& specifiers, ast::CDeclarator declarator, Span start);
  bool parse_specifiers(Specifiers& out);
  void parse_record_specifier(Specifiers& out, std::string& words);
  void parse_enum_specifier(Specifiers& out, std::string& words);
  bool parse_record_body(ast::CRecord& record);
  void skip_body_rest();
  bool parse_member(ast::CMember& member);
  bool parse_declarators(ast::CMember& member);
  ast::CDeclarator parse_declarator();
  void parse_function_pointer(ast::CDeclarator& declarator);
  void parse_dimensions(ast::CDeclarator& declarator);
  void parse_enumerators(ast::CEnum& definition);
  void skip_balanced(TokenKind open, TokenKind close);
  void parse_attributes(ast::CAttributes& attributes);
  void parse_one_attribute(ast::CAttributes& attributes);
  ast::CConstant parse_constant(std::initializer_list<TokenKind> ends);

  const ParseOptions& options_;
  std::string_view text_;
  uint32_t begin_;
  Arena& arena_;
  ParseErrors errors_;
  Lexer lexer_;
  std::vector<Token> ahead_;
  Token invalid_;
  Span last_span_;
  bool is_panicking_ = false;
  bool reported_end_ = false;
  bool in_predicate_ = false;
  bool last_statement_is_open_ = false;
  uint32_t nesting_ = 0;
  uint32_t deepest_in_block_ = 0;  // of the expressions made since the innermost value block began
  std::vector<uint16_t> depths_;   // of expression trees, by ExprId
  ast::Program* program_ = nullptr;
  std::unordered_set<std::string_view> c_types_;
  struct EnumConstant {
    int64_t value;
    Span span;
    Origin origin;
  };
  std::unordered_map<std::string_view, EnumConstant> c_constants_;
  Section section_ = Section::c;
  Span section_begins_[3];  // the first thing of each
  Span config_span_;        // of the first `config` block
};

}  // namespace shrike
