// An iterator is eight bytes of the stack that the program must not touch. Each step is walked both ways: at its end first, and
// then with one number more; the walk comes back to the step until a round brings nothing new.
#include "verifier-sim/kernel_function.h"

#include <algorithm>

#include "verifier-sim/object_access.h"
#include "verifier-sim/stack_access.h"

namespace shrike::sim {
namespace {

// The iterator that r1 points to; null: none there.
Slot* iterator_at(State& state, const Register& r) {
  if (r.kind != Kind::stack || !r.var.is_constant()) return nullptr;
  Frame& frame = state.frames[r.frame];
  const int64_t offset = r.offset + static_cast<int64_t>(r.var.bits.value);
  if (offset >= 0 || offset % 8 != 0 || -offset > static_cast<int64_t>(frame.stack.size() * 8)) return nullptr;
  Slot& slot = frame.slot_at(static_cast<int>(offset));
  return slot.is_iterator() ? &slot : nullptr;
}

bool check_on_stack(Walk& w) {
  if (w.reg(1).kind == Kind::stack) return true;
  return w.reject(RejectClass::arg_type, "arg#0 expected pointer to an iterator on stack");
}

void forget_arguments(Walk& w) {
  for (unsigned n = 0; n <= 5; n++) w.reg(n) = Register();
}

bool begin(Walk& w) {
  if (!check_on_stack(w)) return false;
  const Register pointer = w.reg(1);
  const bool is_fixed = pointer.var.is_constant() && (pointer.offset + static_cast<int64_t>(pointer.var.bits.value)) % 8 == 0;
  if (!is_fixed || iterator_at(w.state, pointer) != nullptr)
    return w.reject(RejectClass::arg_type, "expected uninitialized iter_num as arg #0");
  if (!write_stack(w, pointer, 1, pointer.offset, 8, Stored{})) return false;
  for (unsigned n = 2; n <= 3; n++) {
    if (!w.reg(n).is_scalar()) return w.reject(RejectClass::arg_type, "R%u is not a scalar", n);
  }
  const int64_t offset = pointer.offset + static_cast<int64_t>(pointer.var.bits.value);
  Slot& slot = w.state.frames[pointer.frame].slot_at(static_cast<int>(offset));
  slot = Slot();
  slot.bytes.fill(Byte::iterator);
  slot.iterator = w.fresh_id();
  w.state.references.push_back({slot.iterator, w.insn});
  forget_arguments(w);
  w.reg(0) = Register::unknown_scalar();
  return true;
}

// The slot that r1 must point to; null: refused.
Slot* begun_iterator(Walk& w) {
  if (!check_on_stack(w)) return nullptr;
  Slot* slot = iterator_at(w.state, w.reg(1));
  if (slot == nullptr) w.reject(RejectClass::arg_type, "expected an initialized iter_num as arg #0");
  return slot;
}

bool step(Walk& w) {
  Slot* slot = begun_iterator(w);
  if (slot == nullptr) return false;
  const bool is_over = slot->is_drained;
  const Register pointer = w.reg(1);
  forget_arguments(w);
  const uint32_t id = w.fresh_id();
  if (!is_over) {
    State more = w.state;
    Register number = Register::pointer(Kind::mem);
    number.mem_size = 4;
    number.is_read_only = true;
    number.id = id;
    more.current().regs[0] = number;
    iterator_at(more, pointer)->rounds++;
    if (!w.push(std::move(more), w.insn + 1)) return false;
    slot->is_drained = true;
  }
  w.reg(0) = Register::constant(0);
  return true;
}

bool end(Walk& w) {
  Slot* slot = begun_iterator(w);
  if (slot == nullptr) return false;
  std::erase_if(w.state.references, [&](const Reference& r) { return r.id == slot->iterator; });
  *slot = Slot();
  forget_arguments(w);
  return true;
}

// A task that the program holds until it gives it back; null when there is none.
bool give_task(Walk& w) {
  const uint32_t task = w.program.types == nullptr ? 0 : w.program.types->find_struct("task_struct");
  if (task == 0) return w.abstain("the kernel's types are not at hand");
  forget_arguments(w);
  w.fresh_id();  // the kernel numbers the pointer before it numbers the reference
  Register held = trusted_object(w, task);
  held.trust = Trust::plain;
  held.nullable = true;
  held.id = held.reference = w.fresh_id();
  w.state.references.push_back({held.id, w.insn});
  w.reg(0) = held;
  return true;
}

bool find_task(Walk& w) {
  if (!w.reg(1).is_scalar()) return w.reject(RejectClass::arg_type, "R1 is not a scalar");
  return give_task(w);
}

// The task that r1 is to point to, which the kernel must vouch for.
bool check_task(Walk& w, const char* untrusted) {
  const Register& r = w.reg(1);
  if (r.nullable || r.is_zero()) return w.reject(RejectClass::arg_type, "Possibly NULL pointer passed to trusted arg0");
  if (r.kind != Kind::object || r.is_opaque() || w.program.types == nullptr || !r.is_unmoved())
    return w.abstain("an argument that is to be a task");
  if (r.trust == Trust::rcu) return w.abstain("a pointer that is good until the end of a grace period");
  if (r.trust != Trust::trusted && r.reference == 0) return w.reject(RejectClass::arg_type, "%s", untrusted);
  const std::string name = w.program.types->name_of(r.object);
  if (name == "task_struct") return true;
  return w.reject(RejectClass::arg_type,
                  "kernel function %s args#0 expected pointer to STRUCT task_struct but R1 has a pointer to STRUCT %s",
                  std::string(kernel_function_at(w.program, w.insn)).c_str(), name.c_str());
}

bool hold_task(Walk& w) {
  return check_task(w, "R1 must be a rcu pointer") && give_task(w);
}

bool give_back_task(Walk& w) {
  if (!check_task(w, "R1 must be referenced or trusted")) return false;
  const uint32_t reference = w.reg(1).reference;
  if (reference == 0)
    return w.reject(RejectClass::arg_type, "release kernel function bpf_task_release expects refcounted PTR_TO_BTF_ID");
  release_reference(w.state, reference);
  forget_arguments(w);
  return true;
}

struct FunctionRow {
  std::string_view name;
  Version since;
  bool (*call)(Walk&);
  bool is_for_all = true;  // types of programs; else tracing programs, and the model knows no more
};
constexpr FunctionRow functions[] = {
    {"bpf_iter_num_new", {6, 4}, begin},
    {"bpf_iter_num_next", {6, 4}, step},
    {"bpf_iter_num_destroy", {6, 4}, end},
    {"bpf_task_from_pid", {6, 2}, find_task, false},
    {"bpf_task_acquire", {6, 2}, hold_task, false},
    {"bpf_task_release", {6, 2}, give_back_task, false},
};

const FunctionRow* row_of(std::string_view name) {
  for (const FunctionRow& row : functions) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

}  // namespace

std::string_view kernel_function_at(const ProgramInput& program, uint32_t insn) {
  for (const KernelFunction& function : program.kernel_functions) {
    if (function.insn == insn) return function.name;
  }
  return {};
}

bool steps_iterator(const ProgramInput& program, uint32_t insn) {
  if (program.insns[insn].opcode != bpf::call_insn || program.insns[insn].src() != bpf::pseudo::kfunc_call) return false;
  const FunctionRow* row = row_of(kernel_function_at(program, insn));
  return row != nullptr && row->call == step;
}

bool has_more(const Walk& w) {
  State state = w.state;
  const Slot* slot = iterator_at(state, w.state.current().regs[1]);
  return slot != nullptr && !slot->is_drained;
}

std::optional<Version> kernel_function_since(std::string_view name) {
  const FunctionRow* row = row_of(name);
  if (row == nullptr) return std::nullopt;
  return row->since;
}

namespace {

bool check_available(Walk& w, const FunctionRow* row, const std::string& name) {
  if (row == nullptr) return w.abstain(name.empty() ? "kfuncs are not modelled" : "kernel function " + name + " is not modelled");
  if (w.profile.version < row->since) {
    return w.reject(RejectClass::helper, "kernel function %s exists from Linux %u.%u on", name.c_str(), row->since.major,
                    row->since.minor);
  }
  if (!w.program.gpl) return w.reject(RejectClass::helper, "cannot call kernel function from non-GPL compatible program");
  return true;
}

}  // namespace

bool check_kernel_functions(Walk& w) {
  for (w.insn = 0; w.insn < w.program.insns.size(); w.insn++) {
    const bpf::Insn& insn = w.at();
    if (insn.opcode == bpf::ld_imm64) w.insn++;
    if (insn.opcode != bpf::call_insn || insn.src() != bpf::pseudo::kfunc_call) continue;
    const std::string name(kernel_function_at(w.program, w.insn));
    if (!check_available(w, row_of(name), name)) return false;
  }
  w.insn = 0;
  return true;
}

bool call_kernel_function(Walk& w) {
  const std::string name(kernel_function_at(w.program, w.insn));
  const FunctionRow* row = row_of(name);
  if (!check_available(w, row, name)) return false;
  if (!row->is_for_all && (w.program.type != ProgramType::tracing || w.profile.version < Version{6, 6}))
    return w.abstain("whether this program may call kernel function " + name + " is not modelled");
  return row->call(w);
}

}  // namespace shrike::sim
