// Layout facts: the System V ABI's ELF-64 object file format; EM_BPF and R_BPF_64_64 as registered for it.
#include "backend-bpf/elf_file.h"

namespace shrike::bpf {

namespace {

constexpr uint32_t sht_progbits = 1, sht_symtab = 2, sht_strtab = 3, sht_rel = 9;
constexpr uint64_t shf_alloc = 2, shf_info_link = 0x40;
constexpr uint16_t et_rel = 1, em_bpf = 247;
constexpr size_t header_bytes = 64, section_header_bytes = 64, symbol_bytes = 24, relocation_bytes = 16;

void append(std::vector<uint8_t>& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++) out.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

void align_to(std::vector<uint8_t>& out, uint64_t align) {
  while (out.size() % align != 0) out.push_back(0);
}

}  // namespace

ElfFile::ElfFile() : sections_(1), symbols_(symbol_bytes), strings_(1) {}

uint32_t ElfFile::string(std::string_view text) {
  auto place = static_cast<uint32_t>(strings_.size());
  strings_.insert(strings_.end(), text.begin(), text.end());
  strings_.push_back(0);
  return place;
}

uint32_t ElfFile::add_progbits(std::string name, std::vector<uint8_t> bytes, uint64_t flags, uint64_t align) {
  Section& made = sections_.emplace_back();
  made.name = std::move(name);
  made.type = sht_progbits;
  made.flags = flags == 0 ? 0 : flags | shf_alloc;
  made.align = align;
  made.bytes = std::move(bytes);
  return static_cast<uint32_t>(sections_.size() - 1);
}

uint32_t ElfFile::add_symbol(std::string_view name, uint8_t info, uint32_t section, uint64_t value, uint64_t size) {
  append(symbols_, string(name), 4);
  append(symbols_, info, 1);
  append(symbols_, 0, 1);
  append(symbols_, section, 2);
  append(symbols_, value, 8);
  append(symbols_, size, 8);
  return static_cast<uint32_t>(symbols_.size() / symbol_bytes - 1);
}

void ElfFile::end_local_symbols() {
  local_symbols_ = static_cast<uint32_t>(symbols_.size() / symbol_bytes);
}

void ElfFile::add_relocation(uint32_t section, uint64_t offset, uint32_t symbol, uint32_t kind) {
  Relocations* found = nullptr;
  for (Relocations& known : relocations_)
    if (known.section == section) found = &known;
  if (!found) found = &relocations_.emplace_back(Relocations{section, {}});
  append(found->bytes, offset, 8);
  append(found->bytes, uint64_t{symbol} << 32 | kind, 8);
}

std::vector<uint8_t> ElfFile::finish() {
  auto symbol_section = static_cast<uint32_t>(sections_.size() + relocations_.size());
  for (Relocations& relocations : relocations_) {
    Section made{".rel" + sections_[relocations.section].name,
                 sht_rel,
                 shf_info_link,
                 symbol_section,
                 relocations.section,
                 8,
                 relocation_bytes,
                 std::move(relocations.bytes)};
    sections_.push_back(std::move(made));
  }
  sections_.push_back({".symtab", sht_symtab, 0, symbol_section + 1, local_symbols_, 8, symbol_bytes, std::move(symbols_)});
  sections_.push_back({".strtab", sht_strtab, 0, 0, 0, 1, 0, {}});
  std::vector<uint32_t> names;
  for (const Section& made : sections_) names.push_back(string(made.name));
  sections_.back().bytes = std::move(strings_);

  std::vector<uint8_t> out(header_bytes);
  std::vector<uint64_t> offsets;
  for (const Section& made : sections_) {
    align_to(out, made.align);
    offsets.push_back(out.size());
    out.insert(out.end(), made.bytes.begin(), made.bytes.end());
  }
  align_to(out, 8);
  uint64_t table = out.size();
  for (size_t i = 0; i < sections_.size(); i++) {
    const Section& made = sections_[i];
    append(out, i == 0 ? 0 : names[i], 4);
    append(out, made.type, 4);
    append(out, made.flags, 8);
    append(out, 0, 8);
    append(out, i == 0 ? 0 : offsets[i], 8);
    append(out, made.bytes.size(), 8);
    append(out, made.link, 4);
    append(out, made.info, 4);
    append(out, i == 0 ? 0 : made.align, 8);
    append(out, made.entry_bytes, 8);
  }
  std::vector<uint8_t> header{0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  append(header, et_rel, 2);
  append(header, em_bpf, 2);
  append(header, 1, 4);
  append(header, 0, 8);
  append(header, 0, 8);
  append(header, table, 8);
  append(header, 0, 4);
  append(header, header_bytes, 2);
  append(header, 0, 2);
  append(header, 0, 2);
  append(header, section_header_bytes, 2);
  append(header, sections_.size(), 2);
  append(header, sections_.size() - 1, 2);
  std::copy(header.begin(), header.end(), out.begin());
  return out;
}

}  // namespace shrike::bpf
