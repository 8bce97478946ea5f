// Asks for the mappings of a process and decides when to ask again. Counting on ASLR: an address of a new program image is
// outside of what was mapped before, so a miss is the sign to look again; the check of /proc/PID/exe covers fixed addresses.
#include "runtime/symbols_user.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "runtime/find_binary.h"

namespace shrike {

namespace {

// How often a map is read again because of addresses outside of it, and how often a process is asked which program it
// runs. Between the two a burst of records costs no system calls.
constexpr int64_t reread_interval_ns = 200'000'000;
constexpr int64_t check_interval_ns = 10'000'000;
// A trace that meets more processes than this forgets them all and starts again, to stay small.
constexpr size_t most_processes = 8192;
constexpr size_t most_files = 512;
constexpr size_t most_files_with_lines = 64;  // their files stay open
constexpr size_t most_files_bytes = 128u << 20;
constexpr int most_ancestors = 8;

int64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
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
  std::vector<Mapping> mappings = executable_mappings(pid);
  if (!mappings.empty()) process.mappings = std::move(mappings);
}

// The file as the process sees it: by map_files, which reaches deleted and replaced files too; else by its path. The process
// may end between any two calls here, and then has neither map_files nor a root directory: what is left is our own view.
std::unique_ptr<ElfImage> UserSymbols::open_mapped(uint32_t pid, const Mapping& mapping) const {
  char mapped[64];
  snprintf(mapped, sizeof mapped, "/proc/%u/map_files/%lx-%lx", pid, mapping.begin, mapping.end);
  std::string named = path_seen_by(pid, mapping.path);  // debug files are looked for from here
  Fd fd(open(mapped, O_RDONLY | O_CLOEXEC));
  if (fd.is_open()) return std::make_unique<ElfImage>(std::move(fd), std::move(named));
  fd = Fd(open(named.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open() && named != mapping.path) {
    named = mapping.path;
    fd = Fd(open(named.c_str(), O_RDONLY | O_CLOEXEC));
  }
  struct stat status;
  if (!fd.is_open() || fstat(fd.get(), &status) != 0) return nullptr;
  // The path may lead to another file by now. Layered file systems tell two device numbers for one file; where the number is
  // the same, so must the file be.
  if (status.st_dev == mapping.file.device && status.st_ino != mapping.file.inode) return nullptr;
  return std::make_unique<ElfImage>(std::move(fd), std::move(named));
}

UserSymbols::File UserSymbols::read_elf(std::unique_ptr<ElfImage> image) const {
  File file;
  if (image == nullptr || image->get() == nullptr) return file;
  file.symbols = std::make_unique<BinarySymbols>(*image, options_.debug, options_.demangle);
  if (!options_.with_lines) return file;
  auto lines = std::make_unique<SourceLines>(std::move(image), options_.debug, options_.demangle);
  if (lines->has_debug_info()) file.lines = std::move(lines);
  return file;
}

void UserSymbols::forget_files() {
  files_.clear();
  files_bytes_ = 0;
}

UserSymbols::File* UserSymbols::file_of(uint32_t pid, const Mapping& mapping) {
  if (mapping.path == "[vdso]") {
    // Every process has the same one.
    if (vdso_ == nullptr) {
      const char* image = reinterpret_cast<const char*>(getauxval(AT_SYSINFO_EHDR));
      size_t size = image == nullptr ? 0 : mapping.end - mapping.begin;
      vdso_ = std::make_unique<File>(read_elf(std::make_unique<ElfImage>(std::vector<char>(image, image + size))));
    }
    return vdso_.get();
  }
  if (mapping.path.empty() || mapping.path[0] != '/') return nullptr;
  size_t most = options_.with_lines ? most_files_with_lines : most_files;
  if ((files_.size() >= most || files_bytes_ > most_files_bytes) && !files_.contains(mapping.file)) forget_files();
  auto [found, is_new] = files_.try_emplace(mapping.file);
  if (!is_new) return &found->second;
  found->second = read_elf(open_mapped(pid, mapping));
  if (found->second.symbols != nullptr) files_bytes_ += found->second.symbols->bytes();
  return &found->second;
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

UserSymbol UserSymbols::find(uint32_t pid, uint64_t address, bool is_return) {
  const Mapping* mapping = locate(pid, address);
  if (mapping == nullptr) mapping = locate_watched(pid, address);
  UserSymbol result;
  File* file = nullptr;
  if (mapping != nullptr) {
    result.module = mapping->path;
    file = file_of(pid, *mapping);
  }
  if (file != nullptr && file->symbols != nullptr) {
    uint64_t in_file = address - mapping->begin + mapping->offset;
    AddressName symbol = file->symbols->find(in_file);
    result.name = symbol.name;
    result.offset = symbol.offset;
    if (const auto linked = file->symbols->address(in_file); file->lines != nullptr && linked)
      result.lines = file->lines->find(*linked - is_return);
    return result;
  }
  std::unique_ptr<PerfMap>& compiled = process(pid).compiled;
  if (compiled == nullptr) compiled = std::make_unique<PerfMap>();
  AddressName symbol = compiled->find(pid, address);
  result.name = symbol.name;
  result.offset = symbol.offset;
  return result;
}

}  // namespace shrike
