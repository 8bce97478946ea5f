// Globs become anchored regular expressions for RE2: its matching time is linear, so a pattern such as
// `*a*b*c*` cannot stall a listing of a hundred thousand symbols.
#include "runtime/glob.h"

#include <re2/re2.h>

namespace shrike {

namespace {

// `[a-z]` and `[!a-z]` pass through as character classes; an unclosed `[` is a plain character.
std::string regex_of(std::string_view pattern) {
  std::string out;
  for (size_t i = 0; i < pattern.size(); i++) {
    char c = pattern[i];
    size_t close = c == '[' ? pattern.find(']', i + 2) : std::string_view::npos;
    if (c == '*') {
      out += ".*";
    } else if (c == '?') {
      out += '.';
    } else if (close != std::string_view::npos) {
      out += '[';
      size_t from = i + 1;
      if (pattern[from] == '!') {
        out += '^';
        from++;
      }
      for (size_t j = from; j < close; j++) {
        if (pattern[j] == '\\' || pattern[j] == '[') out += '\\';
        out += pattern[j];
      }
      out += ']';
      i = close;
    } else {
      out += re2::RE2::QuoteMeta(re2::StringPiece(&pattern[i], 1));
    }
  }
  return out;
}

}  // namespace

bool is_glob(std::string_view text) {
  return text.find_first_of("*?[") != std::string_view::npos;
}

Glob::Glob(std::string_view pattern) : matches_all_(pattern == "*") {
  if (matches_all_) return;
  if (is_glob(pattern)) {
    re2::RE2::Options options(re2::RE2::Quiet);
    options.set_dot_nl(true);
    options.set_encoding(re2::RE2::Options::EncodingLatin1);
    auto regex = std::make_unique<re2::RE2>(regex_of(pattern), options);
    if (regex->ok()) {
      regex_ = std::move(regex);
      return;
    }
  }
  literal_ = pattern;
}

Glob::~Glob() = default;
Glob::Glob(Glob&&) noexcept = default;

bool Glob::matches(std::string_view name) const {
  if (matches_all_) return true;
  if (!regex_) return name == literal_;
  return re2::RE2::FullMatch(re2::StringPiece(name.data(), name.size()), *regex_);
}

Pattern::Pattern(std::string_view regex)
    : regex_(std::make_unique<re2::RE2>(re2::StringPiece(regex.data(), regex.size()), re2::RE2::Quiet)) {}
Pattern::~Pattern() = default;

const std::string& Pattern::why_not() const {
  return regex_->error();
}

bool Pattern::is_in(std::string_view text) const {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *regex_);
}

}  // namespace shrike
