// See report.h.
#include "runtime/report.h"

#include <algorithm>
#include <charconv>

#include "runtime/json_text.h"

namespace shrike {

namespace {

// The functions that `from` calls or hands to helpers, and so on, `from` first.
template <class Module>
std::vector<mir::FunctionId> reached_from(const Module& module, mir::FunctionId from) {
  std::vector<mir::FunctionId> out{from};
  for (size_t next = 0; next < out.size(); next++)
    for (const auto& block : module.functions[out[next]].blocks)
      for (const auto& inst : block.insts)
        if (inst.callee.is_valid() && std::find(out.begin(), out.end(), inst.callee) == out.end()) out.push_back(inst.callee);
  return out;
}

// The kernel refuses recursion, so the walk ends. `known` holds results, 0 for none yet.
uint32_t deepest_stack(const lir::Module& module, mir::FunctionId from, std::vector<uint32_t>& known) {
  if (known[from.index] != 0) return known[from.index];
  uint32_t below = 0;
  for (const lir::Block& block : module.functions[from].blocks)
    for (const lir::Inst& inst : block.insts)
      if (inst.callee.is_valid()) below = std::max(below, deepest_stack(module, inst.callee, known));
  return known[from.index] = module.functions[from].frame_bytes + below;
}

// The number behind `word ` in the verifier's words; 0 if it says none.
uint64_t number_behind(std::string_view text, std::string_view word) {
  size_t at = text.rfind(word);
  if (at == std::string_view::npos) return 0;
  text.remove_prefix(std::min(text.size(), at + word.size() + 1));
  uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

template <class Module>
void Report::add_sizes(std::string_view stage, const Module& module) {
  Sizes sizes{stage, {}};
  for (uint32_t f = 0; f < module.functions.size(); f++) {
    const auto& program = module.functions[mir::FunctionId(f)];
    if (program.kind != mir::FunctionKind::program) continue;
    size_t& count = sizes.programs[program.name];
    for (mir::FunctionId id : reached_from(module, mir::FunctionId(f)))
      for (const auto& block : module.functions[id].blocks) count += block.insts.size();
  }
  sizes_.push_back(std::move(sizes));
}
template void Report::add_sizes(std::string_view, const mir::Module&);
template void Report::add_sizes(std::string_view, const lir::Module&);

void Report::add_code(const lir::Module& code) {
  std::vector<uint32_t> stacks(code.functions.size());
  for (uint32_t f = 0; f < code.functions.size(); f++) {
    const lir::Function& function = code.functions[mir::FunctionId(f)];
    Code& out = code_.emplace_back();
    out.reached = reached_from(code, mir::FunctionId(f));
    out.deepest_stack = deepest_stack(code, mir::FunctionId(f), stacks);
    for (const lir::Slot& slot : function.slots) out.spill_slots += slot.is_spill && slot.offset != 0;
    for (const lir::Block& block : function.blocks)
      for (const lir::Inst& inst : block.insts) {
        if (!inst.slot.is_valid() || !function.slots[inst.slot].is_spill) continue;
        (lir::row_of(inst.op).form == lir::Form::st ? out.spill_stores : out.spill_loads)++;
      }
  }
}

void Report::finish(const bpf::Object& object) {
  programs_.resize(object.programs.size());
  for (uint32_t f = 0; f < object.program_of.size(); f++) {
    if (object.program_of[f] >= object.programs.size()) continue;
    const bpf::Program& emitted = object.programs[object.program_of[f]];
    Program& program = programs_[object.program_of[f]];
    program.name = emitted.name;
    program.type = mir::name_of(emitted.type);
    program.function = mir::FunctionId(f);
    program.instructions = emitted.insns.size();
    for (size_t i = 0; i < emitted.subprograms.size(); i++) {
      const bpf::Subprogram& part = emitted.subprograms[i];
      size_t end = i + 1 < emitted.subprograms.size() ? emitted.subprograms[i + 1].insn : emitted.insns.size();
      program.functions.push_back({part.name, static_cast<uint32_t>(end) - part.insn, part.stack_bytes});
    }
  }
  is_finished_ = true;
}

void Report::add_statistics(size_t program, std::string_view log) {
  if (log.find("processed ") == std::string_view::npos) return;
  programs_[program].verifier = {number_behind(log, "processed"), number_behind(log, "total_states"),
                                 number_behind(log, "peak_states"), number_behind(log, "verification time")};
}

void Report::append(std::string& out, const Program& program) const {
  JsonWriter json(out);
  auto sum = [&](auto&& of) {
    size_t all = 0;
    for (mir::FunctionId id : code_[program.function.index].reached) all += of(id);
    return all;
  };
  json.open('{');
  json.text("name", program.name);
  json.text("type", program.type);
  json.number("instructions", program.instructions);
  json.number("stack_bytes", code_[program.function.index].deepest_stack);
  json.open('{', "spills");
  json.number("slots", sum([&](mir::FunctionId id) { return code_[id.index].spill_slots; }));
  json.number("stores", sum([&](mir::FunctionId id) { return code_[id.index].spill_stores; }));
  json.number("loads", sum([&](mir::FunctionId id) { return code_[id.index].spill_loads; }));
  json.close('}');
  json.open('{', "bounds");
  json.number("added", sum([&](mir::FunctionId id) { return bounds_[id].added; }));
  json.number("removed", sum([&](mir::FunctionId id) { return bounds_[id].removed; }));
  json.close('}');
  json.open('[', "functions");
  for (const Function& function : program.functions) {
    json.open('{');
    json.text("name", function.name);
    json.number("instructions", function.instructions);
    json.number("stack_bytes", function.stack_bytes);
    json.close('}');
  }
  json.close(']');
  json.open('[', "sizes");
  for (const Sizes& sizes : sizes_) {
    json.open('{');
    json.text("after", sizes.stage);
    auto size = sizes.programs.find(program.name);
    json.number("instructions", size == sizes.programs.end() ? 0 : size->second);
    json.close('}');
  }
  json.close(']');
  if (program.verifier) {
    json.open('{', "verifier");
    json.number("processed", program.verifier->processed);
    json.number("states", program.verifier->states);
    json.number("peak_states", program.verifier->peak_states);
    json.number("microseconds", program.verifier->microseconds);
    json.close('}');
  }
  json.close('}');
}

std::string Report::json(std::string_view script) const {
  std::string out;
  JsonWriter json(out);
  json.open('{');
  json.text("script", script);
  json.open('[', "times");
  for (const Time& time : times_) {
    json.open('{');
    json.text("stage", time.stage);
    json.microseconds("microseconds", time.nanoseconds);
    json.close('}');
  }
  json.close(']');
  json.open('[', "programs");
  for (size_t i = 0; i < programs_.size(); i++) {
    if (i != 0) out += ",";
    out += "\n  ";
    append(out, programs_[i]);
  }
  json.close(']');
  json.close('}');
  return out + "\n";
}

}  // namespace shrike
