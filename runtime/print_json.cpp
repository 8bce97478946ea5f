// One JSON object a line, of bpftrace's shapes: {"type": T, "data": D}. Everything goes to the program's output, the
// messages of errorf and warnf and lost events included, so that one reader sees them in order.
//
// Follows bpftrace after 0.17 where the two differ: structures without inner spaces, buffers as arrays
// of integers, integers that a double cannot hold as strings. Bytes that are not UTF-8 become \u00XX; 0.17 writes JSON
// that does not parse there.
#include <cmath>

#include "runtime/histograms.h"
#include "runtime/json_text.h"
#include "runtime/printer.h"
#include "runtime/time_series.h"

namespace shrike {

using mir::EventKind;
using mir::MapDecl;
using mir::Type;
using mir::TypeKind;

namespace {

void append_number(std::string& out, uint64_t bits, bool is_signed) {
  uint64_t magnitude = is_signed && static_cast<int64_t>(bits) < 0 ? 0 - bits : bits;
  // Exact as a double: no more than 53 bits from the highest to the lowest that is set.
  bool is_exact = magnitude == 0 || (magnitude >> __builtin_ctzll(magnitude)) < 1ULL << 53;
  if (!is_exact) out.push_back('"');
  append_decimal(out, bits, is_signed);
  if (!is_exact) out.push_back('"');
}

const char* record_type(EventKind kind) {
  return kind == EventKind::system ? "syscall" : mir::name_of(kind);
}

class JsonPrinter final : public Printer {
 public:
  explicit JsonPrinter(const PrinterContext& context) : context_(context) {}

  std::string& begin() override {
    text_.clear();
    return text_;
  }
  void end(EventKind kind) override {
    open(record_type(kind));
    append_quoted(out(), text_);
    close();
  }

  void value(const Type& type, const uint8_t* bytes) override {
    open("value");
    append_map_value(type, bytes, 0);
    close();
  }

  void element(const MapDecl& map, const Type& key_type, const uint8_t* key, const Type& type, const uint8_t* value) override {
    open_map(map, type);
    out().push_back('{');
    append_key(key_type, key);
    append_map_value(type, value, 0);
    out().append("}}");
    close();
  }

  void map(const MapTable& table, int64_t div) override {
    const MapDecl& map = *table.map;
    if (table.rows.empty()) return;
    last_interval_ = table.last_interval;
    open_map(map, *map.value);
    if (map.is_keyed) out().push_back('{');
    bool is_first = true;
    for (const MapRow& row : table.rows) {
      if (!is_first) out().append(", ");
      is_first = false;
      if (map.is_keyed) append_key(*map.key, row.key);
      series_bytes_ = row.value_bytes;
      append_map_value(*map.value, row.value, div);
    }
    out().append(map.is_keyed ? "}}" : "}");
    close();
  }

  void before_final_maps() override { out().append("\n\n"); }  // as in text: readers of JSON lines skip them

  void message(EventKind kind, Span span, std::string text) override {
    out().append("{\"type\": \"").append(record_type(kind)).append("\", \"msg\": ");
    append_quoted(out(), text);
    Location at = context_.sources.locate(span.begin);
    out().append(", \"filename\": ");
    append_quoted(out(), at.file);
    out().append(", \"line\": ").append(std::to_string(at.line)).append(", \"col\": ").append(std::to_string(at.column));
    close();
  }

  void attached(size_t probes) override { counted("attached_probes", "probes", probes); }
  void pinned(const std::string& path) override {
    open("pinned");
    out().append("{\"path\": ");
    append_quoted(out(), path);
    out().push_back('}');
    close();
  }
  void lost_events(uint64_t count) override { counted("lost_events", "events", count); }

  void test(const TestResult& result) override {
    open("test_result");
    out().push_back('{');
    append_quoted(out(), result.name);
    out().append(": {\"duration\": ").append(std::to_string(result.nanoseconds));
    out().append(result.is_passed ? ", \"passed\": true" : ", \"passed\": false").append(", \"output\": ");
    append_quoted(out(), result.output);
    out().append("}}");
    close();
  }
  void benchmark(const BenchmarkResult& result) override {
    open("benchmark_result");
    out().push_back('{');
    append_quoted(out(), result.name);
    out().append(": {\"average\": ").append(std::to_string(std::llround(result.nanoseconds)));
    out().append(", \"iters\": ").append(std::to_string(result.runs)).append("}}");
    close();
  }

 private:
  std::string& out() { return context_.out.text(); }

  void open(std::string_view type) { out().append("{\"type\": \"").append(type).append("\", \"data\": "); }
  void close() { out().append("}\n"); }

  void counted(std::string_view type, std::string_view unit, uint64_t count) {
    std::string number = std::to_string(count);
    out().append("{\"type\": \"").append(type).append("\", \"count\": ").append(number);
    out().append(", \"data\": {\"").append(unit).append("\": ").append(number).append("}}\n");
  }

  void open_map(const MapDecl& map, const Type& type) {
    bool is_histogram = type.is(TypeKind::hist) || type.is(TypeKind::lhist);
    bool is_stats = type.is(TypeKind::avg) || type.is(TypeKind::stats);
    open(is_histogram ? "hist" : type.is(TypeKind::tseries) ? "tseries" : is_stats ? "stats" : "map");
    out().push_back('{');
    append_quoted(out(), map.name);
    out().append(": ");
  }

  // A key is a string: its elements joined by commas.
  void append_key(const Type& type, const uint8_t* key) {
    text_.clear();
    if (type.is(TypeKind::tuple)) {
      for (size_t i = 0; i < type.elements.size(); i++) {
        if (i != 0) text_.push_back(',');
        context_.values.append_key(text_, *type.elements[i].type, key + type.elements[i].offset);
      }
    } else {
      context_.values.append_key(text_, type, key);
    }
    append_quoted(out(), text_);
    out().append(": ");
  }

  void append_map_value(const Type& type, const uint8_t* value, int64_t div) {
    IntegerValue number;
    if (type.is(TypeKind::hist) || type.is(TypeKind::lhist)) {
      append_histogram_json(out(), type, value, type.is(TypeKind::hist) ? div : 0);
    } else if (type.is(TypeKind::tseries)) {
      append_series_json(out(), type, {value, series_bytes_}, last_interval_);
    } else if (divided_value(type, value, div, number)) {
      append_number(out(), number.bits, number.is_signed);
    } else {
      append_value(type, value);
    }
  }

  void append_value(const Type& type, const uint8_t* bytes) {
    switch (type.kind) {
      case TypeKind::none: out().append("null"); return;
      case TypeKind::boolean: out().append(bytes[0] != 0 ? "true" : "false"); return;
      case TypeKind::integer:
      case TypeKind::enumeration:
      case TypeKind::pointer:
      case TypeKind::count:
      case TypeKind::sum:
      case TypeKind::min:
      case TypeKind::max:
      case TypeKind::avg: {
        IntegerValue number = integer_of(type, bytes);
        return append_number(out(), number.bits, number.is_signed);
      }
      case TypeKind::stats:
        out().append("{\"count\": "), append_number(out(), load_integer(bytes + 8, 8, false), false);
        out().append(", \"average\": "), append_number(out(), integer_of(type, bytes).bits, type.is_signed);
        out().append(", \"total\": "), append_number(out(), load_integer(bytes, 8, false), type.is_signed);
        out().push_back('}');
        return;
      case TypeKind::array:
        out().push_back('[');
        for (uint32_t i = 0; i < type.count; i++) {
          if (i != 0) out().push_back(',');
          append_value(*type.element, bytes + i * type.element->size);
        }
        out().push_back(']');
        return;
      case TypeKind::tuple:
        out().push_back('[');
        for (size_t i = 0; i < type.elements.size(); i++) {
          if (i != 0) out().push_back(',');
          append_value(*type.elements[i].type, bytes + type.elements[i].offset);
        }
        out().push_back(']');
        return;
      case TypeKind::buffer: {
        bool is_first = true;
        out().push_back('[');
        for (char c : buffer_bytes(type, bytes)) {
          if (!is_first) out().push_back(',');
          is_first = false;
          append_decimal(out(), static_cast<uint8_t>(c), false);
        }
        out().push_back(']');
        return;
      }
      case TypeKind::record: {
        bool is_first = true;
        out().push_back('{');
        append_fields(type, bytes, is_first);
        out().push_back('}');
        return;
      }
      default:
        text_.clear();
        context_.values.append(text_, type, bytes);
        return append_quoted(out(), text_);
    }
  }

  void append_fields(const Type& type, const uint8_t* bytes, bool& is_first) {
    const mir::RecordLayout* layout = type.is(TypeKind::record) ? context_.values.interface().types.layout(&type) : nullptr;
    if (layout == nullptr) return;
    for (const mir::RecordField& field : layout->fields) {
      const uint8_t* at = bytes + field.offset;
      if (field.name.empty()) {
        append_fields(*field.type, at, is_first);
        continue;
      }
      if (!is_first) out().append(", ");
      is_first = false;
      append_quoted(out(), field.name);
      out().append(": ");
      if (field.bit_size != 0) append_number(out(), load_bit_field(field, at), field.type->is_signed);
      else if (field.is_data_loc) append_number(out(), load_integer(at, 4, false), false);
      else append_value(*field.type, at);
    }
  }

  PrinterContext context_;
  std::string text_;
  uint64_t last_interval_ = 0;  // of the map being printed
  size_t series_bytes_ = 0;     // of the row being printed
};

}  // namespace

std::unique_ptr<Printer> make_json_printer(const PrinterContext& context) {
  return std::make_unique<JsonPrinter>(context);
}

}  // namespace shrike
