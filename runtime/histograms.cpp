// Bucket bounds are kept inclusive, so that the last bucket of a hist, up to 2^63 - 1, fits an int64.
#include "runtime/histograms.h"

#include <algorithm>
#include <cstring>

#include "runtime/value_text.h"

namespace shrike {

using mir::Type;
using mir::TypeKind;

namespace {

constexpr size_t label_width = 16, count_width = 8, bar_width = 52;

uint64_t count_at(const uint8_t* counts, size_t bucket) {
  return load_integer(counts + 8 * bucket, 8, false);
}

// hist with n sub-bucket bits, see mir::hist_bucket_count.
HistogramRow log_bucket(uint32_t bits, uint64_t bucket) {
  HistogramRow row;
  if (bucket == 0) {
    row.has_min = false, row.max = -1;
    return row;
  }
  uint64_t n = bucket - 1, parts = 1ULL << bits;
  if (n < parts) {
    row.min = row.max = static_cast<int64_t>(n);
    return row;
  }
  uint64_t exponent = (n >> bits) - 1 + bits, part = n & (parts - 1);
  uint64_t width = 1ULL << (exponent - bits);
  uint64_t min = (1ULL << exponent) + part * width;
  row.min = static_cast<int64_t>(min), row.max = static_cast<int64_t>(min + (width - 1));
  return row;
}

HistogramRow linear_bucket(const Type& type, uint64_t bucket, uint64_t bucket_count) {
  HistogramRow row;
  if (bucket == 0) {
    row.has_min = false, row.max = type.lhist_min - 1;
  } else if (bucket + 1 == bucket_count) {
    row.has_max = false, row.min = type.lhist_max;
  } else {
    row.min = type.lhist_min + static_cast<int64_t>(bucket - 1) * type.lhist_step;
    row.max = row.min + (type.lhist_step - 1);
  }
  return row;
}

void append_bound(std::string& out, uint64_t value) {
  size_t unit = 0;
  while (value != 0 && value % 1024 == 0) value /= 1024, unit++;
  append_decimal(out, value, false);
  if (unit != 0) out.push_back("KMGTPE"[unit - 1]);
}

void append_bound(std::string& out, int64_t value) {
  if (value < 0) out.push_back('-');
  append_bound(out, value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value));
}

// The first value above the bucket; beyond what int64 holds for the last one of a hist.
void append_end(std::string& out, int64_t max) {
  if (max >= 0) {
    append_bound(out, static_cast<uint64_t>(max) + 1);
  } else {
    append_bound(out, max + 1);
  }
}

void append_label(std::string& out, const HistogramRow& row, bool is_linear) {
  if (!row.has_min) {
    out.append("(..., "), append_end(out, row.max), out.push_back(')');
    return;
  }
  out.push_back('[');
  append_bound(out, row.min);
  if (!row.has_max) {
    out.append(", ...)");
  } else if (row.min == row.max && !is_linear) {
    out.push_back(']');
  } else {
    out.append(", "), append_end(out, row.max), out.push_back(')');
  }
}

}  // namespace

std::vector<HistogramRow> histogram_rows(const Type& type, const uint8_t* counts) {
  size_t bucket_count = type.size / 8, first = bucket_count, last = 0;
  for (size_t i = 0; i < bucket_count; i++) {
    if (count_at(counts, i) == 0) continue;
    first = std::min(first, i);
    last = i;
  }
  std::vector<HistogramRow> rows;
  for (size_t i = first; i < bucket_count && i <= last; i++) {
    rows.push_back(type.is(TypeKind::hist) ? log_bucket(type.count, i) : linear_bucket(type, i, bucket_count));
    rows.back().count = count_at(counts, i);
  }
  return rows;
}

uint64_t histogram_total(const Type& type, const uint8_t* counts) {
  uint64_t total = 0;
  for (size_t i = 0; i < type.size / 8; i++) total += count_at(counts, i);
  return total;
}

void append_histogram_text(std::string& out, const Type& type, const uint8_t* counts, int64_t div) {
  std::vector<HistogramRow> rows = histogram_rows(type, counts);
  uint64_t greatest = 0;
  for (const HistogramRow& row : rows) greatest = std::max(greatest, row.count);
  std::string label, count;
  for (const HistogramRow& row : rows) {
    label.clear(), count.clear();
    append_label(label, row, type.is(TypeKind::lhist));
    append_decimal(count, div > 0 ? row.count / static_cast<uint64_t>(div) : row.count, false);
    // In single precision, as bpftrace does, so that bars end in the same column.
    size_t bar =
        static_cast<size_t>(static_cast<float>(row.count) / static_cast<float>(greatest) * static_cast<float>(bar_width));
    bar = std::min(bar, bar_width);
    out.append(label);
    if (label.size() < label_width) out.append(label_width - label.size(), ' ');
    if (count.size() < count_width) out.append(count_width - count.size(), ' ');
    out.append(count).append(" |").append(bar, '@').append(bar_width - bar, ' ').append("|\n");
  }
}

void append_histogram_json(std::string& out, const Type& type, const uint8_t* counts, int64_t div) {
  bool is_first = true;
  out.push_back('[');
  for (const HistogramRow& row : histogram_rows(type, counts)) {
    out.append(is_first ? "{" : ", {");
    is_first = false;
    if (row.has_min) out.append("\"min\": "), append_decimal(out, static_cast<uint64_t>(row.min), true), out.append(", ");
    if (row.has_max) out.append("\"max\": "), append_decimal(out, static_cast<uint64_t>(row.max), true), out.append(", ");
    out.append("\"count\": "), append_decimal(out, div > 0 ? row.count / static_cast<uint64_t>(div) : row.count, false);
    out.push_back('}');
  }
  out.push_back(']');
}

}  // namespace shrike
