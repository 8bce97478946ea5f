// Section, symbol and relocation tables of an ELF file for BPF, through libelf.
#include "runtime/object_file.h"

#include <algorithm>
#include <cstring>

namespace shrike {

namespace {

constexpr unsigned machine_bpf = 247;  // EM_BPF
constexpr size_t insn_bytes = sizeof(bpf::Insn);

std::vector<uint8_t> bytes_of(Elf_Scn* section) {
  const Elf_Data* data = elf_getdata(section, nullptr);
  if (data == nullptr || data->d_buf == nullptr || data->d_size == 0) return {};
  const auto* begin = static_cast<const uint8_t*>(data->d_buf);
  return {begin, begin + data->d_size};
}

ObjectSymbol symbol_of(const GElf_Sym& from, const char* name) {
  ObjectSymbol symbol;
  symbol.name = name == nullptr ? "" : name;
  symbol.section = from.st_shndx >= SHN_LORESERVE ? 0 : from.st_shndx;
  symbol.value = from.st_value;
  symbol.size = from.st_size;
  symbol.is_function = GELF_ST_TYPE(from.st_info) == STT_FUNC;
  symbol.is_section = GELF_ST_TYPE(from.st_info) == STT_SECTION;
  const unsigned visibility = GELF_ST_VISIBILITY(from.st_other);
  symbol.is_global = GELF_ST_BIND(from.st_info) != STB_LOCAL && visibility != STV_HIDDEN && visibility != STV_INTERNAL;
  return symbol;
}

void read_symbols(Elf* elf, Elf_Scn* section, const GElf_Shdr& header, ObjectFile& out) {
  Elf_Data* data = elf_getdata(section, nullptr);
  GElf_Sym symbol;
  for (int i = 0; data != nullptr && gelf_getsym(data, i, &symbol) != nullptr; i++)
    out.symbols.push_back(symbol_of(symbol, elf_strptr(elf, header.sh_link, symbol.st_name)));
}

void read_references(Elf_Scn* section, const GElf_Shdr& header, ObjectFile& out) {
  Elf_Data* data = elf_getdata(section, nullptr);
  GElf_Rel relocation;
  for (int i = 0; data != nullptr && gelf_getrel(data, i, &relocation) != nullptr; i++) {
    const size_t symbol = GELF_R_SYM(relocation.r_info);
    if (symbol >= out.symbols.size()) continue;
    out.references[{header.sh_info, static_cast<uint32_t>(relocation.r_offset / insn_bytes)}] = symbol;
  }
}

}  // namespace

std::vector<bpf::Insn> ObjectFile::code(const ObjectSymbol& function) const {
  const std::vector<uint8_t>& bytes = sections[function.section].bytes;
  if (function.value % insn_bytes != 0 || function.value > bytes.size()) return {};
  const size_t size = std::min<uint64_t>(function.size, bytes.size() - function.value);
  std::vector<bpf::Insn> insns(size / insn_bytes);
  if (!insns.empty()) memcpy(insns.data(), bytes.data() + function.value, insns.size() * insn_bytes);
  return insns;
}

const ObjectSymbol* ObjectFile::function_at(InsnPlace place) const {
  for (const ObjectSymbol& symbol : symbols) {
    if (symbol.is_function && symbol.section == place.section && symbol.value == place.insn * insn_bytes) return &symbol;
  }
  return nullptr;
}

std::optional<size_t> ObjectFile::section_named(std::string_view name) const {
  for (size_t i = 0; i < sections.size(); i++) {
    if (sections[i].name == name) return i;
  }
  return std::nullopt;
}

std::optional<ObjectFile> read_object_file(Elf* elf, std::string& why) {
  GElf_Ehdr file;
  size_t names = 0;
  if (gelf_getehdr(elf, &file) == nullptr || elf_getshdrstrndx(elf, &names) != 0 || file.e_machine != machine_bpf ||
      file.e_type != ET_REL || file.e_ident[EI_DATA] != ELFDATA2LSB) {
    why = "it is not an object file for little-endian BPF";
    return std::nullopt;
  }
  ObjectFile out;
  out.sections.resize(1);  // number 0 is none
  std::vector<std::pair<Elf_Scn*, GElf_Shdr>> relocations;
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr) continue;
    out.sections.resize(std::max(out.sections.size(), elf_ndxscn(section) + 1));
    ObjectSection& made = out.sections[elf_ndxscn(section)];
    const char* name = elf_strptr(elf, names, header.sh_name);
    made.name = name == nullptr ? "" : name;
    made.is_code = header.sh_type == SHT_PROGBITS && (header.sh_flags & SHF_EXECINSTR) != 0;
    if (header.sh_type == SHT_PROGBITS) made.bytes = bytes_of(section);
    if (header.sh_type == SHT_SYMTAB) read_symbols(elf, section, header, out);
    if (header.sh_type == SHT_REL) relocations.emplace_back(section, header);
    if (made.name == "license") out.license = std::string(made.bytes.begin(), std::find(made.bytes.begin(), made.bytes.end(), 0));
  }
  for (const ObjectSymbol& symbol : out.symbols) {
    if (symbol.section >= out.sections.size()) {
      why = "a symbol names a section that is not there";
      return std::nullopt;
    }
  }
  for (const auto& [section, header] : relocations) read_references(section, header, out);
  return out;
}

}  // namespace shrike
