// Source text and positions in it. All files of one compilation share one offset space, so a Span
// is two integers wherever it points; SourceMap tells file, line and column. A use of a macro has a range of offsets of its own,
// which stands for the macro's body: a position there tells both, the place in the body and the use.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace shrike {

// Half-open range of byte offsets in the SourceMap. {0, 0} means "no place in the source".
struct Span {
  uint32_t begin = 0;
  uint32_t end = 0;

  bool is_known() const { return end > begin; }
  bool operator==(const Span&) const = default;
};

// The span from the start of `a` to the end of `b`; an unknown one gives way to the other.
inline Span cover(Span a, Span b) {
  if (!a.is_known()) return b;
  if (!b.is_known()) return a;
  return {a.begin < b.begin ? a.begin : b.begin, a.end > b.end ? a.end : b.end};
}

struct Location {
  std::string_view file;
  uint32_t line = 0;    // from 1
  uint32_t column = 0;  // from 1, in bytes
};

class SourceMap {
 public:
  // `name` is shown in messages ("stdin" for -e and -, as bpftrace does). Text is copied. Offsets of
  // the first file start at 1, so that no real span equals the unknown one.
  // Returns the offset at which the file's text begins.
  // `included_from`: where a header's text was asked for.
  uint32_t add(std::string name, std::string text, Span included_from = {});

  // Makes offsets for a use of what stands at `body`. Returns the first; 0 if there are none left.
  uint32_t add_use(Span body, Span use);

  Location locate(uint32_t offset) const;           // file empty if no file holds the offset
  std::string_view line_at(uint32_t offset) const;  // the whole line, without its newline
  std::string_view text(Span span) const;
  std::string_view file_text(uint32_t offset) const;  // the whole file that holds `offset`
  Span included_from(uint32_t offset) const;          // unknown for files that nothing includes
  Span use_at(uint32_t offset) const;                 // unknown outside of what add_use() made

 private:
  struct File {
    std::string name;
    std::string text;
    uint32_t begin = 0;
    Span included_from;
    mutable std::vector<uint32_t> line_starts;  // relative to begin; found when first asked for
  };
  struct Use {
    uint32_t begin = 0;
    Span body;
    Span use;
  };
  const Use* find_use(uint32_t offset) const;
  uint32_t written_at(uint32_t offset) const;  // in a file
  const File* find(uint32_t& offset) const;    // moves `offset` to where it is written
  static const std::vector<uint32_t>& line_starts_of(const File& file);

  std::deque<File> files_;
  std::vector<Use> uses_;
  uint32_t end_ = 1;  // of the offsets given out
};

}  // namespace shrike
