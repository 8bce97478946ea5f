// /proc/kallsyms, read at the first question and kept sorted by address. Symbols of the lower half (per-CPU offsets,
// absolute values) are left out: a small number is never a kernel address.
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
  explicit KernelSymbols(std::string_view text);

  // All addresses were zero: the kernel hides them from this user.
  bool is_hidden() const { return is_hidden_; }
  size_t size() const { return symbols_.size(); }
  KernelSymbol find(uint64_t address) const;

 private:
  struct Entry {
    uint32_t high, low;  // two halves: an entry takes 12 bytes
    uint32_t name;       // offset into names_

    uint64_t address() const { return uint64_t{high} << 32 | low; }
  };
  void parse(std::string_view lines);
  void add(std::string_view line);
  void sort();
  std::string_view name_of(const Entry& entry) const;

  std::string names_;  // `name` or `name TAB [module]`, each with a newline behind it
  std::vector<Entry> symbols_;
  bool any_line_ = false;
  bool is_hidden_ = false;
};

}  // namespace shrike
