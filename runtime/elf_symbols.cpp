// Reads the file through libelf's mapping: only the pages of the symbol tables are touched.
#include "runtime/elf_symbols.h"

#include <fcntl.h>
#include <gelf.h>

#include <cerrno>
#include <vector>

#include "runtime/fd.h"
#include "runtime/files.h"

namespace shrike {

namespace {

class ElfFile {
 public:
  explicit ElfFile(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (!fd_.is_open()) {
      why_ = describe_errno(errno);
      return;
    }
    elf_version(EV_CURRENT);
    elf_ = elf_begin(fd_.get(), ELF_C_READ_MMAP, nullptr);
    if (elf_ == nullptr || elf_kind(elf_) != ELF_K_ELF) why_ = "it is not an ELF file";
  }
  ~ElfFile() {
    if (elf_ != nullptr) elf_end(elf_);
  }
  ElfFile(const ElfFile&) = delete;
  ElfFile& operator=(const ElfFile&) = delete;

  Elf* get() const { return elf_; }
  const std::string& why() const { return why_; }

 private:
  Fd fd_;
  Elf* elf_ = nullptr;
  std::string why_;
};

std::vector<GElf_Phdr> loaded_segments(Elf* elf) {
  std::vector<GElf_Phdr> out;
  size_t count = 0;
  if (elf_getphdrnum(elf, &count) != 0) return out;
  for (size_t i = 0; i < count; i++) {
    GElf_Phdr segment;
    if (gelf_getphdr(elf, static_cast<int>(i), &segment) != nullptr && segment.p_type == PT_LOAD) out.push_back(segment);
  }
  return out;
}

uint64_t file_offset_of(const std::vector<GElf_Phdr>& segments, uint64_t address) {
  for (const GElf_Phdr& segment : segments)
    if (address >= segment.p_vaddr && address < segment.p_vaddr + segment.p_memsz)
      return address - segment.p_vaddr + segment.p_offset;
  return address;
}

Elf_Data* section_of_type(Elf* elf, uint32_t type, GElf_Shdr& header) {
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;)
    if (gelf_getshdr(section, &header) != nullptr && header.sh_type == type) return elf_getdata(section, nullptr);
  return nullptr;
}

struct Wanted {
  bool objects = false;  // data symbols too
};

// False when f asked to stop.
bool each_symbol(Elf* elf, uint32_t table_type, Wanted wanted, const std::vector<GElf_Phdr>& segments,
                 const std::function<bool(const ElfSymbol&)>& f) {
  GElf_Shdr header, versions_header;
  Elf_Data* table = section_of_type(elf, table_type, header);
  if (table == nullptr || header.sh_entsize == 0) return true;
  Elf_Data* versions = table_type == SHT_DYNSYM ? section_of_type(elf, SHT_GNU_versym, versions_header) : nullptr;
  constexpr GElf_Versym hidden = 0x8000;
  for (size_t i = 1; i < header.sh_size / header.sh_entsize; i++) {
    GElf_Sym symbol;
    if (gelf_getsym(table, static_cast<int>(i), &symbol) == nullptr) break;
    int type = GELF_ST_TYPE(symbol.st_info);
    bool is_wanted = type == STT_FUNC || type == STT_GNU_IFUNC || (wanted.objects && type == STT_OBJECT);
    if (!is_wanted || symbol.st_shndx == SHN_UNDEF || symbol.st_value == 0) continue;
    GElf_Versym version = 0;
    if (versions != nullptr && gelf_getversym(versions, static_cast<int>(i), &version) != nullptr && (version & hidden)) continue;
    const char* name = elf_strptr(elf, header.sh_link, symbol.st_name);
    if (name == nullptr || *name == '\0') continue;
    std::string_view text(name);
    text = text.substr(0, text.find('@'));  // .symtab spells the version in the name
    if (!f({std::string(text), file_offset_of(segments, symbol.st_value), symbol.st_value, symbol.st_size})) return false;
  }
  return true;
}

}  // namespace

ElfStatus each_function(const std::string& path, const std::function<bool(const ElfSymbol&)>& f, std::string& why) {
  ElfFile file(path);
  why = file.why();
  if (!why.empty()) return ElfStatus::unreadable;
  std::vector<GElf_Phdr> segments = loaded_segments(file.get());
  if (each_symbol(file.get(), SHT_SYMTAB, {}, segments, f)) each_symbol(file.get(), SHT_DYNSYM, {}, segments, f);
  return ElfStatus::found;
}

std::optional<ElfSymbol> find_symbol(const std::string& path, std::string_view name) {
  ElfFile file(path);
  if (!file.why().empty()) return std::nullopt;
  std::optional<ElfSymbol> found;
  auto take = [&](const ElfSymbol& symbol) {
    if (symbol.name != name) return true;
    found = symbol;
    return false;
  };
  std::vector<GElf_Phdr> segments = loaded_segments(file.get());
  if (each_symbol(file.get(), SHT_DYNSYM, {.objects = true}, segments, take))
    each_symbol(file.get(), SHT_SYMTAB, {.objects = true}, segments, take);
  return found;
}

}  // namespace shrike
