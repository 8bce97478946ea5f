// Slots are as mir/type.h lays them out. Times are the clock of the wall, which TAI is a constant ahead of.
#include "runtime/time_series.h"

#include <algorithm>
#include <cstring>
#include <ctime>

#include "runtime/value_text.h"

namespace shrike {

using mir::series_slot;
using mir::SeriesFold;
using mir::Type;

namespace {

constexpr size_t chart_width = 53;  // with both edges
constexpr int64_t second = 1000000000;

struct Slot {
  uint64_t value = 0, meta = 0, interval = 0;
};

size_t slots_of(SeriesBytes series) {
  return series.size() / series_slot;
}

Slot slot_at(SeriesBytes series, size_t index) {
  Slot slot;
  std::memcpy(&slot, series.data() + index * series_slot, sizeof slot);
  return slot;
}

bool is_less(const Type& type, uint64_t a, uint64_t b) {
  return type.is_signed ? static_cast<int64_t>(a) < static_cast<int64_t>(b) : a < b;
}

double number(const Type& type, int64_t value) {
  return type.is_signed ? static_cast<double>(value) : static_cast<double>(static_cast<uint64_t>(value));
}

std::string decimal(const Type& type, int64_t value) {
  std::string text;
  append_decimal(text, static_cast<uint64_t>(value), type.is_signed);
  return text;
}

// Digits below the second that tell intervals apart: 0, 3, 6 or 9.
int fraction_digits(const Type& type) {
  int digits = 0;
  for (int64_t unit = second; digits < 9 && type.interval % unit != 0; unit /= 1000) digits += 3;
  return digits;
}

std::string time_heading(int digits) {
  static constexpr const char* names[] = {"hh:mm:ss", "hh:mm:ss.ms", "hh:mm:ss.us", "hh:mm:ss.ns"};
  return names[digits / 3];
}

int64_t tai_to_wall_ns() {
  timespec tai{}, wall{};
  clock_gettime(CLOCK_TAI, &tai);
  clock_gettime(CLOCK_REALTIME, &wall);
  // They differ by whole seconds.
  return ((wall.tv_sec - tai.tv_sec) * second + (wall.tv_nsec - tai.tv_nsec) - second / 2) / second * second;
}

class Times {
 public:
  explicit Times(const Type& type) : type_(type), digits_(fraction_digits(type)), to_wall_(tai_to_wall_ns()) {}

  int digits() const { return digits_; }
  std::string of(uint64_t interval) const {
    int64_t wall = static_cast<int64_t>(interval * static_cast<uint64_t>(type_.interval)) + to_wall_;
    time_t seconds = wall / second;
    tm local{};
    localtime_r(&seconds, &local);
    char text[40];
    size_t length = strftime(text, sizeof text, "%H:%M:%S", &local);
    if (digits_ != 0) {
      snprintf(text + length, sizeof text - length, ".%09lld", static_cast<long long>(wall % second));
      length += 1 + static_cast<size_t>(digits_);
    }
    return std::string(text, length);
  }

 private:
  const Type& type_;
  int digits_;
  int64_t to_wall_;
};

// The axis of values.
struct Axis {
  int64_t min = 0, max = 0;
};

Axis axis_of(const Type& type, const std::vector<SeriesPoint>& points) {
  Axis axis;
  bool is_first = true;
  for (const SeriesPoint& point : points) {
    if (!point.has_value) continue;
    auto value = static_cast<uint64_t>(point.value);
    if (is_first || is_less(type, value, static_cast<uint64_t>(axis.min))) axis.min = point.value;
    if (is_first || is_less(type, static_cast<uint64_t>(axis.max), value)) axis.max = point.value;
    is_first = false;
  }
  if (axis.min != axis.max) return axis;
  bool has_less = type.is_signed ? axis.min != INT64_MIN : axis.min != 0;
  bool has_more = axis.max != (type.is_signed ? INT64_MAX : -1);
  return {axis.min - (has_less ? 1 : 0), axis.max + (has_more ? 1 : 0)};
}

size_t column_of(const Type& type, const Axis& axis, int64_t value) {
  double least = number(type, axis.min), span = number(type, axis.max) - least;
  double place = (number(type, value) - least) * static_cast<double>(chart_width - 1) / span;
  return std::min(static_cast<size_t>(place), chart_width - 1);
}

void append_axis(std::string& out, const Type& type, const Axis& axis, size_t indent) {
  std::string left = decimal(type, axis.min), right = decimal(type, axis.max);
  size_t gap = left.size() + right.size() < chart_width ? chart_width - left.size() - right.size() : 1;
  out.append(indent, ' ').append(left).append(gap, ' ').append(right).push_back('\n');
}

void append_edge(std::string& out, const std::string& heading, size_t indent, char end) {
  out.append(heading).append(indent - heading.size(), ' ').push_back(end);
  out.append(chart_width - 2, '_').push_back(end);
  out.push_back('\n');
}

}  // namespace

uint64_t last_interval(SeriesBytes series) {
  uint64_t last = 0;
  for (size_t i = 0; i < slots_of(series); i++) last = std::max(last, slot_at(series, i).interval);
  return last;
}

void merge_series(const Type& type, uint8_t* into, SeriesBytes from) {
  for (size_t i = 0; i < slots_of(from); i++) {
    Slot one = slot_at({into, from.size()}, i), other = slot_at(from, i);
    if (other.interval == 0 || other.interval < one.interval) continue;
    bool is_same = other.interval == one.interval;
    bool adds = type.fold == SeriesFold::avg || type.fold == SeriesFold::sum;
    bool keeps = type.fold == SeriesFold::last  ? one.meta > other.meta
                 : type.fold == SeriesFold::min ? is_less(type, one.value, other.value)
                                                : is_less(type, other.value, one.value);
    if (is_same && adds) other.value += one.value, other.meta += one.meta;
    else if (is_same && keeps) other = one;
    std::memcpy(into + i * series_slot, &other, sizeof other);
  }
}

std::vector<SeriesPoint> series_points(const Type& type, SeriesBytes series, uint64_t last) {
  const uint64_t first = last >= type.count ? last - type.count + 1 : 1;
  std::vector<Slot> slots;
  for (size_t i = 0; i < slots_of(series); i++)
    if (Slot slot = slot_at(series, i); slot.interval >= first && slot.interval <= last) slots.push_back(slot);
  if (slots.empty()) return {};
  std::sort(slots.begin(), slots.end(), [](const Slot& a, const Slot& b) { return a.interval < b.interval; });
  std::vector<SeriesPoint> points(last - slots.front().interval + 1);
  for (size_t i = 0; i < points.size(); i++) points[i].interval = slots.front().interval + i;
  for (const Slot& slot : slots) {
    SeriesPoint& point = points[slot.interval - slots.front().interval];
    point.has_value = true;
    point.value = static_cast<int64_t>(slot.value);
    if (type.fold == SeriesFold::avg && slot.meta != 0)
      point.value = type.is_signed ? point.value / static_cast<int64_t>(slot.meta) : static_cast<int64_t>(slot.value / slot.meta);
  }
  return points;
}

void append_series_text(std::string& out, const Type& type, SeriesBytes series, uint64_t last) {
  std::vector<SeriesPoint> points = series_points(type, series, last);
  if (points.empty()) {
    out.append("<no data>\n");
    return;
  }
  Times times(type);
  std::string heading = time_heading(times.digits());
  size_t indent = times.of(last).size() + 1;
  Axis axis = axis_of(type, points);
  bool crosses_zero = type.is_signed && axis.min < 0 && axis.max > 0;
  append_axis(out, type, axis, indent);
  append_edge(out, heading, indent, '|');
  for (const SeriesPoint& point : points) {
    std::string row = "|" + std::string(chart_width - 2, ' ') + "|";
    if (crosses_zero) row[column_of(type, axis, 0)] = '.';
    if (point.has_value) row[column_of(type, axis, point.value)] = '*';
    out.append(times.of(point.interval)).append(" ").append(row).append(" ");
    out.append(point.has_value ? decimal(type, point.value) : "-").push_back('\n');
  }
  append_edge(out, "", indent, 'v');
  append_axis(out, type, axis, indent);
}

void append_series_json(std::string& out, const Type& type, SeriesBytes series, uint64_t last) {
  Times times(type);
  bool is_first = true;
  out.push_back('[');
  for (const SeriesPoint& point : series_points(type, series, last)) {
    out.append(is_first ? "" : ", ").append("{\"interval_start\": \"").append(times.of(point.interval)).append("\", \"value\": ");
    out.append(point.has_value ? decimal(type, point.value) : "null").push_back('}');
    is_first = false;
  }
  out.push_back(']');
}

}  // namespace shrike
