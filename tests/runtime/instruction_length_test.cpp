// The lengths of instructions against objdump's, over all of the C library, and places in functions made by hand.
#include "runtime/instruction_length.h"

#include <gtest/gtest.h>
#include <stdio.h>

#include <string>
#include <vector>

namespace shrike {
namespace {

// The bytes in a line of objdump's, `  ADDRESS:\tBYTES\tTEXT`; empty if the line is none, or no instruction.
std::vector<uint8_t> bytes_of(const std::string& line) {
  std::vector<uint8_t> bytes;
  const size_t first = line.find(":\t");
  const size_t last = line.find('\t', first + 2);
  if (first == std::string::npos || last == std::string::npos || line.find("(bad)") != std::string::npos) return bytes;
  for (size_t at = first + 2; at + 1 < last && line[at] != ' '; at += 3)
    bytes.push_back(static_cast<uint8_t>(strtoul(line.substr(at, 2).c_str(), nullptr, 16)));
  return bytes;
}

TEST(InstructionLength, IsObjdumpsForTheWholeCLibrary) {
  FILE* const listing = popen("objdump --disassemble --wide /lib/x86_64-linux-gnu/libc.so.6", "r");
  ASSERT_TRUE(listing);
  size_t count = 0;
  size_t wrong = 0;
  char line[1024];
  while (fgets(line, sizeof line, listing)) {
    std::vector<uint8_t> code = bytes_of(line);
    if (code.empty()) continue;
    const size_t length = code.size();
    code.resize(length + 8, 0x90);
    count++;
    if (instruction_length(code) != length && wrong++ < 10) ADD_FAILURE() << instruction_length(code) << " for: " << line;
  }
  pclose(listing);
  EXPECT_GT(count, 300000u);
  EXPECT_EQ(wrong, 0u);
}

TEST(InstructionLength, IsNoneOfWhatIsCutOffOrUnknown) {
  EXPECT_EQ(instruction_length(std::vector<uint8_t>{}), 0u);
  EXPECT_EQ(instruction_length(std::vector<uint8_t>{0xe8, 1, 2, 3}), 0u);
  EXPECT_EQ(instruction_length(std::vector<uint8_t>{0xe8, 1, 2, 3, 4}), 5u);
  EXPECT_EQ(instruction_length(std::vector<uint8_t>{0x06, 0x90}), 0u);
  EXPECT_EQ(instruction_length(std::vector<uint8_t>(20, 0x66)), 0u);
}

TEST(InstructionLength, TellsPlacesInAFunction) {
  // push %rbp; mov %rsp,%rbp; movabs $0x1122334455667788,%rax; test $1,%al; ret
  const std::vector<uint8_t> code = {0x55, 0x48, 0x89, 0xe5, 0x48, 0xb8, 0x88, 0x77, 0x66,
                                     0x55, 0x44, 0x33, 0x22, 0x11, 0xa8, 0x01, 0xc3};
  using Kind = CodePlace::Kind;
  for (const uint64_t begin : {0, 1, 4, 14, 16}) EXPECT_EQ(place_in_code(code, begin).kind, Kind::begins) << begin;
  const CodePlace inside = place_in_code(code, 9);
  EXPECT_EQ(inside.kind, Kind::inside);
  EXPECT_EQ(inside.begin, 4u);
  EXPECT_EQ(inside.end, 14u);
  EXPECT_EQ(place_in_code(code, 17).kind, Kind::outside);
  EXPECT_EQ(place_in_code(std::vector<uint8_t>{0x90, 0x06, 0x90}, 2).kind, Kind::unknown);
}

}  // namespace
}  // namespace shrike
