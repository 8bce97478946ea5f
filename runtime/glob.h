// Globs of the language (`*`, `?`, `[..]`) over names.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace shrike {

bool is_glob(std::string_view text);

// Compiled once, matched against many names. A pattern without wildcards costs a comparison and builds nothing.
class Glob {
 public:
  explicit Glob(std::string_view pattern);
  ~Glob();
  Glob(Glob&&) noexcept;
  bool matches(std::string_view name) const;

 private:
  std::string literal_;
  bool matches_all_ = false;
  std::unique_ptr<re2::RE2> regex_;  // null for literals and `*`
};

// A regular expression of the user's.
class Pattern {
 public:
  explicit Pattern(std::string_view regex);
  ~Pattern();
  const std::string& why_not() const;  // what is wrong with it; empty: nothing
  bool is_in(std::string_view text) const;

 private:
  std::unique_ptr<re2::RE2> regex_;
};

}  // namespace shrike
