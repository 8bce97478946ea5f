// The two shapes of output, text and JSON lines, behind one face. Output decides what is shown and when; a Printer
// decides how it looks. Neither knows where bytes go.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "mir/base/diagnostic.h"
#include "mir/interface.h"
#include "runtime/read_maps.h"
#include "runtime/value_text.h"
#include "runtime/write_buffer.h"

namespace shrike {

class Printer {
 public:
  virtual ~Printer() = default;

  // Text of a printf, time, cat, join or system record: append to what begin() returns, then end().
  virtual std::string& begin() = 0;
  virtual void end(mir::EventKind kind) = 0;

  virtual void value(const mir::Type& type, const uint8_t* bytes) = 0;
  virtual void element(const mir::MapDecl& map, const mir::Type& key_type, const uint8_t* key, const mir::Type& type,
                       const uint8_t* value) = 0;
  virtual void map(const MapTable& table, int64_t div) = 0;
  virtual void before_final_maps() = 0;
  // errorf, warnf, runtime_error.
  virtual void message(mir::EventKind kind, Span span, std::string text) = 0;
  virtual void attached(size_t probes) = 0;
  virtual void pinned(const std::string& path) = 0;
  virtual void lost_events(uint64_t count) = 0;
  virtual void test(const TestResult& result) = 0;
  virtual void benchmark(const BenchmarkResult& result) = 0;
};

struct PrinterContext {
  WriteBuffer& out;
  const ValueText& values;
  const SourceMap& sources;
  const OutputOptions& options;
};

std::unique_ptr<Printer> make_text_printer(const PrinterContext& context);
std::unique_ptr<Printer> make_json_printer(const PrinterContext& context);

// The value of a map row after division; empty if the type has no number or there is no divisor.
bool divided_value(const mir::Type& type, const uint8_t* value, int64_t div, IntegerValue& result);
void write_all(int fd, std::string_view text);  // unbuffered, for stderr

}  // namespace shrike
