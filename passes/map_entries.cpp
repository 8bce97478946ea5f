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

}  // namespace shrike::passes
