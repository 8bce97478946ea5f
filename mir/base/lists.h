// Many short lists in two blocks of memory, one list a number from zero on: what a vector of vectors would be, made at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace shrike {

template <class T>
class Lists {
 public:
  Lists() = default;
  // Calls each(add) twice; both times it calls add(list, item) for the same items, those of a list in their order.
  template <class F>
  Lists(size_t count, F&& each) : ends_(count + 1) {
    each([&](size_t list, const T&) { ends_[list + 1]++; });
    for (size_t i = 1; i <= count; i++) ends_[i] += ends_[i - 1];
    items_.resize(ends_[count]);
    // Begins move to their ends while lists are filled, and are the ends of the lists before them.
    each([&](size_t list, const T& item) { items_[ends_[list]++] = item; });
  }

  std::span<const T> operator[](size_t list) const {
    const uint32_t begin = list == 0 ? 0 : ends_[list - 1];
    return {items_.data() + begin, ends_[list] - begin};
  }

 private:
  std::vector<T> items_;
  std::vector<uint32_t> ends_;  // by list; one more than there are
};

}  // namespace shrike
