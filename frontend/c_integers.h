// The integer types that everybody knows: C's own as their words are usually written, the language's, and the fixed-width
// names of libc and kernel.
#pragma once

#include <cstdint>
#include <string_view>

namespace shrike {

struct NamedInteger {
  std::string_view name;
  uint32_t size;
  bool is_signed;
};

inline constexpr NamedInteger integers[] = {
    {"int8", 1, true},
    {"int16", 2, true},
    {"int32", 4, true},
    {"int64", 8, true},
    {"uint8", 1, false},
    {"uint16", 2, false},
    {"uint32", 4, false},
    {"uint64", 8, false},
    {"char", 1, true},
    {"signed char", 1, true},
    {"unsigned char", 1, false},
    {"short", 2, true},
    {"short int", 2, true},
    {"unsigned short", 2, false},
    {"unsigned short int", 2, false},
    {"int", 4, true},
    {"signed", 4, true},
    {"signed int", 4, true},
    {"unsigned", 4, false},
    {"unsigned int", 4, false},
    {"long", 8, true},
    {"long int", 8, true},
    {"unsigned long", 8, false},
    {"unsigned long int", 8, false},
    {"long unsigned int", 8, false},
    {"long long", 8, true},
    {"long long int", 8, true},
    {"unsigned long long", 8, false},
    {"long long unsigned int", 8, false},
    {"short unsigned int", 2, false},
    {"long signed int", 8, true},
    {"signed long", 8, true},
    {"signed short", 2, true},
    {"long unsigned", 8, false},
    {"signed long long", 8, true},
    {"long long unsigned", 8, false},
    {"int8_t", 1, true},
    {"int16_t", 2, true},
    {"int32_t", 4, true},
    {"int64_t", 8, true},
    {"uint8_t", 1, false},
    {"uint16_t", 2, false},
    {"uint32_t", 4, false},
    {"uint64_t", 8, false},
    {"s8", 1, true},
    {"s16", 2, true},
    {"s32", 4, true},
    {"s64", 8, true},
    {"u8", 1, false},
    {"u16", 2, false},
    {"u32", 4, false},
    {"u64", 8, false},
    {"__s8", 1, true},
    {"__s16", 2, true},
    {"__s32", 4, true},
    {"__s64", 8, true},
    {"__u8", 1, false},
    {"__u16", 2, false},
    {"__u32", 4, false},
    {"__u64", 8, false},
    {"__be16", 2, false},
    {"__be32", 4, false},
    {"__be64", 8, false},
    {"size_t", 8, false},
    {"ssize_t", 8, true},
    {"uintptr_t", 8, false},
    {"intptr_t", 8, true},
    {"pid_t", 4, true},
    {"uid_t", 4, false},
    {"gid_t", 4, false},
    {"dev_t", 4, false},
    {"sector_t", 8, false},
};

// Numbers without arithmetic here: only their bytes count.
struct NamedBytes {
  std::string_view name;
  uint32_t size;
  uint32_t align;
};
inline constexpr NamedBytes opaque_numbers[] = {
    {"float", 4, 4},
    {"double", 8, 8},
    {"long double", 16, 16},
    {"__int128", 16, 16},
    {"signed __int128", 16, 16},
    {"unsigned __int128", 16, 16},
    {"__int128_t", 16, 16},
    {"__uint128_t", 16, 16},
};

}  // namespace shrike
