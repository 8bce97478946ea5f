// Histograms: which buckets a hist or lhist has, and their rows as text and as JSON.
//
// Shown are the buckets from the first to the last that counted anything. A text row is the label, left in 16 columns,
// the count, right in 8, and a bar of up to 52 `@`. Bounds that are multiples of 1024 use K M G T P E.
// Departure from bpftrace 0.17: values of 2^32 and more have buckets of their own (0.17 counts them as [2G, 4G)).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mir/type.h"

namespace shrike {

struct HistogramRow {
  bool has_min = true, has_max = true;
  int64_t min = 0, max = 0;  // both within the bucket
  uint64_t count = 0;
};

// `counts` are the u64 buckets of `type`, a hist or lhist, at any address.
std::vector<HistogramRow> histogram_rows(const mir::Type& type, const uint8_t* counts);
uint64_t histogram_total(const mir::Type& type, const uint8_t* counts);
// Counts are divided by `div` (0: not), the bars are not.
void append_histogram_text(std::string& out, const mir::Type& type, const uint8_t* counts, int64_t div);
void append_histogram_json(std::string& out, const mir::Type& type, const uint8_t* counts, int64_t div);

}  // namespace shrike
