// Builds interfaces, records and map contents from types in text form.
#include "tests/runtime/output_trace.h"

#include <sys/mman.h>
#include <unistd.h>

#include "mir/base/check.h"

namespace shrike {

std::string bytes_of(uint64_t value, size_t size) {
  std::string bytes(size, '\0');
  std::memcpy(bytes.data(), &value, size);
  return bytes;
}

Datum number(const char* type, int64_t value) {
  mir::TypePool types;
  const mir::Type* parsed = types.parse(type);
  CHECK(parsed != nullptr, type);
  return {type, bytes_of(static_cast<uint64_t>(value), parsed->size)};
}

Datum text(std::string_view value, uint32_t capacity) {
  std::string bytes(value);
  bytes.resize(capacity);
  return {"string[" + std::to_string(capacity) + "]", bytes};
}

Datum buffer(std::string_view value, uint32_t capacity) {
  std::string bytes = bytes_of(value.size(), 4).append(value);
  bytes.resize(4 + (capacity + 3) / 4 * 4);
  return {"buffer[" + std::to_string(capacity) + "]", bytes};
}

Datum tuple(const std::vector<Datum>& elements) {
  std::string type = "(";
  for (const Datum& element : elements) type.append(type.size() == 1 ? "" : ",").append(element.type);
  type.append(elements.size() == 1 ? ",)" : ")");
  mir::TypePool types;
  const mir::Type* parsed = types.parse(type);
  CHECK(parsed != nullptr, type);
  std::string bytes(parsed->size, '\0');
  for (size_t i = 0; i < elements.size(); i++)
    bytes.replace(parsed->elements[i].offset, elements[i].bytes.size(), elements[i].bytes);
  return {type, bytes};
}

Trace::Trace(OutputOptions options) : options_(std::move(options)) {
  options_.out_fd = memfd_create("out", MFD_CLOEXEC);
  options_.err_fd = memfd_create("err", MFD_CLOEXEC);
}

Trace::~Trace() {
  output_.reset();
  close(options_.out_fd);
  close(options_.err_fd);
}

Output& Trace::output() {
  if (output_ == nullptr) output_ = std::make_unique<Output>(program, sources, maps, options_);
  return *output_;
}

std::string Trace::take(int fd, size_t& taken) {
  std::string text(static_cast<size_t>(lseek(fd, 0, SEEK_END)) - taken, '\0');
  ssize_t got = pread(fd, text.data(), text.size(), static_cast<off_t>(taken));
  CHECK(got == static_cast<ssize_t>(text.size()), "short read of the test's own file");
  taken += text.size();
  return text;
}

std::string Trace::out() {
  output().flush();
  return take(options_.out_fd, out_taken_);
}

std::string Trace::err() {
  return take(options_.err_fd, err_taken_);
}

mir::EventId Trace::add_event(mir::EventKind kind, std::string format, const std::vector<Datum>& fields, Span span,
                              mir::MapId map) {
  mir::EventDecl event{.kind = kind, .format = std::move(format), .map = map, .span = span};
  for (const Datum& field : fields) {
    const mir::Type* type = program.types.parse(field.type);
    CHECK(type != nullptr && type->size == field.bytes.size(), field.type);
    uint32_t offset = (event.size + type->align - 1) / type->align * type->align;
    event.fields.push_back({type, offset});
    event.size = offset + type->size;
  }
  event.size = (event.size + 7) / 8 * 8;
  output_.reset();  // reads the events when it is made
  return program.events.add(std::move(event));
}

std::vector<uint8_t> Trace::record_of(mir::EventId id, const std::vector<Datum>& fields) const {
  const mir::EventDecl& event = program.events[id];
  std::vector<uint8_t> record(event.size);
  std::memcpy(record.data(), &id.index, 4);
  for (size_t i = 0; i < fields.size(); i++)
    std::memcpy(record.data() + event.fields[i].offset, fields[i].bytes.data(), fields[i].bytes.size());
  return record;
}

std::string Trace::show(mir::EventKind kind, std::string format, const std::vector<Datum>& fields, Span span, mir::MapId map) {
  mir::EventId id = add_event(kind, std::move(format), fields, span, map);
  output().record(record_of(id, fields));
  return out();
}

mir::MapId Trace::add_scalar(std::string name, const char* type, const std::vector<std::string>& copies, bool is_set) {
  mir::MapDecl map{.name = std::move(name), .kind = copies.size() > 1 ? mir::MapKind::percpu_array : mir::MapKind::array};
  map.value = program.types.parse(type);
  CHECK(map.value != nullptr, type);
  map.value_size = (map.value->size + 7) / 8 * 8 + 8;
  mir::MapId id = program.maps.add(map);
  MapContents& contents = maps.contents[id];
  contents.count = 1;
  contents.copies = static_cast<uint32_t>(copies.size());
  contents.keys.resize(4);
  for (size_t i = 0; i < copies.size(); i++) {
    std::string value = copies[i];
    value.resize(map.value_size - 8);
    value += bytes_of(is_set && i + 1 == copies.size() ? 1 : 0);  // as if only one CPU had assigned it
    contents.values.insert(contents.values.end(), value.begin(), value.end());
  }
  return id;
}

mir::MapId Trace::add_keyed(std::string name, const char* key, const char* value) {
  mir::MapDecl map{.name = std::move(name), .kind = mir::MapKind::hash, .is_keyed = true};
  map.key = program.types.parse(key);
  map.value = program.types.parse(value);
  CHECK(map.key != nullptr && map.value != nullptr, value);
  map.key_size = map.key->size;
  map.value_size = (map.value->size + 7) / 8 * 8;
  return program.maps.add(map);
}

void Trace::add_row(mir::MapId id, const std::string& key, const std::vector<std::string>& copies) {
  const mir::MapDecl& map = program.maps[id];
  CHECK(key.size() == map.key_size, "key of another type");
  MapContents& contents = maps.contents[id];
  contents.count++;
  contents.copies = static_cast<uint32_t>(copies.size());
  contents.keys.insert(contents.keys.end(), key.begin(), key.end());
  for (std::string value : copies) {
    value.resize(map.value_size);
    contents.values.insert(contents.values.end(), value.begin(), value.end());
  }
}

}  // namespace shrike
