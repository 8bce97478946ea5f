// The bytes of the kernel's BTF: mapped where the kernel can (6.16), read elsewhere.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace shrike {

class BtfFile {
 public:
  BtfFile() = default;
  ~BtfFile();
  BtfFile(const BtfFile&) = delete;
  BtfFile& operator=(const BtfFile&) = delete;

  // /sys/kernel/btf/vmlinux, or the file that BPFTRACE_BTF names. Empty bytes with the reason in why() if there is none.
  void open();
  void open(const char* path);  // of a module
  std::span<const uint8_t> bytes() const { return bytes_; }
  const std::string& why() const { return why_; }

 private:
  std::span<const uint8_t> bytes_;
  void* mapping_ = nullptr;
  std::string read_;
  std::string why_;
};

}  // namespace shrike
