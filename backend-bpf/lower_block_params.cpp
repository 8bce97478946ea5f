// Out of SSA: the arguments of an edge become moves to the parameters of its target. All moves of an edge happen at
// once, so they are put in an order in which no source is overwritten before it is read; a cycle is opened by one
// temporary register. A critical edge (from a block with several successors to one with several predecessors) gets a
// block of its own. Most of these moves disappear by coalescing.
#include <algorithm>
#include <set>

#include "backend-bpf/stages.h"

namespace shrike::bpf {

using lir::BlockId;
using lir::Inst;
using lir::Reg;

namespace {

struct Move {
  Reg to, from;
};

Inst make_move(Move move, Span span) {
  Inst inst;
  inst.op = lir::Op::mov64;
  inst.dst = move.to;
  inst.b = move.from;
  inst.span = span;
  return inst;
}

std::vector<Inst> sequence(std::vector<Move> moves, lir::Function& function, Span span) {
  std::vector<Inst> ordered;
  std::erase_if(moves, [](const Move& move) { return move.to == move.from; });
  while (!moves.empty()) {
    auto is_source = [&](Reg reg) {
      return std::any_of(moves.begin(), moves.end(), [&](const Move& m) { return m.from == reg; });
    };
    auto ready = std::find_if(moves.begin(), moves.end(), [&](const Move& move) { return !is_source(move.to); });
    if (ready != moves.end()) {
      ordered.push_back(make_move(*ready, span));
      moves.erase(ready);
      continue;
    }
    // Only cycles are left. Save one register, and let its readers read the copy.
    Reg saved = moves.front().to, copy = function.add_virtual();
    ordered.push_back(make_move({copy, saved}, span));
    for (Move& move : moves)
      if (move.from == saved) move.from = copy;
  }
  return ordered;
}

// Names for new blocks: "edge", "edge.1" and so on, past those that are taken.
class EdgeNames {
 public:
  explicit EdgeNames(const lir::Function& function) {
    for (const lir::Block& block : function.blocks)
      if (block.name.starts_with("edge")) taken_.insert(block.name);
  }
  std::string next() {
    std::string name;
    do name = next_ == 0 ? "edge" : "edge." + std::to_string(next_);
    while (next_++, taken_.contains(name));
    return name;
  }

 private:
  std::set<std::string> taken_;
  uint32_t next_ = 0;
};

}  // namespace

void lower_block_params(lir::Function& function) {
  std::vector<uint32_t> predecessors(function.blocks.size());
  for (const lir::Block& block : function.blocks)
    for (BlockId to : lir::successors(block)) predecessors[to.index]++;
  EdgeNames names(function);
  size_t count = function.blocks.size();
  for (uint32_t i = 0; i < count; i++) {
    BlockId id(i);
    for (size_t t = 0; t < function.blocks[id].insts.back().targets.size(); t++) {
      lir::Inst& end = function.blocks[id].insts.back();
      lir::BlockTarget& target = end.targets[t];
      if (target.args.empty()) continue;
      const std::vector<Reg>& params = function.blocks[target.block].params;
      CHECK(params.size() == target.args.size(), "arguments of block " + function.blocks[target.block].name);
      std::vector<Move> moves;
      for (size_t p = 0; p < params.size(); p++) moves.push_back({params[p], target.args[p]});
      target.args.clear();
      BlockId to = target.block;
      bool is_only_successor = end.targets.size() == 1;
      std::vector<Inst> insts = sequence(std::move(moves), function, end.span);
      if (is_only_successor) {
        auto& into = function.blocks[id].insts;
        into.insert(into.end() - 1, insts.begin(), insts.end());
      } else if (predecessors[to.index] == 1) {
        auto& into = function.blocks[to].insts;
        into.insert(into.begin(), insts.begin(), insts.end());
      } else if (!insts.empty()) {
        Inst jump;
        jump.op = lir::Op::ja;
        jump.span = end.span;
        jump.targets.push_back({to, {}});
        insts.push_back(std::move(jump));
        BlockId edge = function.blocks.add({names.next(), {}, std::move(insts)});
        function.blocks[id].insts.back().targets[t].block = edge;
      }
    }
  }
  for (lir::Block& block : function.blocks) block.params.clear();
}

}  // namespace shrike::bpf
