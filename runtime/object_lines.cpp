// The texts of the lines stand in .BTF.
#include "runtime/object_lines.h"

#include <string_view>

#include "runtime/btf_ext.h"

namespace shrike {

namespace {

constexpr uint32_t most_lines = 1 << 20;  // of one file; numbers beyond are damage

struct LineRecord {
  InsnPlace place;
  uint32_t line = 0, column = 0;
};

// The lines of one file that some record speaks of; the others stay empty.
struct FileLines {
  std::map<uint32_t, std::string_view> texts;
  std::vector<LineRecord> records;
};

std::map<std::string_view, FileLines> collect(const ObjectFile& file, const std::vector<uint8_t>& btf) {
  std::map<std::string_view, FileLines> files;
  each_ext_record(file, ExtTable::lines, [&](InsnPlace place, const BlobWords& words, size_t at) {
    const uint32_t line = words.at(at + 12) >> 10, column = words.at(at + 12) & 0x3ff;
    if (line == 0 || line > most_lines) return;
    FileLines& lines = files[btf_string_at(btf, words.at(at + 4))];
    lines.texts[line] = btf_string_at(btf, words.at(at + 8));
    lines.records.push_back({place, line, column});
  });
  return files;
}

}  // namespace

std::map<InsnPlace, Span> read_object_lines(const ObjectFile& file, SourceMap& sources) {
  std::map<InsnPlace, Span> spans;
  const std::optional<size_t> btf = file.section_named(".BTF");
  if (!btf) return spans;
  for (const auto& [name, lines] : collect(file, file.sections[*btf].bytes)) {
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
