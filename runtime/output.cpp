// Dispatches records by the kind of their event, and carries out those that are not text: clear, zero, system, cat.
#include "runtime/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "runtime/fd.h"
#include "runtime/format.h"
#include "runtime/host_names.h"
#include "runtime/printer.h"
#include "runtime/run_command.h"
#include "runtime/symbols.h"

namespace shrike {

using mir::EventDecl;
using mir::EventKind;
using mir::MapId;

namespace {

// Appends at most `limit` bytes of a file. 0, or the errno of what failed first.
int append_file(std::string& out, const char* path, uint64_t limit) {
  Fd fd(open(path, O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) return errno;
  char chunk[4096];
  while (limit > 0) {
    ssize_t got = read(fd.get(), chunk, std::min<uint64_t>(sizeof chunk, limit));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) return 0;
    out.append(chunk, static_cast<size_t>(got));
    limit -= static_cast<uint64_t>(got);
  }
  return 0;
}

bool holds_user_addresses(const mir::Type* type) {
  if (type == nullptr) return false;
  if (type->is(mir::TypeKind::usym) || type->is(mir::TypeKind::ustack)) return true;
  if (type->is(mir::TypeKind::array)) return holds_user_addresses(type->element);
  return std::any_of(type->elements.begin(), type->elements.end(),
                     [](const mir::TupleElement& element) { return holds_user_addresses(element.type); });
}

// A .mir file written by hand may leave out what its maps hold; then nobody can show them.
bool has_types(const mir::MapDecl& map) {
  return map.value != nullptr && (!map.is_keyed || map.key != nullptr);
}

bool shows_user_addresses(const mir::Interface& interface) {
  for (const mir::MapDecl& map : interface.maps)
    if (holds_user_addresses(map.key) || holds_user_addresses(map.value)) return true;
  for (const EventDecl& event : interface.events)
    for (const mir::EventField& field : event.fields)
      if (holds_user_addresses(field.type)) return true;
  return false;
}

}  // namespace

struct Output::State {
  State(const mir::Interface& program, const SourceMap& source_map, MapReader& map_reader, OutputOptions output_options)
      : interface(program),
        maps(map_reader),
        options(std::move(output_options)),
        symbols(options.symbols),
        values(interface, symbols, names, options),
        out(options.out_fd, options.buffering),
        formats(interface.events.size()) {
    PrinterContext context{out, values, source_map, options};
    printer = options.format == OutputFormat::json ? make_json_printer(context) : make_text_printer(context);
    if (shows_user_addresses(interface)) symbols.watch_processes();
  }

  const Format& format_of(mir::EventId id) {
    std::unique_ptr<Format>& format = formats[id.index];
    if (format == nullptr) format = std::make_unique<Format>(interface.events[id].format);
    return *format;
  }
  std::string formatted(mir::EventId id, const uint8_t* record) {
    std::string text;
    format_of(id).append(text, interface.events[id], record, values);
    return text;
  }
  int64_t integer_field(const EventDecl& event, const uint8_t* record, size_t index) {
    if (index >= event.fields.size()) return 0;
    const mir::EventField& field = event.fields[index];
    return static_cast<int64_t>(integer_of(*field.type, event.bytes_of(field, record)).bits);
  }

  void show(mir::EventId id, const EventDecl& event, const uint8_t* record);
  void time(const EventDecl& event);
  void join(const EventDecl& event, const uint8_t* record);
  void system(mir::EventId id, const uint8_t* record);
  void cat(mir::EventId id, const uint8_t* record);
  void warn(std::string_view text);
  void error(std::string_view text);
  void end_call();

  const mir::Interface& interface;
  MapReader& maps;
  OutputOptions options;
  Symbols symbols;
  HostNames names;
  ValueText values;
  WriteBuffer out;
  std::unique_ptr<Printer> printer;
  std::vector<std::unique_ptr<Format>> formats;  // by event, parsed at its first record
  bool told_hidden_symbols = false;
  size_t errors = 0;
};

void Output::State::warn(std::string_view text) {
  out.flush();
  const bool has_color = options.has_color();
  std::string line = has_color ? "\033[33mWARNING: " : "WARNING: ";
  line.append(text).append(has_color ? "\033[0m\n" : "\n");
  write_all(options.err_fd, line);
}

void Output::State::error(std::string_view text) {
  out.flush();
  const bool has_color = options.has_color();
  std::string line = has_color ? "\033[31mERROR: " : "ERROR: ";
  line.append(text).append(has_color ? "\033[0m\n" : "\n");
  write_all(options.err_fd, line);
}

void Output::State::end_call() {
  if (!told_hidden_symbols && symbols.are_kernel_symbols_hidden()) {
    told_hidden_symbols = true;
    warn(
        "kernel symbols are hidden (CAP_SYSLOG shows them, see sysctl kernel.kptr_restrict); "
        "kernel addresses are shown as numbers");
  }
  out.end_call();
}

void Output::State::time(const EventDecl& event) {
  time_t now = ::time(nullptr);
  tm local{};
  localtime_r(&now, &local);
  char text[512];
  printer->begin().append(text, strftime(text, sizeof text, event.format.c_str(), &local));
  printer->end(event.kind);
}

void Output::State::join(const EventDecl& event, const uint8_t* record) {
  std::string& text = printer->begin();
  if (event.fields.size() == 2 && event.fields[1].type->is(mir::TypeKind::array)) {
    const mir::Type& strings = *event.fields[1].type;
    const uint8_t* at = event.bytes_of(event.fields[1], record);
    const uint64_t count = std::min<uint64_t>(
        load_integer(event.bytes_of(event.fields[0], record), 8, false) / strings.element->size, strings.count);
    for (uint64_t i = 0; i < count && *at != 0; i++, at += strings.element->size) {
      if (i != 0) text.append(event.format);
      values.append(text, *strings.element, at);
    }
  }
  printer->end(event.kind);
}

// In text the command writes to our output itself, after what is already there; in JSON its output is one record.
void Output::State::system(mir::EventId id, const uint8_t* record) {
  std::string command = formatted(id, record);
  if (!options.unsafe) return warn("system() is not run without --unsafe: " + command);
  bool is_json = options.format == OutputFormat::json;
  std::string& text = printer->begin();
  if (!is_json) out.flush();
  if (int failed = run_command(command, out.fd(), is_json ? &text : nullptr))
    error("failed to run '" + command + "': " + strerror(failed));
  printer->end(EventKind::system);
}

void Output::State::cat(mir::EventId id, const uint8_t* record) {
  std::string path = formatted(id, record);
  std::string& text = printer->begin();
  size_t begin = text.size();
  if (int failed = append_file(text, path.c_str(), options.max_cat_bytes)) {
    text.resize(begin);
    return error("failed to open file '" + path + "': " + strerror(failed));
  }
  printer->end(EventKind::cat);
}

void Output::State::show(mir::EventId id, const EventDecl& event, const uint8_t* record) {
  if (event.kind == EventKind::errorf || event.kind == EventKind::runtime_error) errors++;
  switch (event.kind) {
    case EventKind::printf:
      format_of(id).append(printer->begin(), event, record, values);
      printer->end(event.kind);
      return;
    case EventKind::errorf:
    case EventKind::warnf: printer->message(event.kind, event.span, formatted(id, record)); return;
    case EventKind::runtime_error: printer->message(event.kind, event.span, event.format); return;
    case EventKind::print_value:
      if (!event.fields.empty()) printer->value(*event.fields[0].type, event.bytes_of(event.fields[0], record));
      return;
    case EventKind::print_map:
      if (has_types(interface.maps[event.map]))
        printer->map(read_map(interface, event.map, maps, integer_field(event, record, 0)), integer_field(event, record, 1));
      return;
    case EventKind::print_element:
      if (event.fields.size() >= 2)
        printer->element(interface.maps[event.map], *event.fields[0].type, event.bytes_of(event.fields[0], record),
                         *event.fields[1].type, event.bytes_of(event.fields[1], record));
      return;
    case EventKind::clear: maps.clear(event.map); return;
    case EventKind::zero: maps.zero(event.map); return;
    case EventKind::time: return time(event);
    case EventKind::system: return system(id, record);
    case EventKind::cat: return cat(id, record);
    case EventKind::join: return join(event, record);
    case EventKind::packet:  // Packets has them
    case EventKind::unwatch:
    case EventKind::exit: return;
  }
}

Output::Output(const mir::Interface& interface, const SourceMap& sources, MapReader& maps, OutputOptions options)
    : state_(std::make_unique<State>(interface, sources, maps, std::move(options))) {}
Output::~Output() = default;

// Of which only the first event of a record has one.
constexpr size_t record_header = 8;

RecordResult Output::record(std::span<const uint8_t> bytes) {
  State& state = *state_;
  mir::EventId id(bytes.size() >= 8 ? static_cast<uint32_t>(load_integer(bytes.data(), 4, false)) : mir::EventId::none);
  if (id.index >= state.interface.events.size() || bytes.size() < state.interface.events[id].size) {
    state.warn("dropped a malformed record of " + std::to_string(bytes.size()) + " bytes");
    return {};
  }
  const EventDecl* event = &state.interface.events[id];
  RecordResult result;
  while (true) {
    if (event->kind == EventKind::exit) {
      result.is_exit = true;
      result.exit_code = static_cast<int>(state.integer_field(*event, bytes.data(), 0));
    } else if (event->kind == EventKind::unwatch) {
      result.unwatched.push_back(static_cast<uint64_t>(state.integer_field(*event, bytes.data(), 0)));
    } else {
      state.show(id, *event, bytes.data());
    }
    if (!event->next.is_valid()) break;
    bytes = bytes.subspan(event->size - record_header);
    id = event->next;
    event = &state.interface.events[id];
    if (bytes.size() < event->size) break;
  }
  state.end_call();
  return result;
}

void Output::print_map(MapId map, int64_t top, int64_t div) {
  state_->printer->map(read_map(state_->interface, map, state_->maps, top), div);
  state_->end_call();
}

void Output::print_all_maps() {
  State& state = *state_;
  std::vector<MapId> ids;
  for (uint32_t i = 0; i < state.interface.maps.size(); i++)
    if (const mir::MapDecl& map = state.interface.maps[MapId(i)]; map.role == mir::MapRole::user && has_types(map))
      ids.push_back(MapId(i));
  std::sort(ids.begin(), ids.end(),
            [&](MapId a, MapId b) { return state.interface.maps[a].name < state.interface.maps[b].name; });
  state.printer->before_final_maps();
  for (MapId id : ids) state.printer->map(read_map(state.interface, id, state.maps, 0), 0);
  state.end_call();
}

void Output::attached(size_t probes) {
  if (state_->options.quiet) return;
  state_->printer->attached(probes);
  state_->end_call();
}

void Output::pinned(const std::string& path) {
  if (state_->options.quiet) return;
  state_->printer->pinned(path);
  state_->end_call();
}

void Output::lost_events(uint64_t count) {
  if (count == 0) return;
  state_->printer->lost_events(count);
  state_->end_call();
}

void Output::test(const TestResult& result) {
  state_->printer->test(result);
  state_->end_call();
}

void Output::benchmark(const BenchmarkResult& result) {
  state_->printer->benchmark(result);
  state_->end_call();
}

size_t Output::errors() const {
  return state_->errors;
}

void Output::line(std::string_view text) {
  state_->out.text().append(text).push_back('\n');
  state_->end_call();
}

void Output::warning(std::string_view text) {
  state_->warn(text);
}

void Output::remember_process(uint32_t pid) {
  state_->symbols.remember_process(pid);
}

void Output::wait_for_present_processes() {
  state_->symbols.wait_for_present_processes();
}

void Output::hold() {
  state_->out.hold();
}

void Output::flush() {
  state_->out.release();
}

void Output::write_everything() {
  state_->out.flush();
}

bool Output::is_closed() const {
  return state_->out.is_closed();
}

}  // namespace shrike
