// Typed 32-bit indices. IR tables are addressed by these, never by pointers, so that a table can
// grow, be copied or be printed without fixing anything up.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace shrike {

template <class Tag>
struct Id {
  static constexpr uint32_t none = UINT32_MAX;

  uint32_t index = none;

  constexpr Id() = default;
  constexpr explicit Id(uint32_t i) : index(i) {}
  constexpr explicit Id(size_t i) : index(static_cast<uint32_t>(i)) {}

  constexpr bool is_valid() const { return index != none; }
  constexpr auto operator<=>(const Id&) const = default;
};

}  // namespace shrike

template <class Tag>
struct std::hash<shrike::Id<Tag>> {
  size_t operator()(shrike::Id<Tag> id) const noexcept { return id.index; }
};
