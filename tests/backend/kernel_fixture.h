// Loads bpf::Objects into the running kernel by plain bpf(2) calls and runs raw tracepoint programs with
// BPF_PROG_TEST_RUN. Shares nothing with the runtime, so that the two cannot hide each other's mistakes.
#pragma once

#include <string>
#include <vector>

#include "backend-bpf/backend.h"

namespace shrike::test {

// Empty if bpf(2) may be used here, else why not.
std::string missing_privilege();
// Whether programs may call the kernel's iterators over numbers.
bool has_number_iterators();
#define NEEDS_BPF()                                                                   \
  if (std::string why = shrike::test::missing_privilege(); !why.empty()) {            \
    fprintf(stderr, "SKIPPED, needs the privilege to use bpf(2): %s\n", why.c_str()); \
    GTEST_SKIP() << why;                                                              \
  }

class LoadedObject {
 public:
  explicit LoadedObject(const bpf::Object& object, const SourceMap& sources = {});
  ~LoadedObject();
  LoadedObject(const LoadedObject&) = delete;
  LoadedObject& operator=(const LoadedObject&) = delete;

  const std::string& error() const { return error_; }  // with the verifier's log; empty if all was loaded
  bool run(size_t program, uint32_t& result);
  // Arrays only.
  std::vector<uint8_t> read(mir::MapId map, uint32_t index = 0) const;
  void write(mir::MapId map, uint32_t index, const std::vector<uint8_t>& value);
  uint64_t read_u64(mir::MapId map, size_t offset) const;
  int map_fd(mir::MapId map) const { return maps_[map.index]; }

 private:
  void create_maps(const bpf::Object& object);
  void load(const bpf::Object& object, size_t index, const bpf::ObjectBtf& btf);

  std::vector<int> maps_, programs_;
  std::vector<uint32_t> value_sizes_;
  int btf_ = -1;
  std::string error_;
};

// The whole backend: select, allocate (with validation) and emit. Fails the test on diagnostics.
bpf::Object compile(mir::Module module, bpf::BackendOptions options = {});

}  // namespace shrike::test
