// Names of code that a program compiled while running, from the map it writes for tools (perf's convention):
// /tmp/perf-PID.map with lines `ADDRESS SIZE NAME`, in its own mount namespace and under its own number there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/binary_symbols.h"

namespace shrike {

class PerfMap {
 public:
  // Looks again, now and then, whether the file has grown.
  AddressName find(uint32_t pid, uint64_t address);

 private:
  struct Entry {
    uint64_t address, size;
    uint32_t name, name_size;  // in names_
  };
  void refresh(uint32_t pid);
  void parse(std::string_view text);

  std::vector<Entry> entries_;
  std::string names_;
  int64_t looked_at_ns_ = 0;
  int64_t size_ = -1;  // of the file when it was read; -1: never
};

}  // namespace shrike
