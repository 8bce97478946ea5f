// Reader of a BPF ring buffer through its memory mapping. Layout (kernel: Documentation/bpf/ringbuf.rst): a page with
// the consumer's position, a page with the producer's, then the data, mapped twice in a row so that a record that
// wraps is contiguous. Each record has an 8-byte header: u32 length with busy and discard bits, u32 page offset.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

namespace shrike {

class Ring {
 public:
  Ring() = default;
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // `size` is the map's max_entries. 0 or errno.
  int open(int fd, size_t size);
  // Hands over the records that were complete at the time of the call, oldest first; room is given back after each.
  size_t drain(const std::function<void(std::span<const uint8_t>)>& on_record);

 private:
  uint8_t* consumer_ = nullptr;
  uint8_t* producer_ = nullptr;  // the data follows it
  size_t size_ = 0;
};

}  // namespace shrike
