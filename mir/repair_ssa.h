// Gives every use its one definition again after blocks were copied: values that then have several definitions become
// parameters of the blocks where those meet, as far as they are used there.
// Needs: edges final; each copied value's definitions told, its own among them where that is still reached.
#pragma once

#include <utility>
#include <vector>

#include "mir/analysis/dominators.h"
#include "mir/module.h"

namespace shrike::mir {

class SsaRepair {
 public:
  explicit SsaRepair(Function& function) : function_(function) {}

  // At the end of `block`, `original` is `definition`.
  void define(ValueId original, BlockId block, ValueId definition);
  // What `original` is where `block` begins: a value to be used for it, which run() replaces by the one it is found to be.
  ValueId at_start_of(ValueId original, BlockId block);
  // Rewrites the uses of all originals; in blocks that define them to that definition.
  void run();

 private:
  // A block at whose begin the variable is needed.
  struct Needed {
    BlockId block;
    bool is_meet = false;  // of definitions: the variable is a parameter there
    ValueId value;         // what it is there; invalid until asked for
  };
  struct Variable {
    ValueId original;
    std::vector<std::pair<BlockId, ValueId>> definitions;  // at the ends of blocks; by block from run() on
    std::vector<BlockId> used_in;                          // or asked for at the begin of
    std::vector<Needed> needed;                            // by block; empty until a value is asked for
  };
  struct Asked {
    ValueId placeholder, original;
    BlockId block;
  };
  struct Pending {
    uint32_t variable;
    BlockId block;
  };

  void find_tree();
  void find_uses();
  void find_needed(Variable& variable);
  void find_meets(Variable& variable);
  ValueId definition_in(const Variable& variable, BlockId block) const;
  ValueId make_param(uint32_t variable, BlockId block);
  ValueId at_start(uint32_t variable, BlockId block);
  ValueId at_end(uint32_t variable, BlockId block);
  void rewrite_uses();
  void give_arguments();

  Function& function_;
  Dominators dominators_;
  Lists<BlockId> children_;      // of the dominator tree
  std::vector<uint32_t> level_;  // by block: in the dominator tree
  std::vector<Variable> variables_;
  SideTable<ValueId, uint32_t> index_;  // of originals in variables_, plus one
  std::vector<Asked> asked_;
  std::vector<Pending> pending_;  // parameters whose arguments are to be given
  // By block, for the variable that is being looked at: one more than its place in `needed`, or zero.
  std::vector<uint32_t> place_;
};

}  // namespace shrike::mir
