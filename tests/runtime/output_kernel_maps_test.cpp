// KernelMaps over real maps of this kernel: whole reads in batches, per-CPU values, clear and zero.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "tests/runtime/output_trace.h"

namespace shrike {
namespace {

using mir::MapDecl;
using mir::MapId;
using mir::MapKind;

class OutputKernelMaps : public ::testing::TestWithParam<MapKind> {
 protected:
  ~OutputKernelMaps() override {
    if (fd_ >= 0) close(fd_);
  }
  bool is_array() const { return GetParam() == MapKind::array || GetParam() == MapKind::percpu_array; }
  bool is_lru() const { return GetParam() == MapKind::lru_hash || GetParam() == MapKind::lru_percpu_hash; }
  size_t copies() const { return is_per_cpu(GetParam()) ? static_cast<size_t>(libbpf_num_possible_cpus()) : 1; }

  // A user map of `entries` values, each with its key in every copy; scalar for arrays, with a present word.
  bool fill(uint32_t entries) {
    MapDecl map{.name = "@m",
                .kind = GetParam(),
                .is_keyed = !is_array(),
                // An LRU map evicts before it is full.
                .max_entries = is_lru() ? 4 * entries : entries};
    map.key = is_array() ? nullptr : trace_.program.types.uint64();
    map.value = trace_.program.types.uint64();
    map.key_size = is_array() ? 4 : 8;
    map.value_size = is_array() ? 16 : 8;
    fd_ = bpf_map_create(static_cast<bpf_map_type>(kernel_number(map.kind)), "test", map.key_size, map.value_size,
                         map.max_entries, nullptr);
    if (fd_ < 0) return false;
    for (uint64_t key = 0; key < entries; key++) {
      std::vector<uint64_t> value;
      for (size_t copy = 0; copy < copies(); copy++) {
        value.push_back(key + 1);
        if (is_array()) value.push_back(1);
      }
      if (bpf_map_update_elem(fd_, &key, value.data(), BPF_ANY) != 0) return false;
    }
    id_ = trace_.program.maps.add(map);
    maps_ = std::make_unique<KernelMaps>(trace_.program, std::vector<int>{fd_});
    return true;
  }
  std::vector<uint64_t> words(const std::vector<uint8_t>& bytes) {
    std::vector<uint64_t> words(bytes.size() / 8);
    std::memcpy(words.data(), bytes.data(), words.size() * 8);
    return words;
  }

  Trace trace_;
  MapId id_;
  int fd_ = -1;
  std::unique_ptr<KernelMaps> maps_;
};

TEST_P(OutputKernelMaps, ReadsZeroesAndClears) {
  uint32_t entries = is_array() ? 1 : 3000;
  if (!fill(entries)) GTEST_SKIP() << "this user may not make maps: " << strerror(errno);
  MapContents contents = maps_->read(id_);
  ASSERT_EQ(contents.count, entries);
  ASSERT_EQ(contents.copies, copies());
  uint64_t sum = 0;
  std::vector<uint64_t> values = words(contents.values);
  size_t stride = is_array() ? 2 : 1;
  for (size_t i = 0; i < entries * copies() * stride; i += stride) sum += values[i];
  EXPECT_EQ(sum, copies() * entries * (entries + 1) / 2);
  if (!is_array()) {
    std::vector<uint64_t> keys = words(contents.keys);
    keys.resize(entries);
    std::sort(keys.begin(), keys.end());
    for (uint64_t key = 0; key < entries; key++) ASSERT_EQ(keys[key], key);
  }

  maps_->zero(id_);
  contents = maps_->read(id_);
  ASSERT_EQ(contents.count, entries);
  values = words(contents.values);
  for (size_t i = 0; i < entries * copies() * stride; i += stride) ASSERT_EQ(values[i], 0u);
  if (is_array()) {
    EXPECT_EQ(values[1], 1u);  // still present
  }

  maps_->clear(id_);
  contents = maps_->read(id_);
  EXPECT_EQ(contents.count, is_array() ? 1u : 0u);
  if (is_array()) {
    EXPECT_EQ(words(contents.values)[1], 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, OutputKernelMaps,
                         ::testing::Values(MapKind::array, MapKind::percpu_array, MapKind::hash, MapKind::percpu_hash,
                                           MapKind::lru_hash, MapKind::lru_percpu_hash),
                         [](const ::testing::TestParamInfo<MapKind>& kind) {
                           std::string name = mir::name_of(kind.param);
                           std::replace(name.begin(), name.end(), ' ', '_');
                           return name;
                         });

}  // namespace
}  // namespace shrike
