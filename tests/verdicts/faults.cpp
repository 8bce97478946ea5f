// A case is its name, which begins with the class of the fault, and its instructions; what is common (a look-up, the end) has
// a name of its own.
#include "tests/verdicts/faults.h"

#include "tests/verifier-sim/assemble.h"

namespace shrike::sim::test {
namespace {

using bpf::size::b;
using bpf::size::dw;
using bpf::size::w;

constexpr uint32_t array_map = 0, hash_map = 1, ring_map = 2, stacks_map = 3, events_map = 4, percpu_map = 5;

std::vector<MapShape> maps() {
  return {{"array", MapType::array, 4, 48, 4, false, {}},
          {"hash", MapType::hash, 8, 48, 16, false, {}},
          {"ring", MapType::ringbuf, 0, 0, 4096, false, {}},
          {"stacks", MapType::stack_trace, 4, 1016, 16, false, {}},
          {"events", MapType::perf_event_array, 4, 4, 16, false, {}},
          {"percpu", MapType::percpu_array, 4, 48, 4, false, {}}};
}

class Cases {
 public:
  using Body = std::vector<Insn>;

  void add(const char* name, ProgramType type, const Body& body) {
    ProgramInput input;
    input.type = type;
    input.maps = maps();
    input.insns = body;
    // References carry the map's index in the immediate until here.
    for (uint32_t i = 0; i < body.size(); i++) {
      if (body[i].opcode != bpf::ld_imm64) continue;
      if (body[i].src() == bpf::pseudo::map_fd || body[i].src() == bpf::pseudo::map_value) {
        input.references.push_back({i, static_cast<uint32_t>(body[i].imm)});
        input.insns[i].imm = 0;
      }
      i++;
    }
    out.emplace_back(name, std::move(input));
  }

  std::vector<std::pair<std::string, ProgramInput>> out;
};

using Body = Cases::Body;

Body operator+(Body first, const Body& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

Body map(unsigned dst, uint32_t index) {
  return {insn(bpf::ld_imm64, dst, bpf::pseudo::map_fd, 0, index), insn(0, 0, 0, 0, 0)};
}
Body value_of(unsigned dst, uint32_t index, int offset) {
  return {insn(bpf::ld_imm64, dst, bpf::pseudo::map_value, 0, index), insn(0, 0, 0, 0, offset)};
}
Body end() {
  return {mov(0, 0), exit_insn()};
}
Body key() {
  return {store_imm(dw, 10, -8, 1), mov_reg(2, 10), alu64_imm(alu::add, 2, -8)};
}
Body lookup(uint32_t index = hash_map) {
  return key() + map(1, index) + Body{call(1)};
}
// r0 is the value; the program ends otherwise.
Body found(uint32_t index = hash_map) {
  return lookup(index) + Body{jump_imm(jmp::jne, 0, 0, 2)} + end();
}
Body random_in(unsigned dst) {
  return {call(7), mov_reg(dst, 0)};
}
Body buffer(unsigned dst, int at) {
  return {mov_reg(dst, 10), alu64_imm(alu::add, dst, at)};
}
Body reserve(int bytes = 16) {
  return map(1, ring_map) + Body{mov(2, bytes), mov(3, 0), call(131)};
}

void add_structure(Cases& c) {
  auto add = [&](const char* name, const Body& body) { c.add(name, ProgramType::raw_tracepoint, body); };
  add("cfg_falls_off", {mov(0, 0)});
  add("cfg_jump_past_end", Body{jump(7)} + end());
  add("cfg_jump_before_start", Body{jump(-5)} + end());
  add("cfg_into_pair",
      Body{mov(0, 0), jump_imm(jmp::jeq, 0, 0, 1), insn(bpf::ld_imm64, 1, 0, 0, 5), insn(0, 0, 0, 0, 0)} + end());
  add("cfg_call_nowhere", Body{insn(bpf::call_insn, 0, bpf::pseudo::call, 0, 90)} + end());
  add("unreachable_middle", Body{jump(1), mov(1, 1)} + end());
  add("unreachable_after_exit", end() + end());
  add("opcode_none", Body{insn(0x8f, 0, 0, 0, 0)} + end());
  add("opcode_shift", Body{mov(1, 1), alu64_imm(alu::lsh, 1, 64)} + end());
  add("opcode_shift32", Body{mov(1, 1), alu32_imm(alu::rsh, 1, 32)} + end());
  add("opcode_zero_divisor", Body{mov(1, 1), alu64_imm(alu::mod, 1, 0)} + end());
  add("opcode_reserved", Body{mov(1, 1), insn(cls::alu64 | alu::add, 1, 2, 0, 1)} + end());
  add("opcode_register_11", Body{insn(cls::alu64 | alu::mov, 11, 0, 0, 1)} + end());
  add("opcode_atomic", Body{mov(1, 1), store(dw, 10, -8, 1), insn(cls::stx | bpf::mode::atomic | dw, 10, 1, -8, 0x20)} + end());
  add("opcode_pair_cut", {mov(0, 0), insn(bpf::ld_imm64, 1, 0, 0, 5)});
  add("opcode_pair_reserved", Body{insn(bpf::ld_imm64, 1, 0, 0, 5), insn(0, 1, 0, 0, 0)} + end());
  add("isa_sdiv", Body{mov(1, 9), insn(cls::alu64 | alu::div, 1, 0, 1, 2)} + end());
  add("isa_movsx", Body{mov(1, 9), insn(cls::alu64 | alu::mov | bpf::src::x, 1, 1, 8, 0)} + end());
  add("isa_ldsx", Body{store_imm(dw, 10, -8, -1), insn(cls::ldx | bpf::mode::memsx | b, 1, 10, -8, 0)} + end());
  add("isa_bswap", Body{mov(1, 9), insn(cls::alu64 | alu::end, 1, 0, 0, 32)} + end());
  add("isa_gotol", Body{insn(cls::jmp32 | jmp::ja, 0, 0, 0, 0)} + end());
  for (int32_t operation : {0x01, 0x40, 0x51, 0xa0, 0xe1, 0xf1}) {
    std::string name = "isa_atomic_" + std::to_string(operation);
    add(name.c_str(),
        Body{mov(1, 1), mov(0, 0), store_imm(dw, 10, -8, 0), insn(cls::stx | bpf::mode::atomic | dw, 10, 1, -8, operation)} +
            end());
  }
}

void add_registers(Cases& c) {
  auto add = [&](const char* name, const Body& body) { c.add(name, ProgramType::raw_tracepoint, body); };
  add("uninit_source", Body{mov_reg(3, 7)} + end());
  add("uninit_result", {exit_insn()});
  add("uninit_after_call", Body{mov(2, 1), call(7), mov_reg(3, 2)} + end());
  add("uninit_one_path", random_in(6) + Body{jump_imm(jmp::jeq, 6, 0, 1), mov(7, 1), mov_reg(1, 7)} + end());
  add("frame_write", Body{mov(10, 1)} + end());
  add("arith_multiply", Body{mov_reg(2, 10), alu64_imm(alu::mul, 2, 2)} + end());
  add("arith_shift", Body{mov_reg(2, 10), alu64_imm(alu::lsh, 2, 2)} + end());
  add("arith_and", Body{mov_reg(2, 10), alu64_imm(alu::and_, 2, 7)} + end());
  add("arith_negate", Body{mov_reg(2, 10), insn(cls::alu64 | alu::neg, 2, 0, 0, 0)} + end());
  add("arith_32_bits", Body{mov_reg(2, 10), alu32_imm(alu::add, 2, 2)} + end());
  add("arith_from_number", Body{mov(2, 8), alu64_reg(alu::sub, 2, 10)} + end());
  add("arith_stack_minus", Body{mov_reg(2, 10), alu64_imm(alu::sub, 2, 8)} + end());
  add("arith_pointers", Body{mov_reg(2, 10), alu64_reg(alu::add, 2, 1)} + end());
  add("arith_pointer_difference", Body{mov_reg(2, 10), alu64_reg(alu::sub, 2, 10)} + end());
  add("arith_unbounded", random_in(3) + Body{mov_reg(2, 10), alu64_reg(alu::add, 2, 3)} + end());
  add("arith_huge", Body{mov_reg(2, 10), alu64_imm(alu::add, 2, 1 << 29)} + end());
  add("arith_nullable", lookup() + Body{alu64_imm(alu::add, 0, 8)} + end());
  add("arith_map", map(2, hash_map) + Body{alu64_imm(alu::add, 2, 8)} + end());
  add("arith_context_then_read", Body{alu64_imm(alu::add, 1, 8), load(dw, 2, 1, 0)} + end());
  add("deref_number", random_in(6) + Body{load(dw, 1, 6, 0)} + end());
  add("deref_number_store", random_in(6) + Body{store_imm(dw, 6, 0, 1)} + end());
  add("deref_nullable", lookup() + Body{load(dw, 1, 0, 0)} + end());
  add("deref_wrong_branch", lookup() + Body{jump_imm(jmp::jeq, 0, 0, 2)} + end() + Body{load(dw, 1, 0, 0)} + end());
  add("deref_null_test_of_copy", lookup() + Body{mov_reg(6, 0), jump_imm(jmp::jeq, 6, 0, 1), load(dw, 1, 0, 0)} + end());
  add("deref_map", map(2, hash_map) + Body{store_imm(dw, 2, 0, 0)} + end());
}

void add_memory(Cases& c) {
  auto add = [&](const char* name, const Body& body) { c.add(name, ProgramType::raw_tracepoint, body); };
  add("stack_too_deep", Body{store_imm(dw, 10, -520, 0)} + end());
  add("stack_deepest", Body{store_imm(dw, 10, -512, 0)} + end());
  add("stack_above", Body{load(dw, 1, 10, 0)} + end());
  add("stack_unwritten", Body{load(dw, 1, 10, -8)} + end());
  add("stack_partly_written", Body{store_imm(w, 10, -8, 1), load(dw, 1, 10, -8)} + end());
  add("stack_variable_unwritten",
      random_in(6) + buffer(2, -16) + Body{alu64_imm(alu::and_, 6, 7), alu64_reg(alu::add, 2, 6), load(b, 1, 2, 0)} + end());
  add("stack_variable_written", random_in(6) + buffer(2, -16) +
                                    Body{store_imm(dw, 10, -16, 0), store_imm(dw, 10, -8, 0), alu64_imm(alu::and_, 6, 7),
                                         alu64_reg(alu::add, 2, 6), load(b, 1, 2, 0)} +
                                    end());
  add("stack_variable_outside",
      random_in(6) + buffer(2, -8) + Body{alu64_imm(alu::and_, 6, 15), alu64_reg(alu::add, 2, 6), store_imm(b, 2, 0, 1)} + end());
  add("stack_spill_of_half_pointer", Body{store(w, 10, -8, 1)} + end());
  add("stack_read_of_half_pointer", Body{store(dw, 10, -8, 1), load(w, 2, 10, -8)} + end());
  add("stack_pointer_overwritten",
      Body{store(dw, 10, -8, 1), store_imm(b, 10, -8, 1), load(dw, 2, 10, -8), load(dw, 3, 2, 0)} + end());
  add("stack_pointer_kept", Body{store(dw, 10, -8, 1), load(dw, 2, 10, -8), load(dw, 3, 2, 0)} + end());
  add("misaligned_stack", Body{store_imm(dw, 10, -12, 0)} + end());
  add("misaligned_value", found() + Body{load(dw, 1, 0, 3)} + end());
  add("misaligned_atomic", found() + Body{mov(1, 1), insn(cls::stx | bpf::mode::atomic | dw, 0, 1, 4, 0)} + end());
  add("map_past_end", found() + Body{load(dw, 1, 0, 44)} + end());
  add("map_before_start", found() + Body{load(dw, 1, 0, -8)} + end());
  auto indexed = [&](const char* name, const Body& bound, unsigned size) {
    add(name, random_in(6) + found() + bound + Body{alu64_reg(alu::add, 0, 6), load(size, 1, 0, 0)} + end());
  };
  indexed("map_mask_fits", {alu64_imm(alu::and_, 6, 31)}, dw);
  indexed("map_mask_too_wide", {alu64_imm(alu::and_, 6, 63)}, dw);
  indexed("map_mask_none", {}, dw);
  indexed("map_signed_test_only", Body{jump_imm(jmp::jsle, 6, 40, 2)} + end(), dw);
  indexed("map_signed_both", Body{jump_imm(jmp::jsle, 6, 40, 2)} + end() + Body{jump_imm(jmp::jsge, 6, 0, 2)} + end(), dw);
  indexed("map_unsigned_test", Body{jump_imm(jmp::jle, 6, 40, 2)} + end(), dw);
  indexed("map_off_by_one", Body{jump_imm(jmp::jle, 6, 41, 2)} + end(), dw);
  indexed("map_test_of_low_half", Body{jump32_imm(jmp::jle, 6, 40, 2)} + end(), dw);
  indexed("map_low_half_then_extended", Body{jump32_imm(jmp::jle, 6, 40, 2)} + end() + Body{alu32_reg(alu::mov, 6, 6)}, dw);
  indexed("map_test_of_copy", Body{mov_reg(7, 6), jump_imm(jmp::jle, 7, 40, 2)} + end(), dw);
  indexed("map_test_of_shifted_copy", Body{mov_reg(7, 6), alu64_imm(alu::add, 7, 1), jump_imm(jmp::jle, 7, 40, 2)} + end(), dw);
  indexed("map_remainder", {alu64_imm(alu::mod, 6, 40)}, dw);
  indexed("map_shifts", {alu64_imm(alu::lsh, 6, 60), alu64_imm(alu::rsh, 6, 60)}, dw);
  indexed("map_spilled_bound", Body{alu64_imm(alu::and_, 6, 15), store(dw, 10, -24, 6), mov(6, 0), load(dw, 6, 10, -24)}, dw);
  indexed("map_spilled_half", Body{alu64_imm(alu::and_, 6, 15), store(w, 10, -24, 6), mov(6, 0), load(w, 6, 10, -24)}, dw);
  add("map_direct", value_of(1, array_map, 40) + Body{load(dw, 2, 1, 0)} + end());
  add("map_constant_key",
      Body{store_imm(w, 10, -8, 2)} + buffer(2, -8) + map(1, array_map) + Body{call(1), load(dw, 1, 0, 0)} + end());
  add("map_constant_key_outside",
      Body{store_imm(w, 10, -8, 4)} + buffer(2, -8) + map(1, array_map) + Body{call(1), load(dw, 1, 0, 0)} + end());
  add("map_leak_of_pointer", found() + Body{store(dw, 0, 0, 10)} + end());
  add("loop_forever", {mov(0, 0), jump(-1)});
  add("loop_unchanged", random_in(6) + Body{mov(1, 0), jump_imm(jmp::jeq, 6, 0, -2)} + end());
  add("loop_bounded", Body{mov(0, 0), alu64_imm(alu::add, 0, 1), jump_imm(jmp::jlt, 0, 100, -2)} + end());
  add("loop_too_long", Body{mov(0, 0), alu64_imm(alu::add, 0, 1), jump_imm(jmp::jlt, 0, 2'000'000, -2)} + end());
}

void add_contexts(Cases& c) {
  struct Slot {
    const char* name;
    ProgramType type;
  };
  static constexpr Slot slots[] = {{"raw", ProgramType::raw_tracepoint},
                                   {"tracepoint", ProgramType::tracepoint},
                                   {"kprobe", ProgramType::kprobe},
                                   {"perf", ProgramType::perf_event}};
  for (const Slot& slot : slots) {
    for (int offset : {0, 8, 88, 96, 160, 168, 176, 184, 8184, 8192}) {
      for (unsigned size : {dw, w, b}) {
        std::string name = std::string("ctx_") + slot.name + "_" + std::to_string(offset) + "_" + std::to_string(size);
        c.add(name.c_str(), slot.type, Body{load(size, 2, 1, offset)} + end());
      }
    }
    c.add((std::string("ctx_store_") + slot.name).c_str(), slot.type, Body{store_imm(dw, 1, 8, 0)} + end());
    c.add((std::string("ctx_misaligned_") + slot.name).c_str(), slot.type, Body{load(dw, 2, 1, 12)} + end());
    c.add((std::string("ctx_negative_") + slot.name).c_str(), slot.type, Body{load(dw, 2, 1, -8)} + end());
    c.add((std::string("ctx_variable_") + slot.name).c_str(), slot.type,
          Body{mov_reg(6, 1)} + random_in(7) + Body{alu64_imm(alu::and_, 7, 8), alu64_reg(alu::add, 6, 7), load(dw, 2, 6, 8)} +
              end());
    for (unsigned helper = 1; helper <= 211; helper += helper < 30 ? 1 : 3) {
      c.add((std::string("helper_none_") + slot.name + "_" + std::to_string(helper)).c_str(), slot.type,
            Body{mov(1, 0), mov(2, 0), mov(3, 0), mov(4, 0), mov(5, 0), call(helper)} + end());
    }
  }
}

void add_helpers(Cases& c) {
  auto add = [&](const char* name, const Body& body) { c.add(name, ProgramType::kprobe, body); };
  add("arg_number_for_map", key() + Body{mov(1, 0), call(1)} + end());
  add("arg_stack_for_map", key() + Body{mov_reg(1, 10), call(1)} + end());
  add("arg_number_for_key", map(1, hash_map) + Body{mov(2, 0), call(1)} + end());
  add("arg_context_for_key", Body{mov_reg(2, 1)} + map(1, hash_map) + Body{call(1)} + end());
  add("arg_wrong_map_output",
      Body{store_imm(dw, 10, -8, 0)} + buffer(2, -8) + map(1, hash_map) + Body{mov(3, 8), mov(4, 0), call(130)} + end());
  add("arg_wrong_map_lookup", key() + map(1, ring_map) + Body{call(1)} + end());
  add("arg_key_unwritten", buffer(2, -8) + map(1, hash_map) + Body{call(1)} + end());
  add("arg_key_half_written", Body{store_imm(w, 10, -8, 0)} + buffer(2, -8) + map(1, hash_map) + Body{call(1)} + end());
  add("arg_key_too_high", Body{store_imm(w, 10, -4, 0)} + buffer(2, -4) + map(1, hash_map) + Body{call(1)} + end());
  add("arg_key_in_map", found() + Body{mov_reg(2, 0)} + map(1, hash_map) + Body{call(1)} + end());
  add("arg_update_without_value", key() + map(1, hash_map) + Body{mov(3, 0), mov(4, 0), call(2)} + end());
  add("arg_nullable_value", lookup() + key() + map(1, hash_map) + Body{mov_reg(3, 0), mov(4, 0), call(2)} + end());
  add("arg_stackid", Body{mov_reg(6, 1), mov_reg(1, 6)} + map(2, stacks_map) + Body{mov(3, 0), call(27)} + end());
  add("arg_stackid_number_context", Body{mov(1, 0)} + map(2, stacks_map) + Body{mov(3, 0), call(27)} + end());
  add("arg_stackid_wrong_map", map(2, hash_map) + Body{mov(3, 0), call(27)} + end());
  add("arg_event_output", Body{store_imm(dw, 10, -8, 0), mov_reg(4, 10), alu64_imm(alu::add, 4, -8)} + map(2, events_map) +
                              Body{mov(3, 0), mov(5, 8), call(25)} + end());
  add("arg_percpu_lookup", lookup(percpu_map) + Body{jump_imm(jmp::jeq, 0, 0, 1), load(dw, 1, 0, 40)} + end());
  auto read = [&](const char* name, const Body& size) {
    add(name, random_in(6) + buffer(1, -32) + size + Body{mov(3, 4096), call(113)} + end());
  };
  read("size_constant", {mov(2, 32)});
  read("size_one_too_many", {mov(2, 33)});
  read("size_zero", {mov(2, 0)});
  read("size_negative_constant", {mov(2, -1)});
  read("size_unknown", {mov_reg(2, 6)});
  read("size_unsigned_unbounded", {mov_reg(2, 6), alu64_imm(alu::rsh, 2, 1)});
  read("size_masked", {mov_reg(2, 6), alu64_imm(alu::and_, 2, 31)});
  read("size_masked_too_wide", {mov_reg(2, 6), alu64_imm(alu::and_, 2, 63)});
  read("size_signed_test", Body{mov_reg(2, 6), jump_imm(jmp::jsle, 2, 32, 2)} + end());
  read("size_unsigned_test", Body{mov_reg(2, 6), jump_imm(jmp::jle, 2, 32, 2)} + end());
  read("size_low_half", {alu32_reg(alu::mov, 2, 6), alu32_imm(alu::and_, 2, 31)});
  read("size_other_register_tested", Body{mov_reg(2, 6), alu64_imm(alu::add, 2, 0), jump_imm(jmp::jle, 6, 32, 2)} + end());
  add("size_comm_zero", buffer(1, -8) + Body{mov(2, 0), call(16)} + end());
  add("size_comm_past_stack", buffer(1, -8) + Body{mov(2, 16), call(16)} + end());
  add("size_string_result_as_size", Body{mov(2, 16)} + buffer(1, -16) + Body{mov(3, 4096), call(115), mov_reg(2, 0)} +
                                        buffer(1, -16) + Body{mov(3, 4096), call(113)} + end());
  add("size_string_result_tested", Body{mov(2, 16)} + buffer(1, -16) +
                                       Body{mov(3, 4096), call(115), mov_reg(2, 0), jump_imm(jmp::jsge, 2, 0, 2)} + end() +
                                       buffer(1, -16) + Body{mov(3, 4096), call(113)} + end());
  add("ref_leak", reserve() + end());
  add("ref_leak_on_a_path",
      reserve() + Body{jump_imm(jmp::jeq, 0, 0, 5), mov_reg(6, 0), mov_reg(1, 0), mov(2, 0), call(132)} + end());
  add("ref_leak_other_path", reserve() + Body{jump_imm(jmp::jeq, 0, 0, 7), mov_reg(6, 0)} +
                                 Body{load(dw, 7, 6, 0), jump_imm(jmp::jeq, 7, 5, 3), mov_reg(1, 6), mov(2, 0), call(132)} +
                                 end());
  add("ref_twice", reserve() +
                       Body{jump_imm(jmp::jeq, 0, 0, 7), mov_reg(6, 0), mov_reg(1, 6), mov(2, 0), call(132), mov_reg(1, 6),
                            mov(2, 0), call(133)} +
                       end());
  add("ref_used_after",
      reserve() + Body{jump_imm(jmp::jeq, 0, 0, 5), mov_reg(6, 0), mov_reg(1, 6), mov(2, 0), call(132), load(dw, 1, 6, 0)} +
          end());
  add("ref_moved",
      reserve() + Body{jump_imm(jmp::jeq, 0, 0, 4), mov_reg(1, 0), alu64_imm(alu::add, 1, 8), mov(2, 0), call(132)} + end());
  add("ref_past_end",
      reserve() + Body{jump_imm(jmp::jeq, 0, 0, 4), store_imm(dw, 0, 16, 1), mov_reg(1, 0), mov(2, 0), call(132)} + end());
  add("ref_size_unknown", random_in(6) + map(1, ring_map) + Body{mov_reg(2, 6), mov(3, 0), call(131)} + end());
  add("ref_untested", reserve() + Body{mov_reg(1, 0), mov(2, 0), call(132)} + end());
}

// Each byte of what socket filters see is asked of the running kernel in verifier-sim/packet_test.
void add_packets(Cases& c) {
  auto add = [&](const char* name, const Body& body) { c.add(name, ProgramType::socket_filter, body); };
  auto packet = [](unsigned mode, unsigned from, int offset) { return insn(cls::ld | mode | w, 0, from, 0, offset); };
  const Body socket = Body{load(dw, 2, 1, 168), jump_imm(jmp::jne, 2, 0, 2)} + end();
  for (int offset : {0, 17, 48, 64, 68, 72, 76, 80, 84, 88, 100, 132, 140, 144, 152, 160, 164, 168, 176, 180, 184}) {
    for (unsigned size : {dw, w, b}) {
      const std::string at = std::to_string(offset) + "_" + std::to_string(size);
      c.add(("packet_read_" + at).c_str(), ProgramType::socket_filter, Body{load(size, 2, 1, offset)} + end());
      c.add(("packet_write_" + at).c_str(), ProgramType::socket_filter, Body{mov(2, 0), store(size, 1, offset, 2)} + end());
    }
  }
  for (int offset : {0, 4, 8, 12, 16, 20, 24, 44, 46, 48, 49, 50, 52, 68, 72, 74, 76, 78, 80}) {
    for (unsigned size : {w, b}) {
      const std::string name = "packet_socket_" + std::to_string(offset) + "_" + std::to_string(size);
      c.add(name.c_str(), ProgramType::socket_filter, socket + Body{load(size, 3, 2, offset)} + end());
    }
  }
  add("packet_write_immediate", Body{store_imm(w, 1, 48, 7)} + end());
  add("packet_socket_untested", Body{load(dw, 2, 1, 168), load(w, 3, 2, 4)} + end());
  add("packet_socket_written", socket + Body{store_imm(w, 2, 4, 0)} + end());
  add("packet_socket_moved", socket + Body{alu64_imm(alu::add, 2, 4)} + end());
  add("packet_load", Body{mov_reg(6, 1), packet(bpf::mode::abs, 0, 12), packet(bpf::mode::ind, 0, 4)} + end());
  add("packet_load_without_r6", Body{packet(bpf::mode::abs, 0, 12)} + end());
  add("packet_load_number_r6", Body{mov(6, 1), packet(bpf::mode::abs, 0, 12)} + end());
  add("packet_load_clobbers", Body{mov_reg(6, 1), mov(3, 1), packet(bpf::mode::abs, 0, 12), mov_reg(0, 3), exit_insn()});
  add("packet_load_beside_function",
      Body{mov_reg(6, 1), packet(bpf::mode::abs, 0, 12), insn(bpf::call_insn, 0, bpf::pseudo::call, 0, 2)} + end() + end());
  add("packet_load_in_function", Body{insn(bpf::call_insn, 0, bpf::pseudo::call, 0, 2)} + end() +
                                     Body{mov_reg(6, 1), packet(bpf::mode::abs, 0, 12), exit_insn()});
  add("packet_load_holding",
      Body{mov_reg(6, 1)} + reserve() +
          Body{jump_imm(jmp::jeq, 0, 0, 5), mov_reg(7, 0), packet(bpf::mode::abs, 0, 0), mov_reg(1, 7), mov(2, 0), call(132)} +
          end());
  auto bytes = [](int n) { return buffer(3, -8) + Body{mov(2, 0), mov(4, n), call(26)}; };
  add("packet_bytes", bytes(8) + end());
  add("packet_bytes_none", bytes(0) + end());
  add("packet_bytes_past_stack", bytes(9) + end());
  for (unsigned helper = 1; helper <= 211; helper++) {
    c.add(("packet_helper_none_" + std::to_string(helper)).c_str(), ProgramType::socket_filter,
          Body{mov(1, 0), mov(2, 0), mov(3, 0), mov(4, 0), mov(5, 0), call(helper)} + end());
  }
}

void add_functions(Cases& c) {
  auto add = [&](const char* name, const Body& body) { c.add(name, ProgramType::kprobe, body); };
  auto call_at = [](int by) { return insn(bpf::call_insn, 0, bpf::pseudo::call, 0, by); };
  add("call_plain", Body{mov(1, 1), call_at(1), exit_insn()} + end());
  add("call_keeps_saved", Body{mov(6, 1), call_at(2), alu64_reg(alu::add, 0, 6), exit_insn()} + end());
  add("call_clobbers", Body{mov(2, 1), call_at(2), alu64_reg(alu::add, 0, 2), exit_insn()} + end());
  add("call_returns_stack", {call_at(1), exit_insn(), mov_reg(0, 10), exit_insn()});
  add("call_recursive", {call_at(1), exit_insn(), call_at(-1), exit_insn()});
  add("call_writes_callers_stack",
      Body{mov_reg(1, 10), alu64_imm(alu::add, 1, -8), call_at(2)} + end() + Body{store_imm(dw, 1, 0, 7)} + end());
  add("call_stack_sum_fits", Body{store_imm(dw, 10, -256, 0), call_at(2)} + end() + Body{store_imm(dw, 10, -256, 0)} + end());
  add("call_stack_sum_too_large",
      Body{store_imm(dw, 10, -264, 0), call_at(2)} + end() + Body{store_imm(dw, 10, -264, 0)} + end());
  auto callback = [](int by) { return Body{insn(bpf::ld_imm64, 2, bpf::pseudo::func, 0, by), insn(0, 0, 0, 0, 0)}; };
  auto loop = [&](const char* name, const Body& body) {
    add(name, Body{store_imm(dw, 10, -8, 0), mov(1, 100)} + callback(7) +
                  Body{mov_reg(3, 10), alu64_imm(alu::add, 3, -8), mov(4, 0), call(181)} + end() + body);
  };
  loop("callback_plain", end());
  loop("callback_counts", Body{load(dw, 1, 2, 0), alu64_imm(alu::add, 1, 1), store(dw, 2, 0, 1)} + end());
  loop("callback_returns_2", {mov(0, 2), exit_insn()});
  loop("callback_returns_unknown", {call(7), exit_insn()});
  loop("callback_reads_past_context", Body{load(dw, 1, 2, 8)} + end());
  loop("callback_index_as_offset", Body{alu64_reg(alu::add, 2, 1), store_imm(b, 2, 0, 1)} + end());
  loop("callback_uses_r3", Body{mov_reg(1, 3)} + end());
  add("callback_each_element", Body{mov(3, 0), mov(4, 0)} + map(1, hash_map) + callback(3) + Body{call(164)} + end() +
                                   Body{load(dw, 1, 3, 40), load(dw, 2, 2, 0)} + end());
  add("callback_each_element_past_value",
      Body{mov(3, 0), mov(4, 0)} + map(1, hash_map) + callback(3) + Body{call(164)} + end() + Body{load(dw, 1, 3, 48)} + end());
  add("callback_each_element_writes_key", Body{mov(3, 0), mov(4, 0)} + map(1, hash_map) + callback(3) + Body{call(164)} + end() +
                                              Body{store_imm(dw, 2, 0, 1)} + end());
}

}  // namespace

std::vector<std::pair<std::string, ProgramInput>> fault_cases() {
  Cases cases;
  add_structure(cases);
  add_registers(cases);
  add_memory(cases);
  add_contexts(cases);
  add_helpers(cases);
  add_functions(cases);
  add_packets(cases);
  return cases.out;
}

}  // namespace shrike::sim::test
