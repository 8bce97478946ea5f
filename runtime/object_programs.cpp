// Functions are laid out as libbpf does: the program first, then what it calls, each once.
#include "runtime/object_programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <deque>

#include "mir/btf.h"
#include "runtime/object_file.h"
#include "runtime/object_functions.h"
#include "runtime/object_kernel_types.h"
#include "runtime/object_lines.h"
#include "runtime/object_relocations.h"

namespace shrike {

namespace {

namespace pseudo = bpf::pseudo;

bool is_gpl(std::string_view license) {
  constexpr std::string_view names[] = {"GPL",          "GPL v2",       "GPL and additional rights",
                                        "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"};
  for (std::string_view each : names) {
    if (each == license) return true;
  }
  return false;
}

// A program and the functions it calls, one after the other, as libbpf lays them out.
class Linker {
 public:
  Linker(const ObjectFile& file, const ObjectMaps& maps, const std::map<InsnPlace, Span>& lines, const Relocations& relocations,
         JudgedProgram& out)
      : file_(file), maps_(maps), lines_(lines), relocations_(relocations), out_(out) {}

  void run(const ObjectSymbol& program) {
    place(program);
    while (!waiting_.empty()) {
      const ObjectSymbol* function = waiting_.front();
      waiting_.pop_front();
      append(*function);
    }
    for (const Call& call : calls_) {
      bpf::Insn& insn = out_.input.insns[call.insn];
      insn.imm = static_cast<int32_t>(starts_.at(call.function)) - static_cast<int32_t>(call.insn) - 1;
      if (call.function->is_global && insn.opcode != bpf::call_insn)
        not_modelled("a callback that is no static function: `" + call.function->name + "`");
    }
    for (const auto& [function, start] : starts_) {
      out_.input.subprogram_starts.push_back(start);
      if (function->is_global && start != 0) describe(function->name, start);
    }
    std::sort(out_.input.global_functions.begin(), out_.input.global_functions.end(),
              [](const auto& a, const auto& b) { return a.insn < b.insn; });
  }

 private:
  struct Call {
    uint32_t insn;
    const ObjectSymbol* function;
  };

  void not_modelled(std::string why) {
    if (out_.input.not_modelled.empty()) out_.input.not_modelled = std::move(why);
  }

  void describe(const std::string& name, uint32_t start) {
    sim::GlobalFunction function;
    function.insn = start;
    function.name = name;
    const std::optional<size_t> section = file_.section_named(".BTF");
    const std::optional<Btf> types = section ? Btf::open(file_.sections[*section].bytes) : std::nullopt;
    if (!types) return not_modelled("the object has no types: what the global function `" + name + "` takes is not known");
    std::string why = describe_function(*types, out_.input.type, function);
    if (!why.empty()) return not_modelled(std::move(why));
    out_.input.global_functions.push_back(std::move(function));
  }

  void place(const ObjectSymbol& function) {
    if (known_.insert({&function, true}).second) waiting_.push_back(&function);
  }

  void append(const ObjectSymbol& function) {
    const auto start = static_cast<uint32_t>(out_.input.insns.size());
    starts_[&function] = start;
    const std::vector<bpf::Insn> code = file_.code(function);
    out_.input.insns.insert(out_.input.insns.end(), code.begin(), code.end());
    for (uint32_t i = 0; i < code.size(); i++) {
      const InsnPlace from{function.section, static_cast<uint32_t>(function.value / sizeof(bpf::Insn)) + i};
      if (auto line = lines_.find(from); line != lines_.end()) out_.lines.push_back({start + i, line->second});
      if (const auto value = relocations_.find(from); value != relocations_.end()) {
        relocate(out_.input.insns[start + i], value->second);
        out_.input.assumed = "types of the kernel are those of the running one";
      }
      resolve(from, start + i);
      if (code[i].opcode == bpf::ld_imm64) i++;
    }
  }

  void resolve(InsnPlace from, uint32_t at) {
    const bpf::Insn insn = out_.input.insns[at];
    const auto reference = file_.references.find(from);
    const bool calls = insn.opcode == bpf::call_insn && insn.src() == pseudo::call;
    if (reference != file_.references.end()) {
      const ObjectSymbol& symbol = file_.symbols[reference->second];
      if (symbol.section == 0) return refer_outside(symbol, insn, at);
      if (!file_.sections[symbol.section].is_code) return refer_to_map(symbol, insn, at);
      const auto value = static_cast<int64_t>(symbol.value / sizeof(bpf::Insn));
      const int64_t target =
          insn.opcode == bpf::ld_imm64 ? value + insn.imm / static_cast<int32_t>(sizeof(bpf::Insn)) : value + insn.imm + 1;
      return refer_to_function({symbol.section, static_cast<uint32_t>(target)}, at);
    }
    if (calls || (insn.opcode == bpf::ld_imm64 && insn.src() == pseudo::func))
      refer_to_function({from.section, from.insn + 1 + static_cast<uint32_t>(insn.imm)}, at);
  }

  void refer_outside(const ObjectSymbol& symbol, bpf::Insn insn, uint32_t at) {
    const uint8_t kind = insn.opcode == bpf::ld_imm64 ? pseudo::btf_id : pseudo::kfunc_call;
    if (kind == pseudo::kfunc_call) out_.input.kernel_functions.push_back({at, symbol.name});
    out_.input.insns[at].regs = bpf::make_regs(insn.dst(), kind);
  }

  void refer_to_function(InsnPlace target, uint32_t at) {
    const ObjectSymbol* function = file_.function_at(target);
    if (function == nullptr) return not_modelled("a call goes where no function begins");
    bpf::Insn& insn = out_.input.insns[at];
    if (insn.opcode == bpf::ld_imm64) insn.regs = bpf::make_regs(insn.dst(), pseudo::func);
    place(*function);
    calls_.push_back({at, function});
  }

  void refer_to_map(const ObjectSymbol& symbol, bpf::Insn insn, uint32_t at) {
    const std::string& section = file_.sections[symbol.section].name;
    const bool is_definition = section == ".maps";
    const std::string* name = is_definition ? &symbol.name : &section;
    if (is_definition && symbol.is_section) name = map_name_at(symbol.section, static_cast<uint32_t>(insn.imm));
    const auto map = name == nullptr ? maps_.by_name.end() : maps_.by_name.find(*name);
    if (map == maps_.by_name.end()) return not_modelled("data in section " + section);
    if (const auto why = maps_.not_modelled.find(map->second); why != maps_.not_modelled.end()) not_modelled(why->second);
    out_.input.references.push_back({at, map->second});
    bpf::Insn& low = out_.input.insns[at];
    low.regs = bpf::make_regs(insn.dst(), is_definition ? pseudo::map_fd : pseudo::map_value);
    if (!is_definition) out_.input.insns[at + 1].imm = static_cast<int32_t>(symbol.value) + insn.imm;
    low.imm = 0;
  }

  const std::string* map_name_at(size_t section, uint32_t offset) const {
    for (const ObjectSymbol& symbol : file_.symbols) {
      if (symbol.section == section && !symbol.is_section && symbol.value == offset) return &symbol.name;
    }
    return nullptr;
  }

  const ObjectFile& file_;
  const ObjectMaps& maps_;
  const std::map<InsnPlace, Span>& lines_;
  const Relocations& relocations_;
  JudgedProgram& out_;
  std::map<const ObjectSymbol*, bool> known_;
  std::deque<const ObjectSymbol*> waiting_;
  std::map<const ObjectSymbol*, uint32_t> starts_;
  std::vector<Call> calls_;
};

// By libbpf's names of sections: "kprobe/do_sys_open", "tp/sched/sched_switch", "fentry/vfs_read".
void set_type(const std::string& section, sim::ProgramInput& input) {
  bpf_prog_type type{};
  bpf_attach_type attach{};
  const libbpf_print_fn_t printing = libbpf_set_print(nullptr);
  const bool is_known = libbpf_prog_type_by_name(section.c_str(), &type, &attach) == 0;
  libbpf_set_print(printing);
  if (!is_known) {
    input.not_modelled = "programs of section `" + section + "`";
    return;
  }
  const std::string kind = section.substr(0, section.find('/'));
  if (kind.ends_with(".s")) input.not_modelled = "programs that may sleep";
  input.type = static_cast<sim::ProgramType>(type);
  if (input.type == sim::ProgramType::tracing) input.attach = static_cast<sim::AttachType>(attach);
}

}  // namespace

bool is_elf(std::string_view bytes) {
  return bytes.starts_with("\177ELF");
}

std::vector<JudgedProgram> object_programs(const std::string& name, const std::string& bytes, SourceMap& sources,
                                           Diagnostics& diagnostics) {
  std::vector<JudgedProgram> programs;
  const ElfImage image(std::vector<char>(bytes.begin(), bytes.end()));
  std::string why = image.why();
  std::optional<ObjectFile> file;
  if (why.empty()) file = read_object_file(image.get(), why);
  std::optional<ObjectMaps> maps;
  if (file) maps = read_object_maps(bytes, why);
  if (maps) {
    const std::map<InsnPlace, Span> lines = read_object_lines(*file, sources);
    std::shared_ptr<const sim::KernelTypes> types;  // read when a program needs them
    Relocations relocations;
    if (has_relocations(*file)) {
      types = running_kernel_types();
      const std::optional<Btf> own = Btf::open(file->sections[*file->section_named(".BTF")].bytes);
      if (types != nullptr && own) relocations = read_relocations(*file, *own, btf_of(*types));
    }
    for (const ObjectSymbol& symbol : file->symbols) {
      const ObjectSection& section = file->sections[symbol.section];
      if (!symbol.is_function || !section.is_code || section.name == ".text") continue;
      JudgedProgram& program = programs.emplace_back();
      program.name = symbol.name;
      program.input.maps = maps->shapes;
      program.input.gpl = is_gpl(file->license);
      program.input.has_function_types = file->section_named(".BTF.ext").has_value();
      set_type(section.name, program.input);
      if (program.input.type == sim::ProgramType::tracing) {
        if (types == nullptr) types = running_kernel_types();
        set_kernel_types(section.name, types, program.input);
      }
      Linker(*file, *maps, lines, relocations, program).run(symbol);
    }
    if (programs.empty()) why = "it holds no programs";
  }
  if (!why.empty()) diagnostics.report(Diag::bad_object_file, {}, {name, why});
  return programs;
}

}  // namespace shrike
