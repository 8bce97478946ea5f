// The Interface section of the text forms; the grammar stands in text_interface.h.
// Spans are not printed: those read back point into the text itself.
#include "mir/text_interface.h"

#include <unordered_set>

#include "mir/text.h"

namespace shrike::mir {

namespace {

// A failing CHECK prints modules that are not valid.
std::string text_of(const Type* type) {
  return type == nullptr ? "!" : type->text;
}

void print_record(std::string& out, const RecordLayout& layout) {
  out += std::string("  record ") + (layout.is_union ? "union " : "struct ") + text_of_word(layout.name);
  out += " size " + std::to_string(layout.size) + " {\n";
  for (const RecordField& field : layout.fields) {
    out += "    " + text_of(field.type) + " " + text_of_word(field.name) + " @" + std::to_string(field.offset);
    if (field.bit_size != 0 || field.bit_offset != 0)
      out += " bits " + std::to_string(field.bit_offset) + " " + std::to_string(field.bit_size);
    if (field.is_data_loc) out += " data_loc";
    out += "\n";
  }
  out += "  }\n";
}

void print_enumeration(std::string& out, std::string_view name, const std::vector<Enumerator>& enumerators) {
  out += "  enumeration " + text_of_word(name) + " {\n";
  for (const Enumerator& each : enumerators) out += "    " + text_of_word(each.name) + " = " + std::to_string(each.value) + "\n";
  out += "  }\n";
}

void print_map(std::string& out, const Interface& interface, const MapDecl& map) {
  out += "  map " + mir::text_of(map) + " " + name_of(map.role) + " " + name_of(map.kind);
  if (map.is_keyed) out += " keyed";
  if (map.key != nullptr) out += " key " + map.key->text;
  if (map.value != nullptr) out += " value " + map.value->text;
  out += " bytes " + std::to_string(map.key_size) + " " + std::to_string(map.value_size);
  out += " entries " + std::to_string(map.max_entries);
  if (map.is_preallocated) out += " preallocated";
  if (map.pages.is_valid()) out += " pages " + mir::text_of(interface.maps[map.pages]);
  if (!map.rows.empty()) out += " rows";
  for (const std::string& row : map.rows) out += " " + quoted(row);
  if (!map.constants.empty()) out += " constants " + quoted(map.constants);
  out += "\n";
}

void print_event(std::string& out, const Interface& interface, uint32_t index) {
  const EventDecl& event = interface.events[EventId(index)];
  out += "  event " + std::to_string(index) + " " + name_of(event.kind) + " " + quoted(event.format) + " (";
  for (size_t i = 0; i < event.fields.size(); i++) {
    if (i != 0) out += ", ";
    out += text_of(event.fields[i].type) + " @" + std::to_string(event.fields[i].offset);
  }
  out += ") size " + std::to_string(event.size);
  if (!event.constants.empty()) out += " constants " + quoted(event.constants);
  if (event.next.is_valid()) out += " then " + std::to_string(event.next.index);
  if (event.map.index < interface.maps.size()) out += " map " + mir::text_of(interface.maps[event.map]);
  out += "\n";
}

void print_probe(std::string& out, const AttachPoint& probe, const std::vector<std::string>& function_names) {
  out += std::string("  probe ") + name_of(probe.kind) + " " + quoted(probe.name);
  if (!probe.target.empty()) out += " target " + quoted(probe.target);
  if (!probe.function.empty()) out += " function " + quoted(probe.function);
  if (probe.address != 0) out += " address " + std::to_string(probe.address);
  if (probe.offset != 0) out += " offset " + std::to_string(probe.offset);
  if (probe.semaphore != 0) out += " semaphore " + std::to_string(probe.semaphore);
  if (probe.period != 0) out += " period " + std::to_string(probe.period);
  if (probe.cookie != 0) out += " cookie " + std::to_string(probe.cookie);
  if (probe.in_hertz) out += " hertz";
  if (probe.is_pattern) out += " pattern";
  if (probe.is_alternative) out += " alternative";
  if (probe.program.index < function_names.size()) out += " runs " + quoted(function_names[probe.program.index]);
  out += "\n";
}

// `@8`, which the reader sees as the name 8 behind an @.
uint32_t read_at(TextReader& reader) {
  Span where = reader.span();
  std::string digits = reader.sigil('@', "`@` and an offset");
  uint64_t value = 0;
  for (char c : digits) {
    if (c < '0' || c > '9' || (value = value * 10 + static_cast<uint64_t>(c - '0')) > UINT32_MAX) {
      reader.report(Diag::text_out_of_range, where, {"offset `@" + digits + "`"});
      return 0;
    }
  }
  return static_cast<uint32_t>(value);
}

// An enumerator by name, through its find function.
template <class Enum, class Find>
Enum read_enum(TextReader& reader, Find find, const char* what) {
  Span where = reader.span();
  std::string name = reader.word(what);
  if (reader.failed()) return Enum{};
  if (std::optional<Enum> found = find(name)) return *found;
  reader.report(Diag::text_unknown_name, where, {what, name});
  return Enum{};
}

void read_record(TextReader& reader, Interface& interface) {
  RecordLayout layout;
  layout.is_union = reader.accept("union");
  if (!layout.is_union) reader.expect("struct");
  layout.name = reader.name("a record name");
  reader.expect("size");
  Span where = reader.span();
  layout.size = reader.number32("a size");
  if (layout.size > INT32_MAX) reader.report(Diag::text_out_of_range, where, {"size of a record"});
  reader.expect("{");
  while (!reader.failed() && !reader.accept("}")) {
    RecordField field;
    field.type = reader.type(interface.types);
    field.name = reader.name("a field name");
    field.offset = read_at(reader);
    if (reader.accept("bits")) {
      field.bit_offset = reader.number32("a bit offset");
      field.bit_size = reader.number32("a bit count");
    }
    field.is_data_loc = reader.accept("data_loc");
    layout.fields.push_back(std::move(field));
  }
  if (!reader.failed() && layout.size <= INT32_MAX) interface.types.define_record(std::move(layout));
}

void read_enumeration(TextReader& reader, Interface& interface) {
  std::string name = reader.name("the enumeration's name");
  std::vector<Enumerator> enumerators;
  reader.expect("{");
  while (!reader.failed() && !reader.accept("}")) {
    Enumerator each;
    each.name = reader.name("an enumerator's name");
    reader.expect("=");
    each.value = reader.number("its value");
    enumerators.push_back(std::move(each));
  }
  if (!reader.failed()) interface.types.define_enumeration(name, std::move(enumerators));
}

void read_map(TextReader& reader, Interface& interface) {
  MapDecl map;
  Span where = reader.span();
  map.name = reader.map_name();
  map.role = read_enum<MapRole>(reader, find_map_role, "map role");
  map.kind = read_enum<MapKind>(reader, find_map_kind, "map kind");
  map.is_keyed = reader.accept("keyed");
  if (reader.accept("key")) map.key = reader.type(interface.types);
  if (reader.accept("value")) map.value = reader.type(interface.types);
  reader.expect("bytes");
  map.key_size = reader.number32("a key size");
  map.value_size = reader.number32("a value size");
  reader.expect("entries");
  map.max_entries = reader.number32("a number of entries");
  map.is_preallocated = reader.accept("preallocated");
  if (reader.accept("pages")) map.pages = reader.map(interface);
  if (reader.accept("rows"))
    while (reader.peek().kind == TextReader::TokenKind::string) map.rows.push_back(reader.string("a row in quotes"));
  if (reader.accept("constants")) map.constants = reader.string("the constants in quotes");
  if (reader.failed()) return;
  if (interface.find_map(map.name).is_valid()) reader.report(Diag::text_duplicate_name, where, {"map", map.name});
  interface.maps.add(std::move(map));
}

// The index before an event or a string, there for the reader's eyes, must be right.
void read_index(TextReader& reader, size_t expected) {
  Span where = reader.span();
  uint32_t index = reader.number32("an index");
  if (!reader.failed() && index != expected)
    reader.report(Diag::text_mismatch, where,
                  {"index is " + std::to_string(index) + " where " + std::to_string(expected) + " is next"});
}

void read_event(TextReader& reader, Interface& interface) {
  EventDecl event;
  Span first = reader.span();
  read_index(reader, interface.events.size());
  event.kind = read_enum<EventKind>(reader, find_event_kind, "event kind");
  event.format = reader.string("a format in quotes");
  reader.expect("(");
  while (!reader.failed() && !reader.accept(")")) {
    if (!event.fields.empty()) reader.expect(",");
    EventField field;
    field.type = reader.type(interface.types);
    field.offset = read_at(reader);
    event.fields.push_back(field);
  }
  reader.expect("size");
  event.size = reader.number32("a size");
  if (reader.accept("constants")) event.constants = reader.string("the constants in quotes");
  if (reader.accept("then")) event.next = EventId(reader.number32("the index of an event"));
  if (reader.accept("map")) event.map = reader.map(interface);
  event.span = reader.span_since(first);
  if (!reader.failed()) interface.events.add(std::move(event));
}

void read_probe(TextReader& reader, Interface& interface, std::vector<ProbeProgram>& programs) {
  AttachPoint probe;
  Span first = reader.span();
  probe.kind = read_enum<ProbeKind>(reader, find_probe_kind, "probe kind");
  probe.name = reader.string("the probe's name in quotes");
  if (reader.accept("target")) probe.target = reader.string("a target in quotes");
  if (reader.accept("function")) probe.function = reader.string("a function in quotes");
  if (reader.accept("address")) probe.address = static_cast<uint64_t>(reader.number("an address"));
  if (reader.accept("offset")) probe.offset = static_cast<uint64_t>(reader.number("an offset"));
  if (reader.accept("semaphore")) probe.semaphore = static_cast<uint64_t>(reader.number("a file offset"));
  if (reader.accept("period")) probe.period = static_cast<uint64_t>(reader.number("a period"));
  if (reader.accept("cookie")) probe.cookie = static_cast<uint64_t>(reader.number("a cookie"));
  probe.in_hertz = reader.accept("hertz");
  probe.is_pattern = reader.accept("pattern");
  probe.is_alternative = reader.accept("alternative");
  if (reader.accept("runs")) {
    Span where = reader.span();
    programs.push_back({interface.probes.size(), reader.string("a function name in quotes"), where});
  }
  probe.span = reader.span_since(first);
  interface.probes.push_back(std::move(probe));
}

}  // namespace

std::string print_interface(const Interface& interface, const std::vector<std::string>& function_names) {
  std::string out = "interface {\n";
  std::unordered_set<std::string_view> enumerations;  // one may be held in several sizes
  for (const Type* type : interface.held_types()) {
    const std::vector<Enumerator>* names = type->is(TypeKind::enumeration) ? interface.types.enumerators(type) : nullptr;
    if (names != nullptr && enumerations.insert(type->name).second) print_enumeration(out, type->name, *names);
    if (const RecordLayout* layout = interface.types.layout(type)) print_record(out, *layout);
  }
  for (size_t i = 0; i < interface.strings.size(); i++)
    out += "  string " + std::to_string(i) + " " + quoted(interface.strings[i]) + "\n";
  for (const MapDecl& map : interface.maps) print_map(out, interface, map);
  for (uint32_t i = 0; i < interface.events.size(); i++) print_event(out, interface, i);
  for (const AttachPoint& probe : interface.probes) print_probe(out, probe, function_names);
  return out + "}\n";
}

void read_interface(TextReader& reader, Interface& interface, std::vector<ProbeProgram>& programs) {
  reader.expect("interface");
  reader.expect("{");
  while (!reader.failed() && !reader.accept("}")) {
    if (reader.accept("record")) {
      read_record(reader, interface);
    } else if (reader.accept("enumeration")) {
      read_enumeration(reader, interface);
    } else if (reader.accept("string")) {
      read_index(reader, interface.strings.size());
      interface.strings.push_back(reader.string("a string"));
    } else if (reader.accept("map")) {
      read_map(reader, interface);
    } else if (reader.accept("event")) {
      read_event(reader, interface);
    } else if (reader.accept("probe")) {
      read_probe(reader, interface, programs);
    } else {
      reader.fail_expecting("`record`, `enumeration`, `string`, `map`, `event`, `probe` or `}`");
    }
  }
}

}  // namespace shrike::mir
