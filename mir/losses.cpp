// See losses.h.
#include "mir/losses.h"

namespace shrike::mir {

void count_lost(Builder& builder) {
  for (uint32_t m = 0; m < builder.module().interface.maps.size(); m++) {
    if (builder.module().interface.maps[MapId(m)].role != MapRole::globals) continue;
    builder.atomic_add(MemWidth::u64, builder.map_value_addr(MapId(m), globals::losses), builder.constant(1), 0);
  }
}

}  // namespace shrike::mir
