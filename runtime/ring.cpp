// Positions are shared with the kernel: loads acquire, stores release, as its documentation asks of a consumer.
#include "runtime/ring.h"

#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace shrike {

namespace {

size_t page_size() {
  return static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

template <class T>
T load_acquire(const uint8_t* at) {
  return __atomic_load_n(reinterpret_cast<const T*>(at), __ATOMIC_ACQUIRE);
}

}  // namespace

Ring::~Ring() {
  if (consumer_ != nullptr) munmap(consumer_, page_size());
  if (producer_ != nullptr) munmap(producer_, page_size() + 2 * size_);
}

int Ring::open(int fd, size_t size) {
  size_t page = page_size();
  void* consumer = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (consumer == MAP_FAILED) return errno;
  consumer_ = static_cast<uint8_t*>(consumer);
  void* producer = mmap(nullptr, page + 2 * size, PROT_READ, MAP_SHARED, fd, static_cast<off_t>(page));
  if (producer == MAP_FAILED) return errno;
  producer_ = static_cast<uint8_t*>(producer);
  size_ = size;
  return 0;
}

size_t Ring::drain(const std::function<void(std::span<const uint8_t>)>& on_record) {
  if (producer_ == nullptr) return 0;
  const uint8_t* data = producer_ + page_size();
  uint64_t position = load_acquire<uint64_t>(consumer_);
  size_t records = 0;
  uint64_t end = load_acquire<uint64_t>(producer_);
  while (position < end) {
    const uint8_t* header = data + (position & (size_ - 1));
    uint32_t length = load_acquire<uint32_t>(header);
    if (length & BPF_RINGBUF_BUSY_BIT) break;
    uint32_t bytes = length & ~BPF_RINGBUF_DISCARD_BIT;
    if (!(length & BPF_RINGBUF_DISCARD_BIT)) {
      on_record({header + BPF_RINGBUF_HDR_SZ, bytes});
      records++;
    }
    position += (bytes + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
    __atomic_store_n(reinterpret_cast<uint64_t*>(consumer_), position, __ATOMIC_RELEASE);
  }
  return records;
}

}  // namespace shrike
