// Reads symbol tables through libelf. Names are copied as whole string tables, one memcpy each, so that the file may go.
#include "runtime/binary_symbols.h"

#include <cxxabi.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace shrike {

namespace {

// Plain names before those with underscores (nanosleep, __nanosleep), then global before weak before local.
uint8_t rank_of(const GElf_Sym& symbol, const char* name) {
  int underscores = 0;
  while (underscores < 3 && name[underscores] == '_') underscores++;
  int binding = GELF_ST_BIND(symbol.st_info) == STB_GLOBAL ? 2 : GELF_ST_BIND(symbol.st_info) == STB_WEAK ? 1 : 0;
  return static_cast<uint8_t>((3 - underscores) * 3 + binding);
}

bool is_function(const GElf_Sym& symbol) {
  int type = GELF_ST_TYPE(symbol.st_info);
  return (type == STT_FUNC || type == STT_GNU_IFUNC) && symbol.st_shndx != SHN_UNDEF && symbol.st_value != 0;
}

// /usr/lib/debug/.build-id/ab/cdef….debug, or empty.
std::string debug_path(Elf* elf) {
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_NOTE) continue;
    Elf_Data* data = elf_getdata(section, nullptr);
    if (data == nullptr) continue;
    GElf_Nhdr note;
    size_t name = 0, descriptor = 0;
    for (size_t at = 0; (at = gelf_getnote(data, at, &note, &name, &descriptor)) > 0;) {
      if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != 4 || note.n_descsz < 2) continue;
      const uint8_t* id = static_cast<const uint8_t*>(data->d_buf) + descriptor;
      std::string path = "/usr/lib/debug/.build-id/";
      for (size_t i = 0; i < note.n_descsz; i++) {
        path.push_back("0123456789abcdef"[id[i] >> 4]), path.push_back("0123456789abcdef"[id[i] & 15]);
        if (i == 0) path.push_back('/');
      }
      return path + ".debug";
    }
  }
  return {};
}

}  // namespace

BinarySymbols::BinarySymbols(int fd, bool demangle) : demangle_(demangle) {
  elf_version(EV_CURRENT);
  Elf* elf = elf_begin(fd, ELF_C_READ_MMAP, nullptr);
  if (elf == nullptr) return;
  read(elf);
  elf_end(elf);
}

BinarySymbols::BinarySymbols(const void* image, size_t size, bool demangle) : demangle_(demangle) {
  elf_version(EV_CURRENT);
  std::vector<char> copy(static_cast<const char*>(image), static_cast<const char*>(image) + size);
  Elf* elf = elf_memory(copy.data(), size);
  if (elf == nullptr) return;
  read(elf);
  elf_end(elf);
}

void BinarySymbols::read(Elf* elf) {
  if (elf_kind(elf) != ELF_K_ELF) return;
  size_t count = 0;
  elf_getphdrnum(elf, &count);
  for (size_t i = 0; i < count; i++) {
    GElf_Phdr header;
    if (gelf_getphdr(elf, static_cast<int>(i), &header) == nullptr || header.p_type != PT_LOAD) continue;
    segments_.push_back({header.p_offset, header.p_vaddr, header.p_filesz});
  }
  read_symbols(elf);
  if (!has_symtab_) read_debug_file(elf);
  sort();
}

void BinarySymbols::read_symbols(Elf* elf) {
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr || header.sh_entsize == 0) continue;
    if (header.sh_type != SHT_SYMTAB && header.sh_type != SHT_DYNSYM) continue;
    Elf_Data* data = elf_getdata(section, nullptr);
    Elf_Scn* names_section = elf_getscn(elf, header.sh_link);
    Elf_Data* names = names_section == nullptr ? nullptr : elf_getdata(names_section, nullptr);
    if (data == nullptr || names == nullptr || names->d_buf == nullptr || names->d_size == 0) continue;
    has_symtab_ |= header.sh_type == SHT_SYMTAB;
    uint32_t base = static_cast<uint32_t>(names_.size());
    names_.append(static_cast<const char*>(names->d_buf), names->d_size);
    names_.push_back('\0');
    size_t count = header.sh_size / header.sh_entsize;
    for (size_t i = 0; i < count; i++) {
      GElf_Sym symbol;
      if (gelf_getsym(data, static_cast<int>(i), &symbol) == nullptr || !is_function(symbol)) continue;
      if (symbol.st_name >= names->d_size) continue;
      symbols_.push_back({symbol.st_value, symbol.st_size, base + symbol.st_name,
                          rank_of(symbol, static_cast<const char*>(names->d_buf) + symbol.st_name)});
    }
  }
}

void BinarySymbols::read_debug_file(Elf* elf) {
  std::string path = debug_path(elf);
  if (path.empty()) return;
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  if (Elf* debug = elf_begin(fd, ELF_C_READ_MMAP, nullptr); debug != nullptr) {
    read_symbols(debug);
    elf_end(debug);
  }
  close(fd);
}

// By address; of equal addresses only the entry of the greatest rank stays, and of equal ranks the first.
void BinarySymbols::sort() {
  std::stable_sort(symbols_.begin(), symbols_.end(), [](const Entry& a, const Entry& b) {
    return a.address != b.address ? a.address < b.address : a.rank > b.rank;
  });
  auto same = [](const Entry& a, const Entry& b) { return a.address == b.address; };
  symbols_.erase(std::unique(symbols_.begin(), symbols_.end(), same), symbols_.end());
  symbols_.shrink_to_fit();
}

AddressName BinarySymbols::find(uint64_t file_offset) {
  uint64_t address = 0;
  bool is_mapped = false;
  for (const Segment& segment : segments_) {
    if (file_offset < segment.offset || file_offset - segment.offset >= segment.size) continue;
    address = file_offset - segment.offset + segment.address;
    is_mapped = true;
  }
  if (!is_mapped) return {};
  auto after = std::upper_bound(symbols_.begin(), symbols_.end(), address,
                                [](uint64_t wanted, const Entry& entry) { return wanted < entry.address; });
  if (after == symbols_.begin()) return {};
  const Entry& found = *(after - 1);
  // Hand-written assembly often has no size; such a symbol reaches to the next one.
  if (found.size != 0 && address - found.address >= found.size) return {};
  const char* name = names_.c_str() + found.name;
  uint64_t offset = address - found.address;
  if (!demangle_ || std::strncmp(name, "_Z", 2) != 0) return {name, offset};
  auto [cached, is_new] = demangled_.try_emplace(found.name);
  if (is_new) {
    char* text = abi::__cxa_demangle(name, nullptr, nullptr, nullptr);
    cached->second = text != nullptr ? text : name;
    std::free(text);
  }
  return {cached->second, offset};
}

}  // namespace shrike
