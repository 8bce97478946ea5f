// Reads the file through libelf's mapping: only the pages of the symbol tables are touched.
#include "runtime/elf_symbols.h"

#include <gelf.h>

#include <vector>

namespace shrike {

namespace {

Elf_Data* section_of_type(Elf* elf, uint32_t type, GElf_Shdr& header) {
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;)
    if (gelf_getshdr(section, &header) != nullptr && header.sh_type == type) return elf_getdata(section, nullptr);
  return nullptr;
}

struct Wanted {
  bool objects = false;  // data symbols too
};

// False when f asked to stop.
bool each_symbol(Elf* elf, uint32_t table_type, Wanted wanted, const std::vector<ElfSegment>& segments,
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

ElfStatus each_function(const std::string& path, const DebugDirectories& directories,
                        const std::function<bool(const ElfSymbol&)>& f, std::string& why) {
  ElfImage image(path);
  why = image.why();
  if (!why.empty()) return ElfStatus::unreadable;
  std::vector<ElfSegment> segments = loaded_segments(image.get());
  if (!each_symbol(image.get(), SHT_SYMTAB, {}, segments, f)) return ElfStatus::found;
  if (!each_symbol(image.get(), SHT_DYNSYM, {}, segments, f)) return ElfStatus::found;
  if (Elf* elf = image.with_section(".symtab", directories); elf != nullptr && elf != image.get())
    each_symbol(elf, SHT_SYMTAB, {}, segments, f);
  return ElfStatus::found;
}

std::optional<ElfSymbol> find_symbol(const std::string& path, const DebugDirectories& directories, std::string_view name) {
  ElfImage image(path);
  if (!image.why().empty()) return std::nullopt;
  std::optional<ElfSymbol> found;
  auto take = [&](const ElfSymbol& symbol) {
    if (symbol.name != name) return true;
    found = symbol;
    return false;
  };
  std::vector<ElfSegment> segments = loaded_segments(image.get());
  if (!each_symbol(image.get(), SHT_DYNSYM, {.objects = true}, segments, take)) return found;
  if (Elf* elf = image.with_section(".symtab", directories)) each_symbol(elf, SHT_SYMTAB, {.objects = true}, segments, take);
  return found;
}

std::optional<uint64_t> linked_address(const std::string& path, uint64_t file_offset) {
  ElfImage image(path);
  if (!image.why().empty()) return std::nullopt;
  return address_of(loaded_segments(image.get()), file_offset);
}

}  // namespace shrike
