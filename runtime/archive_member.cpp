// The parts of the zip format that are needed (APPNOTE.TXT of PKWARE, 4.3): the record at the end of the file tells where the
// directory is, an entry of the directory where a member's header, and its bytes follow that. Archives beyond 4 GiB (zip64) are
// not read.
#include "runtime/archive_member.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/fd.h"
#include "runtime/files.h"

namespace shrike {

namespace {

constexpr uint32_t end_mark = 0x06054b50, entry_mark = 0x02014b50, header_mark = 0x04034b50;
constexpr size_t end_bytes = 22, entry_bytes = 46, header_bytes = 30;
constexpr size_t longest_comment = 65535;  // that follows the end record
constexpr uint16_t stored = 0;             // the compression method of bytes as they are

// What could be read of the bytes asked for.
std::string read_at(int fd, uint64_t offset, size_t size) {
  std::string bytes(size, '\0');
  ssize_t got = pread(fd, bytes.data(), size, static_cast<off_t>(offset));
  bytes.resize(got < 0 ? 0 : static_cast<size_t>(got));
  return bytes;
}

// Little-endian; 0 beyond the end.
uint32_t number_at(std::string_view bytes, size_t at, size_t size) {
  uint32_t value = 0;
  if (at + size <= bytes.size()) std::memcpy(&value, bytes.data() + at, size);
  return value;
}

std::string read_directory(int fd, uint64_t file_size) {
  const uint64_t tail_begin = file_size - std::min<uint64_t>(file_size, end_bytes + longest_comment);
  const std::string tail = read_at(fd, tail_begin, static_cast<size_t>(file_size - tail_begin));
  for (size_t at = tail.size() < end_bytes ? 0 : tail.size() - end_bytes + 1; at-- > 0;) {
    if (number_at(tail, at, 4) != end_mark) continue;
    const uint32_t size = number_at(tail, at + 12, 4), offset = number_at(tail, at + 16, 4);
    return size <= file_size ? read_at(fd, offset, size) : std::string();
  }
  return {};
}

void find_member(int fd, std::string_view name, uint64_t file_size, BinaryPlace& place) {
  const std::string directory = read_directory(fd, file_size);
  if (directory.empty()) {
    place.why = "it is not in a zip archive";
    return;
  }
  for (size_t at = 0; number_at(directory, at, 4) == entry_mark;) {
    const uint32_t name_size = number_at(directory, at + 28, 2);
    if (std::string_view(directory).substr(at + entry_bytes, name_size) == name) {
      const uint32_t header_at = number_at(directory, at + 42, 4);
      const std::string header = read_at(fd, header_at, header_bytes);
      place.size = number_at(directory, at + 24, 4);
      place.offset = header_at + header_bytes + number_at(header, 26, 2) + number_at(header, 28, 2);
      if (number_at(header, 0, 4) != header_mark || place.size == 0 || place.offset + place.size > file_size)
        place.why = "its archive is damaged";
      else if (number_at(directory, at + 10, 2) != stored)
        place.why = "it is compressed in its archive, so that no program can map it";
      return;
    }
    at += entry_bytes + name_size + number_at(directory, at + 30, 2) + number_at(directory, at + 32, 2);
  }
  place.why = "its archive has no such member";
}

}  // namespace

BinaryPlace place_of_binary(const std::string& name) {
  BinaryPlace place{name, 0, 0, {}};
  const size_t split = name.find("!/");
  struct stat status{};
  if (split == std::string::npos || stat(name.c_str(), &status) == 0) return place;
  place.path = name.substr(0, split);
  Fd fd(open(place.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.is_open() || fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    place.why = fd.is_open() ? "it is not in a zip archive" : describe_errno(errno);
    return place;
  }
  find_member(fd.get(), std::string_view(name).substr(split + 2), static_cast<uint64_t>(status.st_size), place);
  return place;
}

}  // namespace shrike
