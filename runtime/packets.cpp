// A record is an event of kind `packet`, as programs lay it out, and then bytes from where the packet's data begins.
#include "runtime/packets.h"

#include <bpf/libbpf.h>
#include <time.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "runtime/files.h"

namespace shrike {

namespace {

constexpr uint64_t usual_pages = 64, most_pages = 1 << 16;

uint64_t clock_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

Packets::Packets(const mir::Interface& interface, std::function<void(const std::string&)> warn)
    : interface_(interface), warn_(std::move(warn)) {}
Packets::~Packets() = default;

void Packets::Free::operator()(perf_buffer* buffer) const {
  perf_buffer__free(buffer);
}

int Packets::open(int map, uint64_t pages) {
  pages = std::bit_ceil(std::min(pages == 0 ? usual_pages : pages, most_pages));
  const auto sample = [](void* self, int, void* data, unsigned size) {
    static_cast<Packets*>(self)->record({static_cast<const uint8_t*>(data), size});
  };
  const auto lost = [](void* self, int, unsigned long long count) { static_cast<Packets*>(self)->lost_ += count; };
  buffer_.reset(perf_buffer__new(map, pages, sample, lost, this, nullptr));
  return buffer_ == nullptr ? errno : 0;
}

int Packets::fd() const {
  return perf_buffer__epoll_fd(buffer_.get());
}

uint64_t Packets::drain() {
  perf_buffer__consume(buffer_.get());
  for (auto& [path, file] : files_) {
    const int error = file == nullptr ? 0 : file->flush();
    if (error == 0) continue;
    warn_("`" + path + "` takes no more packets: " + describe_errno(error));
    file = nullptr;
  }
  return std::exchange(lost_, 0);
}

PcapFile* Packets::file_of(const std::string& path) {
  auto [known, is_new] = files_.try_emplace(path);
  if (!is_new) return known->second.get();
  auto file = std::make_unique<PcapFile>();
  const int error = file->open(path);
  if (error == 0) known->second = std::move(file);
  else warn_("cannot write packets to `" + path + "`: " + describe_errno(error));
  return known->second.get();
}

void Packets::record(std::span<const uint8_t> bytes) {
  uint32_t id = 0;
  if (bytes.size() < sizeof id) return;
  memcpy(&id, bytes.data(), sizeof id);
  if (id >= interface_.events.size()) return;
  const mir::EventDecl& event = interface_.events[mir::EventId(id)];
  uint64_t values[4] = {};
  if (event.kind != mir::EventKind::packet || event.fields.size() != std::size(values) || bytes.size() < event.size) return;
  for (size_t i = 0; i < std::size(values); i++) memcpy(&values[i], event.bytes_of(event.fields[i], bytes.data()), 8);
  const auto [boot_ns, offset, wanted, whole] = values;
  bytes = bytes.subspan(event.size);
  // The kernel fills its records up.
  const uint64_t has = std::min<uint64_t>({bytes.size(), whole, mir::longest_packet});
  if (offset > has) return;
  bytes = bytes.subspan(offset, std::min(has - offset, wanted));
  const uint64_t wall_ns = boot_ns + (clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME));
  if (PcapFile* file = file_of(event.format)) file->add(wall_ns, static_cast<uint32_t>(whole - offset), bytes);
}

}  // namespace shrike
