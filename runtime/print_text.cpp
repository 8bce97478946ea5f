// Text as bpftrace 0.17 prints it, blank lines included: a histogram is followed by one, so is each avg or stats map,
// and an empty map is one. Not as 0.17: the number of attached probes goes to stderr, as it has since bpftrace 0.24.
#include <unistd.h>

#include "runtime/histograms.h"
#include "runtime/printer.h"
#include "runtime/time_series.h"

namespace shrike {

using mir::EventKind;
using mir::MapDecl;
using mir::Type;
using mir::TypeKind;

namespace {

class TextPrinter final : public Printer {
 public:
  explicit TextPrinter(const PrinterContext& context) : context_(context) {}

  std::string& begin() override { return out(); }
  void end(EventKind kind) override {
    if (kind == EventKind::join) out().push_back('\n');
  }

  void value(const Type& type, const uint8_t* bytes) override {
    append_value(type, bytes, 0);
    out().push_back('\n');
  }

  void element(const MapDecl& map, const Type& key_type, const uint8_t* key, const Type& type, const uint8_t* value) override {
    row(map, &key_type, key, type, value, 0);
  }

  void map(const MapTable& table, int64_t div) override {
    const MapDecl& map = *table.map;
    last_interval_ = table.last_interval;
    for (const MapRow& entry : table.rows) {
      series_bytes_ = entry.value_bytes;
      row(map, map.is_keyed ? map.key : nullptr, entry.key, *map.value, entry.value, div);
    }
    if (table.rows.empty()) out().push_back('\n');
    if (map.value->is(TypeKind::avg) || map.value->is(TypeKind::stats)) out().push_back('\n');
  }

  void before_final_maps() override { out().append("\n\n"); }

  void message(EventKind kind, Span span, std::string text) override {
    Diag id = kind == EventKind::errorf  ? Diag::script_error
              : kind == EventKind::warnf ? Diag::script_warning
                                         : Diag::runtime_warning;
    if (!text.empty() && text.back() == '\n') text.pop_back();
    Diagnostic diagnostic{id, span, std::move(text), {}, {}};
    to_stderr(render(diagnostic, context_.sources, {.color = context_.options.has_color()}));
  }

  void attached(size_t probes) override {
    to_stderr("Attached " + std::to_string(probes) + (probes == 1 ? " probe\n" : " probes\n"));
  }
  void pinned(const std::string& path) override { to_stderr("Program pinned to " + path + "\n"); }
  void lost_events(uint64_t count) override { to_stderr("Lost " + std::to_string(count) + " events\n"); }

  void test(const TestResult& result) override {
    char time[40];
    snprintf(time, sizeof time, " (%.3f ms)\n", static_cast<double>(result.nanoseconds) / 1e6);
    out().append(result.is_passed ? "PASSED " : "FAILED ").append(result.name).append(time);
  }
  void benchmark(const BenchmarkResult& result) override {
    char line[80];
    snprintf(line, sizeof line, "%12.1f ns %10llu runs  ", result.nanoseconds, static_cast<unsigned long long>(result.runs));
    out().append(line).append(result.name).push_back('\n');
  }

 private:
  std::string& out() { return context_.out.text(); }

  void to_stderr(const std::string& text) {
    context_.out.flush();
    write_all(context_.options.err_fd, text);
  }

  void row(const MapDecl& map, const Type* key_type, const uint8_t* key, const Type& type, const uint8_t* value, int64_t div) {
    out().append(map.name);
    if (key_type != nullptr) {
      out().push_back('[');
      context_.values.append_key(out(), *key_type, key);
      out().push_back(']');
    }
    out().append(type.is(TypeKind::tseries) ? ":" : ": ");
    if (type.is_chart()) out().push_back('\n');
    append_value(type, value, div);
    out().push_back('\n');
  }

  void append_value(const Type& type, const uint8_t* value, int64_t div) {
    IntegerValue number;
    if (type.is(TypeKind::hist) || type.is(TypeKind::lhist)) {
      append_histogram_text(out(), type, value, type.is(TypeKind::hist) ? div : 0);
    } else if (type.is(TypeKind::tseries)) {
      append_series_text(out(), type, {value, series_bytes_}, last_interval_);
    } else if (divided_value(type, value, div, number)) {
      append_decimal(out(), number.bits, number.is_signed);
    } else {
      context_.values.append(out(), type, value);
    }
  }

  PrinterContext context_;
  uint64_t last_interval_ = 0;  // of the map being printed
  size_t series_bytes_ = 0;     // of the row being printed
};

}  // namespace

bool divided_value(const Type& type, const uint8_t* value, int64_t div, IntegerValue& result) {
  bool has_number = type.is_integer_like() || (type.is_aggregate() && !type.is(TypeKind::stats));
  if (div <= 0 || !has_number) return false;
  result = integer_of(type, value);
  if (!result.is_known) return false;
  result.bits = result.is_signed ? static_cast<uint64_t>(static_cast<int64_t>(result.bits) / div)
                                 : result.bits / static_cast<uint64_t>(div);
  return true;
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    ssize_t written = write(fd, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<size_t>(written));
  }
}

std::unique_ptr<Printer> make_text_printer(const PrinterContext& context) {
  return std::make_unique<TextPrinter>(context);
}

}  // namespace shrike
