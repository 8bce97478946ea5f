// Files and uses of macros lie one after the other in the offset space. Lines are counted only in files that messages point into.
#include "mir/base/source.h"

#include <algorithm>

namespace shrike {

uint32_t SourceMap::add(std::string name, std::string text, Span included_from) {
  uint32_t begin = end_;
  end_ += static_cast<uint32_t>(text.size()) + 1;
  files_.push_back(File{std::move(name), std::move(text), begin, included_from, {}});
  return begin;
}

uint32_t SourceMap::add_use(Span body, Span use) {
  const uint32_t size = body.end - body.begin + 1;
  if (size > UINT32_MAX - end_) return 0;
  uses_.push_back({end_, body, use});
  end_ += size;
  return uses_.back().begin;
}

const SourceMap::Use* SourceMap::find_use(uint32_t offset) const {
  auto after = std::upper_bound(uses_.begin(), uses_.end(), offset, [](uint32_t at, const Use& use) { return at < use.begin; });
  if (after == uses_.begin()) return nullptr;
  const Use& use = *std::prev(after);
  return offset - use.begin <= use.body.end - use.body.begin ? &use : nullptr;
}

uint32_t SourceMap::written_at(uint32_t offset) const {
  const Use* use = find_use(offset);
  return use == nullptr ? offset : use->body.begin + (offset - use->begin);
}

Span SourceMap::use_at(uint32_t offset) const {
  const Use* use = find_use(offset);
  return use == nullptr ? Span() : use->use;
}

const std::vector<uint32_t>& SourceMap::line_starts_of(const File& file) {
  if (!file.line_starts.empty()) return file.line_starts;
  file.line_starts.push_back(0);
  for (size_t i = 0; i < file.text.size(); i++)
    if (file.text[i] == '\n') file.line_starts.push_back(static_cast<uint32_t>(i + 1));
  return file.line_starts;
}

const SourceMap::File* SourceMap::find(uint32_t& offset) const {
  offset = written_at(offset);
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
  const uint32_t line = locate(offset).line;
  const std::vector<uint32_t>& line_starts = line_starts_of(*file);
  uint32_t begin = line_starts[line - 1];
  size_t end = line < line_starts.size() ? line_starts[line] - 1 : file->text.size();
  return std::string_view(file->text).substr(begin, end - begin);
}

std::string_view SourceMap::text(Span span) const {
  uint32_t begin = span.begin;
  const File* file = find(begin);
  if (file == nullptr || !span.is_known()) return {};
  return std::string_view(file->text).substr(begin - file->begin, span.end - span.begin);
}

std::string_view SourceMap::file_text(uint32_t offset) const {
  const File* file = find(offset);
  return file == nullptr ? std::string_view() : std::string_view(file->text);
}

}  // namespace shrike
