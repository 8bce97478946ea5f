// An ELF file and, opened only when asked for, what was stripped from it: a separate debug file, found by build id or by
// .gnu_debuglink, and the xz-compressed symbol table in .gnu_debugdata. All that reads ELF files opens them here.
#pragma once

#include <libelf.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/fd.h"
#include "runtime/symbol_options.h"

namespace shrike {

struct BinaryPlace;

class ElfImage {
 public:
  explicit ElfImage(const std::string& path);  // of a file, or of a member of an archive
  ElfImage(Fd fd, std::string path);           // the path serves only to find debug files
  explicit ElfImage(std::vector<char> bytes);
  ~ElfImage();
  ElfImage(const ElfImage&) = delete;
  ElfImage& operator=(const ElfImage&) = delete;

  Elf* get() const { return elf_; }
  // Why it cannot be read; empty if it can.
  const std::string& why() const { return why_; }
  std::string build_id() const;  // hexadecimal; empty without one

  // The ELF data that has a section of this name: the file itself, else its debug file; .symtab may also come from
  // .gnu_debugdata. Null if there is none. Lives as long as the image.
  Elf* with_section(std::string_view name, const DebugDirectories& directories);
  // The debug file alone, of which sections such as .gnu_debugaltlink speak; null if there is none.
  Elf* debug_file(const DebugDirectories& directories);

 private:
  void begin();
  void read_member(const BinaryPlace& place);
  std::string find_debug_file(const DebugDirectories& directories) const;
  bool is_debug_file(const std::string& path, uint32_t checksum, bool has_checksum) const;
  Elf* mini_debug_file();

  Fd fd_;
  std::vector<char> bytes_;
  std::string path_;
  std::string why_;
  Elf* elf_ = nullptr;
  bool looked_for_debug_ = false, looked_for_mini_ = false;
  std::unique_ptr<ElfImage> debug_, mini_;
};

// A section by name, with its data; null if there is none.
Elf_Data* section_data(Elf* elf, std::string_view name);
// Where the first byte of the section is in memory as linked; 0 if there is no such section.
uint64_t section_address(Elf* elf, std::string_view name);

// The loaded parts of a file, to go from addresses as linked to offsets in the file and back.
struct ElfSegment {
  uint64_t offset = 0, address = 0, file_size = 0, memory_size = 0;
  bool is_executable = false;
};
std::vector<ElfSegment> loaded_segments(Elf* elf);
// An address outside of all segments is returned as it is.
uint64_t file_offset_of(const std::vector<ElfSegment>& segments, uint64_t address);
// The way back; nothing if the offset is in no loaded part.
std::optional<uint64_t> address_of(const std::vector<ElfSegment>& segments, uint64_t file_offset);

}  // namespace shrike
