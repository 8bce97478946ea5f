// #include: headers are read in place, through the caller's HeaderLoader. Those of the kernel itself are often not
// installed; where BTF tells the types, that is worth a warning, for only their constants are missing then.
#include <algorithm>
#include <array>

#include "frontend/lexer.h"

namespace shrike {

namespace {

constexpr size_t deepest_include = 200;

// First parts of the paths of the kernel's headers.
bool is_of_kernel(std::string_view path) {
  constexpr std::array<std::string_view, 22> folders = {
      "linux", "net",  "asm", "asm-generic", "uapi", "trace", "crypto", "scsi", "drm", "rdma",        "sound",
      "media", "acpi", "kvm", "target",      "vdso", "video", "xen",    "soc",  "ras", "dt-bindings", "generated"};
  std::string_view folder = path.substr(0, path.find('/'));
  return folder != path && std::find(folders.begin(), folders.end(), folder) != folders.end();
}

// Blanks and comments only.
bool is_trivia(std::string_view text) {
  while (true) {
    size_t next = text.find_first_not_of(" \t\n\r\v\f");
    if (next == std::string_view::npos) return true;
    text.remove_prefix(next);
    bool is_block = text.starts_with("/*");
    if (!is_block && !text.starts_with("//")) return false;
    size_t end = is_block ? text.find("*/", 2) : text.find('\n');
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + (is_block ? 2 : 1));
  }
}

}  // namespace

void Lexer::include_first(const std::vector<std::string>& paths) {
  for (auto path = paths.rbegin(); path != paths.rend(); ++path) {
    std::optional<HeaderFile> file = headers_->loader.find(*path, true, "", 0);
    if (file) open_header(std::move(*file), {});
    else report_missing(*path, {});
  }
}

void Lexer::read_include(Span name_span, size_t line_end, bool is_next) {
  std::string_view line = text_.substr(position_, line_end - position_);
  size_t first = line.find_first_not_of(" \t");
  std::string made;  // the text of a name that is made by macros
  if (first != std::string_view::npos && line[first] != '<' && line[first] != '"') {
    for (const Token& token : expand_all(scan_line(line_end)))
      made += token.kind == TokenKind::string ? '"' + std::string(token.text) + '"' : std::string(token.text);
    line = made;
    first = 0;
  }
  bool is_quoted = first < line.size() && line[first] == '"';
  bool is_named = first < line.size() && (is_quoted || line[first] == '<');
  size_t end = is_named ? line.find(is_quoted ? '"' : '>', first + 1) : std::string_view::npos;
  Span at = name_span;
  if (made.empty() && end != std::string_view::npos) {
    uint32_t begin = begin_ + static_cast<uint32_t>(position_ + first);
    at = {begin, begin + static_cast<uint32_t>(end - first) + 1};
  }
  position_ = line_end;
  if (end == std::string_view::npos || end == first + 1) {
    errors_.report(Diag::bad_directive, name_span, {"include", "it wants `<name>` or `\"name\"`"});
    return;
  }
  if (headers_ == nullptr) return;
  std::string_view path = line.substr(first + 1, end - first - 1);
  if (inputs_.size() >= deepest_include) {
    errors_.insist(Diag::includes_too_deep, at, {std::to_string(deepest_include)});
    return;
  }
  bool is_plain = !is_quoted && !is_next;
  if (is_plain && is_guarded(path)) return;
  std::optional<HeaderFile> file = headers_->loader.find(path, is_quoted && !is_next, file_.name, is_next ? file_.place : 0);
  if (file && file->origin == Origin::system_header) file->text += addition_to_header(path);
  if (!file) {
    std::string_view text = builtin_header(path);
    if (text.empty()) text = addition_to_header(path);
    if (!text.empty())
      file =
          HeaderFile{"<" + std::string(path) + ">", "<" + std::string(path), std::string(text), Origin::system_header, SIZE_MAX};
  }
  if (!file) return report_missing(path, at);
  if (is_of_kernel(path) && file->origin == Origin::system_header) lacks_kernel_headers_ = true;
  open_header(std::move(*file), at, is_plain ? path : std::string_view());
}

// `#ifndef macro` was read at `directive`: the whole header may lie between it and its `#endif`.
void Lexer::note_guard(std::string_view macro, size_t directive) {
  bool is_outermost = !inputs_.empty() && conditionals_.size() == inputs_.back().conditionals;
  if (is_outermost && is_trivia(text_.substr(0, directive))) file_.guard = macro;
}

bool Lexer::is_guarded(std::string_view path) {
  auto guard = guards_.find(std::string(path));
  return guard != guards_.end() && is_defined(guard->second);
}

void Lexer::report_missing(std::string_view path, Span at) {
  if (is_of_kernel(path) && headers_->loader.has_btf()) {
    lacks_kernel_headers_ = true;
    // A header found somewhere may ask for others that only the kernel's build has: what matters was said at the first.
    if (origin_ == Origin::script) errors_.insist(Diag::header_not_installed, at, {std::string(path)});
    return;
  }
  errors_.insist(Diag::header_not_found, at, {std::string(path)})
      .with_hint("`-I DIR` adds a folder to search; so do the variables CPATH and C_INCLUDE_PATH");
}

void Lexer::open_header(HeaderFile file, Span include, std::string_view path) {
  if (std::find(once_.begin(), once_.end(), file.identity) != once_.end()) return;
  uint32_t begin = headers_->sources.add(file.name, std::move(file.text), include);
  inputs_.push_back({text_, begin_, position_, origin_, conditionals_.size(), std::move(file_)});
  text_ = headers_->sources.file_text(begin);
  begin_ = begin;
  position_ = 0;
  // What a header of the system includes is as little the user's business.
  origin_ = std::max(origin_, file.origin);
  file_ = {std::move(file.name), std::move(file.identity), file.place, std::string(path), {}, 0};
}

// At the end of its text.
void Lexer::leave_header() {
  bool is_all_guarded = !file_.guard.empty() && file_.guarded_until != 0 && is_trivia(text_.substr(file_.guarded_until));
  if (is_all_guarded && !file_.path.empty()) guards_.insert_or_assign(std::move(file_.path), file_.guard);
  Input& outer = inputs_.back();
  conditionals_.resize(std::min(conditionals_.size(), outer.conditionals));
  text_ = outer.text;
  begin_ = outer.begin;
  position_ = outer.position;
  origin_ = outer.origin;
  file_ = std::move(outer.file);
  inputs_.pop_back();
}

// The operand of __has_include, without its parentheses.
bool Lexer::has_header(std::span<const Token> name) {
  if (name.empty() || headers_ == nullptr) return false;
  std::string path;
  bool is_quoted = name[0].kind == TokenKind::string;
  if (is_quoted) path = name[0].text;
  else
    for (size_t i = 1; i + 1 < name.size(); i++) path += name[i].text;
  return headers_->loader.find(path, is_quoted, file_.name, 0) || !builtin_header(path).empty();
}

}  // namespace shrike
