// A whole map, ready to be shown: the values of all CPUs merged, unset scalars left out, rows in order.
//
// Order: integers, count, sum, min and max ascending by value, avg and stats by average, hist and lhist by total;
// anything else by key. Ties are ordered by key, keys of integers by their signedness. `top` keeps the greatest.
// Departures from bpftrace 0.17: ties (it leaves them in the order of the hash table) and negative keys (it sorts them
// after the positive ones).
#pragma once

#include <cstdint>
#include <vector>

#include "mir/interface.h"
#include "runtime/output.h"

namespace shrike {

struct MapRow {
  const uint8_t* key = nullptr;
  const uint8_t* value = nullptr;  // one value in the layout of its type
  size_t value_bytes = 0;          // of tseries: all slots that there are
  uint64_t rank = 0;               // order of the value, unsigned
};

struct MapTable {
  const mir::MapDecl* map = nullptr;
  std::vector<MapRow> rows;
  uint64_t last_interval = 0;  // of tseries: the newest one of any row

  MapContents contents;  // keys, and values if nothing had to be merged
  std::vector<uint8_t> merged;
};

MapTable read_map(const mir::Interface& interface, mir::MapId map, MapReader& reader, int64_t top);

// Below, equal, above zero like memcmp, by the meaning of the type.
int compare_values(const mir::Type& type, const uint8_t* a, const uint8_t* b, const mir::TypePool& types);

}  // namespace shrike
