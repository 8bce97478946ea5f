// A program's interface made by hand, with maps in memory and both output streams in memory files: shows what the user
// would read for given bytes, without a kernel.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/output.h"

namespace shrike {

// One field of a record, or the key or value of a map: the text form of its type and its bytes.
struct Datum {
  std::string type;
  std::string bytes;
};

std::string bytes_of(uint64_t value, size_t size = 8);
Datum number(const char* type, int64_t value);  // int8 to uint64, bool, pointers, enums
Datum text(std::string_view value, uint32_t capacity = 64);
Datum buffer(std::string_view value, uint32_t capacity = 64);
Datum tuple(const std::vector<Datum>& elements);

// Rows of per-CPU maps hold one value for each CPU.
struct MemoryMaps final : MapReader {
  MapContents read(mir::MapId map) override { return contents[map]; }
  void clear(mir::MapId map) override { contents[map] = {}; }
  void zero(mir::MapId map) override {
    for (uint8_t& byte : contents[map].values) byte = 0;
  }
  std::map<mir::MapId, MapContents> contents;
};

class Trace {
 public:
  explicit Trace(OutputOptions options = {});
  ~Trace();

  mir::Interface program;
  SourceMap sources;
  MemoryMaps maps;

  // Adds an event and sends one record of it; what came out since the last call.
  std::string show(mir::EventKind kind, std::string format, const std::vector<Datum>& fields = {}, Span span = {},
                   mir::MapId map = {});
  mir::EventId add_event(mir::EventKind kind, std::string format, const std::vector<Datum>& fields, Span span = {},
                         mir::MapId map = {});
  std::vector<uint8_t> record_of(mir::EventId id, const std::vector<Datum>& fields) const;

  // A scalar map of the value's type; keyed ones take rows by add_row.
  mir::MapId add_scalar(std::string name, const char* type, const std::vector<std::string>& copies, bool is_set = true);
  mir::MapId add_keyed(std::string name, const char* key, const char* value);
  void add_row(mir::MapId map, const std::string& key, const std::vector<std::string>& copies);

  Output& output();
  std::string out();  // since the last call
  std::string err();

 private:
  static std::string take(int fd, size_t& taken);
  OutputOptions options_;
  std::unique_ptr<Output> output_;
  size_t out_taken_ = 0, err_taken_ = 0;
};

}  // namespace shrike
