// What skboutput() sends: packets, which the kernel itself copies to a perf buffer, for no program can. They go to files.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "mir/interface.h"
#include "runtime/pcap.h"

struct perf_buffer;

namespace shrike {

class Packets {
 public:
  // `warn` is told, once for each, of files that cannot be written.
  Packets(const mir::Interface& interface, std::function<void(const std::string&)> warn);
  ~Packets();
  Packets(const Packets&) = delete;
  Packets& operator=(const Packets&) = delete;

  // Of the map of role `packets`; `pages` for each CPU, 0: as many as are usual. 0, or an errno.
  int open(int map, uint64_t pages);
  int fd() const;    // readable when there is something to drain
  uint64_t drain();  // writes what has come; how many packets found no room since the last time

 private:
  struct Free {
    void operator()(perf_buffer* buffer) const;
  };
  void record(std::span<const uint8_t> bytes);
  PcapFile* file_of(const std::string& path);

  const mir::Interface& interface_;
  std::function<void(const std::string&)> warn_;
  std::unique_ptr<perf_buffer, Free> buffer_;
  std::map<std::string, std::unique_ptr<PcapFile>> files_;  // null: cannot be written
  uint64_t lost_ = 0;
};

}  // namespace shrike
