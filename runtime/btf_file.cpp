// A mapping costs page faults for what is looked at; reading copies five megabytes first.
#include "runtime/btf_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>

#include "runtime/fd.h"
#include "runtime/files.h"

namespace shrike {

BtfFile::~BtfFile() {
  if (mapping_ != nullptr) munmap(mapping_, bytes_.size());
}

void BtfFile::open() {
  const char* path = getenv("BPFTRACE_BTF");
  open(path == nullptr ? "/sys/kernel/btf/vmlinux" : path);
}

void BtfFile::open(const char* path) {
  Fd fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) {
    why_ = errno == ENOENT
               ? std::string("this kernel has no type information (") + path + " is missing); it needs CONFIG_DEBUG_INFO_BTF"
               : std::string(path) + " cannot be read: " + describe_errno(errno);
    return;
  }
  struct stat status{};
  if (fstat(fd.get(), &status) == 0 && status.st_size > 0) {
    size_t size = static_cast<size_t>(status.st_size);
    void* mapping = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
    if (mapping != MAP_FAILED) {
      mapping_ = mapping;
      bytes_ = {static_cast<const uint8_t*>(mapping), size};
      return;
    }
  }
  FileText file = read_all(fd.get());
  if (file.error != 0) {
    why_ = std::string(path) + " cannot be read: " + describe_errno(file.error);
    return;
  }
  read_ = std::move(file.text);
  bytes_ = {reinterpret_cast<const uint8_t*>(read_.data()), read_.size()};
}

}  // namespace shrike
