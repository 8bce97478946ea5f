// What a C compiler brings itself: the names it defines before any text, and the headers that no library has. Few programs
// that trace need a compiler installed, so these are here. Numbers are those of 64-bit x86 Linux.
#include <algorithm>
#include <array>
#include <span>

#include "frontend/headers.h"

namespace shrike {

namespace {

struct Row {
  std::string_view name;
  std::string_view text;
};

// Sorted by name. The versions are those of a compiler that headers know to have GNU's extensions.
constexpr Row names[] = {
    {"_LP64", "1"},
    {"__BIGGEST_ALIGNMENT__", "16"},
    {"__BPF_TRACING__", "1"},
    {"__BYTE_ORDER__", "1234"},
    {"__CHAR16_TYPE__", "unsigned short"},
    {"__CHAR32_TYPE__", "unsigned int"},
    {"__CHAR_BIT__", "8"},
    {"__ELF__", "1"},
    {"__GNUC_MINOR__", "2"},
    {"__GNUC_PATCHLEVEL__", "1"},
    {"__GNUC_STDC_INLINE__", "1"},
    {"__GNUC__", "4"},
    {"__INT16_TYPE__", "short"},
    {"__INT32_TYPE__", "int"},
    {"__INT64_TYPE__", "long"},
    {"__INT8_TYPE__", "signed char"},
    {"__INTMAX_TYPE__", "long"},
    {"__INTPTR_TYPE__", "long"},
    {"__INT_MAX__", "2147483647"},
    {"__LITTLE_ENDIAN__", "1"},
    {"__LONG_LONG_MAX__", "9223372036854775807LL"},
    {"__LONG_MAX__", "9223372036854775807L"},
    {"__LP64__", "1"},
    {"__ORDER_BIG_ENDIAN__", "4321"},
    {"__ORDER_LITTLE_ENDIAN__", "1234"},
    {"__PTRDIFF_TYPE__", "long"},
    {"__SCHAR_MAX__", "127"},
    {"__SHRT_MAX__", "32767"},
    {"__SIZEOF_INT128__", "16"},
    {"__SIZEOF_INT__", "4"},
    {"__SIZEOF_LONG_LONG__", "8"},
    {"__SIZEOF_LONG__", "8"},
    {"__SIZEOF_POINTER__", "8"},
    {"__SIZEOF_SHORT__", "2"},
    {"__SIZEOF_SIZE_T__", "8"},
    {"__SIZE_TYPE__", "unsigned long"},
    {"__STDC_HOSTED__", "1"},
    {"__STDC_VERSION__", "201710L"},
    {"__STDC__", "1"},
    {"__TARGET_ARCH_x86", "1"},
    {"__UINT16_TYPE__", "unsigned short"},
    {"__UINT32_TYPE__", "unsigned int"},
    {"__UINT64_TYPE__", "unsigned long"},
    {"__UINT8_TYPE__", "unsigned char"},
    {"__UINTMAX_TYPE__", "unsigned long"},
    {"__UINTPTR_TYPE__", "unsigned long"},
    {"__WCHAR_TYPE__", "int"},
    {"__WINT_TYPE__", "unsigned int"},
    {"__amd64", "1"},
    {"__amd64__", "1"},
    {"__clang__", "1"},
    {"__clang_major__", "14"},
    {"__clang_minor__", "0"},
    {"__clang_patchlevel__", "0"},
    {"__gnu_linux__", "1"},
    {"__linux", "1"},
    {"__linux__", "1"},
    {"__unix", "1"},
    {"__unix__", "1"},
    {"__x86_64", "1"},
    {"__x86_64__", "1"},
};

constexpr std::string_view address_families =
    "#define AF_UNSPEC 0\n"
    "#define AF_UNIX 1\n"
    "#define AF_INET 2\n"
    "#define AF_INET6 10\n";

// Looked at only where no folder has such a file.
constexpr Row files[] = {
    {"stddef.h",
     "typedef unsigned long size_t;\ntypedef long ptrdiff_t;\ntypedef int wchar_t;\n"
     "#define NULL ((void *)0)\n"},
    {"stdbool.h", "#define bool _Bool\n#define __bool_true_false_are_defined 1\n"},
    {"stdarg.h", "typedef __builtin_va_list va_list;\ntypedef __builtin_va_list __gnuc_va_list;\n"},
    {"stdalign.h", "#define alignas _Alignas\n#define alignof _Alignof\n"},
    {"stdnoreturn.h", "#define noreturn _Noreturn\n"},
    {"float.h", "\n"},
    {"limits.h",
     "#define CHAR_BIT 8\n#define SCHAR_MAX 127\n#define SCHAR_MIN (-128)\n#define UCHAR_MAX 255\n"
     "#define CHAR_MAX 127\n#define CHAR_MIN (-128)\n#define SHRT_MAX 32767\n#define SHRT_MIN (-32768)\n"
     "#define USHRT_MAX 65535\n#define INT_MAX 2147483647\n#define INT_MIN (-2147483647 - 1)\n"
     "#define UINT_MAX 4294967295U\n#define LONG_MAX 9223372036854775807L\n#define LONG_MIN (-LONG_MAX - 1)\n"
     "#define ULONG_MAX 18446744073709551615UL\n#define LLONG_MAX LONG_MAX\n#define LLONG_MIN LONG_MIN\n"
     "#define ULLONG_MAX ULONG_MAX\n"},
    {"stdint.h",
     "#define INT8_MAX 127\n#define INT16_MAX 32767\n#define INT32_MAX 2147483647\n#define INT64_MAX 9223372036854775807L\n"
     "#define UINT8_MAX 255\n#define UINT16_MAX 65535\n#define UINT32_MAX 4294967295U\n"
     "#define UINT64_MAX 18446744073709551615UL\n#define SIZE_MAX UINT64_MAX\n"},
    {"sys/socket.h", address_families},
    {"linux/socket.h", address_families},
};

// Of headers that the kernel has twice: programs are given the shorter one, without these constants of its own. Those here
// are the same in every kernel since 4.14.
constexpr Row additions[] = {
    {"linux/sched.h",
     "\n#ifndef TASK_RUNNING\n"
     "#define TASK_RUNNING 0x0\n#define TASK_INTERRUPTIBLE 0x1\n#define TASK_UNINTERRUPTIBLE 0x2\n"
     "#define __TASK_STOPPED 0x4\n#define __TASK_TRACED 0x8\n#define EXIT_DEAD 0x10\n#define EXIT_ZOMBIE 0x20\n"
     "#define TASK_PARKED 0x40\n#define TASK_DEAD 0x80\n"
     "#endif\n"},
};

std::string_view text_of(std::span<const Row> rows, std::string_view path) {
  for (const Row& row : rows)
    if (row.name == path) return row.text;
  return {};
}

}  // namespace

std::optional<std::string_view> predefined(std::string_view name) {
  const auto* row =
      std::lower_bound(std::begin(names), std::end(names), name, [](const Row& a, std::string_view b) { return a.name < b; });
  if (row == std::end(names) || row->name != name) return std::nullopt;
  return row->text;
}

std::string_view builtin_header(std::string_view path) {
  return text_of(files, path);
}

std::string_view addition_to_header(std::string_view path) {
  return text_of(additions, path);
}

}  // namespace shrike
