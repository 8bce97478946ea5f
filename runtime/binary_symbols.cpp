// Reads symbol tables through libelf. Names are copied as whole string tables, one memcpy each, so that the file may go.
#include "runtime/binary_symbols.h"

#include <cxxabi.h>
#include <gelf.h>

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

}  // namespace

BinarySymbols::BinarySymbols(ElfImage& image, const DebugDirectories& directories, bool demangle) : demangle_(demangle) {
  if (image.get() == nullptr) return;
  segments_ = loaded_segments(image.get());
  if (Elf* elf = image.with_section(".symtab", directories)) read_symbols(elf, SHT_SYMTAB);
  read_symbols(image.get(), SHT_DYNSYM);
  sort();
}

void BinarySymbols::read_symbols(Elf* elf, uint32_t table) {
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr || header.sh_entsize == 0) continue;
    if (header.sh_type != table) continue;
    Elf_Data* data = elf_getdata(section, nullptr);
    Elf_Scn* names_section = elf_getscn(elf, header.sh_link);
    Elf_Data* names = names_section == nullptr ? nullptr : elf_getdata(names_section, nullptr);
    if (data == nullptr || names == nullptr || names->d_buf == nullptr || names->d_size == 0) continue;
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
  const std::optional<uint64_t> place = this->address(file_offset);
  if (!place) return {};
  const uint64_t address = *place;
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
  if (is_new) cached->second = demangled(name);
  return {cached->second, offset};
}

std::string demangled(const char* name) {
  if (std::strncmp(name, "_Z", 2) != 0) return name;
  char* text = abi::__cxa_demangle(name, nullptr, nullptr, nullptr);
  std::string out = text != nullptr ? text : name;
  std::free(text);
  return out;
}

std::string_view cpp_function_name(std::string_view name) {
  constexpr std::string_view anonymous = "(anonymous namespace)";
  constexpr std::string_view operator_word = "operator";
  size_t begin = 0;
  int depth = 0;
  for (size_t at = 0; at < name.size(); at++) {
    const std::string_view rest = name.substr(at);
    if (rest.starts_with(anonymous)) {
      at += anonymous.size() - 1;
    } else if (depth == 0 && rest.starts_with(operator_word) && (at == begin || name[at - 1] == ':')) {
      // What it is called may have any sign in it, parentheses, too.
      const size_t sign = at + operator_word.size();
      return name.substr(begin, name.find('(', name.substr(sign).starts_with("()") ? sign + 2 : sign) - begin);
    } else if (name[at] == '<') {
      depth++;
    } else if (name[at] == '>') {
      depth--;
    } else if (depth == 0 && name[at] == '(') {
      return name.substr(begin, at - begin);
    } else if (depth == 0 && name[at] == ' ') {
      begin = at + 1;
    }
  }
  return name.substr(begin);
}

}  // namespace shrike
