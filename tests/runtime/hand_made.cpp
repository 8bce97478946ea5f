// The byte sequences behind hand_made.h.
#include "tests/runtime/hand_made.h"

#include "runtime/privileges.h"

namespace shrike::test {

namespace {

constexpr int32_t helper_map_lookup_elem = 1, helper_ringbuf_reserve = 131, helper_ringbuf_submit = 132;

bpf::Object object_with(mir::MapDecl map, mir::AttachPoint probe, bpf::Program program) {
  bpf::Object object;
  object.interface.maps.add(std::move(map));
  probe.program = mir::FunctionId(0u);
  object.interface.probes.push_back(std::move(probe));
  object.programs.push_back(std::move(program));
  object.program_of = {0};
  return object;
}

mir::MapDecl counter_map() {
  mir::MapDecl map;
  map.name = ".counter";
  map.role = mir::MapRole::zeros;
  map.kind = mir::MapKind::array;
  return map;
}

}  // namespace

mir::AttachPoint probe_at(mir::ProbeKind kind, std::string target, std::string function) {
  mir::AttachPoint probe;
  probe.kind = kind;
  probe.name = std::string(mir::name_of(kind)) + ":" + target + ":" + function;
  probe.target = std::move(target);
  probe.function = std::move(function);
  return probe;
}

bpf::Object counting_object(mir::ProgramType type, mir::AttachPoint probe) {
  bpf::Program program;
  program.name = "count";
  program.type = type;
  program.insns = {
      insn(bpf::ld_imm64, 1, 0, 0, 0), insn(0, 0, 0, 0, 0),
      insn(mov64_imm, 2, 0, 0, 1),     insn(bpf::cls::stx | bpf::size::dw | bpf::mode::atomic, 1, 2, 0, bpf::atomic::add),
      insn(mov64_imm, 0, 0, 0, 0),     insn(bpf::exit_insn, 0, 0, 0, 0),
  };
  program.relocations = {{.insn = 0, .map = mir::MapId(0u), .is_value = true, .offset = 0}};
  return object_with(counter_map(), std::move(probe), std::move(program));
}

bpf::Object sending_object(mir::ProgramType type, mir::AttachPoint probe, uint32_t id) {
  bpf::Program program;
  program.name = "send";
  program.type = type;
  program.insns = {
      insn(bpf::ld_imm64, 1, 0, 0, 0),
      insn(0, 0, 0, 0, 0),
      insn(mov64_imm, 2, 0, 0, 16),
      insn(mov64_imm, 3, 0, 0, 0),
      insn(bpf::call_insn, 0, 0, 0, helper_ringbuf_reserve),
      insn(bpf::cls::jmp | bpf::jmp::jeq, 0, 0, 5, 0),
      insn(bpf::cls::st | bpf::size::dw | bpf::mode::mem, 0, 0, 0, static_cast<int32_t>(id)),
      insn(bpf::cls::st | bpf::size::dw | bpf::mode::mem, 0, 0, 8, 42),
      insn(mov64_reg, 1, 0, 0, 0),
      insn(mov64_imm, 2, 0, 0, 0),
      insn(bpf::call_insn, 0, 0, 0, helper_ringbuf_submit),
      insn(mov64_imm, 0, 0, 0, 0),
      insn(bpf::exit_insn, 0, 0, 0, 0),
  };
  program.relocations = {{.insn = 0, .map = mir::MapId(0u)}};
  mir::MapDecl map;
  map.name = ".ring";
  map.role = mir::MapRole::ring;
  map.kind = mir::MapKind::ring;
  map.max_entries = 4096;
  return object_with(std::move(map), std::move(probe), std::move(program));
}

bpf::Object refused_object(Span place) {
  bpf::Program program;
  program.name = "refused";
  program.type = mir::ProgramType::raw_tracepoint;
  program.insns = {
      insn(bpf::cls::st | bpf::size::w | bpf::mode::mem, 10, 0, -4, 0),
      insn(bpf::ld_imm64, 1, 0, 0, 0),
      insn(0, 0, 0, 0, 0),
      insn(mov64_reg, 2, 10, 0, 0),
      insn(bpf::cls::alu64 | bpf::alu::add | bpf::src::k, 2, 0, 0, -4),
      insn(bpf::call_insn, 0, 0, 0, helper_map_lookup_elem),
      insn(bpf::cls::ldx | bpf::size::dw | bpf::mode::mem, 0, 0, 0, 0),
      insn(bpf::exit_insn, 0, 0, 0, 0),
  };
  program.relocations = {{.insn = 1, .map = mir::MapId(0u)}};
  program.lines = {{0, {}}, {6, place}};
  mir::MapDecl map = counter_map();
  map.kind = mir::MapKind::hash;  // a look-up in an array of one is never null, and new kernels know it
  return object_with(std::move(map), probe_at(mir::ProbeKind::begin, "", ""), std::move(program));
}

bool can_load_programs() {
  return missing_privileges().empty();
}

}  // namespace shrike::test
