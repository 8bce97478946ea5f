// Which registers are live at block ends, over nodes: r0 to r9 are nodes 0 to 9, v0 is node 10 and so on. r10 is not a
// node: nothing writes it.
#pragma once

#include <vector>

#include "backend-bpf/lir.h"

namespace shrike::bpf {

class BitSet {
 public:
  explicit BitSet(size_t bits = 0) : words_((bits + 63) / 64) {}
  void set(size_t i) { words_[i / 64] |= uint64_t{1} << (i % 64); }
  void reset(size_t i) { words_[i / 64] &= ~(uint64_t{1} << (i % 64)); }
  bool test(size_t i) const { return words_[i / 64] >> (i % 64) & 1; }
  bool unite(const BitSet& other) {  // true if something was added
    uint64_t added = 0;
    for (size_t i = 0; i < words_.size(); i++) {
      added |= other.words_[i] & ~words_[i];
      words_[i] |= other.words_[i];
    }
    return added != 0;
  }
  void intersect(const BitSet& other) {
    for (size_t i = 0; i < words_.size(); i++) words_[i] &= other.words_[i];
  }
  template <class F>
  void each(F&& f) const {
    for (size_t w = 0; w < words_.size(); w++)
      for (uint64_t rest = words_[w]; rest != 0; rest &= rest - 1)
        f(static_cast<uint32_t>(w * 64 + static_cast<size_t>(__builtin_ctzll(rest))));
  }
  bool operator==(const BitSet&) const = default;

 private:
  std::vector<uint64_t> words_;
};

using Node = uint32_t;
inline constexpr Node no_node = UINT32_MAX;
inline Node node_of(lir::Reg reg) {
  if (reg.is_physical()) return reg.index < lir::allocatable_regs ? reg.index : no_node;
  return lir::allocatable_regs + reg.number();
}
inline lir::Reg reg_of_node(Node node) {
  return node < lir::allocatable_regs ? lir::physical(node) : lir::virtual_reg(node - lir::allocatable_regs);
}

struct RegisterEffects {
  std::vector<Node> uses, defs;
  Node early_def = no_node;  // among defs
};
// Everything `inst` reads and writes, with what calls and exit imply. Fills `out` anew.
void effects_of(const lir::Inst& inst, RegisterEffects& out);

std::vector<std::vector<Node>> live_out_sets(const lir::Function& function);  // by block, in order

// Nodes, or slots, to be gone through in time that grows with their number.
class NodeSet {
 public:
  explicit NodeSet(size_t nodes) : places_(nodes, absent) {}
  bool test(Node node) const { return places_[node] != absent; }
  void set(Node node) {
    if (test(node)) return;
    places_[node] = static_cast<uint32_t>(nodes_.size());
    nodes_.push_back(node);
  }
  void reset(Node node) {
    const uint32_t place = places_[node];
    if (place == absent) return;
    nodes_[place] = nodes_.back();
    places_[nodes_[place]] = place;
    nodes_.pop_back();
    places_[node] = absent;
  }
  void become(const std::vector<Node>& nodes) {
    for (Node node : nodes_) places_[node] = absent;
    nodes_.clear();
    for (Node node : nodes) set(node);
  }
  const std::vector<Node>& nodes() const { return nodes_; }

 private:
  static constexpr uint32_t absent = UINT32_MAX;
  std::vector<Node> nodes_;
  std::vector<uint32_t> places_;  // by node: in nodes_
};

// The same for the contents of spill slots, over slots. Spill slots are only stored to and loaded from, as a whole.
bool is_spill_access(const lir::Function& function, const lir::Inst& inst);
std::vector<std::vector<uint32_t>> live_out_spills(const lir::Function& function);  // slots, by block, in order

}  // namespace shrike::bpf
