// Keeps the text of kallsyms as it was read; symbols point into it, so 120,000 of them cost 16 bytes each and no copies.
#include "runtime/symbols_kernel.h"

#include <algorithm>
#include <cstring>

#include "runtime/files.h"

namespace shrike {

namespace {

constexpr uint64_t lowest_kernel_address = 1ULL << 63;
// Farther from the symbol before it than any function is long, an address belongs to something without a symbol:
// what follows the last text section, or a program loaded since.
constexpr uint64_t farthest_offset = 1 << 20;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

KernelSymbols::KernelSymbols() : text_(read_file("/proc/kallsyms").text) {
  parse();
}
KernelSymbols::KernelSymbols(std::string text) : text_(std::move(text)) {
  parse();
}

// Lines are `address type name` or `address type name TAB [module]`.
void KernelSymbols::parse() {
  const char* begin = text_.data();
  const char* end = begin + text_.size();
  bool any_line = false, any_address = false;
  symbols_.reserve(text_.size() / 40);
  for (const char* line = begin; line < end;) {
    const char* stop = static_cast<const char*>(std::memchr(line, '\n', static_cast<size_t>(end - line)));
    if (stop == nullptr) stop = end;
    uint64_t address = 0;
    const char* at = line;
    for (int digit; at < stop && (digit = hex_value(*at)) >= 0; at++) address = address << 4 | static_cast<uint64_t>(digit);
    any_line = true;
    any_address |= address != 0;
    if (address >= lowest_kernel_address && stop - at > 3) {
      const char* name = at + 3;
      const char* name_end = static_cast<const char*>(std::memchr(name, '\t', static_cast<size_t>(stop - name)));
      bool has_module = name_end != nullptr && stop - name_end > 3;
      if (name_end == nullptr) name_end = stop;
      symbols_.push_back({address, static_cast<uint32_t>(name - begin), static_cast<uint16_t>(name_end - name),
                          static_cast<uint16_t>(has_module ? stop - name_end - 3 : 0)});
    }
    line = stop + 1;
  }
  is_hidden_ = any_line && !any_address;
  auto by_address = [](const Entry& a, const Entry& b) { return a.address < b.address; };
  if (!std::is_sorted(symbols_.begin(), symbols_.end(), by_address))
    std::stable_sort(symbols_.begin(), symbols_.end(), by_address);
}

KernelSymbol KernelSymbols::find(uint64_t address) const {
  auto after = std::upper_bound(symbols_.begin(), symbols_.end(), address,
                                [](uint64_t wanted, const Entry& entry) { return wanted < entry.address; });
  if (after == symbols_.begin()) return {};
  auto found = after - 1;
  if (address - found->address >= farthest_offset) return {};
  // Of several names for one address the plainest, which begins with the fewest underscores; then the first in the file.
  auto underscores = [&](const Entry& entry) {
    uint16_t count = 0;
    while (count < entry.name_size && text_[entry.name + count] == '_') count++;
    return count;
  };
  for (auto other = found; other != symbols_.begin() && (other - 1)->address == found->address;) {
    --other;
    if (underscores(*other) <= underscores(*found)) found = other;
  }
  std::string_view text = text_;
  std::string_view module;
  if (found->module_size != 0) module = text.substr(found->name + found->name_size + 2, found->module_size);
  return {text.substr(found->name, found->name_size), module, address - found->address};
}

}  // namespace shrike
