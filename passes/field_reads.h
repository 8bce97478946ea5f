// Reads of the kernel's memory that passes may join: to a slot that nothing else writes and only loads read, of a known number of
// bytes, and nobody looks at their outcome (-k does).
//
// A read may be done earlier, or once for several, where nothing between changes what it gives. Programs write to the kernel's
// memory as good as never; what they write, their variables and maps, they may read by number, too, where a script takes
// addresses.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "mir/analysis/slot_addresses.h"
#include "mir/module.h"

namespace shrike::passes {

struct FieldRead {
  mir::SlotId slot;
  mir::ValueId base;
  int64_t offset = 0;  // from the base
  int64_t bytes = 0;
};

// Of one function as it is when this is made; instructions may be changed, but none put between them.
class FieldReads {
 public:
  // `shows_addresses`: some function of the module makes numbers of the addresses of what programs write.
  FieldReads(mir::Function& function, bool shows_addresses);
  static bool shows_addresses(const mir::Module& module);
  static bool has_several(const mir::Function& function);  // reads of the kernel's memory; else there is nothing to join

  std::optional<FieldRead> of(const mir::Inst& inst) const;
  // Whether a read behind it may give something else than before it.
  bool may_change_reads(const mir::Inst& inst) const;
  mir::SlotId slot_of(mir::ValueId value) const;  // whose address the value is

  // Of the addresses of a slot.
  struct Uses {
    uint32_t reads = 0;
    bool has_others = false;
    std::vector<mir::Inst*> addresses;
    std::vector<mir::Inst*> loads;
  };
  const Uses& uses(mir::SlotId slot) const { return uses_[slot.index]; }
  // Could the loads have their slot's bytes `by` later in another slot?
  bool may_shift(mir::SlotId slot, int64_t by) const;

 private:
  struct Definition {
    mir::Opcode op = mir::Opcode::ret;
    int64_t imm = 0;
    mir::SlotId slot;
    mir::ValueId first, second;
  };
  void note(mir::Inst& inst);
  void note_uses(mir::Inst& inst);
  std::optional<int64_t> constant_of(mir::ValueId value) const;
  bool may_be_read_by_number(mir::ValueId pointer) const;

  const mir::Function& function_;
  bool shows_addresses_;
  mir::SlotAddresses addresses_;
  std::vector<Definition> definitions_;  // by value
  std::vector<bool> is_used_;            // by value
  std::vector<Uses> uses_;               // by slot
  std::vector<bool> is_shown_;           // by slot
};

// A pure instruction with the same result, which nobody uses.
void drop_read(mir::Inst& call);

}  // namespace shrike::passes
