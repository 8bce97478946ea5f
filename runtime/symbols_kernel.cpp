// The file is read in pieces and only names are kept, one behind the other: 120,000 symbols cost 12 bytes each and
// their names, where the text of the file would be twice as much.
#include "runtime/symbols_kernel.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "runtime/fd.h"

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

KernelSymbols::KernelSymbols() {
  // Room for more than any kernel has: pages that stay untouched cost nothing, and nothing is ever copied to grow.
  names_.reserve(16u << 20);
  symbols_.reserve(1u << 19);
  Fd fd(open("/proc/kallsyms", O_RDONLY | O_CLOEXEC));
  std::string piece(64 * 1024, '\0');
  size_t kept = 0;  // of a line that goes on in the next piece
  for (;;) {
    ssize_t got = read(fd.get(), piece.data() + kept, piece.size() - kept);
    if (got <= 0) break;
    size_t used = kept + static_cast<size_t>(got);
    size_t end = std::string_view(piece.data(), used).rfind('\n') + 1;  // 0: no line is complete
    parse({piece.data(), end});
    kept = used - end;
    std::memmove(piece.data(), piece.data() + end, kept);
  }
  parse({piece.data(), kept});
  sort();
}

KernelSymbols::KernelSymbols(std::string_view text) {
  parse(text);
  sort();
}

void KernelSymbols::parse(std::string_view lines) {
  while (!lines.empty()) {
    size_t newline = lines.find('\n');
    add(lines.substr(0, newline));
    lines.remove_prefix(newline == std::string_view::npos ? lines.size() : newline + 1);
  }
}

// Lines are `address type name` or `address type name TAB [module]`.
void KernelSymbols::add(std::string_view line) {
  uint64_t address = 0;
  size_t at = 0;
  for (int digit; at < line.size() && (digit = hex_value(line[at])) >= 0; at++)
    address = address << 4 | static_cast<uint64_t>(digit);
  // Hidden until an address shows the contrary.
  if (!any_line_) is_hidden_ = true;
  any_line_ = true;
  if (address != 0) is_hidden_ = false;
  if (address < lowest_kernel_address || line.size() - at <= 3) return;
  symbols_.push_back(
      {static_cast<uint32_t>(address >> 32), static_cast<uint32_t>(address), static_cast<uint32_t>(names_.size())});
  names_.append(line.substr(at + 3)).push_back('\n');
}

void KernelSymbols::sort() {
  // Names were added in the order of the file, so this order keeps it among equal addresses.
  auto by_address = [](const Entry& a, const Entry& b) {
    return a.address() != b.address() ? a.address() < b.address() : a.name < b.name;
  };
  if (!std::is_sorted(symbols_.begin(), symbols_.end(), by_address)) std::sort(symbols_.begin(), symbols_.end(), by_address);
}

// With the module behind it.
std::string_view KernelSymbols::name_of(const Entry& entry) const {
  std::string_view rest = std::string_view(names_).substr(entry.name);
  return rest.substr(0, rest.find('\n'));
}

KernelSymbol KernelSymbols::find(uint64_t address) const {
  auto after = std::upper_bound(symbols_.begin(), symbols_.end(), address,
                                [](uint64_t wanted, const Entry& entry) { return wanted < entry.address(); });
  if (after == symbols_.begin()) return {};
  auto found = after - 1;
  uint64_t offset = address - found->address();
  if (offset >= farthest_offset) return {};
  // Of several names for one address the plainest, which begins with the fewest underscores; then the first in the file.
  auto underscores = [&](const Entry& entry) {
    std::string_view name = name_of(entry);
    return std::min(name.find_first_not_of('_'), name.size());
  };
  for (auto other = found; other != symbols_.begin() && (other - 1)->address() == found->address();) {
    --other;
    if (underscores(*other) <= underscores(*found)) found = other;
  }
  std::string_view name = name_of(*found), module;
  size_t tab = name.find('\t');
  if (tab != std::string_view::npos && name.size() - tab > 3) module = name.substr(tab + 2, name.size() - tab - 3);
  return {name.substr(0, tab), module, offset};
}

}  // namespace shrike
