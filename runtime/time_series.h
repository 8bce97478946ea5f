// Time series (tseries): the values of the processors folded, and their chart as text and as JSON.
//
// A chart has a row for each interval from the first that has a value to the last of the whole map, with its time and its
// value, or `-` for none. A value's place among 53 columns is between the least and the greatest; `.` is zero, if it lies
// between them. A series of equal values gets room of one on both sides.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "mir/type.h"

namespace shrike {

struct SeriesPoint {
  uint64_t interval = 0;  // its number
  bool has_value = false;
  int64_t value = 0;  // as the type's signedness says
};

// The slots of a series, in any order where it has several pages.
using SeriesBytes = std::span<const uint8_t>;

// The number of the newest interval that has a value; 0 if none has.
uint64_t last_interval(SeriesBytes series);
// Folds the values of one more processor into `into`, of as many slots.
void merge_series(const mir::Type& type, uint8_t* into, SeriesBytes from);
// What is in the series of the intervals up to `last`, oldest first.
std::vector<SeriesPoint> series_points(const mir::Type& type, SeriesBytes series, uint64_t last);
void append_series_text(std::string& out, const mir::Type& type, SeriesBytes series, uint64_t last);
void append_series_json(std::string& out, const mir::Type& type, SeriesBytes series, uint64_t last);

}  // namespace shrike
