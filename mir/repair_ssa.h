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
  struct Variable {
    ValueId original;
    std::vector<std::pair<BlockId, ValueId>> definitions;  // at the ends of blocks
    std::vector<std::pair<BlockId, ValueId>> params;       // made where definitions meet
    std::vector<bool> meets;                               // by block; empty until asked for
  };
  struct Asked {
    ValueId placeholder, original;
    BlockId block;
  };
  struct Pending {
    uint32_t variable;
    BlockId block;
  };

  void find_frontiers();
  void find_meets(Variable& variable) const;
  ValueId at_start(uint32_t variable, BlockId block);
  ValueId at_end(uint32_t variable, BlockId block);
  void rewrite_uses();
  void give_arguments();

  Function& function_;
  Dominators dominators_;
  std::vector<std::vector<BlockId>> frontiers_;  // by block: where its dominance ends
  std::vector<Variable> variables_;
  SideTable<ValueId, uint32_t> index_;  // of originals in variables_, plus one
  std::vector<Asked> asked_;
  std::vector<Pending> pending_;  // parameters whose arguments are to be given
};

}  // namespace shrike::mir
