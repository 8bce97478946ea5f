// The object as an ELF64 relocatable that libbpf, bpftool and llvm-objdump read: a section for each program, .text for
// callbacks and sub-programs, .maps with BTF map definitions, .BTF, .BTF.ext and the license.
// libbpf can only give the address of a map's value for its own data sections. A map that programs use in no other way
// is therefore written as .data.NAME, of which libbpf makes an array of one value. A map used both ways stays in .maps,
// and programs that address its value will not load from the file; shrike itself never goes through it.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <map>
#include <set>

#include "backend-bpf/btf_bytes.h"
#include "backend-bpf/elf_file.h"
#include "backend-bpf/object.h"

namespace shrike::bpf {

namespace {

// One function of the file: a program, or a callback or sub-program that several programs share.
struct Piece {
  std::string section, symbol;
  bool is_program = false;
  std::vector<Insn> insns;
  struct Reference {
    uint32_t insn;
    mir::MapId map;  // invalid: a function
    bool is_value;
    std::string function;  // its name in the object
    bool is_call = false;  // of the function
  };
  std::vector<KernelCall> kernel_calls;
  std::vector<Reference> references;
  std::vector<LineEntry> lines;
  uint32_t start = 0;  // in its section, in instructions
};

// What libbpf takes the program type from, and the place to attach to where its names allow.
std::string section_name(const Object& object, size_t program) {
  const mir::AttachPoint* probe = nullptr;
  for (const mir::AttachPoint& candidate : object.interface.probes)
    if (candidate.program.is_valid() && object.program_of[candidate.program.index] == program) probe = &candidate;
  switch (object.programs[program].type) {
    case mir::ProgramType::kprobe:
      if (probe && (probe->kind == mir::ProbeKind::kprobe || probe->kind == mir::ProbeKind::kretprobe))
        return std::string(mir::name_of(probe->kind)) + (probe->is_pattern ? ".multi/" : "/") + probe->function;
      if (probe && probe->kind == mir::ProbeKind::uprobe) return "uprobe/" + probe->target + ":" + probe->function;
      if (probe && probe->kind == mir::ProbeKind::uretprobe) return "uretprobe/" + probe->target + ":" + probe->function;
      if (probe && probe->kind == mir::ProbeKind::usdt) return "usdt/" + probe->target + ":" + probe->function;
      return "kprobe";
    case mir::ProgramType::tracepoint: return probe ? "tracepoint/" + probe->target + "/" + probe->function : "tracepoint";
    case mir::ProgramType::raw_tracepoint:
      return probe && probe->kind == mir::ProbeKind::rawtracepoint ? "raw_tp/" + probe->function : "raw_tp";
    case mir::ProgramType::perf_event: return "perf_event";
    case mir::ProgramType::tracing: return probe ? std::string(mir::name_of(probe->kind)) + "/" + probe->function : "fentry";
  }
  UNREACHABLE("program type");
}

class Writer {
 public:
  Writer(const Object& object, const SourceMap& sources) : object_(object), sources_(sources) {}

  std::vector<uint8_t> run() {
    collect_pieces();
    add_code_sections();
    add_map_sections();
    add_symbols_and_relocations();
    file_.add_progbits("license", {'G', 'P', 'L', 0}, ElfFile::writable, 1);
    add_btf();
    return file_.finish();
  }

 private:
  std::string unused_symbol(const std::string& name) {
    std::string made = identifier(name);
    for (uint32_t i = 1; !symbols_.insert({made, 0}).second; i++) made = identifier(name) + "_" + std::to_string(i);
    return made;
  }

  // Cuts programs into functions.
  void collect_pieces() {
    for (size_t p = 0; p < object_.programs.size(); p++) {
      const Program& program = object_.programs[p];
      for (size_t s = 0; s < program.subprograms.size(); s++) {
        const Subprogram& subprogram = program.subprograms[s];
        bool is_program = s == 0;
        if (!is_program && functions_.contains(subprogram.name)) continue;
        if (!is_program) functions_[subprogram.name] = pieces_.size();
        Piece& piece = pieces_.emplace_back();
        piece.is_program = is_program;
        piece.section = is_program ? section_name(object_, p) : ".text";
        piece.symbol = unused_symbol(subprogram.name);
        auto end =
            static_cast<uint32_t>(s + 1 < program.subprograms.size() ? program.subprograms[s + 1].insn : program.insns.size());
        fill(piece, program, subprogram.insn, end);
      }
    }
  }

  static void fill(Piece& piece, const Program& program, uint32_t begin, uint32_t end) {
    piece.insns.assign(program.insns.begin() + begin, program.insns.begin() + end);
    for (const Relocation& relocation : program.relocations) {
      if (relocation.insn < begin || relocation.insn >= end) continue;
      uint32_t insn = relocation.insn - begin;
      piece.references.push_back({insn, relocation.map, relocation.is_value, ""});
      // Both become plain loads that libbpf completes; the offset into a value goes where it looks for it.
      piece.insns[insn].regs = make_regs(piece.insns[insn].dst(), 0);
      piece.insns[insn].imm = static_cast<int32_t>(relocation.offset);
    }
    for (uint32_t i = begin; i < end; i++) {
      const Insn& insn = program.insns[i];
      bool is_call = insn.opcode == call_insn && insn.src() == pseudo::call;
      if (is_call || (insn.opcode == ld_imm64 && insn.src() == pseudo::func)) {
        uint32_t target = i + 1 + static_cast<uint32_t>(insn.imm);
        for (const Subprogram& subprogram : program.subprograms)
          if (subprogram.insn == target) piece.references.push_back({i - begin, {}, false, subprogram.name, is_call});
        piece.insns[i - begin].imm = 0;
      }
      if (insn.opcode == ld_imm64) i++;
    }
    for (const KernelCall& call : program.kernel_calls)
      if (call.insn >= begin && call.insn < end) add_kernel_call(piece, {call.insn - begin, call.function});
    for (const LineEntry& line : program.lines)
      if (line.insn >= begin && line.insn < end) piece.lines.push_back({line.insn - begin, line.span});
  }

  // As clang leaves it: a call of a function that is elsewhere.
  static void add_kernel_call(Piece& piece, KernelCall call) {
    piece.kernel_calls.push_back(call);
    piece.insns[call.insn] = call_subprogram();
    piece.insns[call.insn].imm = -1;
  }

  void add_code_sections() {
    std::map<std::string, uint32_t> known;
    for (Piece& piece : pieces_) {
      auto [place, is_new] = known.try_emplace(piece.section, 0);
      if (is_new) place->second = file_.add_progbits(piece.section, {}, ElfFile::executable, 8);
      std::vector<uint8_t>& bytes = file_.section(place->second).bytes;
      piece.start = static_cast<uint32_t>(bytes.size() / sizeof(Insn));
      auto* raw = reinterpret_cast<const uint8_t*>(piece.insns.data());
      bytes.insert(bytes.end(), raw, raw + piece.insns.size() * sizeof(Insn));
    }
    code_sections_ = std::move(known);
  }

  // Member `name` of a map definition: an attribute is the length of an array that a pointer points to.
  void add_map_sections() {
    std::vector<bool> by_value(object_.interface.maps.size()), by_handle(object_.interface.maps.size());
    for (const Piece& piece : pieces_)
      for (const Piece::Reference& reference : piece.references)
        if (reference.map.is_valid()) (reference.is_value ? by_value : by_handle)[reference.map.index] = true;
    uint32_t definitions = 0;
    for (uint32_t i = 0; i < object_.interface.maps.size(); i++) {
      const mir::MapDecl& map = object_.interface.maps[mir::MapId(i)];
      MapPlace place{unused_symbol((map.role == mir::MapRole::user ? "at_" : "") + map.name.substr(1)), 0, 0, 0};
      if (by_value[i] && !by_handle[i]) {
        place.section = file_.add_progbits(".data." + place.symbol, std::vector<uint8_t>(map.value_size), ElfFile::writable, 8);
        place.size = map.value_size;
      } else {
        place.offset = definitions;
        place.size = bytes_per_member * (map.kind == mir::MapKind::ring ? 2 : 4);
        definitions += place.size;
      }
      maps_.push_back(place);
    }
    if (definitions == 0) return;  // libbpf wants no section without a definition
    maps_section_ = file_.add_progbits(".maps", std::vector<uint8_t>(definitions), ElfFile::writable, 8);
    for (MapPlace& place : maps_)
      if (place.section == 0) place.section = maps_section_;
  }

  void add_symbols_and_relocations() {
    for (const Piece& piece : pieces_)  // local symbols must come first
      if (!piece.is_program) add_function_symbol(piece);
    uint32_t text = code_sections_.contains(".text") ? code_sections_[".text"] : 0;
    uint32_t text_symbol = text == 0 ? 0 : file_.add_symbol("", ElfFile::local_section, text, 0, 0);
    file_.end_local_symbols();
    for (const Piece& piece : pieces_)
      if (piece.is_program) add_function_symbol(piece);
    for (MapPlace& place : maps_)
      symbols_[place.symbol] = file_.add_symbol(place.symbol, ElfFile::global_object, place.section, place.offset, place.size);
    for (const Piece& piece : pieces_)
      for (const Piece::Reference& reference : piece.references) {
        uint32_t section = code_sections_[piece.section];
        size_t offset = (piece.start + reference.insn) * sizeof(Insn);
        file_.add_relocation(section, offset,
                             reference.map.is_valid() ? symbols_[maps_[reference.map.index].symbol] : text_symbol,
                             reference.is_call ? ElfFile::relocation_call : ElfFile::relocation_64);
        if (reference.map.is_valid()) continue;
        // Of a static function libbpf wants the section's symbol and the place in it: bytes for an address, for a call
        // instructions, less the one that a call counts from.
        uint32_t start = pieces_[functions_[reference.function]].start;
        auto place = reference.is_call ? start - 1 : static_cast<uint32_t>(start * sizeof(Insn));
        memcpy(file_.section(section).bytes.data() + offset + offsetof(Insn, imm), &place, sizeof place);
      }
    add_kernel_calls();
  }

  void add_kernel_calls() {
    std::map<mir::HelperId, uint32_t> symbols;
    for (const Piece& piece : pieces_)
      for (const KernelCall& call : piece.kernel_calls) {
        auto [symbol, is_new] = symbols.try_emplace(call.function, 0);
        if (is_new) symbol->second = file_.add_symbol(mir::kernel_name_of(call.function), ElfFile::global_elsewhere, 0, 0, 0);
        file_.add_relocation(code_sections_[piece.section], (piece.start + call.insn) * sizeof(Insn), symbol->second,
                             ElfFile::relocation_call);
      }
    for (const auto& [function, symbol] : symbols) kernel_functions_.insert(function);
  }

  void add_function_symbol(const Piece& piece) {
    symbols_[piece.symbol] =
        file_.add_symbol(piece.symbol, piece.is_program ? ElfFile::global_function : ElfFile::local_function,
                         code_sections_[piece.section], piece.start * sizeof(Insn), piece.insns.size() * sizeof(Insn));
  }

  void add_btf() {
    BtfBytes btf;
    FunctionTypes functions(btf);
    std::vector<uint32_t> function_types;
    for (const Piece& piece : pieces_) function_types.push_back(functions.add(piece.symbol, piece.is_program));
    add_map_types(btf, functions.integer());
    add_kernel_function_types(btf, functions.integer(), kernel_functions_);
    std::vector<uint8_t> function_records = per_section(btf, 8, [&](size_t i, std::vector<uint8_t>& out) {
      append_u32(out, pieces_[i].start * sizeof(Insn));
      append_u32(out, function_types[i]);
    });
    bool has_lines = std::any_of(pieces_.begin(), pieces_.end(), [](const Piece& piece) { return !piece.lines.empty(); });
    std::vector<uint8_t> line_records = per_section(btf, 16, [&](size_t i, std::vector<uint8_t>& out) {
      // libbpf wants lines of all functions that end up in one program, or of none.
      std::vector<LineEntry> lines = pieces_[i].lines;
      if (lines.empty() && has_lines) lines.push_back({0, {}});
      append_line_records(lines, {0}, pieces_[i].start, sizeof(Insn), sources_, btf, out);
    });
    file_.add_progbits(".BTF", btf.finish(), 0, 4);
    std::vector<uint8_t> extension{0x9f, 0xeb, 1, 0};
    for (size_t word : {size_t{24}, size_t{0}, function_records.size(), function_records.size(), line_records.size()})
      append_u32(extension, static_cast<uint32_t>(word));
    extension.insert(extension.end(), function_records.begin(), function_records.end());
    extension.insert(extension.end(), line_records.begin(), line_records.end());
    file_.add_progbits(".BTF.ext", std::move(extension), 0, 4);
  }

  // Records of all functions, grouped by section: record size, then name, count and records of each.
  template <class Append>
  std::vector<uint8_t> per_section(BtfBytes& btf, uint32_t record_bytes, Append&& append) {
    std::vector<uint8_t> out;
    append_u32(out, record_bytes);
    for (const auto& [name, section] : code_sections_) {
      std::vector<uint8_t> records;
      for (size_t i = 0; i < pieces_.size(); i++)
        if (pieces_[i].section == name) append(i, records);
      if (records.empty()) continue;
      append_u32(out, btf.string(name));
      append_u32(out, static_cast<uint32_t>(records.size() / record_bytes));
      out.insert(out.end(), records.begin(), records.end());
    }
    return out;
  }

  void add_map_types(BtfBytes& btf, uint32_t integer) {
    struct Variable {
      uint32_t type, offset, size;
    };
    std::vector<Variable> variables;
    for (uint32_t i = 0; i < maps_.size(); i++) {
      if (maps_[i].section != maps_section_) continue;
      const mir::MapDecl& map = object_.interface.maps[mir::MapId(i)];
      struct Member {
        const char* name;
        uint32_t value;
      };
      std::vector<Member> members{{"type", mir::kernel_number(map.kind)}, {"max_entries", map.max_entries}};
      if (map.kind != mir::MapKind::ring)
        members.insert(members.end(), {{"key_size", map.key_size}, {"value_size", map.value_size}});
      std::vector<uint32_t> types;
      for (const Member& member : members) {
        uint32_t array = btf.type("", btf_array, 0, 0);
        for (uint32_t word : {integer, integer, member.value}) btf.word(word);
        types.push_back(btf.type("", btf_ptr, 0, array));
      }
      uint32_t definition = btf.type("", btf_struct, static_cast<uint32_t>(members.size()), maps_[i].size);
      for (size_t m = 0; m < members.size(); m++)
        for (uint32_t word : {btf.string(members[m].name), types[m], static_cast<uint32_t>(m) * bytes_per_member * 8})
          btf.word(word);
      uint32_t variable = btf.type(maps_[i].symbol, btf_var, 0, definition);
      btf.word(1);  // global
      variables.push_back({variable, maps_[i].offset, maps_[i].size});
    }
    add_data_types(btf, integer);
    if (variables.empty()) return;
    btf.type(".maps", btf_datasec, static_cast<uint32_t>(variables.size()),
             static_cast<uint32_t>(file_.section(maps_section_).bytes.size()));
    for (const Variable& variable : variables)
      for (uint32_t word : {variable.type, variable.offset, variable.size}) btf.word(word);
  }

  // Maps that became data: one variable each, an array of 32-bit words.
  void add_data_types(BtfBytes& btf, uint32_t integer) {
    for (const MapPlace& place : maps_) {
      if (place.section == maps_section_) continue;
      uint32_t words = btf.type("", btf_array, 0, 0);
      for (uint32_t word : {integer, integer, place.size / 4}) btf.word(word);
      uint32_t variable = btf.type(place.symbol, btf_var, 0, words);
      btf.word(1);  // global
      btf.type(file_.section(place.section).name, btf_datasec, 1, place.size);
      for (uint32_t word : {variable, uint32_t{0}, place.size}) btf.word(word);
    }
  }

  static constexpr uint32_t bytes_per_member = 8;
  struct MapPlace {
    std::string symbol;
    uint32_t section, offset, size;
  };

  const Object& object_;
  const SourceMap& sources_;
  ElfFile file_;
  std::vector<Piece> pieces_;
  std::map<std::string, size_t> functions_;        // by name in the object: index into pieces_
  std::map<std::string, uint32_t> symbols_;        // by name in the file: index in the symbol table
  std::map<std::string, uint32_t> code_sections_;  // by name
  std::vector<MapPlace> maps_;
  std::set<mir::HelperId> kernel_functions_;  // that are called
  uint32_t maps_section_ = 0;
};

}  // namespace

std::vector<uint8_t> write_elf(const Object& object, const SourceMap& sources) {
  return Writer(object, sources).run();
}

}  // namespace shrike::bpf
