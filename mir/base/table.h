// Table owns values, SideTable annotates them; both are indexed by one Id type only, so an index of
// the wrong kind does not compile. Adding to a Table may move its elements: hold ids across
// insertions, references only between them. One whose values are in a std::deque moves none.
#pragma once

#include <vector>

#include "mir/base/check.h"
#include "mir/base/id.h"

namespace shrike {

template <class IdT, class T, class Values = std::vector<T>>
class Table {
 public:
  IdT add(T value) {
    values_.push_back(std::move(value));
    return IdT(values_.size() - 1);
  }
  T& operator[](IdT id) {
    CHECK(id.index < values_.size(), "table index out of range");
    return values_[id.index];
  }
  const T& operator[](IdT id) const {
    CHECK(id.index < values_.size(), "table index out of range");
    return values_[id.index];
  }
  size_t size() const { return values_.size(); }
  bool empty() const { return values_.empty(); }
  IdT next_id() const { return IdT(values_.size()); }

  auto begin() { return values_.begin(); }
  auto end() { return values_.end(); }
  auto begin() const { return values_.begin(); }
  auto end() const { return values_.end(); }

 private:
  Values values_;
};

// Grows on first use of an id; an id never written reads as T{}.
template <class IdT, class T>
class SideTable {
 public:
  T& operator[](IdT id) {
    CHECK(id.is_valid(), "side table index is none");
    if (id.index >= values_.size()) values_.resize(id.index + 1);
    return values_[id.index];
  }
  const T& operator[](IdT id) const {
    static const T empty{};
    return id.index < values_.size() ? values_[id.index] : empty;
  }

 private:
  std::vector<T> values_;
};

}  // namespace shrike
