// Merging by type, ranks that turn any value into an unsigned order, and the comparison of keys.
#include "runtime/read_maps.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <unordered_map>

#include "runtime/histograms.h"
#include "runtime/time_series.h"
#include "runtime/value_text.h"

namespace shrike {

using mir::Type;
using mir::TypeKind;

namespace {

uint64_t load(const uint8_t* bytes) {
  return load_integer(bytes, 8, false);
}

void store(uint8_t* bytes, uint64_t value) {
  std::memcpy(bytes, &value, sizeof value);
}

// Adds the value of one more CPU, of `bytes`, to `into`.
void merge(const Type& type, uint8_t* into, const uint8_t* from, size_t bytes) {
  switch (type.kind) {
    case TypeKind::min:
    case TypeKind::max:
      store(into, std::max(load(into), load(from)));  // as extreme_mask orders them
      return store(into + 8, load(into + 8) | load(from + 8));
    case TypeKind::count:
    case TypeKind::sum:
    case TypeKind::avg:
    case TypeKind::stats:
    case TypeKind::hist:
    case TypeKind::lhist:
      for (uint32_t at = 0; at + 8 <= type.size; at += 8) store(into + at, load(into + at) + load(from + at));
      return;
    case TypeKind::tseries: return merge_series(type, into, {from, bytes});
    default: return;  // the first CPU's stands for all
  }
}

uint64_t rank_of(const Type& type, const uint8_t* value) {
  if (type.is(TypeKind::tseries)) return 0;
  if (type.is(TypeKind::hist) || type.is(TypeKind::lhist)) return histogram_total(type, value);
  if (!type.is_integer_like() && !type.is_aggregate()) return 0;
  IntegerValue number = integer_of(type, value);
  return number.is_signed ? number.bits ^ (1ULL << 63) : number.bits;
}

bool is_present(const mir::MapDecl& map, const MapContents& contents) {
  if (!map.has_present_word()) return true;
  // bpftrace shows an untouched count() as 0.
  if (map.value->is(TypeKind::count)) return true;
  uint32_t offset = (map.value->size + 7) & ~7U;
  for (uint32_t copy = 0; copy < contents.copies; copy++)
    if (load(contents.values.data() + copy * map.value_size + offset) != 0) return true;
  return false;
}

}  // namespace

int compare_values(const Type& type, const uint8_t* a, const uint8_t* b, const mir::TypePool& types) {
  switch (type.kind) {
    case TypeKind::string: return strncmp(reinterpret_cast<const char*>(a), reinterpret_cast<const char*>(b), type.count);
    case TypeKind::array:
      for (uint32_t i = 0; i < type.count; i++)
        if (int order = compare_values(*type.element, a + i * type.element->size, b + i * type.element->size, types))
          return order;
      return 0;
    case TypeKind::tuple:
      for (const mir::TupleElement& element : type.elements)
        if (int order = compare_values(*element.type, a + element.offset, b + element.offset, types)) return order;
      return 0;
    case TypeKind::record:
      if (const mir::RecordLayout* layout = types.layout(&type); layout != nullptr && !layout->is_union)
        for (const mir::RecordField& field : layout->fields)
          if (int order = compare_values(*field.type, a + field.offset, b + field.offset, types)) return order;
      return std::memcmp(a, b, type.size);
    case TypeKind::buffer: return buffer_bytes(type, a).compare(buffer_bytes(type, b));
    default: break;
  }
  if (!integer_of(type, a).is_known) return std::memcmp(a, b, type.size);
  uint64_t left = rank_of(type, a), right = rank_of(type, b);
  if (!type.is_integer_like()) left = integer_of(type, a).bits, right = integer_of(type, b).bits;
  return left < right ? -1 : left > right ? 1 : 0;
}

namespace {

// The number of the page that stands at the end of a key.
uint32_t page_number(const uint8_t* key, uint32_t key_size) {
  uint32_t number = 0;
  std::memcpy(&number, key + key_size - 8, sizeof number);
  return number;
}

// Each key that the map has, with what is in its pages, those of all processors. A page without its key is one that is being
// deleted, and a key without pages has lost them so.
void read_pages(const mir::Interface& interface, MapReader& reader, MapTable& table) {
  const mir::MapDecl& map = *table.map;
  const uint32_t page_bytes = interface.maps[map.pages].value_size, page_key_size = interface.maps[map.pages].key_size;
  const MapContents pages = reader.read(map.pages);
  std::unordered_map<std::string_view, std::vector<size_t>> pages_of;
  for (size_t i = 0; i < pages.count; i++) {
    const auto* key = reinterpret_cast<const char*>(pages.keys.data()) + i * page_key_size;
    pages_of[std::string_view(key, map.key_size)].push_back(i);
  }
  const auto number_of = [&](size_t page) { return page_number(pages.keys.data() + page * page_key_size, page_key_size); };
  table.merged.resize(pages.count * page_bytes);
  uint8_t* into = table.merged.data();
  for (size_t i = 0; i < table.contents.count; i++) {
    const uint8_t* key = table.contents.keys.data() + i * map.key_size;
    auto found = pages_of.find(std::string_view(reinterpret_cast<const char*>(key), map.key_size));
    if (found == pages_of.end()) continue;
    std::vector<size_t>& numbers = found->second;
    std::sort(numbers.begin(), numbers.end(), [&](size_t a, size_t b) { return number_of(a) < number_of(b); });
    MapRow row{.key = key, .value = into};
    for (size_t at = 0; at < numbers.size(); at++) {
      const uint8_t* from = pages.values.data() + numbers[at] * page_bytes;
      const bool is_same_page = at > 0 && number_of(numbers[at]) == number_of(numbers[at - 1]);
      if (is_same_page) {
        merge_series(*map.value, into - page_bytes, {from, page_bytes});
        continue;
      }
      std::memcpy(into, from, page_bytes);
      into += page_bytes;
    }
    row.value_bytes = static_cast<size_t>(into - row.value);
    table.rows.push_back(row);
  }
}

void read_rows(MapTable& table) {
  const mir::MapDecl& map = *table.map;
  const MapContents& contents = table.contents;
  const Type& type = *map.value;
  const bool is_extreme = type.is(TypeKind::min) || type.is(TypeKind::max);
  const bool is_merged = contents.copies > 1 || is_extreme;
  if (is_merged) table.merged.resize(contents.count * type.size);
  table.rows.reserve(contents.count);
  for (size_t i = 0; i < contents.count; i++) {
    MapRow row;
    row.key = contents.keys.data() + i * map.key_size;
    row.value = contents.values.data() + i * contents.copies * map.value_size;
    if (is_merged) {
      uint8_t* into = table.merged.data() + i * type.size;
      std::memcpy(into, row.value, type.size);
      for (uint32_t copy = 1; copy < contents.copies; copy++) merge(type, into, row.value + copy * map.value_size, type.size);
      if (is_extreme && load(into + 8) != 0) store(into, load(into) ^ mir::extreme_mask(type));
      row.value = into;
    }
    row.value_bytes = type.size;
    row.rank = rank_of(type, row.value);
    table.rows.push_back(row);
  }
}

}  // namespace

MapTable read_map(const mir::Interface& interface, mir::MapId id, MapReader& reader, int64_t top) {
  const mir::MapDecl& map = interface.maps[id];
  MapTable table;
  table.map = &map;
  table.contents = reader.read(id);
  if (table.contents.count == 0 || !is_present(map, table.contents)) return table;
  if (map.pages.is_valid()) read_pages(interface, reader, table);
  else read_rows(table);
  const Type& type = *map.value;
  if (type.is(TypeKind::tseries))
    for (const MapRow& row : table.rows)
      table.last_interval = std::max(table.last_interval, last_interval({row.value, row.value_bytes}));
  if (map.is_keyed) {
    std::sort(table.rows.begin(), table.rows.end(), [&](const MapRow& a, const MapRow& b) {
      return a.rank != b.rank ? a.rank < b.rank : compare_values(*map.key, a.key, b.key, interface.types) < 0;
    });
    size_t shown = static_cast<size_t>(std::max<int64_t>(top, 0));
    bool has_top = shown != 0 && !type.is(TypeKind::stats);  // bpftrace ignores it there, with a warning
    if (has_top && table.rows.size() > shown)
      table.rows.erase(table.rows.begin(), table.rows.end() - static_cast<ptrdiff_t>(shown));
  }
  return table;
}

}  // namespace shrike
