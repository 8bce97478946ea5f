// Names to numbers, for who asks often. Filled from the last to the first, so that of equal names the first is found first.
#pragma once

#include <bit>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace shrike {

class NameIndex {
 public:
  // Whether this question is worth an index: looking for one name costs about as much as making it.
  bool is_worth_it() { return is_made() || ++asked_ > 3; }
  bool is_made() const { return !heads_.empty(); }

  void reserve(size_t names) {
    heads_.assign(std::bit_ceil(names + 1), UINT32_MAX);
    entries_.reserve(names);
  }
  void add_before(std::string_view name, uint64_t value) {
    const auto hash = static_cast<uint32_t>(std::hash<std::string_view>()(name));
    uint32_t& head = heads_[hash & (heads_.size() - 1)];
    entries_.push_back({value, hash, head});
    head = static_cast<uint32_t>(entries_.size() - 1);
  }
  // Calls f(value) for what may be called so, until it returns true.
  template <class F>
  void each(std::string_view name, F&& f) const {
    const auto hash = static_cast<uint32_t>(std::hash<std::string_view>()(name));
    for (uint32_t i = heads_[hash & (heads_.size() - 1)]; i != UINT32_MAX; i = entries_[i].next)
      if (entries_[i].hash == hash && f(entries_[i].value)) return;
  }

 private:
  struct Entry {
    uint64_t value;
    uint32_t hash;
    uint32_t next;
  };
  std::vector<uint32_t> heads_;
  std::vector<Entry> entries_;
  uint32_t asked_ = 0;
};

}  // namespace shrike
