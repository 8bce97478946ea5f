// The table of BPF helpers: ids, prototypes, effects. helpers.def explains the columns.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shrike::mir {

enum class HelperId : uint16_t {
#define HELPER(id, number, result, operands, effect, since, gpl) id,
#include "mir/helpers.def"
#undef HELPER
};

enum class Effect : uint8_t { pure, clock, reads, writes, row, ends };

enum class HelperResult : uint8_t { integer, signed_integer, none, map_value_or_null, mem_or_null, number_or_null };

enum class HelperOperand : uint8_t {
  map,
  fn,
  ctx,
  ctx_or_null,
  integer,
  key,
  value,
  in,
  in_n,
  out,
  out_n,
  str,
  addr,
  any,
  rec,
  constant,
  iter,
};

// The operand kinds of one helper; a constant of its own so that the table costs nothing at start-up.
struct HelperOperands {
  std::array<HelperOperand, 5> items{};
  uint8_t count = 0;

  constexpr size_t size() const { return count; }
  constexpr bool empty() const { return count == 0; }
  constexpr HelperOperand operator[](size_t i) const { return items[i]; }
  constexpr const HelperOperand* begin() const { return items.data(); }
  constexpr const HelperOperand* end() const { return items.data() + count; }
};

// True of operands that are values of MIR: all but maps and callbacks.
constexpr bool is_value_operand(HelperOperand operand) {
  return operand != HelperOperand::map && operand != HelperOperand::fn;
}

struct HelperRow {
  std::string_view name;
  uint32_t number;  // the kernel's; 0: a function of the kernel, which has none
  HelperResult result;
  HelperOperands operands;
  Effect effect;
  std::string_view since;  // first kernel
  bool gpl_only;

  constexpr bool is_kernel_function() const { return number == 0; }
};

const HelperRow& row_of(HelperId id);
std::optional<HelperId> find_helper(std::string_view name);
std::optional<HelperId> find_helper(uint32_t number);
// Of a kernel function, in the kernel's types.
std::string kernel_name_of(HelperId id);
size_t helper_count();

}  // namespace shrike::mir
