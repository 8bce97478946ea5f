// Files are few and short: look-ups scan, line starts are found once.
#include "mir/base/source.h"

#include <algorithm>

namespace shrike {

uint32_t SourceMap::add(std::string name, std::string text) {
  uint32_t begin = files_.empty() ? 1 : files_.back().begin + static_cast<uint32_t>(files_.back().text.size()) + 1;
  File& file = files_.emplace_back(File{std::move(name), std::move(text), begin, {0}});
  for (size_t i = 0; i < file.text.size(); i++)
    if (file.text[i] == '\n') file.line_starts.push_back(static_cast<uint32_t>(i + 1));
  return begin;
}

const SourceMap::File* SourceMap::find(uint32_t offset) const {
  for (const File& file : files_)
    if (offset >= file.begin && offset <= file.begin + file.text.size()) return &file;
  return nullptr;
}

Location SourceMap::locate(uint32_t offset) const {
  const File* file = find(offset);
  if (file == nullptr) return {};
  uint32_t relative = offset - file->begin;
  auto after = std::upper_bound(file->line_starts.begin(), file->line_starts.end(), relative);
  auto line = static_cast<uint32_t>(after - file->line_starts.begin());
  return {file->name, line, relative - file->line_starts[line - 1] + 1};
}

std::string_view SourceMap::line_at(uint32_t offset) const {
  const File* file = find(offset);
  if (file == nullptr) return {};
  uint32_t line = locate(offset).line;
  uint32_t begin = file->line_starts[line - 1];
  size_t end = line < file->line_starts.size() ? file->line_starts[line] - 1 : file->text.size();
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
