// Layout facts: Documentation/bpf/btf.rst, .BTF.ext.
#include "runtime/object_lines.h"

#include <cstring>
#include <string_view>

namespace shrike {

namespace {

constexpr uint16_t btf_magic = 0xeb9f;
constexpr size_t insn_bytes = 8;
constexpr uint32_t most_lines = 1 << 20;  // of one file; numbers beyond are damage

// Words of a blob; 0 outside of it.
class Words {
 public:
  explicit Words(const std::vector<uint8_t>& bytes) : bytes_(bytes) {}

  uint32_t at(size_t offset) const {
    uint32_t word = 0;
    if (offset <= bytes_.size() && bytes_.size() - offset >= sizeof word) memcpy(&word, bytes_.data() + offset, sizeof word);
    return word;
  }
  bool holds(size_t offset) const { return offset < bytes_.size(); }

 private:
  const std::vector<uint8_t>& bytes_;
};

std::string_view string_at(const std::vector<uint8_t>& btf, uint32_t offset) {
  const Words words(btf);
  if ((words.at(0) & 0xffff) != btf_magic) return {};
  const size_t begin = size_t{words.at(4)} + words.at(16) + offset;
  if (begin >= btf.size()) return {};
  const char* text = reinterpret_cast<const char*>(btf.data()) + begin;
  return {text, strnlen(text, btf.size() - begin)};
}

struct LineRecord {
  InsnPlace place;
  uint32_t line = 0, column = 0;
};

// The lines of one file that some record speaks of; the others stay empty.
struct FileLines {
  std::map<uint32_t, std::string_view> texts;
  std::vector<LineRecord> records;
};

std::map<std::string_view, FileLines> collect(const ObjectFile& file, const std::vector<uint8_t>& btf,
                                              const std::vector<uint8_t>& ext) {
  std::map<std::string_view, FileLines> files;
  const Words words(ext);
  if ((words.at(0) & 0xffff) != btf_magic) return files;
  size_t at = size_t{words.at(4)} + words.at(16);
  const size_t end = at + words.at(20);
  const uint32_t record_bytes = words.at(at);
  if (record_bytes < 16) return files;
  at += 4;
  while (at < end && words.holds(at)) {
    const std::optional<size_t> section = file.section_named(string_at(btf, words.at(at)));
    uint32_t count = words.at(at + 4);
    for (at += 8; count > 0 && words.holds(at); count--, at += record_bytes) {
      const uint32_t line = words.at(at + 12) >> 10, column = words.at(at + 12) & 0x3ff;
      if (!section || line == 0 || line > most_lines) continue;
      FileLines& lines = files[string_at(btf, words.at(at + 4))];
      lines.texts[line] = string_at(btf, words.at(at + 8));
      lines.records.push_back({{*section, static_cast<uint32_t>(words.at(at) / insn_bytes)}, line, column});
    }
  }
  return files;
}

}  // namespace

std::map<InsnPlace, Span> read_object_lines(const ObjectFile& file, SourceMap& sources) {
  std::map<InsnPlace, Span> spans;
  const std::optional<size_t> btf = file.section_named(".BTF"), ext = file.section_named(".BTF.ext");
  if (!btf || !ext) return spans;
  for (const auto& [name, lines] : collect(file, file.sections[*btf].bytes, file.sections[*ext].bytes)) {
    std::string text;
    std::map<uint32_t, size_t> begins;
    uint32_t next = 1;
    for (const auto& [line, line_text] : lines.texts) {
      text.append(line - next, '\n');
      begins[line] = text.size();
      text.append(line_text).append("\n");
      next = line + 1;
    }
    const uint32_t base = sources.add(std::string(name), std::move(text));
    for (const LineRecord& record : lines.records) {
      const std::string_view line_text = lines.texts.at(record.line);
      size_t first = line_text.find_first_not_of(" \t");
      if (first == std::string_view::npos) continue;
      if (record.column > first && record.column <= line_text.size()) first = record.column - 1;
      const auto begin = static_cast<uint32_t>(base + begins.at(record.line));
      spans[record.place] = {begin + static_cast<uint32_t>(first), begin + static_cast<uint32_t>(line_text.size())};
    }
  }
  return spans;
}

}  // namespace shrike
