// Files lie one after the other in the offset space. Lines are counted only in files that messages point into.
#include "mir/base/source.h"

#include <algorithm>

namespace shrike {

uint32_t SourceMap::add(std::string name, std::string text, Span included_from) {
  uint32_t begin = files_.empty() ? 1 : files_.back().begin + static_cast<uint32_t>(files_.back().text.size()) + 1;
  files_.push_back(File{std::move(name), std::move(text), begin, included_from, {}});
  return begin;
}

const std::vector<uint32_t>& SourceMap::line_starts_of(const File& file) {
  if (!file.line_starts.empty()) return file.line_starts;
  file.line_starts.push_back(0);
  for (size_t i = 0; i < file.text.size(); i++)
    if (file.text[i] == '\n') file.line_starts.push_back(static_cast<uint32_t>(i + 1));
  return file.line_starts;
}

const SourceMap::File* SourceMap::find(uint32_t offset) const {
  auto after =
      std::upper_bound(files_.begin(), files_.end(), offset, [](uint32_t at, const File& file) { return at < file.begin; });
  if (after == files_.begin()) return nullptr;
  const File& file = *std::prev(after);
  return offset <= file.begin + file.text.size() ? &file : nullptr;
}

Span SourceMap::included_from(uint32_t offset) const {
  const File* file = find(offset);
  return file == nullptr ? Span() : file->included_from;
}

Location SourceMap::locate(uint32_t offset) const {
  const File* file = find(offset);
  if (file == nullptr) return {};
  uint32_t relative = offset - file->begin;
  const std::vector<uint32_t>& line_starts = line_starts_of(*file);
  auto after = std::upper_bound(line_starts.begin(), line_starts.end(), relative);
  auto line = static_cast<uint32_t>(after - line_starts.begin());
  return {file->name, line, relative - line_starts[line - 1] + 1};
}

std::string_view SourceMap::line_at(uint32_t offset) const {
  const File* file = find(offset);
  if (file == nullptr) return {};
  uint32_t line = locate(offset).line;
  const std::vector<uint32_t>& line_starts = line_starts_of(*file);
  uint32_t begin = line_starts[line - 1];
  size_t end = line < line_starts.size() ? line_starts[line] - 1 : file->text.size();
  return std::string_view(file->text).substr(begin, end - begin);
}

std::string_view SourceMap::text(Span span) const {
  const File* file = find(span.begin);
  if (file == nullptr || !span.is_known()) return {};
  return std::string_view(file->text).substr(span.begin - file->begin, span.end - span.begin);
}

std::string_view SourceMap::file_text(uint32_t offset) const {
  const File* file = find(offset);
  return file == nullptr ? std::string_view() : std::string_view(file->text);
}

}  // namespace shrike
