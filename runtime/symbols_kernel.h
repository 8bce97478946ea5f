// /proc/kallsyms, read whole at the first question and kept sorted by address. Symbols of the lower half (per-CPU
// offsets, absolute values) are left out: a small number is never a kernel address.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shrike {

struct KernelSymbol {
  std::string_view name;    // empty: unknown
  std::string_view module;  // without brackets; empty for the kernel itself
  uint64_t offset = 0;
};

class KernelSymbols {
 public:
  // `text` in the format of /proc/kallsyms, for tests; the default reads that file.
  KernelSymbols();
  explicit KernelSymbols(std::string text);

  // All addresses were zero: the kernel hides them from this user.
  bool is_hidden() const { return is_hidden_; }
  size_t size() const { return symbols_.size(); }
  KernelSymbol find(uint64_t address) const;

 private:
  void parse();

  struct Entry {
    uint64_t address;
    uint32_t name;  // offset into text_
    uint16_t name_size;
    uint16_t module_size;  // the module's name begins 2 bytes after the symbol's, in brackets
  };
  std::string text_;
  std::vector<Entry> symbols_;
  bool is_hidden_ = false;
};

}  // namespace shrike
