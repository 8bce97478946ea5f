// Facts: the file format as pcap-savefile(5) tells it; link type 101 is raw IP, whose version is in its first byte.
#include "runtime/pcap.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace shrike {

namespace {

constexpr uint32_t magic_of_nanoseconds = 0xa1b23c4d;
constexpr uint32_t version = 2 | 4 << 16;  // 2.4
constexpr uint32_t longest_packet = 262144;
constexpr uint32_t raw_ip = 101;
constexpr uint64_t second = 1'000'000'000;

}  // namespace

void PcapFile::word(uint32_t value) {
  waiting_.append(reinterpret_cast<const char*>(&value), sizeof value);
}

int PcapFile::open(const std::string& path) {
  file_ = Fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file_.is_open()) return errno;
  constexpr uint32_t time_zone = 0, accuracy = 0;
  for (uint32_t value : {magic_of_nanoseconds, version, time_zone, accuracy, longest_packet, raw_ip}) word(value);
  return flush();
}

void PcapFile::add(uint64_t wall_ns, uint32_t length, std::span<const uint8_t> bytes) {
  word(static_cast<uint32_t>(wall_ns / second));
  word(static_cast<uint32_t>(wall_ns % second));
  word(static_cast<uint32_t>(bytes.size()));
  word(length);
  waiting_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

int PcapFile::flush() {
  size_t done = 0;
  while (file_.is_open() && done < waiting_.size()) {
    const ssize_t written = write(file_.get(), waiting_.data() + done, waiting_.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int error = errno;
      file_ = Fd();
      return error;
    }
    done += static_cast<size_t>(written);
  }
  waiting_.clear();
  return 0;
}

}  // namespace shrike
