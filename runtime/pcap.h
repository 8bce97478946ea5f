// A file of packets in the form of libpcap, as tcpdump and tshark read it: raw IP packets, times to the nanosecond. Whoever
// makes a packet says how long it was; fewer bytes of it may be there.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "runtime/fd.h"

namespace shrike {

class PcapFile {
 public:
  // 0, or the errno of what failed. What the file had is gone.
  int open(const std::string& path);
  // `wall_ns`: since 1970. Packets are kept until flush().
  void add(uint64_t wall_ns, uint32_t length, std::span<const uint8_t> bytes);
  int flush();

 private:
  void word(uint32_t value);

  Fd file_;
  std::string waiting_;
};

}  // namespace shrike
