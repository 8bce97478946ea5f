// A program may write the file while we read it, and anybody may put one there: what does not fit the form is passed over.
#include "runtime/perf_map.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <ctime>

#include "runtime/fd.h"
#include "runtime/files.h"

namespace shrike {

namespace {

constexpr int64_t look_interval_ns = 200'000'000;
constexpr int64_t most_bytes = 256 << 20;

// What the process calls itself in its innermost pid namespace.
uint32_t own_number(uint32_t pid) {
  std::string status = read_file(("/proc/" + std::to_string(pid) + "/status").c_str()).text;
  size_t at = status.find("\nNSpid:");
  if (at == std::string::npos) return pid;
  std::string_view line = std::string_view(status).substr(at + 1, status.find('\n', at + 1) - at - 1);
  size_t last = line.find_last_of("\t ");
  uint32_t number = pid;
  std::from_chars(line.data() + last + 1, line.data() + line.size(), number);
  return number;
}

// A regular file only: opening a pipe would wait for its writer.
Fd open_map(const std::string& path, struct stat& status) {
  Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.is_open() && (fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode))) fd.close();
  return fd;
}

bool take_hex(std::string_view& line, uint64_t& value) {
  auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value, 16);
  if (error != std::errc() || end == line.data() + line.size() || *end != ' ') return false;
  line.remove_prefix(static_cast<size_t>(end - line.data()) + 1);
  return true;
}

}  // namespace

void PerfMap::refresh(uint32_t pid) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  int64_t now_ns = now.tv_sec * 1'000'000'000LL + now.tv_nsec;
  if (looked_at_ns_ != 0 && now_ns - looked_at_ns_ < look_interval_ns) return;
  looked_at_ns_ = now_ns;
  struct stat status;
  auto map_of = [](uint32_t number) { return "/tmp/perf-" + std::to_string(number) + ".map"; };
  Fd fd = open_map("/proc/" + std::to_string(pid) + "/root" + map_of(own_number(pid)), status);
  if (!fd.is_open()) fd = open_map(map_of(pid), status);
  if (!fd.is_open() || status.st_size == size_ || status.st_size > most_bytes) return;
  size_ = status.st_size;
  parse(read_all(fd.get()).text);
}

void PerfMap::parse(std::string_view text) {
  entries_.clear();
  names_.clear();
  while (!text.empty()) {
    size_t newline = text.find('\n');
    std::string_view line = text.substr(0, newline);
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
    Entry entry{};
    if (!take_hex(line, entry.address) || !take_hex(line, entry.size) || line.empty()) continue;
    entry.name = static_cast<uint32_t>(names_.size());
    entry.name_size = static_cast<uint32_t>(line.size());
    names_.append(line);
    entries_.push_back(entry);
  }
  // Code is compiled anew at addresses that were free: of two entries the later holds.
  std::stable_sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.address < b.address; });
  auto same = [](const Entry& a, const Entry& b) { return a.address == b.address; };
  std::reverse(entries_.begin(), entries_.end());
  entries_.erase(std::unique(entries_.begin(), entries_.end(), same), entries_.end());
  std::reverse(entries_.begin(), entries_.end());
}

AddressName PerfMap::find(uint32_t pid, uint64_t address) {
  refresh(pid);
  auto after = std::upper_bound(entries_.begin(), entries_.end(), address,
                                [](uint64_t wanted, const Entry& entry) { return wanted < entry.address; });
  if (after == entries_.begin()) return {};
  const Entry& found = *(after - 1);
  if (address - found.address >= found.size) return {};
  return {std::string_view(names_).substr(found.name, found.name_size), address - found.address};
}

}  // namespace shrike
