// Through libdw: .debug_aranges finds the unit where the compiler wrote it (gcc), the units' own ranges where not (clang).
#include "runtime/source_lines.h"

#include <dwarf.h>

#include <cstdlib>

#include "runtime/binary_symbols.h"

namespace shrike {

namespace {

constexpr size_t most_known = 1 << 16;  // then all are forgotten, to stay small

std::string text_of(const char* text) {
  return text == nullptr ? std::string() : std::string(text);
}

std::string function_name(Dwarf_Die* die, bool demangle) {
  Dwarf_Attribute attribute;
  for (unsigned name : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name}) {
    const char* linkage = dwarf_formstring(dwarf_attr_integrate(die, name, &attribute));
    if (linkage != nullptr) return demangle ? demangled(linkage) : linkage;
  }
  return text_of(dwarf_diename(die));
}

uint64_t number_of(Dwarf_Die* die, unsigned name) {
  Dwarf_Attribute attribute;
  Dwarf_Word value = 0;
  return dwarf_formudata(dwarf_attr(die, name, &attribute), &value) == 0 ? value : 0;
}

// What a unit left in a file of its own (split DWARF) is there, if the file is.
void follow_split(Dwarf_Die& unit) {
  Dwarf_Die split;
  uint8_t kind = 0;
  bool is_split = dwarf_cu_info(unit.cu, nullptr, &kind, nullptr, &split, nullptr, nullptr, nullptr) == 0 &&
                  kind == DW_UT_skeleton && split.addr != nullptr;
  if (is_split) unit = split;
}

}  // namespace

Dwarf_Die* unit_at(Dwarf* dwarf, uint64_t address, Dwarf_Die& memory) {
  bool is_found = dwarf_addrdie(dwarf, address, &memory) != nullptr;
  Dwarf_CU* unit = nullptr;
  while (!is_found && dwarf_get_units(dwarf, unit, &unit, nullptr, nullptr, &memory, nullptr) == 0)
    is_found = dwarf_haspc(&memory, address) > 0;
  if (is_found) follow_split(memory);
  return is_found ? &memory : nullptr;
}

SourceLines::SourceLines(std::unique_ptr<ElfImage> image, const DebugDirectories& directories, bool demangle)
    : image_(std::move(image)), demangle_(demangle) {
  Elf* elf = image_->with_section(".debug_info", directories);
  if (elf == nullptr) elf = image_->with_section(".zdebug_info", directories);
  if (elf != nullptr) dwarf_ = dwarf_begin_elf(elf, DWARF_C_READ, nullptr);
}

SourceLines::~SourceLines() {
  if (dwarf_ != nullptr) dwarf_end(dwarf_);
}

const std::vector<SourceFrame>& SourceLines::find(uint64_t address) {
  if (known_.size() >= most_known) known_.clear();
  auto [known, is_new] = known_.try_emplace(address);
  if (is_new && dwarf_ != nullptr) known->second = read(address);
  return known->second;
}

std::vector<SourceFrame> SourceLines::read(uint64_t address) {
  Dwarf_Die memory;
  Dwarf_Die* unit = unit_at(dwarf_, address, memory);
  if (unit == nullptr) return {};
  Dwarf_Attribute attribute;
  std::string folder = text_of(dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &attribute)));
  auto full_path = [&](const char* file) {
    std::string path = text_of(file);
    return path.empty() || path[0] == '/' || folder.empty() ? path : folder + "/" + path;
  };
  SourceFrame here;
  if (Dwarf_Line* line = dwarf_getsrc_die(unit, address); line != nullptr) {
    here.file = full_path(dwarf_linesrc(line, nullptr, nullptr));
    dwarf_lineno(line, &here.line);
  }
  // The scopes of the innermost one are those the code is in; those dwarf_getscopes gives continue where an inlined function
  // was written instead.
  Dwarf_Die *innermost = nullptr, *scopes = nullptr;
  if (dwarf_getscopes(unit, address, &innermost) <= 0) return {};
  int count = dwarf_getscopes_die(&innermost[0], &scopes);
  Dwarf_Files* files = nullptr;
  size_t file_count = 0;
  dwarf_getsrcfiles(unit, &files, &file_count);
  std::vector<SourceFrame> out;
  for (int i = 0; i < count; i++) {
    int tag = dwarf_tag(&scopes[i]);
    if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram) continue;
    here.function = function_name(&scopes[i], demangle_);
    out.push_back(here);
    if (tag == DW_TAG_subprogram) break;
    uint64_t file = number_of(&scopes[i], DW_AT_call_file);
    here.file = full_path(file < file_count ? dwarf_filesrc(files, file, nullptr, nullptr) : nullptr);
    here.line = static_cast<int>(number_of(&scopes[i], DW_AT_call_line));
  }
  std::free(innermost);
  std::free(scopes);
  return out;
}

}  // namespace shrike
