// The tables say, for each opcode, whether addressing bytes follow and which constant ends the instruction. They are those of
// the processors' manuals, in 64-bit mode; tests/runtime holds the result against objdump's.
#include "runtime/instruction_length.h"

#include <array>

namespace shrike {

namespace {

enum Operands : uint8_t {
  none = 0,
  modrm = 1,      // an addressing byte and what it asks for
  imm8 = 2,       // one byte
  imm16 = 4,      // two
  imm_word = 8,   // four, two with the operand size prefix
  imm_wide = 16,  // as imm_word, but eight with REX.W
  offset = 32,    // an address of eight bytes, four with the address size prefix
  rel32 = 64,     // four
  invalid = 128,
};

struct Range {
  uint8_t first, last;
  uint8_t operands;
};

using Map = std::array<uint8_t, 256>;

template <size_t N>
constexpr Map map_of(uint8_t otherwise, const Range (&ranges)[N]) {
  Map map{};
  for (uint8_t& operands : map) operands = otherwise;
  for (const Range& range : ranges)
    for (unsigned opcode = range.first; opcode <= range.last; opcode++) map[opcode] = range.operands;
  return map;
}

// clang-format off
constexpr Map one_byte = map_of(none, {
    {0x00, 0x03, modrm}, {0x04, 0x04, imm8}, {0x05, 0x05, imm_word}, {0x06, 0x07, invalid},
    {0x08, 0x0b, modrm}, {0x0c, 0x0c, imm8}, {0x0d, 0x0d, imm_word}, {0x0e, 0x0e, invalid},
    {0x10, 0x13, modrm}, {0x14, 0x14, imm8}, {0x15, 0x15, imm_word}, {0x16, 0x17, invalid},
    {0x18, 0x1b, modrm}, {0x1c, 0x1c, imm8}, {0x1d, 0x1d, imm_word}, {0x1e, 0x1f, invalid},
    {0x20, 0x23, modrm}, {0x24, 0x24, imm8}, {0x25, 0x25, imm_word}, {0x27, 0x27, invalid},
    {0x28, 0x2b, modrm}, {0x2c, 0x2c, imm8}, {0x2d, 0x2d, imm_word}, {0x2f, 0x2f, invalid},
    {0x30, 0x33, modrm}, {0x34, 0x34, imm8}, {0x35, 0x35, imm_word}, {0x37, 0x37, invalid},
    {0x38, 0x3b, modrm}, {0x3c, 0x3c, imm8}, {0x3d, 0x3d, imm_word}, {0x3f, 0x3f, invalid},
    {0x60, 0x62, invalid}, {0x63, 0x63, modrm}, {0x68, 0x68, imm_word}, {0x69, 0x69, modrm | imm_word},
    {0x6a, 0x6a, imm8}, {0x6b, 0x6b, modrm | imm8}, {0x70, 0x7f, imm8}, {0x80, 0x80, modrm | imm8},
    {0x81, 0x81, modrm | imm_word}, {0x82, 0x82, invalid}, {0x83, 0x83, modrm | imm8}, {0x84, 0x8f, modrm},
    {0x9a, 0x9a, invalid}, {0xa0, 0xa3, offset}, {0xa8, 0xa8, imm8}, {0xa9, 0xa9, imm_word},
    {0xb0, 0xb7, imm8}, {0xb8, 0xbf, imm_wide}, {0xc0, 0xc1, modrm | imm8}, {0xc2, 0xc2, imm16},
    {0xc6, 0xc6, modrm | imm8}, {0xc7, 0xc7, modrm | imm_word}, {0xc8, 0xc8, imm16 | imm8}, {0xca, 0xca, imm16},
    {0xcd, 0xcd, imm8}, {0xce, 0xce, invalid}, {0xd0, 0xd3, modrm}, {0xd4, 0xd6, invalid},
    {0xd8, 0xdf, modrm}, {0xe0, 0xe7, imm8}, {0xe8, 0xe9, rel32}, {0xea, 0xea, invalid},
    {0xeb, 0xeb, imm8}, {0xf6, 0xf7, modrm}, {0xfe, 0xff, modrm},
});

// After 0f.
constexpr Map two_bytes = map_of(modrm, {
    {0x04, 0x04, invalid}, {0x05, 0x09, none}, {0x0a, 0x0a, invalid}, {0x0b, 0x0b, none}, {0x0c, 0x0c, invalid},
    {0x0e, 0x0e, none}, {0x0f, 0x0f, modrm | imm8}, {0x24, 0x27, invalid}, {0x30, 0x37, none},
    {0x70, 0x73, modrm | imm8}, {0x77, 0x77, none}, {0x80, 0x8f, rel32}, {0xa0, 0xa2, none}, {0xa4, 0xa4, modrm | imm8},
    {0xa8, 0xaa, none}, {0xac, 0xac, modrm | imm8}, {0xba, 0xba, modrm | imm8}, {0xc2, 0xc2, modrm | imm8},
    {0xc4, 0xc6, modrm | imm8}, {0xc8, 0xcf, none},
});
// clang-format on

// One walk over the bytes; reading past the end makes it fail.
class Decoder {
 public:
  explicit Decoder(std::span<const uint8_t> code) : code_(code) {}
  uint32_t length() {
    constexpr uint32_t longest = 15;
    bool is_good = decode() && at_ <= code_.size() && at_ <= longest;
    return is_good ? static_cast<uint32_t>(at_) : 0;
  }

 private:
  uint8_t peek() const { return at_ < code_.size() ? code_[at_] : 0; }
  uint8_t next() {
    uint8_t byte = peek();
    at_++;
    return byte;
  }

  bool take_prefix() {
    switch (peek()) {
      case 0x66: has_operand_size_ = true; break;
      case 0x67: has_address_size_ = true; break;
      case 0xf0:
      case 0xf2:
      case 0xf3:
      case 0x2e:
      case 0x36:
      case 0x3e:
      case 0x26:
      case 0x64:
      case 0x65: break;
      default: return false;
    }
    at_++;
    return true;
  }

  bool decode() {
    while (take_prefix() && at_ < code_.size()) {}
    if ((peek() & 0xf0) == 0x40) is_wide_ = next() & 8;
    uint8_t opcode = next();
    if (opcode == 0xc5) return at_++, decode_vector(1);
    if (opcode == 0xc4) return decode_vector_after(1, 0x1f);
    if (opcode == 0x62) return decode_vector_after(2, 0x07);
    if (opcode == 0x8f && (peek() & 0x1f) >= 8) return decode_vector_after(1, 0x1f);
    if (opcode != 0x0f) return take(one_byte[opcode], opcode);
    opcode = next();
    if (opcode == 0x38) return at_++, take(modrm, 0);
    if (opcode == 0x3a) return at_++, take(modrm | imm8, 0);
    if (opcode >= 0x20 && opcode <= 0x23) return at_++, true;  // control and debug registers: the byte is never an address
    return take(two_bytes[opcode], 0);
  }

  // The first byte after VEX, EVEX or XOP says which map the opcode is of; `others` more follow it.
  bool decode_vector_after(uint32_t others, uint8_t mask) {
    uint8_t map = next() & mask;
    at_ += others;
    return decode_vector(map);
  }

  bool decode_vector(uint8_t map) {
    uint8_t opcode = next();
    switch (map) {
      case 1: return take(two_bytes[opcode] & (modrm | imm8), 0);
      case 2:
      case 5:
      case 6:
      case 9: return take(modrm, 0);
      case 3:
      case 8: return take(modrm | imm8, 0);
      case 10: return take(modrm | rel32, 0);
      default: return false;
    }
  }

  // `opcode` of the one-byte map; 0 of others.
  bool take(uint8_t operands, uint8_t opcode) {
    if (operands & invalid) return false;
    if (operands & modrm) {
      bool is_test = (opcode == 0xf6 || opcode == 0xf7) && (peek() >> 3 & 7) < 2;
      if (is_test) operands |= opcode == 0xf6 ? imm8 : imm_word;
      take_address();
    }
    uint32_t word = has_operand_size_ && !is_wide_ ? 2 : 4;
    if (operands & imm8) at_ += 1;
    if (operands & imm16) at_ += 2;
    if (operands & imm_word) at_ += word;
    if (operands & imm_wide) at_ += is_wide_ ? 8 : word;
    if (operands & offset) at_ += has_address_size_ ? 4 : 8;
    if (operands & rel32) at_ += 4;
    return true;
  }

  void take_address() {
    uint8_t byte = next();
    uint8_t mode = byte >> 6;
    uint8_t base = byte & 7;
    if (mode == 3) return;
    bool has_index = base == 4;
    if (has_index) base = next() & 7;
    if (mode == 1) at_ += 1;
    else if (mode == 2 || base == 5) at_ += 4;
  }

  std::span<const uint8_t> code_;
  size_t at_ = 0;
  bool has_operand_size_ = false, has_address_size_ = false, is_wide_ = false;
};

}  // namespace

uint32_t instruction_length(std::span<const uint8_t> code) {
  return Decoder(code).length();
}

CodePlace place_in_code(std::span<const uint8_t> code, uint64_t offset) {
  using Kind = CodePlace::Kind;
  if (offset >= code.size()) return {Kind::outside, {}, offset, 0, code.size()};
  uint64_t begin = 0, end = 0;
  while (end <= offset) {
    begin = end;
    uint32_t length = instruction_length(code.subspan(begin));
    if (length == 0) return {Kind::unknown, {}, offset, begin, begin};
    end += length;
  }
  return {begin == offset ? Kind::begins : Kind::inside, {}, offset, begin, end};
}

}  // namespace shrike
