// A row for each group of instructions that came together.
#include "verifier-sim/requirements.h"

#include <algorithm>

#include "mir/helpers.h"
#include "verifier-sim/kernel_function.h"
#include "verifier-sim/structure.h"

namespace shrike::sim {
namespace {

using bpf::Insn;
namespace cls = bpf::cls;
namespace alu = bpf::alu;
namespace mode = bpf::mode;
namespace pseudo = bpf::pseudo;

uint8_t class_of(const Insn& i) {
  return i.opcode & 7;
}
uint8_t operation_of(const Insn& i) {
  return i.opcode & 0xf0;
}
bool is_alu(const Insn& i) {
  return class_of(i) == cls::alu || class_of(i) == cls::alu64;
}
bool is_wide(const Insn& i, uint8_t kind) {
  return i.opcode == bpf::ld_imm64 && i.src() == kind;
}

struct InsnRow {
  bool (*fits)(const Insn&);
  Version since;
  const char* what;
};

constexpr InsnRow insn_rows[] = {
    {[](const Insn& i) { return class_of(i) == cls::stx && (i.opcode & 0xe0) == mode::atomic && i.imm > 0xff; },
     {6, 15},
     "load-acquire and store-release"},
    {[](const Insn& i) { return class_of(i) == cls::ldx && (i.opcode & 0xe0) == mode::memsx; }, {6, 6}, "sign-extending loads"},
    {[](const Insn& i) { return is_alu(i) && operation_of(i) == alu::mov && i.offset != 0; }, {6, 6}, "sign-extending moves"},
    {[](const Insn& i) { return is_alu(i) && (operation_of(i) == alu::div || operation_of(i) == alu::mod) && i.offset != 0; },
     {6, 6},
     "signed division"},
    {[](const Insn& i) { return class_of(i) == cls::alu64 && operation_of(i) == alu::end; }, {6, 6}, "unconditional byte swaps"},
    {[](const Insn& i) { return i.opcode == (cls::jmp32 | bpf::jmp::ja); }, {6, 6}, "jumps over more than 32767 instructions"},
    {[](const Insn& i) { return is_wide(i, pseudo::func); }, {5, 13}, "functions handed to helpers"},
    {[](const Insn& i) { return i.opcode == bpf::call_insn && i.src() == pseudo::kfunc_call; },
     {5, 13},
     "calls of kernel functions"},
    {[](const Insn& i) { return class_of(i) == cls::stx && (i.opcode & 0xe0) == mode::atomic && i.imm != 0; },
     {5, 12},
     "atomic operations other than plain addition"},
    {[](const Insn& i) { return is_jump(i) && jump_distance(i) < 0; }, {5, 3}, "loops"},
    {[](const Insn& i) { return is_wide(i, pseudo::map_value); }, {5, 2}, "direct addresses of map values"},
    {[](const Insn& i) { return class_of(i) == cls::jmp32; }, {5, 1}, "comparisons of 32 bits"},
    {[](const Insn& i) { return i.opcode == bpf::call_insn && i.src() == pseudo::call; }, {4, 16}, "calls of functions"},
};

class Collector {
 public:
  void add(Version since, size_t insn, std::string what) {
    for (const Requirement& r : all_) {
      if (r.what == what) return;
    }
    all_.push_back({since, static_cast<uint32_t>(insn), std::move(what)});
  }
  std::vector<Requirement> take() {
    std::stable_sort(all_.begin(), all_.end(), [](const Requirement& a, const Requirement& b) {
      return a.since != b.since ? a.since > b.since : a.insn < b.insn;
    });
    return std::move(all_);
  }

 private:
  std::vector<Requirement> all_;
};

}  // namespace

std::vector<Requirement> requirements_of(const ProgramInput& program) {
  constexpr size_t old_size_limit = 4096;
  Collector all;
  for (size_t i = 0; i < program.insns.size(); i++) {
    const Insn& insn = program.insns[i];
    for (const InsnRow& row : insn_rows) {
      if (row.fits(insn)) all.add(row.since, i, row.what);
    }
    if (insn.opcode == bpf::call_insn && insn.src() == 0) {
      auto helper = mir::find_helper(static_cast<uint32_t>(insn.imm));
      auto since = helper ? parse_version(mir::row_of(*helper).since) : std::nullopt;
      if (since) all.add(*since, i, "helper bpf_" + std::string(mir::row_of(*helper).name));
    }
    if (insn.opcode == bpf::ld_imm64) i++;
  }
  for (const KernelFunction& function : program.kernel_functions) {
    if (const auto since = kernel_function_since(function.name))
      all.add(*since, function.insn, "kernel function " + function.name);
  }
  for (const MapReference& r : program.references) {
    const TypeRow* row = r.map < program.maps.size() ? row_of(program.maps[r.map].type) : nullptr;
    if (row) all.add(row->since, r.insn, "maps of type " + std::string(row->name));
  }
  if (program.attach == AttachType::iter) all.add({5, 8}, 0, "iterators");
  if (const TypeRow* row = row_of(program.type)) all.add(row->since, 0, "programs of type " + std::string(row->name));
  if (program.insns.size() > old_size_limit) all.add({5, 2}, old_size_limit, "more than 4096 instructions");
  return all.take();
}

std::string to_text(Version v) {
  return std::to_string(v.major) + "." + std::to_string(v.minor);
}

}  // namespace shrike::sim
