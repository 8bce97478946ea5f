// Damaged tables end where the damage begins.
#include "runtime/btf_ext.h"

namespace shrike {

namespace {

constexpr uint16_t btf_magic = 0xeb9f;
constexpr size_t insn_bytes = 8;

}  // namespace

std::string_view btf_string_at(const std::vector<uint8_t>& btf, uint32_t offset) {
  const BlobWords words(btf);
  if ((words.at(0) & 0xffff) != btf_magic) return {};
  const size_t begin = size_t{words.at(4)} + words.at(16) + offset;
  if (begin >= btf.size()) return {};
  const char* text = reinterpret_cast<const char*>(btf.data()) + begin;
  return {text, strnlen(text, btf.size() - begin)};
}

void each_ext_record(const ObjectFile& file, ExtTable table, const VisitRecord& visit) {
  const std::optional<size_t> btf = file.section_named(".BTF"), ext = file.section_named(".BTF.ext");
  if (!btf || !ext) return;
  const BlobWords words(file.sections[*ext].bytes);
  const auto header = static_cast<size_t>(table);
  if ((words.at(0) & 0xffff) != btf_magic || words.at(4) < header + 8) return;
  size_t at = size_t{words.at(4)} + words.at(header);
  const size_t end = at + words.at(header + 4);
  const uint32_t record_bytes = words.at(at);
  if (record_bytes < 16) return;
  at += 4;
  while (at < end && words.holds(at)) {
    const std::optional<size_t> section = file.section_named(btf_string_at(file.sections[*btf].bytes, words.at(at)));
    uint32_t count = words.at(at + 4);
    for (at += 8; count > 0 && words.holds(at); count--, at += record_bytes) {
      if (section) visit({*section, static_cast<uint32_t>(words.at(at) / insn_bytes)}, words, at);
    }
  }
}

}  // namespace shrike
