// Names that Linux has for numbers: signals, errors, system calls.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace shrike {

struct NumberedName {
  uint32_t number;
  std::string_view name;
};

// A table that programs look numbers up in: strings of `row_size` bytes, the last of them for what has no name.
struct NameTable {
  std::string_view map;  // its name among the maps
  std::string_view prefix;
  std::string_view unknown;
  uint32_t row_size;
  std::span<const NumberedName> names;  // in ascending order

  std::string name_of(uint64_t number) const;
  std::vector<std::string> rows() const;
};

const NameTable& signal_names();
const NameTable& error_names();
const NameTable& syscall_names();

// By its name, with or without SIG; 0 if there is none.
int64_t signal_number(std::string_view name);

}  // namespace shrike
