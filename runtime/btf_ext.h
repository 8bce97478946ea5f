// Tables of a BPF object's .BTF.ext: records about single instructions. Layout facts: Documentation/bpf/btf.rst.
#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <string_view>
#include <vector>

#include "runtime/object_file.h"

namespace shrike {

// Words of a blob; 0 outside of it.
class BlobWords {
 public:
  explicit BlobWords(const std::vector<uint8_t>& bytes) : bytes_(bytes) {}

  uint32_t at(size_t offset) const {
    uint32_t word = 0;
    if (offset <= bytes_.size() && bytes_.size() - offset >= sizeof word) memcpy(&word, bytes_.data() + offset, sizeof word);
    return word;
  }
  bool holds(size_t offset) const { return offset < bytes_.size(); }

 private:
  const std::vector<uint8_t>& bytes_;
};

std::string_view btf_string_at(const std::vector<uint8_t>& btf, uint32_t offset);

// By the place of the table's offset in the header; a table of 0 bytes, or none, has no records.
enum class ExtTable : uint8_t { lines = 16, relocations = 24 };

// Calls visit(place, words, offset) for each record of at least 16 bytes; its first word, the instruction, is in `place`.
using VisitRecord = std::function<void(InsnPlace place, const BlobWords& words, size_t offset)>;
void each_ext_record(const ObjectFile& file, ExtTable table, const VisitRecord& visit);

}  // namespace shrike
