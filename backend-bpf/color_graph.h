// Iterated register coalescing (L. George and A. Appel, "Iterated Register Coalescing", TOPLAS 18(3), 1996) on an
// interference graph whose first ten nodes are the physical registers. Knows nothing of instructions.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "backend-bpf/liveness.h"

namespace shrike::bpf {

// Pairs of nodes: a bit for each there can be while that is a megabyte at most, and a table of those there are beyond, since a
// function with tens of thousands of registers has few neighbours of each.
class EdgeSet {
 public:
  explicit EdgeSet(size_t nodes);

  bool has(Node a, Node b) const { return is_dense_ ? bits_.test(bit_of(a, b)) : table_[slot_of(key_of(a, b))] != none; }
  void add(Node a, Node b);

 private:
  static constexpr uint64_t none = UINT64_MAX;

  static size_t bit_of(Node a, Node b) {
    size_t high = a > b ? a : b, low = a > b ? b : a;
    return high * (high + 1) / 2 + low;
  }
  static uint64_t key_of(Node a, Node b) { return a > b ? uint64_t{a} << 32 | b : uint64_t{b} << 32 | a; }
  // Where the key is, or may be put: the next free place from the one its hash names.
  size_t slot_of(uint64_t key) const;
  void grow();

  bool is_dense_;
  BitSet bits_;
  std::vector<uint64_t> table_;  // a power of two, at least half of it `none`
  size_t count_ = 0;
};

class ColorGraph {
 public:
  explicit ColorGraph(size_t nodes);

  void add_edge(Node a, Node b);
  void add_move(Node to, Node from);
  void add_cost(Node node, float cost) { cost_[node] += cost; }  // of keeping the node in memory

  // Colors what it can; the nodes left over are spilled().
  void run();
  const std::vector<Node>& spilled() const { return spilled_; }
  Node alias(Node node) const;
  uint32_t color(Node node) const { return color_[alias(node)]; }

 private:
  static constexpr uint32_t colors = lir::allocatable_regs;
  enum class Place : uint8_t { initial, precolored, simplify, freeze, spill, selected, coalesced };
  enum class MoveState : uint8_t { waiting, active, done };
  struct Move {
    Node to, from;
    MoveState state = MoveState::waiting;
  };
  // The moves of a node, in a list that joins another one without a look at either. Each move is in two.
  static constexpr uint32_t no_entry = UINT32_MAX;
  struct Entry {
    uint32_t move, next;
  };
  struct MoveList {
    uint32_t first = no_entry, last = no_entry;
    uint32_t open = 0;  // of moves that are not done
    uint32_t length = 0;
  };

  bool interferes(Node a, Node b) const { return edges_.has(a, b); }
  bool is_precolored(Node node) const { return node < colors; }
  bool is_in_graph(Node node) const { return place_[node] != Place::selected && place_[node] != Place::coalesced; }
  bool is_move_related(Node node) const { return moves_of_[node].open != 0; }
  void add_to_list(Node node, uint32_t move);
  void finish(Move& move);
  void drop_inner_moves(Node node);
  void join_lists(Node into, Node node);
  template <class F>
  void each_move(Node node, F&& f) const {
    for (uint32_t e = moves_of_[node].first; e != no_entry; e = entries_[e].next) f(entries_[e].move);
  }
  void file(Node node);  // puts a node on the list where it belongs
  void enable_moves(Node node);
  void enable_moves_beside(Node node);
  void lower_degree(Node node);
  void simplify(Node node);
  void coalesce(uint32_t move);
  bool is_safe_with_precolored(Node precolored, Node node) const;
  bool is_conservative(Node a, Node b) const;
  size_t size_of(Node node) const { return adjacent_[node].size() + moves_of_[node].length; }
  void combine(Node into, Node node);
  void unfreeze_if_small(Node node);
  void freeze_moves(Node node);
  bool pop(std::vector<Node>& list, Place place, Node& out);
  bool is_hard(Node node) const { return degree_[node] >= colors; }
  void count_hard_neighbours();
  void link(Node a, Node b);
  void replace_neighbour(Node of, Node by);
  float spill_score(Node node) const { return cost_[node] / static_cast<float>(degree_[node]); }
  void offer_to_spill(Node node);
  Node pick_spill();
  void assign_colors();

  EdgeSet edges_;
  std::vector<std::vector<Node>> adjacent_;  // of nodes that are not precolored
  std::vector<uint32_t> degree_;
  std::vector<uint32_t> hard_neighbours_;  // of nodes in the graph, while run() runs
  std::vector<MoveList> moves_of_;
  std::vector<Entry> entries_;
  std::vector<Move> moves_;
  std::vector<uint32_t> waiting_moves_;
  std::vector<Place> place_;
  mutable std::vector<Node> alias_;  // ways through it get shorter as they are gone
  std::vector<float> cost_;
  std::vector<uint32_t> color_;
  std::vector<Node> to_simplify_, to_freeze_, stack_, spilled_;
  // A heap, the least first: of each node that may be spilled a score that it had, no greater than the one it has.
  std::vector<std::pair<float, Node>> to_spill_;
  size_t spill_count_ = 0;
};

}  // namespace shrike::bpf
