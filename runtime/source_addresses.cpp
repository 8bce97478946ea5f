// Through libdw. All line tables are walked, since any unit may have inlined the line.
#include "runtime/source_addresses.h"

#include <dwarf.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <unordered_map>

#include "runtime/source_lines.h"

namespace shrike {

namespace {

bool names_file(std::string_view path, std::string_view wanted) {
  while (wanted.starts_with("./")) wanted.remove_prefix(2);
  if (!path.ends_with(wanted)) return false;
  return path.size() == wanted.size() || wanted.starts_with('/') || path[path.size() - wanted.size() - 1] == '/';
}

struct Row {
  uint64_t address = 0, line = 0, column = 0;
};

// The rows of the tables that begin a statement in the file, in no order.
std::vector<Row> rows_of(Dwarf* dwarf, std::string_view file) {
  std::vector<Row> out;
  Dwarf_CU* unit = nullptr;
  Dwarf_Die top;
  while (dwarf_get_units(dwarf, unit, &unit, nullptr, nullptr, &top, nullptr) == 0) {
    Dwarf_Lines* lines = nullptr;
    size_t count = 0;
    if (dwarf_getsrclines(&top, &lines, &count) != 0) continue;
    std::unordered_map<const char*, bool> is_wanted;  // each name is one string of the table
    for (size_t i = 0; i < count; i++) {
      Dwarf_Line* line = dwarf_onesrcline(lines, i);
      bool begins = false, ends = false;
      dwarf_linebeginstatement(line, &begins);
      dwarf_lineendsequence(line, &ends);
      const char* name = dwarf_linesrc(line, nullptr, nullptr);
      if (!begins || ends || name == nullptr) continue;
      auto [known, is_new] = is_wanted.try_emplace(name, false);
      if (is_new) known->second = names_file(name, file);
      if (!known->second) continue;
      Dwarf_Addr address = 0;
      int number = 0, column = 0;
      dwarf_lineaddr(line, &address);
      dwarf_lineno(line, &number);
      dwarf_linecol(line, &column);
      out.push_back({address, static_cast<uint64_t>(number), static_cast<uint64_t>(column)});
    }
  }
  return out;
}

// Which function, or which inlined copy of one, the address is in.
uint64_t instance_at(Dwarf* dwarf, uint64_t address) {
  Dwarf_Die memory;
  Dwarf_Die* unit = unit_at(dwarf, address, memory);
  Dwarf_Die* scopes = nullptr;
  int count = unit == nullptr ? 0 : dwarf_getscopes(unit, address, &scopes);
  uint64_t instance = 0;
  for (int i = 0; i < count && instance == 0; i++) {
    int tag = dwarf_tag(&scopes[i]);
    if (tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine) instance = dwarf_dieoffset(&scopes[i]);
  }
  std::free(scopes);
  return instance;
}

}  // namespace

SourceAddresses find_source_line(const std::string& path, const DebugDirectories& directories, std::string_view file,
                                 uint64_t line, uint64_t column) {
  SourceAddresses out;
  ElfImage image(path);
  out.why = image.why();
  if (!out.why.empty()) return out;
  Elf* elf = image.with_section(".debug_line", directories);
  Dwarf* dwarf = elf == nullptr ? nullptr : dwarf_begin_elf(elf, DWARF_C_READ, nullptr);
  if (dwarf == nullptr) {
    out.why = "it has no debug information (DWARF), neither inside nor in a separate file";
    return out;
  }
  std::vector<ElfSegment> segments = loaded_segments(image.get());
  auto is_code = [&](uint64_t address) {  // what the linker left out keeps its lines, at no address
    return std::any_of(segments.begin(), segments.end(), [&](const ElfSegment& segment) {
      return segment.is_executable && address >= segment.address && address - segment.address < segment.file_size;
    });
  };
  std::map<uint64_t, uint64_t> first;  // of each instance
  for (const Row& row : rows_of(dwarf, file)) {
    out.has_file = true;
    if (!is_code(row.address)) continue;
    if (row.line > line && (out.next_line == 0 || row.line < out.next_line)) out.next_line = row.line;
    if (row.line != line || (column != 0 && row.column != column)) continue;
    auto [known, is_new] = first.try_emplace(instance_at(dwarf, row.address), row.address);
    if (!is_new) known->second = std::min(known->second, row.address);
  }
  dwarf_end(dwarf);
  for (const auto& [instance, address] : first) out.file_offsets.push_back(file_offset_of(segments, address));
  std::sort(out.file_offsets.begin(), out.file_offsets.end());
  return out;
}

}  // namespace shrike
