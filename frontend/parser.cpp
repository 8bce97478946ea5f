// The top level of a script, and how the parser gets over mistakes.
#include "frontend/parser.h"

#include "frontend/script_parser.h"

namespace shrike {

ScriptParser::ScriptParser(std::string_view text, uint32_t begin, const ParseOptions& options, Headers* headers, Arena& arena,
                           Diagnostics& diagnostics)
    : options_(options),
      text_(text),
      begin_(begin),
      arena_(arena),
      errors_(diagnostics),
      lexer_(text, begin, arena, errors_, headers) {
  if (headers != nullptr) lexer_.include_first(options.first_headers);
  invalid_.kind = TokenKind::invalid;
}

ast::Program parse(SourceMap& sources, uint32_t begin, const ParseOptions& options, Arena& arena, Diagnostics& diagnostics) {
  std::string_view text = sources.file_text(begin);
  size_t nul = text.find('\0');
  if (nul != std::string_view::npos) {
    uint32_t at = begin + static_cast<uint32_t>(nul);
    diagnostics.report(Diag::not_a_script, {at, at + 1});
    return {};
  }
  if (options.headers == nullptr) return ScriptParser(text, begin, options, nullptr, arena, diagnostics).parse_program();
  Headers headers{*options.headers, sources};
  return ScriptParser(text, begin, options, &headers, arena, diagnostics).parse_program();
}

// --- tokens

const Token& ScriptParser::peek(size_t ahead) {
  if (is_panicking_) return invalid_;
  while (ahead_.size() <= ahead) ahead_.push_back(lexer_.next());
  return ahead_[ahead];
}

Token ScriptParser::take() {
  Token token = peek();
  if (is_panicking_) return token;
  if (token.kind == TokenKind::end) return token;
  ahead_.erase(ahead_.begin());
  last_span_ = token.span;
  return token;
}

bool ScriptParser::accept(TokenKind kind) {
  if (!at(kind)) return false;
  take();
  return true;
}

bool ScriptParser::expect(TokenKind kind) {
  if (accept(kind)) return true;
  fail_expected("`" + std::string(spelling_of(kind)) + "`");
  return false;
}

Token ScriptParser::expect_name(std::string_view what) {
  if (peek().is_word()) return take();
  fail_expected(what);
  return invalid_;
}

// --- mistakes

Diagnostic& ScriptParser::fail(Diag id, Span span, std::initializer_list<std::string> args) {
  Diagnostic& diagnostic = errors_.report(id, span, args);
  is_panicking_ = true;
  errors_.is_muted = true;
  return diagnostic;
}

Diagnostic& ScriptParser::fail_expected(std::string_view what) {
  Token found = peek();
  // The lexer has told already what is wrong with an invalid token; the end of the file is worth one message.
  bool is_told =
      found.kind == TokenKind::invalid || (found.kind == TokenKind::end && (reported_end_ || lexer_.has_swallowed_end()));
  if (found.kind == TokenKind::end) reported_end_ = true;
  if (is_told) errors_.is_muted = true;
  // What is missing at the end of a line is missing there, not on the next.
  Span at = found.span;
  bool is_in_script = last_span_.begin >= begin_ && at.end <= begin_ + text_.size();
  if (is_in_script && last_span_.is_known() && last_span_.end <= at.begin) {
    std::string_view between = text_.substr(last_span_.end - begin_, at.begin - last_span_.end);
    if (between.find('\n') != std::string_view::npos) at = {last_span_.end - 1, last_span_.end};
  }
  return fail(Diag::expected_token, at, {std::string(what), describe(found)});
}

bool ScriptParser::is_too_deep() {
  if (is_panicking_) return true;
  if (nesting_ <= max_nesting) return false;
  fail(Diag::nesting_too_deep, peek().span, {std::to_string(max_nesting)});
  reported_end_ = true;  // braces left open by what is skipped are no mistake of their own
  return true;
}

// From the opening brace to after the one that closes it.
void ScriptParser::skip_braces() {
  size_t open = 0;
  while (!at(TokenKind::end)) {
    Token token = take();
    if (token.kind == TokenKind::left_brace) open++;
    if (token.kind == TokenKind::right_brace && --open == 0) return;
  }
}

void ScriptParser::synchronize() {
  is_panicking_ = false;
  while (!at(TokenKind::end) && !at(TokenKind::right_brace)) {
    if (at(TokenKind::left_brace)) {
      skip_braces();
      // `if bad {} else {}`: what follows a skipped body is a new statement, but its `else` is not.
      if (at(TokenKind::kw_else) || at(TokenKind::semicolon) || at(TokenKind::comma) || at(TokenKind::right_paren)) continue;
      break;
    }
    if (take().kind == TokenKind::semicolon) break;
  }
  errors_.is_muted = errors_.is_full();
}

void ScriptParser::skip_to_body_end() {
  is_panicking_ = false;
  while (!at(TokenKind::end)) {
    if (at(TokenKind::left_brace)) {
      skip_braces();
      break;
    }
    if (take().kind == TokenKind::right_brace) break;
  }
  errors_.is_muted = errors_.is_full();
}

// --- top level

ast::Program ScriptParser::parse_program() {
  ast::Program program;
  program_ = &program;
  while (!at(TokenKind::end)) {
    if (peek().origin != Origin::script) {
      parse_header_item();
      continue;
    }
    parse_item(program);
    if (is_panicking_) skip_to_body_end();
  }
  program.lacks_kernel_headers = lexer_.lacks_kernel_headers();
  program.expr_count = options_.first_expr_id + static_cast<uint32_t>(depths_.size());
  bool may_lack_probes = options_.first_expr_id != 0 || !program.imports.empty();
  if (program.probes.empty() && !may_lack_probes && errors_.reported() == 0) errors_.report(Diag::empty_program, {});
  return program;
}

void ScriptParser::parse_item(ast::Program& program) {
  switch (peek().kind) {
    case TokenKind::kw_struct:
    case TokenKind::kw_union:
    case TokenKind::kw_enum:
    case TokenKind::kw_typedef: {
      if (section_ != Section::c)
        report_out_of_order(peek().span, "C definitions", "`config`, imports and probes", Section::config);
      parse_declaration();
      return;
    }
    case TokenKind::kw_import: parse_import(program); return;
    case TokenKind::kw_let: parse_map_declaration(program); return;
    case TokenKind::semicolon: take(); return;
    case TokenKind::right_brace: {
      Span span = take().span;
      errors_.report(Diag::stray_brace, span);
      return;
    }
    default: break;
  }
  if (!parse_word_item(program)) parse_probe(program);
}

void ScriptParser::enter_section(Section section, Span first) {
  if (section_ == section) return;
  section_ = section;
  section_begins_[static_cast<size_t>(section)] = first;
}

// `section`: the earliest one that `what` must not follow.
void ScriptParser::report_out_of_order(Span at, std::string_view what, std::string_view before, Section section) {
  Diagnostic& said = errors_.report(Diag::out_of_order, at, {std::string(what), std::string(before)});
  for (size_t i = static_cast<size_t>(section); i < std::size(section_begins_); i++) {
    if (!section_begins_[i].is_known()) continue;
    said.label(section_begins_[i], "this stands before it");
    return;
  }
}

// `config`, `macro` and `fn` are not reserved: what follows decides.
bool ScriptParser::parse_word_item(ast::Program& program) {
  if (!at(TokenKind::identifier)) return false;
  std::string_view word = peek().text;
  if (word != "config" && word != "macro" && word != "fn") return false;
  if (word == "config") {
    bool is_config = peek(1).kind == TokenKind::assign || peek(1).kind == TokenKind::left_brace;
    if (is_config) parse_config(program);
    return is_config;
  }
  if (!peek(1).is_word()) return false;
  if (word == "macro") parse_macro(program);
  else parse_function(program);
  return true;
}

void ScriptParser::parse_config(ast::Program& program) {
  Token word = take();
  if (section_ == Section::items) report_out_of_order(word.span, "the `config` block", "probes, macros and maps", Section::items);
  else if (config_span_.is_known()) errors_.report(Diag::second_config, word.span).label(config_span_, "the first one");
  if (!config_span_.is_known()) config_span_ = word.span;
  if (section_ != Section::items) enter_section(Section::config, word.span);
  expect(TokenKind::assign);
  if (!expect(TokenKind::left_brace)) return;
  while (!at(TokenKind::right_brace) && !at(TokenKind::end)) {
    parse_config_entry(program);
    if (is_panicking_) synchronize();
  }
  expect(TokenKind::right_brace);
  accept(TokenKind::semicolon);
}

void ScriptParser::parse_config_entry(ast::Program& program) {
  if (accept(TokenKind::semicolon)) return;
  ast::ConfigEntry entry;
  Token key = expect_name("a config variable");
  entry.key = key.text;
  entry.key_span = key.span;
  expect(TokenKind::assign);
  Token value = peek();
  if (value.kind == TokenKind::integer) entry.value = arena_.copy(std::to_string(value.value));
  else if (value.kind == TokenKind::string || value.is_word()) entry.value = value.text;
  else fail_expected("a string, number or word");
  if (is_panicking_) return;
  take();
  entry.is_string = value.kind == TokenKind::string;
  entry.value_span = value.span;
  if (!at(TokenKind::right_brace)) expect(TokenKind::semicolon);
  if (!is_panicking_) program.config.push_back(entry);
}

void ScriptParser::parse_import(ast::Program& program) {
  Token word = take();
  if (section_ == Section::items) report_out_of_order(word.span, "imports", "probes, macros and maps", Section::items);
  else enter_section(Section::config, word.span);
  Token path = peek();
  if (path.kind != TokenKind::string) {
    fail_expected("a string");
    return;
  }
  take();
  program.imports.push_back({path.text, since(word.span)});
  accept(TokenKind::semicolon);
}

void ScriptParser::parse_map_declaration(ast::Program& program) {
  enter_section(Section::items, peek().span);
  ast::MapDeclaration declaration;
  Token let = take();
  declaration.name = peek().text;
  expect(TokenKind::map);
  expect(TokenKind::assign);
  Token kind = expect_name("a map kind");
  declaration.kind = kind.text;
  declaration.kind_span = kind.span;
  expect(TokenKind::left_paren);
  if (!at(TokenKind::right_paren)) declaration.entries = parse_size();
  expect(TokenKind::right_paren);
  declaration.span = since(let.span);
  expect(TokenKind::semicolon);
  if (!is_panicking_) {
    program.map_declarations.push_back(declaration);
    return;
  }
  // Its end is a `;`, not a body.
  synchronize();
}

ast::Parameter ScriptParser::parse_parameter() {
  ast::Parameter parameter;
  Token name = peek();
  bool is_name = name.kind == TokenKind::variable || name.kind == TokenKind::map || name.kind == TokenKind::identifier;
  if (!is_name) {
    fail_expected("a parameter");
    return parameter;
  }
  take();
  parameter.name = name.text;
  if (accept(TokenKind::colon)) parameter.type = parse_type();
  parameter.span = since(name.span);
  return parameter;
}

void ScriptParser::parse_function(ast::Program& program) {
  enter_section(Section::items, peek().span);
  ast::FunctionDefinition function;
  Span start = take().span;
  function.name = take().text;
  expect(TokenKind::left_paren);
  while (!is_panicking_ && !at(TokenKind::right_paren)) {
    function.params.push_back(parse_parameter());
    if (!accept(TokenKind::comma)) break;
  }
  expect(TokenKind::right_paren);
  if (accept(TokenKind::colon)) {
    function.result = parse_type();
  } else {
    function.result.name = "void";
    function.result.span = last_span_;
  }
  function.span = since(start);
  if (is_panicking_) return;
  function.body = parse_block().block;
  if (!is_panicking_) program.functions.push_back(std::move(function));
}

void ScriptParser::parse_macro(ast::Program& program) {
  enter_section(Section::items, peek().span);
  ast::MacroDefinition macro;
  Span start = take().span;
  macro.name = take().text;
  if (accept(TokenKind::left_paren)) {
    while (!is_panicking_ && !at(TokenKind::right_paren)) {
      macro.params.push_back(parse_parameter());
      if (!accept(TokenKind::comma)) break;
    }
    expect(TokenKind::right_paren);
  }
  macro.span = since(start);
  if (is_panicking_) return;
  ParsedBlock body = parse_block();
  if (body.is_open) macro.value = take_value(*body.block);
  macro.body = body.block;
  if (!is_panicking_) program.macros.push_back(std::move(macro));
}

}  // namespace shrike
