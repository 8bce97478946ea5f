// Reads grow with what arrives: pseudo files do not know their size.
#include "runtime/files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace shrike {

FileText read_all(int fd) {
  struct stat status{};
  bool has_size = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  return read_all(fd, has_size ? static_cast<size_t>(status.st_size) : 0);
}

FileText read_all(int fd, size_t claimed) {
  FileText out;
  const size_t room = claimed == 0 ? 4096 : claimed;
  // A pseudo file gives a page or less at a time, and some are megabytes: room is made when it is used up, not for each read.
  size_t used = 0;
  for (;;) {
    if (out.text.size() == used) out.text.resize(used + std::max(used, room));
    ssize_t got = read(fd, out.text.data() + used, out.text.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      out.error = got < 0 ? errno : 0;
      out.text.resize(used);
      return out;
    }
    used += static_cast<size_t>(got);
    if (used == claimed) return out;
  }
}

FileText read_file_at(int directory, const char* path) {
  Fd fd(openat(directory, path, O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) return {errno, {}};
  return read_all(fd.get());
}

FileText read_file(const char* path) {
  return read_file_at(AT_FDCWD, path);
}

FileText read_line_at(int directory, const char* path) {
  Fd fd(openat(directory, path, O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) return {errno, {}};
  char line[4095];
  ssize_t got = read(fd.get(), line, sizeof line);
  if (got < 0) return {errno, {}};
  return {0, std::string(line, static_cast<size_t>(got))};
}

int write_file_at(int directory, const char* path, std::string_view text, int flags) {
  Fd fd(openat(directory, path, O_WRONLY | O_CLOEXEC | flags, 0644));
  if (!fd.is_open()) return errno;
  while (!text.empty()) {
    ssize_t written = write(fd.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return 0;
}

std::string describe_errno(int error) {
  std::string out = strerrordesc_np(error) != nullptr ? strerrordesc_np(error) : "unknown error";
  const char* name = strerrorname_np(error);
  if (name != nullptr) out.append(" (").append(name).append(")");
  return out;
}

}  // namespace shrike
