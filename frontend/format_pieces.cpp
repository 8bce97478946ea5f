// Cuts the text itself, not the parser's tokens: those have no comments, and names that `#define` replaced. What the
// text alone does not tell (attach points, types, predicates) comes from the tree's spans.
#include "frontend/format_pieces.h"

#include <algorithm>

#include "frontend/ast_walk.h"

namespace shrike {

namespace {

// A range of the text that stays as it is.
struct Kept {
  size_t begin;
  size_t end;
  PieceKind kind;
};

class Cutter {
 public:
  Cutter(const ast::Program& program, std::string_view text, uint32_t begin) : text_(text), begin_(begin) { collect(program); }

  std::vector<Piece> run();

 private:
  void collect(const ast::Program& program);
  void collect_body(const ast::Expr* predicate, const ast::Block* body, const ast::Expr* value);
  void keep(Span span, PieceKind kind);
  void keep(const ast::TypeName& type) { keep(type.span, PieceKind::type); }
  void keep(const std::optional<ast::TypeName>& type) {
    if (type) keep(*type);
  }
  bool at_directive() const;
  size_t line_end(size_t from) const;
  size_t directive_end() const;
  size_t piece_end(PieceKind& kind) const;
  size_t word_end(size_t from) const;
  void add(PieceKind kind, size_t end);
  void mark_predicates();

  std::string_view text_;
  uint32_t begin_;
  size_t at_ = 0;
  uint32_t newlines_ = 0;
  std::vector<Kept> kept_;
  std::vector<size_t> cast_ends_;
  std::vector<size_t> predicate_ends_;  // where bodies begin
  std::vector<Piece> pieces_;
};

bool is_word_part(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

// --- what stays as written

void Cutter::keep(Span span, PieceKind kind) {
  if (!span.is_known() || span.begin < begin_ || span.end > begin_ + text_.size()) return;
  kept_.push_back({span.begin - begin_, span.end - begin_, kind});
}

void Cutter::collect_body(const ast::Expr* predicate, const ast::Block* body, const ast::Expr* value) {
  ast::Visitor visitor;
  visitor.on_expr = [&](const ast::Expr& expr) {
    if (const auto* cast = expr.as<ast::Cast>()) {
      keep(cast->type);
      cast_ends_.push_back(cast->type.span.end - begin_);
    } else if (const auto* call = expr.as<ast::Call>()) {
      keep(call->type_arg);
    }
  };
  visitor.before_statement = [&](const ast::Stmt& statement) {
    if (const auto* let = statement.as<ast::Let>()) keep(let->type);
  };
  ast::walk(predicate, visitor);
  ast::walk(body, visitor);
  ast::walk(value, visitor);
}

void Cutter::collect(const ast::Program& program) {
  for (const ast::CRecord& record : program.records) keep(record.span, PieceKind::verbatim);
  for (const ast::CEnum& definition : program.enums) keep(definition.span, PieceKind::verbatim);
  for (const ast::CTypedef& definition : program.typedefs) keep(definition.span, PieceKind::verbatim);
  for (const ast::Probe& probe : program.probes) {
    for (const ast::AttachPoint& point : probe.attach_points) {
      bool is_named = !probe.name.empty() && &point == &probe.attach_points.front();
      keep({is_named ? probe.span.begin : point.span.begin, point.span.end}, PieceKind::verbatim);
    }
    if (probe.predicate != nullptr) predicate_ends_.push_back(probe.body->span.begin - begin_);
    collect_body(probe.predicate, probe.body, nullptr);
  }
  for (const ast::FunctionDefinition& function : program.functions) {
    for (const ast::Parameter& parameter : function.params) keep(parameter.type);
    if (function.result.name != "void") keep(function.result);
    collect_body(nullptr, function.body, nullptr);
  }
  for (const ast::MacroDefinition& macro : program.macros) collect_body(nullptr, macro.body, macro.value);
  // The outer of two that overlap comes first.
  std::sort(kept_.begin(), kept_.end(),
            [](const Kept& a, const Kept& b) { return a.begin != b.begin ? a.begin < b.begin : a.end > b.end; });
  std::sort(cast_ends_.begin(), cast_ends_.end());
}

// --- cutting

bool Cutter::at_directive() const {
  if (text_[at_] != '#') return false;
  size_t before = at_;
  while (before > 0 && (text_[before - 1] == ' ' || text_[before - 1] == '\t')) before--;
  return before == 0 || text_[before - 1] == '\n';
}

// Of a line that `\` may continue.
size_t Cutter::line_end(size_t from) const {
  for (size_t i = from; i < text_.size(); i++) {
    if (text_[i] != '\n') continue;
    bool is_continued = i > 0 && (text_[i - 1] == '\\' || (text_[i - 1] == '\r' && i > 1 && text_[i - 2] == '\\'));
    if (!is_continued) return i;
  }
  return text_.size();
}

size_t Cutter::directive_end() const {
  size_t end = line_end(at_);
  int depth = 0;
  for (size_t line = at_;;) {
    size_t word = text_.find_first_not_of(" \t", line);
    if (word != std::string_view::npos && word < end && text_[word] == '#') {
      word = text_.find_first_not_of(" \t", word + 1);
      std::string_view name = word == std::string_view::npos ? std::string_view() : text_.substr(word);
      if (name.starts_with("if")) depth++;
      else if (name.starts_with("endif")) depth--;
    }
    if (depth <= 0 || end >= text_.size()) return end;
    line = end + 1;
    end = line_end(line);
  }
}

size_t Cutter::word_end(size_t from) const {
  while (from < text_.size() && is_word_part(text_[from])) from++;
  return from;
}

// The end of the piece that begins here and is neither comment nor kept.
size_t Cutter::piece_end(PieceKind& kind) const {
  constexpr std::string_view longer[] = {
#define PUNCT(id, spelling) spelling,
#define KEYWORD(id, spelling)
#include "frontend/token.def"
#undef PUNCT
#undef KEYWORD
  };
  char c = text_[at_];
  kind = PieceKind::operand;
  if (c == '"') {
    size_t i = at_ + 1;
    while (i < text_.size() && text_[i] != '"') i += text_[i] == '\\' ? 2 : 1;
    return std::min(i + 1, text_.size());
  }
  if (c == '$' && text_.substr(at_).starts_with("$#")) return at_ + 2;
  if (c == '$' || c == '@' || (c >= '0' && c <= '9')) return word_end(at_ + 1);
  if (is_word_part(c)) {
    kind = PieceKind::word;
    return word_end(at_);
  }
  kind = PieceKind::punctuation;
  for (std::string_view spelling : longer)
    if (text_.substr(at_).starts_with(spelling)) return at_ + spelling.size();
  return at_ + 1;
}

void Cutter::add(PieceKind kind, size_t end) {
  Piece piece{kind, text_.substr(at_, end - at_)};
  piece.newlines = newlines_;
  bool is_after_type = !pieces_.empty() && pieces_.back().kind == PieceKind::type;
  if (piece.text == ")" && is_after_type) {
    auto type_end = static_cast<size_t>(pieces_.back().text.data() + pieces_.back().text.size() - text_.data());
    piece.closes_cast = std::binary_search(cast_ends_.begin(), cast_ends_.end(), type_end);
  }
  pieces_.push_back(piece);
  newlines_ = 0;
  at_ = end;
}

// The slashes around a predicate: the last before its body, and the first after the attach points.
void Cutter::mark_predicates() {
  for (size_t body : predicate_ends_) {
    auto offset_of = [&](const Piece& piece) { return static_cast<size_t>(piece.text.data() - text_.data()); };
    auto at = std::lower_bound(pieces_.begin(), pieces_.end(), body,
                               [&](const Piece& piece, size_t offset) { return offset_of(piece) < offset; });
    Piece* closing = nullptr;
    Piece* opening = nullptr;
    while (at != pieces_.begin()) {
      --at;
      if (at->kind == PieceKind::verbatim) break;
      if (at->text != "/" || at->kind != PieceKind::punctuation) continue;
      if (closing == nullptr) closing = &*at;
      else opening = &*at;
    }
    if (opening == nullptr) continue;
    opening->is_delimiter = closing->is_delimiter = true;
    opening->opens = true;
  }
}

std::vector<Piece> Cutter::run() {
  size_t next_kept = 0;
  while (at_ < text_.size()) {
    char c = text_[at_];
    bool is_continued_line = c == '\\' && at_ + 1 < text_.size() && is_blank(text_[at_ + 1]);
    if (is_blank(c) || is_continued_line) {
      newlines_ += c == '\n' ? 1 : 0;
      at_++;
      continue;
    }
    while (next_kept < kept_.size() && kept_[next_kept].begin < at_) next_kept++;
    std::string_view rest = text_.substr(at_);
    PieceKind kind = PieceKind::comment;
    if (next_kept < kept_.size() && kept_[next_kept].begin == at_) {
      add(kept_[next_kept].kind, kept_[next_kept].end);
    } else if (at_directive()) {
      add(PieceKind::lines, directive_end());
    } else if (rest.starts_with("//")) {
      size_t end = std::min(text_.find('\n', at_), text_.size());
      while (end > at_ && is_blank(text_[end - 1])) end--;
      add(kind, end);
    } else if (rest.starts_with("/*")) {
      size_t close = text_.find("*/", at_ + 2);
      add(kind, close == std::string_view::npos ? text_.size() : close + 2);
    } else {
      size_t end = piece_end(kind);
      add(kind, end);
    }
  }
  mark_predicates();
  return std::move(pieces_);
}

}  // namespace

std::vector<Piece> cut_script(const ast::Program& program, std::string_view text, uint32_t begin) {
  return Cutter(program, text, begin).run();
}

}  // namespace shrike
