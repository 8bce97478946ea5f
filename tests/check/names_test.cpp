// The tables of numbers' names are those of this machine's C library and headers.
#include "frontend/names.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <string.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace shrike {
namespace {

constexpr int most_errors = 4095;  // MAX_ERRNO of the kernel

TEST(Names, ErrorsAreThoseOfTheLibrary) {
  for (int number = 0; number <= most_errors; number++) {
    const char* text = strerrordesc_np(number);
    EXPECT_EQ(error_names().name_of(static_cast<uint64_t>(number)), text != nullptr ? text : error_names().unknown) << number;
  }
}

// The library says POLL where the kernel says IO.
TEST(Names, SignalsAreThoseOfTheLibrary) {
  for (int number = 1; number < __SIGRTMIN; number++) {
    const char* const name = number == SIGIO ? "IO" : sigabbrev_np(number);
    ASSERT_NE(name, nullptr) << number;
    EXPECT_EQ(signal_names().name_of(static_cast<uint64_t>(number)), std::string("SIG") + name);
    EXPECT_EQ(signal_number(name), number);
    EXPECT_EQ(signal_number(std::string("SIG") + sigabbrev_np(number)), number);
  }
  EXPECT_EQ(signal_number("SIGIOT"), SIGIOT);
  EXPECT_EQ(signal_number("SIGCLD"), SIGCLD);
  EXPECT_EQ(signal_names().name_of(0), signal_names().unknown);
  EXPECT_EQ(signal_names().name_of(65), signal_names().unknown);
}

// Headers that are older than the table know no number of their own that is not in it.
TEST(Names, SystemCallsAreThoseOfTheHeaders) {
  std::ifstream header("/usr/include/x86_64-linux-gnu/asm/unistd_64.h");
  if (!header) GTEST_SKIP() << "there is no asm/unistd_64.h here";
  const std::string define = "#define __NR_";
  size_t count = 0;
  for (std::string line; std::getline(header, line);) {
    if (!line.starts_with(define)) continue;
    const size_t blank = line.find(' ', define.size());
    const std::string name = line.substr(define.size(), blank - define.size());
    EXPECT_EQ(syscall_names().name_of(strtoul(line.c_str() + blank, nullptr, 10)), name);
    count++;
  }
  EXPECT_GT(count, 300u);
}

}  // namespace
}  // namespace shrike
