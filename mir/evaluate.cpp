// One case per operation, in the kernel's arithmetic: everything wraps, nothing traps.
#include "mir/evaluate.h"

#include <algorithm>

namespace shrike::mir {

namespace {

// Unsigned first, so that the one overflow of signed division wraps as the kernel's does.
uint64_t divide_signed(uint64_t a, uint64_t b) {
  if (b == 0) return 0;
  if (b == UINT64_MAX) return 0 - a;
  return static_cast<uint64_t>(static_cast<int64_t>(a) / static_cast<int64_t>(b));
}

uint64_t remainder_signed(uint64_t a, uint64_t b) {
  if (b == 0) return a;
  if (b == UINT64_MAX) return 0;
  return static_cast<uint64_t>(static_cast<int64_t>(a) % static_cast<int64_t>(b));
}

template <class Narrow>
uint64_t sign_extend(uint64_t a) {
  return static_cast<uint64_t>(static_cast<int64_t>(static_cast<Narrow>(a)));
}

}  // namespace

std::optional<uint64_t> evaluate(Opcode op, uint64_t a, uint64_t b) {
  auto sa = static_cast<int64_t>(a);
  auto sb = static_cast<int64_t>(b);
  switch (op) {
    case Opcode::constant: return b;
    case Opcode::add: return a + b;
    case Opcode::sub: return a - b;
    case Opcode::mul: return a * b;
    case Opcode::div_u: return b == 0 ? 0 : a / b;
    case Opcode::div_s: return divide_signed(a, b);
    case Opcode::mod_u: return b == 0 ? a : a % b;
    case Opcode::mod_s: return remainder_signed(a, b);
    case Opcode::and_: return a & b;
    case Opcode::or_: return a | b;
    case Opcode::xor_: return a ^ b;
    case Opcode::shl: return a << (b & 63);
    case Opcode::shr_u: return a >> (b & 63);
    case Opcode::shr_s: return static_cast<uint64_t>(sa >> (b & 63));
    case Opcode::neg: return 0 - a;
    case Opcode::eq: return a == b;
    case Opcode::ne: return a != b;
    case Opcode::lt_u: return a < b;
    case Opcode::le_u: return a <= b;
    case Opcode::lt_s: return sa < sb;
    case Opcode::le_s: return sa <= sb;
    case Opcode::zext8: return static_cast<uint8_t>(a);
    case Opcode::zext16: return static_cast<uint16_t>(a);
    case Opcode::zext32: return static_cast<uint32_t>(a);
    case Opcode::sext8: return sign_extend<int8_t>(a);
    case Opcode::sext16: return sign_extend<int16_t>(a);
    case Opcode::sext32: return sign_extend<int32_t>(a);
    case Opcode::bswap16: return __builtin_bswap16(static_cast<uint16_t>(a));
    case Opcode::bswap32: return __builtin_bswap32(static_cast<uint32_t>(a));
    case Opcode::bswap64: return __builtin_bswap64(a);
    case Opcode::clamp_u: return std::min(a, b);
    case Opcode::load:
    case Opcode::kernel_load:
    case Opcode::store:
    case Opcode::zero:
    case Opcode::copy:
    case Opcode::atomic_add:
    case Opcode::atomic_fetch_add:
    case Opcode::atomic_cmpxchg:
    case Opcode::ptr_add:
    case Opcode::ptr_to_int:
    case Opcode::slot_addr:
    case Opcode::map_value_addr:
    case Opcode::call:
    case Opcode::call_fn:
    case Opcode::agg_update:
    case Opcode::jump:
    case Opcode::branch:
    case Opcode::branch_null:
    case Opcode::ret: return std::nullopt;
  }
  UNREACHABLE("opcode");
}

uint64_t extend(MemWidth width, uint64_t bytes) {
  switch (width) {
    case MemWidth::u8: return static_cast<uint8_t>(bytes);
    case MemWidth::s8: return sign_extend<int8_t>(bytes);
    case MemWidth::u16: return static_cast<uint16_t>(bytes);
    case MemWidth::s16: return sign_extend<int16_t>(bytes);
    case MemWidth::u32: return static_cast<uint32_t>(bytes);
    case MemWidth::s32: return sign_extend<int32_t>(bytes);
    case MemWidth::u64: return bytes;
  }
  UNREACHABLE("memory width");
}

}  // namespace shrike::mir
