// Charts of time series: rows and columns, what CPUs add to each other, what is missing, as text and as JSON.
#include "runtime/time_series.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>

#include "tests/runtime/output_trace.h"

namespace shrike {
namespace {

constexpr uint64_t tenth = 100000000;
constexpr uint64_t noon = 17000 * 86400 * 10ull + 12 * 3600 * 10;  // number of the tenth of a second at which a day's noon is

struct Place {
  uint64_t interval;
  int64_t value;
  uint64_t meta;
};

std::string series(size_t count, const std::vector<Place>& places) {
  std::string bytes(24 * count, '\0');
  for (const Place& place : places)
    bytes.replace(24 * (place.interval % count), 24,
                  bytes_of(static_cast<uint64_t>(place.value)) + bytes_of(place.meta) + bytes_of(place.interval));
  return bytes;
}

SeriesBytes slots_of(const std::string& series) {
  return {reinterpret_cast<const uint8_t*>(series.data()), series.size()};
}

// The chart with its times cut off: those depend on the leap seconds that the kernel knows.
std::string without_times(const std::string& text) {
  std::string out;
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    bool has_time = line.size() > 13 && line[2] == ':' && line[5] == ':' && line[0] != 'h';
    out.append(has_time ? line.substr(13) : line).push_back('\n');
  }
  return out;
}

class TimeSeries : public ::testing::Test {
 protected:
  void SetUp() override {
    setenv("TZ", "UTC", 1);
    tzset();
  }
  std::string printed(mir::MapId map) {
    trace.output().print_map(map, 0, 0);
    return trace.out();
  }
  Trace trace;
};

TEST_F(TimeSeries, PlacesValuesBetweenTheLeastAndTheGreatest) {
  std::vector<Place> places;
  for (int64_t i = -5; i <= 5; i++) places.push_back({noon + static_cast<uint64_t>(i + 5), i, 1});
  EXPECT_EQ(without_times(printed(trace.add_scalar("@", "tseries_t[100000000,20,last]", {series(20, places)}))),
            "@:\n"
            "             -5                                                  5\n"
            "hh:mm:ss.ms  |___________________________________________________|\n"
            "*                         .                         | -5\n"
            "|    *                    .                         | -4\n"
            "|         *               .                         | -3\n"
            "|              *          .                         | -2\n"
            "|                   *     .                         | -1\n"
            "|                         *                         | 0\n"
            "|                         .    *                    | 1\n"
            "|                         .         *               | 2\n"
            "|                         .              *          | 3\n"
            "|                         .                   *     | 4\n"
            "|                         .                         * 5\n"
            "             v___________________________________________________v\n"
            "             -5                                                  5\n\n");
}

TEST_F(TimeSeries, RowsEndWhereTheNewestSeriesOfTheMapEnds) {
  mir::MapId map = trace.add_keyed("@a", "int64", "utseries_t[100000000,5,last]");
  trace.add_row(map, number("int64", 1).bytes, {series(5, {{noon, 0, 1}, {noon + 1, 5, 1}})});
  trace.add_row(map, number("int64", 2).bytes, {series(5, {{noon + 3, 4, 1}})});
  EXPECT_EQ(without_times(printed(map)),
            "@a[1]:\n"
            "             0                                                   5\n"
            "hh:mm:ss.ms  |___________________________________________________|\n"
            "*                                                   | 0\n"
            "|                                                   * 5\n"
            "|                                                   | -\n"
            "|                                                   | -\n"
            "             v___________________________________________________v\n"
            "             0                                                   5\n\n"
            "@a[2]:\n"
            "             3                                                   5\n"
            "hh:mm:ss.ms  |___________________________________________________|\n"
            "|                         *                         | 4\n"
            "             v___________________________________________________v\n"
            "             3                                                   5\n\n");
}

// The pages of a series that no value holds: 2000 intervals, 125 a page. What is in a page without its key, or what has no page,
// is not there.
TEST_F(TimeSeries, PagesOfAKeyAreOneChart) {
  const uint64_t first = noon / 2000 * 2000 + 124;  // the last place of page 0
  mir::MapId map = trace.add_keyed("@a", "int64", "tseries_t[100000000,2000,last]");
  mir::MapDecl pages{.name = ".pages_a", .role = mir::MapRole::pages, .kind = mir::MapKind::hash, .is_keyed = true};
  pages.key_size = 16;
  pages.value_size = 24 * 125;
  mir::MapId values = trace.program.maps.add(pages);
  trace.program.maps[map].pages = values;
  trace.program.maps[map].value_size = 8;
  for (int64_t key : {1, 3}) trace.add_row(map, number("int64", key).bytes, {bytes_of(0)});
  const auto add_page = [&](int64_t key, uint64_t number, uint64_t processor, const std::string& slots) {
    trace.add_row(values, bytes_of(static_cast<uint64_t>(key)) + bytes_of(number | processor << 32), {slots});
  };
  add_page(1, 1, 7, series(125, {{first + 3, 5, 1}}));
  add_page(2, 1, 0, series(125, {{first + 5, 9, 1}}));
  add_page(1, 0, 1, series(125, {{first, 0, 1}, {first - 100, 3, 1}}));
  add_page(1, 1, 0, series(125, {{first + 1, -5, 1}, {first + 3, 8, 0}}));
  const std::string text = without_times(printed(map));
  EXPECT_TRUE(text.starts_with("@a[1]:\n             -5                                                  5\n")) << text;
  EXPECT_TRUE(text.find("@a[2]") == std::string::npos && text.find("@a[3]") == std::string::npos) << text;
  EXPECT_NE(std::string::npos, text.find("hh:mm:ss.ms  |___________________________________________________|\n"
                                         "|                         .              *          | 3\n"
                                         "|                         .                         | -\n"))
      << text;
  EXPECT_NE(std::string::npos, text.find("|                         *                         | 0\n"
                                         "*                         .                         | -5\n"
                                         "|                         .                         | -\n"
                                         "|                         .                         * 5\n"
                                         "             v_____"))
      << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5 + 104 + 1);
}

// Of one interval on three CPUs, and one CPU's older value in the same place.
int64_t folded(const char* fold) {
  mir::TypePool pool;
  const mir::Type& type = *pool.parse("tseries_t[1000,4," + std::string(fold) + "]");
  std::string into = series(4, {{noon, 6, 1}}), second = series(4, {{noon, -3, 3}}), third = series(4, {{noon, 30, 2}});
  const std::string older = series(4, {{noon - 4, 1000, 9}});
  for (const std::string* each : std::initializer_list<const std::string*>{&second, &third, &older})
    merge_series(type, reinterpret_cast<uint8_t*>(into.data()), slots_of(*each));
  std::vector<SeriesPoint> points = series_points(type, slots_of(into), noon);
  return points.size() == 1 ? points[0].value : INT64_MIN;
}

TEST_F(TimeSeries, FoldsTheValuesOfProcessors) {
  EXPECT_EQ(folded("last"), -3);  // whose time is the latest
  EXPECT_EQ(folded("sum"), 33);
  EXPECT_EQ(folded("avg"), 5);  // 33 of six values
  EXPECT_EQ(folded("min"), -3);
  EXPECT_EQ(folded("max"), 30);
}

TEST_F(TimeSeries, WithoutValues) {
  EXPECT_EQ(printed(trace.add_scalar("@", "tseries_t[100000000,5,last]", {series(5, {})})), "@:\n<no data>\n\n");
}

TEST_F(TimeSeries, TimesAreTheWallsAsFineAsTheIntervals) {
  timespec tai{}, wall{};
  clock_gettime(CLOCK_TAI, &tai);
  clock_gettime(CLOCK_REALTIME, &wall);
  uint64_t ahead = static_cast<uint64_t>(tai.tv_sec - wall.tv_sec);  // leap seconds
  mir::TypePool pool;
  auto json = [&](uint64_t interval, uint64_t number) {
    const mir::Type& type = *pool.parse("tseries_t[" + std::to_string(interval) + ",3,last]");
    std::string bytes = series(3, {{number, 7, 1}}), out;
    append_series_json(out, type, slots_of(bytes), number);
    return out;
  };
  EXPECT_EQ(json(tenth, noon + 10 * ahead + 3), R"([{"interval_start": "12:00:00.300", "value": 7}])");
  EXPECT_EQ(json(10 * tenth, noon / 10 + ahead), R"([{"interval_start": "12:00:00", "value": 7}])");
  EXPECT_EQ(json(1000, (noon + 10 * ahead) * 100000 + 5), R"([{"interval_start": "12:00:00.000005", "value": 7}])");
}

}  // namespace
}  // namespace shrike
