// Probes: attach points are raw text, read from the lexer's input rather than from tokens.
#include "frontend/script_parser.h"

namespace shrike {

namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

// Providers whose parts hold no file names: there a `/` begins the predicate, wherever it stands.
bool has_no_paths(std::string_view provider) {
  for (std::string_view name :
       {"kprobe",   "k",  "kretprobe", "kr",  "tracepoint", "t",   "rawtracepoint", "rt",    "profile", "p",
        "interval", "i",  "software",  "s",   "hardware",   "h",   "fentry",        "fexit", "kfunc",   "kretfunc",
        "f",        "fr", "begin",     "end", "BEGIN",      "END", "self",          "test",  "bench"})
    if (name == provider) return true;
  return false;
}

// The length of the attach point at the start of `text`; 0 with `unclosed` set if a quote has no end.
size_t attach_point_length(std::string_view text, bool& unclosed) {
  bool is_quoted = false;
  size_t colon = std::string_view::npos;
  for (size_t i = 0; i < text.size(); i++) {
    char c = text[i];
    if (c == '\\' && i + 1 < text.size() && text[i + 1] != '\n') {
      i++;
    } else if (c == '"') {
      is_quoted = !is_quoted;
    } else if (is_quoted) {
      if (c == '\n') break;
    } else if (is_blank(c) || c == '{' || c == ',' || c == ';' || c == '}') {
      return i;
    } else if (c == ':' && colon == std::string_view::npos) {
      colon = i;
    } else if (c == '/' && (colon == std::string_view::npos || has_no_paths(text.substr(0, colon)))) {
      return i;
    }
  }
  unclosed = is_quoted;
  return is_quoted ? 0 : text.size();
}

}  // namespace

void ScriptParser::parse_probe(ast::Program& program) {
  enter_section(Section::items, peek().span);
  ast::Probe probe;
  Span start = peek().span;
  if (!parse_attach_points(probe)) return;
  if (at(TokenKind::slash) && !parse_predicate(probe)) return;
  if (!at(TokenKind::left_brace)) {
    fail_expected(probe.predicate == nullptr ? "`{` or a predicate" : "`{`");
    return;
  }
  probe.body = parse_block().block;
  probe.span = since(start);
  if (!is_panicking_) program.probes.push_back(std::move(probe));
}

bool ScriptParser::parse_predicate(ast::Probe& probe) {
  take();
  if (at(TokenKind::left_brace)) {
    fail(Diag::expected_expression, peek().span, {describe(peek())});
    return false;
  }
  in_predicate_ = true;
  probe.predicate = parse_expr();
  in_predicate_ = false;
  return expect(TokenKind::slash);
}

bool ScriptParser::parse_attach_points(ast::Probe& probe) {
  for (;;) {
    if (!parse_attach_point(probe)) return false;
    if (!accept(TokenKind::comma)) return true;
    if (at(TokenKind::left_brace) || at(TokenKind::slash)) return true;
  }
}

bool ScriptParser::parse_attach_point(ast::Probe& probe) {
  Token first = peek();
  bool can_start = first.is_word() || first.kind == TokenKind::star || first.kind == TokenKind::positional ||
                   first.kind == TokenKind::string || first.kind == TokenKind::positional_count;
  if (!can_start) {
    fail_expected("a probe");
    return false;
  }
  lexer_.rewind(first.span.begin);
  ahead_.clear();
  bool unclosed = false;
  std::string_view raw = lexer_.rest().substr(0, attach_point_length(lexer_.rest(), unclosed));
  if (unclosed) {
    fail(Diag::unterminated_string, first.span);
    return false;
  }
  lexer_.consume(raw.size());
  last_span_ = {first.span.begin, lexer_.offset()};
  size_t equals = raw.find('=');
  if (probe.attach_points.empty() && equals != std::string_view::npos && equals < raw.find(':') && equals < raw.find('"')) {
    probe.name = raw.substr(0, equals);
    raw.remove_prefix(equals + 1);
  }
  ast::AttachPoint point;
  point.text = raw;
  point.span = {last_span_.end - static_cast<uint32_t>(raw.size()), last_span_.end};
  if (raw.empty()) {
    fail(Diag::expected_token, last_span_, {"a probe", "nothing after `=`"});
    return false;
  }
  split_attach_point(replace_positionals(raw, point.span), point);
  probe.attach_points.push_back(std::move(point));
  return true;
}

std::string ScriptParser::replace_positionals(std::string_view raw, Span span) {
  std::string out;
  for (size_t i = 0; i < raw.size(); i++) {
    size_t end = i + 1;
    while (raw[i] == '$' && end < raw.size() && raw[end] >= '0' && raw[end] <= '9') end++;
    if (raw[i] == '$' && end < raw.size() && raw[end] == '#') {
      out += std::to_string(options_.positionals.size());
      i++;
    } else if (end == i + 1) {
      // A backslash keeps what follows it from being replaced; split_attach_point resolves it.
      out += raw[i];
      if (raw[i] == '\\' && i + 1 < raw.size()) out += raw[++i];
    } else {
      size_t number = std::stoul(std::string(raw.substr(i + 1, std::min<size_t>(end - i - 1, 9))));
      Span at = {span.begin + static_cast<uint32_t>(i), span.begin + static_cast<uint32_t>(end)};
      if (number >= 1 && number <= options_.positionals.size()) out += options_.positionals[number - 1];
      else
        errors_.report(Diag::no_such_positional, at,
                       {std::string(raw.substr(i, end - i)), std::to_string(options_.positionals.size())});
      i = end - 1;
    }
  }
  return out;
}

// Splits at colons outside of quotes and resolves quotes and backslashes.
void ScriptParser::split_attach_point(std::string_view text, ast::AttachPoint& point) {
  std::string part;
  bool is_quoted = false;
  bool has_provider = false;
  auto finish = [&] {
    if (has_provider) point.parts.push_back(arena_.copy(part));
    else point.provider = arena_.copy(part);
    has_provider = true;
    part.clear();
  };
  for (size_t i = 0; i < text.size(); i++) {
    char c = text[i];
    if (c == '\\' && i + 1 < text.size()) part += text[++i];
    else if (c == '"') is_quoted = !is_quoted;
    else if (c == ':' && !is_quoted) finish();
    else part += c;
  }
  finish();
}

}  // namespace shrike
