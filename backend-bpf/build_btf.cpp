// BTF of an object: a function type for every subprogram, so that the kernel's logs and bpftool can name it, and
// func_info and line_info records. Callbacks need them to load at all.
// Layout facts: the kernel's Documentation/bpf/btf.rst.
#include <algorithm>
#include <map>
#include <unordered_map>

#include "backend-bpf/btf_bytes.h"

namespace shrike::bpf {

void append_u32(std::vector<uint8_t>& bytes, uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<uint8_t>(value >> shift));
}

void append_line_records(const std::vector<LineEntry>& lines, const std::vector<uint32_t>& starts, uint32_t first, uint32_t unit,
                         const SourceMap& sources, BtfBytes& btf, std::vector<uint8_t>& out) {
  if (lines.empty()) return;
  std::map<uint32_t, Span> by_insn;
  std::unordered_map<const char*, uint32_t> known_lines;  // a line may be as long as a script, with every instruction on it
  for (uint32_t start : starts) by_insn[start] = {};
  for (const LineEntry& line : lines) by_insn[line.insn] = line.span;
  Span last = lines.front().span;
  for (auto [insn, span] : by_insn) {
    if (!span.is_known()) span = last;
    last = span;
    Location at = sources.locate(span.begin);
    constexpr uint32_t max_line = (1u << 22) - 1, max_column = (1u << 10) - 1;
    append_u32(out, (first + insn) * unit);
    append_u32(out, btf.string(at.file));
    const std::string_view line = sources.line_at(span.begin);
    auto [known, is_new] = known_lines.try_emplace(line.data());
    if (is_new) known->second = btf.string(line);
    append_u32(out, known->second);
    append_u32(out, std::min(at.line, max_line) << 10 | std::min(at.column, max_column));
  }
}

std::string identifier(std::string_view name) {
  std::string made;
  for (char c : name) {
    bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    made += is_plain ? c : '_';
  }
  if (made.empty() || (made[0] >= '0' && made[0] <= '9')) made.insert(made.begin(), '_');
  return made;
}

uint32_t BtfBytes::string(std::string_view text) {
  if (text.empty()) return 0;
  auto [place, is_new] = known_strings_.try_emplace(std::string(text), static_cast<uint32_t>(strings_.size()));
  if (is_new) {
    strings_.append(text);
    strings_ += '\0';
  }
  return place->second;
}

uint32_t BtfBytes::type(std::string_view name, uint32_t kind, uint32_t count, uint32_t size_or_type) {
  append_u32(types_, string(name));
  append_u32(types_, kind << 24 | count);
  append_u32(types_, size_or_type);
  return ++last_type_;
}

void BtfBytes::word(uint32_t value) {
  append_u32(types_, value);
}

uint32_t BtfBytes::integer(std::string_view name, uint32_t size, bool is_signed) {
  uint32_t id = type(name, btf_int, 0, size);
  word((is_signed ? 1u << 24 : 0) | size * 8);
  return id;
}

std::vector<uint8_t> BtfBytes::finish() const {
  constexpr uint32_t header_bytes = 24;
  std::vector<uint8_t> bytes{0x9f, 0xeb, 1, 0};
  append_u32(bytes, header_bytes);
  append_u32(bytes, 0);
  append_u32(bytes, static_cast<uint32_t>(types_.size()));
  append_u32(bytes, static_cast<uint32_t>(types_.size()));
  append_u32(bytes, static_cast<uint32_t>(strings_.size()));
  bytes.insert(bytes.end(), types_.begin(), types_.end());
  bytes.insert(bytes.end(), strings_.begin(), strings_.end());
  return bytes;
}

// void * is a pointer to type 0. The kernel compares neither a callback's nor a sub-program's parameters with their declaration.
FunctionTypes::FunctionTypes(BtfBytes& btf) : btf_(btf) {
  integer_ = btf.integer("int", 4, true);
  uint32_t address = btf.type("", btf_ptr, 0, 0);
  program_ = btf.type("", btf_func_proto, 1, integer_);
  btf.word(btf.string("ctx"));
  btf.word(address);
  uint32_t wide = btf.integer("long", 8, true);
  callback_ = btf.type("", btf_func_proto, 4, wide);
  for (const char* name : {"a", "b", "c", "d"}) {
    btf.word(btf.string(name));
    btf.word(address);
  }
}

uint32_t FunctionTypes::add(std::string_view name, bool is_program) {
  constexpr uint32_t linkage_static = 0, linkage_global = 1;
  return btf_.type(identifier(name), btf_func, is_program ? linkage_global : linkage_static, is_program ? program_ : callback_);
}

ObjectBtf build_btf(const Object& object, const SourceMap& sources) {
  BtfBytes btf;
  FunctionTypes functions(btf);
  std::map<std::string, uint32_t> known_functions;
  ObjectBtf made;
  for (const Program& program : object.programs) {
    ProgramBtf& records = made.programs.emplace_back();
    for (size_t i = 0; i < program.subprograms.size(); i++) {
      const Subprogram& subprogram = program.subprograms[i];
      uint32_t& known = known_functions[subprogram.name];
      if (known == 0) known = functions.add(subprogram.name, i == 0);
      append_u32(records.func_info, subprogram.insn);
      append_u32(records.func_info, known);
    }
    std::vector<uint32_t> starts;
    for (const Subprogram& subprogram : program.subprograms) starts.push_back(subprogram.insn);
    append_line_records(program.lines, starts, 0, 1, sources, btf, records.line_info);
  }
  made.types = btf.finish();
  return made;
}

}  // namespace shrike::bpf
