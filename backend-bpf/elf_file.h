// Inside of write_elf: an ELF64 little-endian relocatable file under construction. Knows the format, not BPF.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shrike::bpf {

class ElfFile {
 public:
  static constexpr uint64_t writable = 1, executable = 4;  // section flags; everything but debug data is also SHF_ALLOC
  static constexpr uint8_t local_function = 0x02, local_section = 0x03, global_function = 0x12, global_object = 0x11,
                           global_elsewhere = 0x10;

  struct Section {
    std::string name;
    uint32_t type = 0;
    uint64_t flags = 0;
    uint32_t link = 0, info = 0;
    uint64_t align = 1, entry_bytes = 0;
    std::vector<uint8_t> bytes;
  };

  ElfFile();
  uint32_t add_progbits(std::string name, std::vector<uint8_t> bytes, uint64_t flags, uint64_t align);
  Section& section(uint32_t index) { return sections_[index]; }  // valid until a section is added

  uint32_t add_symbol(std::string_view name, uint8_t info, uint32_t section, uint64_t value, uint64_t size);
  void end_local_symbols();                                           // symbols added before are local, those after it global
  static constexpr uint32_t relocation_64 = 1, relocation_call = 10;  // R_BPF_64_64, R_BPF_64_32
  void add_relocation(uint32_t section, uint64_t offset, uint32_t symbol, uint32_t kind);
  std::vector<uint8_t> finish();

 private:
  struct Relocations {
    uint32_t section;
    std::vector<uint8_t> bytes;
  };
  uint32_t string(std::string_view text);

  std::vector<Section> sections_;
  std::vector<Relocations> relocations_;
  std::vector<uint8_t> symbols_, strings_;
  uint32_t local_symbols_ = 0;
};

}  // namespace shrike::bpf
