// See map_entries.h.
#include "passes/map_entries.h"

namespace shrike::passes {

using namespace mir;

std::optional<MapEntry> entry_of(const Inst& call, const Inst* address, const SlotContents& contents) {
  if (SlotId slot = contents.slot_at(call.operands[0]); slot.is_valid())
    return contents.of(slot) ? std::optional(MapEntry{.map = call.map, .slot = slot}) : std::nullopt;
  if (address == nullptr || address->op != Opcode::map_value_addr) return {};
  return MapEntry{.map = call.map, .constants = address->map, .offset = address->imm};
}

namespace {

constexpr uint32_t word = 8;  // bytes

std::optional<int64_t> constant_at(const MapDecl& globals, int64_t offset) {
  if (offset + word <= globals::zeros + globals::zeros_bytes) return 0;
  const int64_t at = offset - (globals.value_size - static_cast<int64_t>(globals.constants.size()));
  if (at < 0 || at + word > static_cast<int64_t>(globals.constants.size())) return {};
  uint64_t value = 0;
  for (uint32_t i = 0; i < word; i++)
    value |= uint64_t{static_cast<uint8_t>(globals.constants[static_cast<size_t>(at) + i])} << (8 * i);
  return static_cast<int64_t>(value);
}

}  // namespace

std::optional<StoredWord> word_at(ValueId pointer, const Inst* address, const SlotContents& contents,
                                  const Interface& interface) {
  if (address != nullptr && address->op == Opcode::map_value_addr) {
    const MapDecl& map = interface.maps[address->map];
    const std::optional<int64_t> constant = map.role == MapRole::globals ? constant_at(map, address->imm) : std::nullopt;
    return constant ? std::optional(StoredWord{.value = {}, .constant = constant}) : std::nullopt;
  }
  const SlotId slot = contents.slot_at(pointer);
  if (!slot.is_valid() || !contents.of(slot) || contents.of(slot)->writes.size() != 1) return {};
  const SlotWrite& write = contents.of(slot)->writes[0];
  if (write.offset != 0 || write.bytes != word || write.op == Opcode::call) return {};
  if (write.op == Opcode::zero) return StoredWord{.value = {}, .constant = 0};
  if (write.is_constant) return StoredWord{.value = {}, .constant = write.stored};
  return StoredWord{.value = ValueId(static_cast<uint32_t>(write.stored)), .constant = {}};
}

}  // namespace shrike::passes
