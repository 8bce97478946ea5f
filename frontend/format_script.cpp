// Lays out the pieces that format_pieces.cpp cuts the text into: where lines break, how far they are indented, and which
// pieces touch.
#include "frontend/format_script.h"

#include <algorithm>

#include "frontend/format_pieces.h"

namespace shrike {

namespace {

constexpr size_t indent_width = 2;

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

class Formatter {
 public:
  explicit Formatter(const std::vector<Piece>& pieces) : pieces_(pieces) {}

  std::string run();

 private:
  struct Bracket {
    char open;
    bool is_multiline;
  };

  void mark_multiline();
  bool ends_operand(const Piece& piece) const;
  bool is_unary(size_t i) const;
  bool touches(size_t left, size_t right) const;
  bool breaks_before(size_t i) const;
  void start_line(size_t i, bool may_leave_empty_line);
  size_t indent_of(size_t i) const;
  void follow_bracket(size_t i);
  // The piece before `i` that is no comment; none: i itself.
  size_t previous(size_t i) const;

  const std::vector<Piece>& pieces_;
  std::vector<bool> is_multiline_;  // by piece: an opening bracket whose text spans lines
  std::vector<Bracket> brackets_;
  std::string out_;
};

size_t Formatter::previous(size_t i) const {
  for (size_t at = i; at-- > 0;)
    if (pieces_[at].kind != PieceKind::comment && pieces_[at].kind != PieceKind::lines) return at;
  return i;
}

void Formatter::mark_multiline() {
  is_multiline_.assign(pieces_.size(), false);
  std::vector<size_t> open;
  for (size_t i = 0; i < pieces_.size(); i++) {
    const Piece& piece = pieces_[i];
    // A line break counts for every bracket around it.
    if (piece.newlines != 0 || piece.kind == PieceKind::lines) {
      for (auto bracket = open.rbegin(); bracket != open.rend() && !is_multiline_[*bracket]; ++bracket)
        is_multiline_[*bracket] = true;
    }
    if (piece.kind != PieceKind::punctuation) continue;
    if (is_one_of(piece.text, {"(", "[", "{"})) open.push_back(i);
    else if (is_one_of(piece.text, {")", "]", "}"}) && !open.empty()) open.pop_back();
  }
}

bool Formatter::ends_operand(const Piece& piece) const {
  if (piece.kind == PieceKind::punctuation) return is_one_of(piece.text, {")", "]"}) && !piece.closes_cast;
  if (piece.kind == PieceKind::word)
    return !is_one_of(piece.text, {"return", "if", "else", "while", "unroll", "for", "comptime"});
  return piece.kind != PieceKind::comment && piece.kind != PieceKind::lines;
}

bool Formatter::is_unary(size_t i) const {
  const Piece& piece = pieces_[i];
  if (piece.kind != PieceKind::punctuation || piece.is_delimiter) return false;
  if (is_one_of(piece.text, {"!", "~"})) return true;
  if (!is_one_of(piece.text, {"-", "+", "*", "&", "++", "--"})) return false;
  size_t before = previous(i);
  return before == i || !ends_operand(pieces_[before]);
}

// Whether no blank stands between two neighbours on one line.
bool Formatter::touches(size_t left, size_t right) const {
  const Piece& a = pieces_[left];
  const Piece& b = pieces_[right];
  if (a.kind == PieceKind::comment || b.kind == PieceKind::comment) return false;
  bool is_a_punctuation = a.kind == PieceKind::punctuation;
  bool is_b_punctuation = b.kind == PieceKind::punctuation;
  if (is_b_punctuation && is_one_of(b.text, {",", ";", ")", "]"})) return true;
  if (is_a_punctuation && is_one_of(a.text, {"(", "["})) return true;
  if (a.text == "{" && b.text == "}") return true;
  if (is_a_punctuation && is_one_of(a.text, {".", "->", ".."})) return true;
  if (is_b_punctuation && is_one_of(b.text, {".", "->", ".."})) return true;
  if (a.is_delimiter && a.opens) return !is_one_of(b.text.substr(0, 1), {"*", "/"});
  if (b.is_delimiter && !b.opens) return !is_a_punctuation || a.text != "*";
  if (is_a_punctuation && is_unary(left)) {
    // `- -x` is not `--x`, `& &x` not `&&x`.
    return !is_b_punctuation || is_one_of(a.text, {"!", "~"}) || is_one_of(b.text, {"(", "{", "!", "~"});
  }
  if (a.closes_cast) return true;
  if (is_b_punctuation && is_one_of(b.text, {"++", "--"})) return !is_unary(right);
  if (b.text == "[" && is_b_punctuation) return ends_operand(a);
  if (b.text == "(" && is_b_punctuation) return a.kind == PieceKind::word && ends_operand(a);
  if (a.text == "?" && b.text == ":") return true;
  if (b.text == ":" && right + 1 < pieces_.size() && pieces_[right + 1].kind == PieceKind::type) return true;
  return false;
}

bool Formatter::breaks_before(size_t i) const {
  const Piece& before = pieces_[i - 1];
  const Piece& piece = pieces_[i];
  if (piece.newlines != 0 || before.kind == PieceKind::lines || piece.kind == PieceKind::lines) return true;
  if (before.kind == PieceKind::comment && before.text.starts_with("//")) return true;
  if (piece.kind == PieceKind::comment) return false;  // behind what it is about
  bool is_open = brackets_.empty() || (brackets_.back().open == '{' && brackets_.back().is_multiline);
  if (!is_open) return false;
  if (before.text == ";" && before.kind == PieceKind::punctuation) return piece.text != ";";
  if (before.text == "{" && !brackets_.empty() && before.kind == PieceKind::punctuation) return true;
  if (piece.text == "}" && piece.kind == PieceKind::punctuation) return true;
  bool starts_statement = piece.kind == PieceKind::operand || piece.kind == PieceKind::verbatim ||
                          (piece.kind == PieceKind::word && piece.text != "else");
  return before.text == "}" && before.kind == PieceKind::punctuation && starts_statement;
}

size_t Formatter::indent_of(size_t i) const {
  const Piece& piece = pieces_[i];
  if (piece.kind == PieceKind::lines) return 0;
  auto depth = static_cast<size_t>(
      std::count_if(brackets_.begin(), brackets_.end(), [](const Bracket& bracket) { return bracket.open == '{'; }));
  bool is_closing = piece.kind == PieceKind::punctuation && is_one_of(piece.text, {")", "]", "}"});
  if (is_closing && piece.text == "}") return depth == 0 ? 0 : (depth - 1) * indent_width;
  if (brackets_.empty()) return 0;
  bool continues = brackets_.back().open != '{';
  if (!continues) {
    size_t before = previous(i);
    continues = before != i && !is_one_of(pieces_[before].text, {";", "{", "}"});
  }
  if (is_closing || piece.text == "{") continues = false;
  return (depth + (continues ? 1 : 0)) * indent_width;
}

void Formatter::start_line(size_t i, bool may_leave_empty_line) {
  while (!out_.empty() && (out_.back() == ' ' || out_.back() == '\t')) out_.pop_back();
  if (!out_.empty() && out_.back() != '\n') out_ += '\n';
  if (may_leave_empty_line && pieces_[i].newlines > 1 && !out_.empty()) out_ += '\n';
  out_.append(indent_of(i), ' ');
}

void Formatter::follow_bracket(size_t i) {
  const Piece& piece = pieces_[i];
  if (piece.kind != PieceKind::punctuation) return;
  if (is_one_of(piece.text, {"(", "[", "{"})) brackets_.push_back({piece.text[0], is_multiline_[i]});
  else if (is_one_of(piece.text, {")", "]", "}"}) && !brackets_.empty()) brackets_.pop_back();
}

std::string Formatter::run() {
  mark_multiline();
  for (size_t i = 0; i < pieces_.size(); i++) {
    if (i == 0 || breaks_before(i)) {
      bool is_first = i == 0 || (pieces_[i - 1].text == "{" && pieces_[i - 1].kind == PieceKind::punctuation);
      bool is_last = pieces_[i].text == "}" && pieces_[i].kind == PieceKind::punctuation;
      start_line(i, !is_first && !is_last);
    } else if (!touches(i - 1, i)) {
      out_ += ' ';
    }
    out_ += pieces_[i].text;
    follow_bracket(i);
  }
  if (!out_.empty() && out_.back() != '\n') out_ += '\n';
  return std::move(out_);
}

}  // namespace

std::string format_script(const ast::Program& program, std::string_view text, uint32_t begin) {
  std::vector<Piece> pieces = cut_script(program, text, begin);
  return Formatter(pieces).run();
}

}  // namespace shrike
