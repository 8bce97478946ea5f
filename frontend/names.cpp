// The tables: errors.def, syscalls.def, and the signals here. Facts: signal(7), x86-64.
#include "frontend/names.h"

namespace shrike {

namespace {

constexpr NumberedName signals[] = {
    {1, "HUP"},   {2, "INT"},     {3, "QUIT"},  {4, "ILL"},    {5, "TRAP"},  {6, "ABRT"},  {7, "BUS"},   {8, "FPE"},
    {9, "KILL"},  {10, "USR1"},   {11, "SEGV"}, {12, "USR2"},  {13, "PIPE"}, {14, "ALRM"}, {15, "TERM"}, {16, "STKFLT"},
    {17, "CHLD"}, {18, "CONT"},   {19, "STOP"}, {20, "TSTP"},  {21, "TTIN"}, {22, "TTOU"}, {23, "URG"},  {24, "XCPU"},
    {25, "XFSZ"}, {26, "VTALRM"}, {27, "PROF"}, {28, "WINCH"}, {29, "IO"},   {30, "PWR"},  {31, "SYS"},
};

// Other names that signal(7) has for them, to be taken but not given.
constexpr NumberedName signal_aliases[] = {{6, "IOT"}, {17, "CLD"}, {29, "POLL"}};

constexpr NumberedName errors[] = {
#define ERRNO(number, text) {number, text},
#include "frontend/errors.def"
#undef ERRNO
};

constexpr NumberedName syscalls[] = {
#define SYSCALL(number, name) {number, name},
#include "frontend/syscalls.def"
#undef SYSCALL
};

constexpr NameTable signal_table{".signals", "SIG", "unknown signal", 32, signals};
constexpr NameTable error_table{".errors", "", "unknown error", 64, errors};
constexpr NameTable syscall_table{".syscalls", "", "unknown system call", 32, syscalls};

}  // namespace

std::string NameTable::name_of(uint64_t number) const {
  for (const NumberedName& row : names)
    if (row.number == number) return std::string(prefix) + std::string(row.name);
  return std::string(unknown);
}

std::vector<std::string> NameTable::rows() const {
  std::vector<std::string> out(names.back().number + 2, std::string(unknown));
  for (const NumberedName& row : names) out[row.number] = std::string(prefix) + std::string(row.name);
  return out;
}

const NameTable& signal_names() {
  return signal_table;
}
const NameTable& error_names() {
  return error_table;
}
const NameTable& syscall_names() {
  return syscall_table;
}

int64_t signal_number(std::string_view name) {
  if (name.starts_with("SIG")) name.remove_prefix(3);
  for (const std::span<const NumberedName> rows :
       {std::span<const NumberedName>(signals), std::span<const NumberedName>(signal_aliases)})
    for (const NumberedName& row : rows)
      if (row.name == name) return row.number;
  return 0;
}

}  // namespace shrike
