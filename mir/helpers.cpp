// Turns the text columns of helpers.def into a constant table; a misspelt column does not compile.
#include "mir/helpers.h"

#include <iterator>

namespace shrike::mir {

namespace {

void misspelt(const char*) {}  // not constexpr, so that reaching it does not compile

consteval HelperResult result_of(std::string_view text) {
  if (text == "i") return HelperResult::integer;
  if (text == "s") return HelperResult::signed_integer;
  if (text == "void") return HelperResult::none;
  if (text == "map_value?") return HelperResult::map_value_or_null;
  if (text == "mem?") return HelperResult::mem_or_null;
  if (text == "number?") return HelperResult::number_or_null;
  misspelt("unknown helper result");
  return {};
}

consteval HelperOperand operand_of(std::string_view text) {
  if (text == "map") return HelperOperand::map;
  if (text == "fn") return HelperOperand::fn;
  if (text == "ctx") return HelperOperand::ctx;
  if (text == "ctx?") return HelperOperand::ctx_or_null;
  if (text == "i") return HelperOperand::integer;
  if (text == "key") return HelperOperand::key;
  if (text == "value") return HelperOperand::value;
  if (text == "in") return HelperOperand::in;
  if (text == "in_n") return HelperOperand::in_n;
  if (text == "out") return HelperOperand::out;
  if (text == "out_n") return HelperOperand::out_n;
  if (text == "str") return HelperOperand::str;
  if (text == "addr") return HelperOperand::addr;
  if (text == "any") return HelperOperand::any;
  if (text == "rec") return HelperOperand::rec;
  if (text == "const") return HelperOperand::constant;
  if (text == "iter") return HelperOperand::iter;
  misspelt("unknown helper operand");
  return {};
}

consteval HelperOperands operands_of(std::string_view text) {
  HelperOperands operands;
  while (!text.empty()) {
    size_t end = text.find(' ');
    operands.items[operands.count++] = operand_of(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return operands;
}

constexpr HelperRow rows[] = {
#define HELPER(id, number, result, operands, effect, since, gpl) \
  {#id, number, result_of(result), operands_of(operands), Effect::effect, since, gpl},
#include "mir/helpers.def"
#undef HELPER
};

}  // namespace

const HelperRow& row_of(HelperId id) {
  return rows[static_cast<size_t>(id)];
}

std::optional<HelperId> find_helper(std::string_view name) {
  for (size_t i = 0; i < std::size(rows); i++)
    if (rows[i].name == name) return static_cast<HelperId>(i);
  return std::nullopt;
}

std::optional<HelperId> find_helper(uint32_t number) {
  for (size_t i = 0; i < std::size(rows); i++)
    if (rows[i].number == number && !rows[i].is_kernel_function()) return static_cast<HelperId>(i);
  return std::nullopt;
}

std::string kernel_name_of(HelperId id) {
  return "bpf_" + std::string(row_of(id).name);
}

size_t helper_count() {
  return std::size(rows);
}

}  // namespace shrike::mir
