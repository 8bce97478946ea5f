// Which values are addresses at known places of slots: slot_addr, and ptr_add by constants from there.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "mir/module.h"

namespace shrike::mir {

// The slot is invalid where a value is not known to lead into one.
struct SlotAddress {
  SlotId slot;
  int64_t offset = 0;
};

// Of a function as it is when this is made; values added later are unknown, and all are where it
// has no slots.
class SlotAddresses {
 public:
  explicit SlotAddresses(const Function& function);

  SlotAddress of(ValueId value) const { return value.index < addresses_.size() ? addresses_[value.index] : SlotAddress{}; }
  std::optional<int64_t> constant_of(ValueId value) const {
    return value.index < constants_.size() ? constants_[value.index] : std::nullopt;
  }

 private:
  std::vector<SlotAddress> addresses_;             // by value
  std::vector<std::optional<int64_t>> constants_;  // by value
};

}  // namespace shrike::mir
