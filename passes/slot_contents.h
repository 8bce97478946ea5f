// Slots that are filled once and read afterwards, like the keys of maps, and what they are filled with: two that are filled with
// the same hold the same.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <vector>

#include "mir/analysis/dominators.h"
#include "mir/analysis/slot_addresses.h"
#include "mir/module.h"

namespace shrike::passes {

// One instruction that writes to a slot what depends on its operands only, or on the task that runs.
struct SlotWrite {
  mir::Opcode op = mir::Opcode::zero;  // store, zero, or the call of get_current_comm
  int64_t offset = 0;
  uint32_t bytes = 0;
  bool is_constant = false;  // what is stored
  int64_t stored = 0;        // the constant, or the value's number
  auto operator<=>(const SlotWrite&) const = default;
};

class SlotContents {
 public:
  SlotContents(const mir::Function& function, const mir::Dominators& dominators);

  struct Contents {
    mir::BlockId block;            // where all writes are
    uint32_t first = 0, last = 0;  // of them in the block
    std::vector<SlotWrite> writes;
  };
  // None: some write is of another kind or place, a read may come before a write, or the address goes where it is not followed.
  const std::optional<Contents>& of(mir::SlotId slot) const { return slots_[slot.index].contents; }
  // That a counted write fills; invalid for other instructions.
  mir::SlotId written_by(const mir::Inst& inst) const;
  // Of an address at the slot's start.
  mir::SlotId slot_at(mir::ValueId address) const;

 private:
  struct Read {
    mir::BlockId block;
    uint32_t at = 0;
  };
  struct State {
    std::optional<Contents> contents;
    std::vector<Read> reads;
    bool is_lost = false;
  };

  void note(const mir::Inst& inst, Read place);
  void note_call(const mir::Inst& inst, Read place);
  void write(const mir::SlotAddress& to, SlotWrite write, Read place);
  void read(mir::ValueId address, Read place);
  void lose(mir::ValueId address);

  mir::SlotAddresses addresses_;
  std::vector<State> slots_;
};

}  // namespace shrike::passes
