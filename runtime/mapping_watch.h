// The executable mappings of every process: of those that there are at first, as /proc tells, and from now on as they are made,
// as the kernel tells. So addresses of a process that ran only for a moment, or ends while it is traced, still have names: by
// the time its records are read, /proc knows nothing of it.
//
// One software event a CPU reports mmap and fork; its ring is drained when somebody asks, and by a thread of its own when
// a quarter of it is used. Without the privilege, or without room for the rings, nothing is watched and nothing fails.
// It deliberately ignores munmap and exec: later mappings win, and address randomisation keeps the rest apart.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "runtime/fd.h"

namespace shrike {

struct FileId {
  uint64_t device = 0, inode = 0;
  bool operator==(const FileId&) const = default;
};

struct Mapping {
  uint64_t begin = 0, end = 0, offset = 0;  // addresses; where `begin` is in the file
  FileId file;
  std::string path;
};

// Of a process, by address; none if it is gone.
std::vector<Mapping> executable_mappings(uint32_t pid);

class MappingWatch {
 public:
  MappingWatch();
  ~MappingWatch();
  MappingWatch(const MappingWatch&) = delete;
  MappingWatch& operator=(const MappingWatch&) = delete;

  bool is_watching() const { return !rings_.empty(); }
  // Until those are known that there were at first, which a thread of its own finds out.
  void wait_for_present();
  // What `pid`, or else an ancestor it was forked from, had mapped at the address. False if that is not known.
  bool find(uint32_t pid, uint64_t address, Mapping& found);
  // The process `pid` was forked from, 0 if not known.
  uint32_t parent_of(uint32_t pid);

 private:
  struct Ring {
    Fd fd;
    void* base = nullptr;
  };
  struct Process {
    uint32_t parent = 0;
    std::vector<Mapping> mappings;  // as they were made
  };
  void open_ring(int cpu);
  void drain();  // with the lock held
  void drain(Ring& ring);
  void take(const uint8_t* record, size_t size);
  Process& process(uint32_t pid);
  void run();
  void read_present();

  std::vector<Ring> rings_;
  Fd stop_;
  std::mutex lock_;  // guards all below, and the reading ends of the rings
  std::vector<uint8_t> record_;
  std::unordered_map<uint32_t, Process> processes_;
  std::thread thread_;
  std::thread present_;
  std::atomic<bool> is_stopping_ = false;
};

}  // namespace shrike
