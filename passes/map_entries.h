// Which entry of which map a helper is asked about, as far as its key tells: two with equal answers mean the same entry. Two with
// unequal answers may mean the same, too.
#pragma once

#include <cstdint>
#include <optional>

#include "mir/module.h"
#include "passes/slot_contents.h"

namespace shrike::passes {

// A map, and the key's slot or its place in a map of constants.
struct MapEntry {
  mir::MapId map;
  mir::SlotId slot;
  mir::MapId constants;
  int64_t offset = 0;
  bool operator==(const MapEntry&) const = default;
};

inline bool is_call_of(const mir::Inst& inst, mir::HelperId helper) {
  return inst.op == mir::Opcode::call && inst.helper == helper;
}

// Of a call whose first operand is the key, which `address` makes if an instruction does. None where the key's slot is not filled
// once.
std::optional<MapEntry> entry_of(const mir::Inst& call, const mir::Inst* address, const SlotContents& contents);

// A word that an update is pointed to: a value of the function, or a constant.
struct StoredWord {
  mir::ValueId value;
  std::optional<int64_t> constant;
};
// At a pointer, which `address` makes if an instruction does: a slot that one instruction fills, or constants of the globals map.
std::optional<StoredWord> word_at(mir::ValueId pointer, const mir::Inst* address, const SlotContents& contents,
                                  const mir::Interface& interface);

}  // namespace shrike::passes
