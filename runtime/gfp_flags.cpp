// The numbers are those of Linux 5.1 to 6.18 (include/linux/gfp_types.h), as far as they depend on no option of the kernel's;
// what has no name here is shown as a number.
#include "runtime/gfp_flags.h"

#include <charconv>
#include <string_view>

namespace shrike {

namespace {

struct Name {
  uint32_t flags;
  std::string_view text;
};

constexpr uint32_t highmem = 1 << 1, movable = 1 << 3, high = 1 << 5, io = 1 << 6, fs = 1 << 7, direct = 1 << 10,
                   kswapd = 1 << 11, nowarn = 1 << 13, comp = 1 << 18, nomemalloc = 1 << 19, hardwall = 1 << 20,
                   account = 1 << 22;
constexpr uint32_t noio = direct | kswapd, kernel = noio | io | fs, user = kernel | hardwall, highuser = user | highmem,
                   highuser_movable = highuser | movable,
                   huge_light = (highuser_movable | comp | nomemalloc | nowarn) & ~(direct | kswapd);

// Those that say most come first.
constexpr Name together[] = {
    {huge_light | direct, "GFP_TRANSHUGE"},
    {huge_light, "GFP_TRANSHUGE_LIGHT"},
    {highuser_movable, "GFP_HIGHUSER_MOVABLE"},
    {highuser, "GFP_HIGHUSER"},
    {kernel | account, "GFP_KERNEL_ACCOUNT"},
    {kernel, "GFP_KERNEL"},
    {high | kswapd, "GFP_ATOMIC"},
    {noio | io, "GFP_NOFS"},
    {noio, "GFP_NOIO"},
    {kswapd, "GFP_NOWAIT"},
    {1 << 2, "GFP_DMA32"},
    {1 << 0, "GFP_DMA"},
};

// By bit; GFP_DMA and GFP_DMA32 are one bit each.
constexpr std::string_view single[] = {
    "__GFP_DMA",   "__GFP_HIGHMEM",    "__GFP_DMA32",         "__GFP_MOVABLE",  "__GFP_RECLAIMABLE",    "__GFP_HIGH",
    "__GFP_IO",    "__GFP_FS",         "__GFP_ZERO",          "__GFP_ATOMIC",   "__GFP_DIRECT_RECLAIM", "__GFP_KSWAPD_RECLAIM",
    "__GFP_WRITE", "__GFP_NOWARN",     "__GFP_RETRY_MAYFAIL", "__GFP_NOFAIL",   "__GFP_NORETRY",        "__GFP_MEMALLOC",
    "__GFP_COMP",  "__GFP_NOMEMALLOC", "__GFP_HARDWALL",      "__GFP_THISNODE", "__GFP_ACCOUNT",        "__GFP_ZEROTAGS",
};

}  // namespace

void append_gfp_flags(std::string& out, uint32_t flags) {
  if (flags == 0) {
    out.push_back('0');
    return;
  }
  std::string_view separator;
  auto add = [&](std::string_view text) {
    out.append(separator).append(text);
    separator = "|";
  };
  for (const Name& name : together) {
    if ((flags & name.flags) != name.flags) continue;
    add(name.text);
    flags &= ~name.flags;
  }
  for (uint32_t bit = 0; bit < std::size(single); bit++) {
    if ((flags & 1u << bit) == 0) continue;
    add(single[bit]);
    flags &= ~(1u << bit);
  }
  if (flags == 0) return;
  char digits[12];
  auto [end, error] = std::to_chars(digits, digits + sizeof digits, flags, 16);
  add("0x");
  out.append(digits, end);
}

}  // namespace shrike
