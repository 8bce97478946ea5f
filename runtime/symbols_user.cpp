// Reads /proc/PID/maps and decides when to read it again. Counting on ASLR: an address of a new program image is outside
// of what was mapped before, so a miss is the sign to look again; the check of /proc/PID/exe covers fixed addresses.
#include "runtime/symbols_user.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <ctime>

#include "runtime/files.h"

namespace shrike {

namespace {

// How often a map is read again because of addresses outside of it, and how often a process is asked which program it
// runs. Between the two a burst of records costs no system calls.
constexpr int64_t reread_interval_ns = 200'000'000;
constexpr int64_t check_interval_ns = 10'000'000;
// A trace that meets more processes than this forgets them all and starts again, to stay small.
constexpr size_t most_processes = 8192;
constexpr size_t most_files = 512;
constexpr int most_ancestors = 8;

int64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

bool take_number(std::string_view& line, uint64_t& value, int base, char separator) {
  auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value, base);
  if (error != std::errc() || end == line.data() + line.size() || *end != separator) return false;
  line.remove_prefix(static_cast<size_t>(end - line.data()) + 1);
  return true;
}

}  // namespace

void UserSymbols::remember(uint32_t pid) {
  read_mappings(pid, processes_[pid], monotonic_ns());
}

UserSymbols::Process& UserSymbols::process(uint32_t pid) {
  if (processes_.size() >= most_processes && !processes_.contains(pid)) processes_.clear();
  auto [found, is_new] = processes_.try_emplace(pid);
  Process& process = found->second;
  int64_t now = monotonic_ns();
  if (is_new) {
    read_mappings(pid, process, now);
  } else if (now - process.checked_at_ns >= check_interval_ns) {
    process.checked_at_ns = now;
    char path[64];
    snprintf(path, sizeof path, "/proc/%u/exe", pid);
    struct stat status;
    if (stat(path, &status) == 0 && FileId{status.st_dev, status.st_ino} != process.program) read_mappings(pid, process, now);
  }
  return process;
}

// A process that is gone keeps the mappings it had.
void UserSymbols::read_mappings(uint32_t pid, Process& process, int64_t now) {
  process.read_at_ns = process.checked_at_ns = now;
  char path[64];
  snprintf(path, sizeof path, "/proc/%u/exe", pid);
  struct stat status;
  if (stat(path, &status) == 0) process.program = {status.st_dev, status.st_ino};
  snprintf(path, sizeof path, "/proc/%u/maps", pid);
  std::string text = read_file(path).text;
  std::vector<Mapping> mappings;
  // begin-end perms offset major:minor inode    path
  for (size_t at = 0; at < text.size();) {
    size_t stop = std::min(text.find('\n', at), text.size());
    std::string_view line(text.data() + at, stop - at);
    at = stop + 1;
    Mapping mapping;
    uint64_t major = 0, minor = 0;
    if (!take_number(line, mapping.begin, 16, '-') || !take_number(line, mapping.end, 16, ' ')) continue;
    if (line.size() < 5 || line[2] != 'x') continue;
    line.remove_prefix(5);
    if (!take_number(line, mapping.offset, 16, ' ') || !take_number(line, major, 16, ':')) continue;
    if (!take_number(line, minor, 16, ' ') || !take_number(line, mapping.file.inode, 10, ' ')) continue;
    mapping.file.device = makedev(major, minor);
    size_t name = line.find_first_not_of(' ');
    if (name != std::string_view::npos) mapping.path = line.substr(name);
    mappings.push_back(std::move(mapping));
  }
  if (!mappings.empty()) process.mappings = std::move(mappings);
}

// The file as the process sees it: by map_files, which reaches deleted and replaced files too; else below its root
// directory; else, for a process that is gone, below ours.
BinarySymbols* UserSymbols::symbols_of(uint32_t pid, const Mapping& mapping) {
  if (mapping.path == "[vdso]") {
    // Every process has the same one.
    if (vdso_ == nullptr) {
      const void* image = reinterpret_cast<const void*>(getauxval(AT_SYSINFO_EHDR));
      if (image != nullptr) vdso_ = std::make_unique<BinarySymbols>(image, mapping.end - mapping.begin, demangle_);
    }
    return vdso_.get();
  }
  if (mapping.path.empty() || mapping.path[0] != '/') return nullptr;
  if (files_.size() >= most_files && !files_.contains(mapping.file)) files_.clear();
  auto [found, is_new] = files_.try_emplace(mapping.file);
  if (!is_new) return found->second.get();
  char path[4200];
  snprintf(path, sizeof path, "/proc/%u/map_files/%lx-%lx", pid, mapping.begin, mapping.end);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    snprintf(path, sizeof path, "/proc/%u/root%s", pid, mapping.path.c_str());
    fd = open(path, O_RDONLY | O_CLOEXEC);
  }
  if (fd < 0) fd = open(mapping.path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return nullptr;
  found->second = std::make_unique<BinarySymbols>(fd, demangle_);
  close(fd);
  return found->second.get();
}

const Mapping* UserSymbols::locate(uint32_t pid, uint64_t address) {
  Process& process = this->process(pid);
  auto search = [&]() -> const Mapping* {
    auto after = std::upper_bound(process.mappings.begin(), process.mappings.end(), address,
                                  [](uint64_t wanted, const Mapping& mapping) { return wanted < mapping.begin; });
    if (after == process.mappings.begin() || address >= (after - 1)->end) return nullptr;
    return &*(after - 1);
  };
  const Mapping* mapping = search();
  if (mapping != nullptr) return mapping;
  int64_t now = monotonic_ns();
  if (now - process.read_at_ns < reread_interval_ns) return nullptr;
  read_mappings(pid, process, now);
  return search();
}

// A process that was forked and is gone had what its parent has, unless it ran another program; then it is watched itself.
const Mapping* UserSymbols::locate_watched(uint32_t pid, uint64_t address) {
  if (watch_ == nullptr) return nullptr;
  if (watch_->find(pid, address, watched_)) return &watched_;
  for (int depth = 0; depth < most_ancestors; depth++) {
    pid = watch_->parent_of(pid);
    if (pid == 0) return nullptr;
    if (const Mapping* mapping = locate(pid, address)) return mapping;
  }
  return nullptr;
}

UserSymbol UserSymbols::find(uint32_t pid, uint64_t address) {
  const Mapping* mapping = locate(pid, address);
  if (mapping == nullptr) mapping = locate_watched(pid, address);
  if (mapping == nullptr) return {};
  UserSymbol result{{}, mapping->path, 0};
  if (BinarySymbols* symbols = symbols_of(pid, *mapping); symbols != nullptr) {
    AddressName symbol = symbols->find(address - mapping->begin + mapping->offset);
    result.name = symbol.name;
    result.offset = symbol.offset;
  }
  return result;
}

}  // namespace shrike
