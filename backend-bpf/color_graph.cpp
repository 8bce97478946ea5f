// See color_graph.h. Lists are filled lazily: an entry counts only while the node's place agrees with the list.
#include "backend-bpf/color_graph.h"

#include <algorithm>
#include <functional>
#include <limits>

#include "mir/base/check.h"

namespace shrike::bpf {

namespace {

constexpr size_t most_dense_nodes = 4096;
constexpr size_t first_table = 1u << 16;
// Of a node that lives through thousands of others, or is copied as often; moves are not tried again whenever something changes
// beside one of those.
constexpr size_t many_neighbours = 4096, many_moves = 1024;
// Of neighbours and moves of a node that goes into another: from here on it is rather the other way around.
constexpr size_t much_to_combine = 256;

size_t dense_bits(size_t nodes) {
  return nodes <= most_dense_nodes ? nodes * (nodes + 1) / 2 : 0;
}

}  // namespace

EdgeSet::EdgeSet(size_t nodes)
    : is_dense_(nodes <= most_dense_nodes), bits_(dense_bits(nodes)), table_(is_dense_ ? 0 : first_table, none) {}

void EdgeSet::add(Node a, Node b) {
  if (is_dense_) return bits_.set(bit_of(a, b));
  const uint64_t key = key_of(a, b);
  uint64_t& place = table_[slot_of(key)];
  if (place == key) return;
  place = key;
  if (++count_ * 2 > table_.size()) grow();
}

size_t EdgeSet::slot_of(uint64_t key) const {
  uint64_t hash = key * 0x9e3779b97f4a7c15;
  hash ^= hash >> 32;
  for (size_t slot = hash & (table_.size() - 1);; slot = (slot + 1) & (table_.size() - 1))
    if (table_[slot] == key || table_[slot] == none) return slot;
}

void EdgeSet::grow() {
  std::vector<uint64_t> keys(table_.size() * 2, none);
  keys.swap(table_);
  for (uint64_t key : keys)
    if (key != none) table_[slot_of(key)] = key;
}

ColorGraph::ColorGraph(size_t nodes)
    : edges_(nodes),
      adjacent_(nodes),
      degree_(nodes),
      moves_of_(nodes),
      place_(nodes, Place::initial),
      alias_(nodes),
      cost_(nodes),
      color_(nodes, UINT32_MAX) {
  for (Node node = 0; node < nodes; node++) alias_[node] = node;
  for (Node node = 0; node < colors; node++) {
    place_[node] = Place::precolored;
    color_[node] = node;
    degree_[node] = std::numeric_limits<uint32_t>::max() / 2;
    for (Node other = 0; other < node; other++) edges_.add(node, other);
  }
}

void ColorGraph::add_edge(Node a, Node b) {
  if (a == b || interferes(a, b)) return;
  link(a, b);
  if (!is_precolored(a)) degree_[a]++;
  if (!is_precolored(b)) degree_[b]++;
}

void ColorGraph::link(Node a, Node b) {
  edges_.add(a, b);
  if (!is_precolored(a)) adjacent_[a].push_back(b);
  if (!is_precolored(b)) adjacent_[b].push_back(a);
}

void ColorGraph::add_move(Node to, Node from) {
  if (to == from) return;
  auto id = static_cast<uint32_t>(moves_.size());
  moves_.push_back({to, from});
  waiting_moves_.push_back(id);
  add_to_list(to, id);
  add_to_list(from, id);
}

void ColorGraph::add_to_list(Node node, uint32_t move) {
  MoveList& list = moves_of_[node];
  const auto entry = static_cast<uint32_t>(entries_.size());
  entries_.push_back({move, no_entry});
  (list.first == no_entry ? list.first : entries_[list.last].next) = entry;
  list.last = entry;
  list.open++;
  list.length++;
}

void ColorGraph::finish(Move& move) {
  move.state = MoveState::done;
  moves_of_[alias(move.to)].open--;
  moves_of_[alias(move.from)].open--;
}

Node ColorGraph::alias(Node node) const {
  for (; alias_[node] != node; node = alias_[node]) alias_[node] = alias_[alias_[node]];
  return node;
}

void ColorGraph::file(Node node) {
  if (place_[node] == Place::spill) spill_count_--;
  if (degree_[node] >= colors) {
    place_[node] = Place::spill;
    spill_count_++;
    offer_to_spill(node);
  } else if (is_move_related(node)) {
    place_[node] = Place::freeze;
    to_freeze_.push_back(node);
  } else {
    place_[node] = Place::simplify;
    to_simplify_.push_back(node);
  }
}

bool ColorGraph::pop(std::vector<Node>& list, Place place, Node& out) {
  while (!list.empty()) {
    out = list.back();
    list.pop_back();
    if (place_[out] == place) return true;
  }
  return false;
}

void ColorGraph::count_hard_neighbours() {
  hard_neighbours_.assign(place_.size(), 0);
  for (Node node = colors; node < place_.size(); node++)
    hard_neighbours_[node] =
        static_cast<uint32_t>(std::ranges::count_if(adjacent_[node], [&](Node near) { return is_hard(near); }));
}

void ColorGraph::run() {
  count_hard_neighbours();
  for (Node node = colors; node < place_.size(); node++) file(node);
  for (;;) {
    Node node;
    if (pop(to_simplify_, Place::simplify, node)) {
      simplify(node);
    } else if (!waiting_moves_.empty()) {
      uint32_t move = waiting_moves_.back();
      waiting_moves_.pop_back();
      if (moves_[move].state == MoveState::waiting) coalesce(move);
    } else if (pop(to_freeze_, Place::freeze, node)) {
      freeze_moves(node);
      file(node);
    } else if (spill_count_ != 0) {
      node = pick_spill();
      freeze_moves(node);
      spill_count_--;
      place_[node] = Place::simplify;
      to_simplify_.push_back(node);
    } else {
      break;
    }
  }
  assign_colors();
}

void ColorGraph::enable_moves(Node node) {
  each_move(node, [&](uint32_t move) {
    if (moves_[move].state != MoveState::active) return;
    moves_[move].state = MoveState::waiting;
    waiting_moves_.push_back(move);
  });
}

// A move between a physical register and a neighbour is on the neighbour's list too; the others of its thousands do not care.
void ColorGraph::enable_moves_beside(Node node) {
  enable_moves(node);
  for (Node near : adjacent_[node])
    if (is_in_graph(near) && !is_precolored(near) && moves_of_[near].length <= many_moves) enable_moves(near);
}

void ColorGraph::lower_degree(Node node) {
  if (is_precolored(node)) return;
  if (degree_[node]-- != colors) return;
  for (Node near : adjacent_[node]) hard_neighbours_[near]--;
  enable_moves_beside(node);
  if (place_[node] == Place::spill) file(node);
}

void ColorGraph::simplify(Node node) {
  place_[node] = Place::selected;
  stack_.push_back(node);
  if (is_hard(node))
    for (Node near : adjacent_[node]) hard_neighbours_[near]--;
  for (Node near : adjacent_[node])
    if (is_in_graph(near)) lower_degree(near);
}

// Briggs: the combined node has fewer than `colors` neighbours that are hard to color.
bool ColorGraph::is_conservative(Node a, Node b) const {
  if (hard_neighbours_[a] + hard_neighbours_[b] < colors) return true;
  if (std::max(hard_neighbours_[a], hard_neighbours_[b]) >= colors) return false;
  if (adjacent_[a].size() < adjacent_[b].size()) std::swap(a, b);
  uint32_t hard = hard_neighbours_[a];
  for (Node near : adjacent_[b])
    if (is_in_graph(near) && is_hard(near) && !interferes(near, a)) hard++;
  return hard < colors;
}

// George: each neighbour of the node is easy to color or already conflicts with the physical register.
bool ColorGraph::is_safe_with_precolored(Node precolored, Node node) const {
  return std::all_of(adjacent_[node].begin(), adjacent_[node].end(), [&](Node near) {
    return !is_in_graph(near) || degree_[near] < colors || is_precolored(near) || interferes(near, precolored);
  });
}

void ColorGraph::unfreeze_if_small(Node node) {
  if (is_precolored(node) || is_move_related(node) || degree_[node] >= colors || place_[node] != Place::freeze) return;
  place_[node] = Place::simplify;
  to_simplify_.push_back(node);
}

void ColorGraph::coalesce(uint32_t id) {
  Move& move = moves_[id];
  Node into = alias(move.to), node = alias(move.from);
  if (is_precolored(node)) std::swap(into, node);
  if (into == node) {
    finish(move);
    unfreeze_if_small(into);
  } else if (is_precolored(node) || interferes(into, node)) {
    finish(move);
    unfreeze_if_small(into);
    unfreeze_if_small(node);
  } else if (is_precolored(into) ? is_safe_with_precolored(into, node) : is_conservative(into, node)) {
    finish(move);
    // All that the one has is gone through when it becomes part of the other. Long rows of moves would be, for each of them.
    if (const size_t much = size_of(node); !is_precolored(into) && much > much_to_combine && much > size_of(into))
      std::swap(into, node);
    combine(into, node);
    unfreeze_if_small(into);
  } else {
    move.state = MoveState::active;
  }
}

void ColorGraph::combine(Node into, Node node) {
  if (place_[node] == Place::spill) spill_count_--;
  place_[node] = Place::coalesced;
  alias_[node] = into;
  cost_[into] += cost_[node];
  drop_inner_moves(node);
  enable_moves(node);
  join_lists(into, node);
  if (is_hard(node))
    for (Node near : adjacent_[node]) hard_neighbours_[near]--;
  for (size_t i = 0; i < adjacent_[node].size(); i++) {
    Node near = adjacent_[node][i];
    if (!is_in_graph(near)) continue;
    if (interferes(near, into)) lower_degree(near);
    else replace_neighbour(near, into);
  }
  if (is_precolored(into)) return;
  if (degree_[into] >= colors && place_[into] == Place::freeze) file(into);
  else if (place_[into] == Place::spill) offer_to_spill(into);  // its score may be less than it was
}

// Gives `of` a neighbour in place of one that has just been coalesced with it. Where that leaves `of` just easy to color, moves
// beside it may have become possible.
void ColorGraph::replace_neighbour(Node of, Node by) {
  link(of, by);
  if (is_hard(of)) hard_neighbours_[by]++;
  if (!is_precolored(by) && ++degree_[by] == colors) {
    for (Node near : adjacent_[by]) hard_neighbours_[near]++;
  } else if (is_hard(by)) {
    hard_neighbours_[of]++;
  }
  if (is_precolored(of) || degree_[of] != colors - 1 || adjacent_[of].size() > many_neighbours) return;
  enable_moves_beside(of);
}

// Moves within a node say nothing any more, and long rows of them would be walked again and again.
void ColorGraph::drop_inner_moves(Node node) {
  MoveList& list = moves_of_[node];
  uint32_t kept = no_entry;
  list.length = 0;
  for (uint32_t e = list.first; e != no_entry; e = entries_[e].next) {
    const Move& move = moves_[entries_[e].move];
    if (move.state == MoveState::done && alias(move.to) == alias(move.from)) continue;
    (kept == no_entry ? list.first : entries_[kept].next) = e;
    kept = e;
    list.length++;
  }
  (kept == no_entry ? list.first : entries_[kept].next) = no_entry;
  list.last = kept;
}

void ColorGraph::join_lists(Node into, Node node) {
  MoveList &list = moves_of_[into], &other = moves_of_[node];
  if (other.first != no_entry) {
    (list.first == no_entry ? list.first : entries_[list.last].next) = other.first;
    list.last = other.last;
  }
  list.open += other.open;
  list.length += other.length;
  other = {};
}

void ColorGraph::freeze_moves(Node node) {
  each_move(node, [&](uint32_t id) {
    Move& move = moves_[id];
    if (move.state == MoveState::done) return;
    finish(move);
    Node to = alias(move.to), from = alias(move.from);
    Node other = to == alias(node) ? from : to;
    unfreeze_if_small(other);
  });
}

void ColorGraph::offer_to_spill(Node node) {
  to_spill_.emplace_back(spill_score(node), node);
  std::ranges::push_heap(to_spill_, std::greater<>());
}

// Scores grow while neighbours leave; an entry that is too small is put back with what its node has now.
Node ColorGraph::pick_spill() {
  for (;;) {
    CHECK(!to_spill_.empty(), "nodes to spill that nobody offered");
    std::ranges::pop_heap(to_spill_, std::greater<>());
    const auto [score, node] = to_spill_.back();
    to_spill_.pop_back();
    if (place_[node] != Place::spill) continue;
    if (score == spill_score(node)) return node;
    offer_to_spill(node);
  }
}

void ColorGraph::assign_colors() {
  while (!stack_.empty()) {
    Node node = stack_.back();
    stack_.pop_back();
    uint32_t taken = 0;
    for (Node near : adjacent_[node]) {
      uint32_t color = color_[alias(near)];
      if (color != UINT32_MAX) taken |= 1u << color;
    }
    uint32_t free = ~taken & ((1u << colors) - 1);
    if (free == 0) {
      spilled_.push_back(node);
      continue;
    }
    // A color that a move partner has saves the move although the two were not coalesced.
    uint32_t choice = static_cast<uint32_t>(__builtin_ctz(free));
    for (uint32_t e = moves_of_[node].first; e != no_entry; e = entries_[e].next) {
      const Move& move = moves_[entries_[e].move];
      Node to = alias(move.to), from = alias(move.from);
      uint32_t color = color_[to == node ? from : to];
      if (color == UINT32_MAX || !(free >> color & 1)) continue;
      choice = color;
      break;
    }
    color_[node] = choice;
    // Neighbours that were coalesced away are found through their alias; nothing to do for them here.
  }
}

}  // namespace shrike::bpf
