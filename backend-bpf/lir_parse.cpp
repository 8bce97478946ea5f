// Reads the text form of LIR. Takes any bytes and reports what is wrong with them. Establishes: every name refers to
// something, every operand is of the kind its row asks for. What else must hold is the validator's.
#include "backend-bpf/lir_text.h"
#include "mir/text_interface.h"
#include "mir/type_rules.h"

namespace shrike::lir {

namespace {

constexpr uint32_t max_virtual = 1u << 20;

struct NameUse {
  std::string name;
  Span span;
};
struct TargetUse {
  BlockId block;
  size_t inst, target;
  NameUse use;
};
struct CalleeUse {
  mir::FunctionId function;
  BlockId block;
  size_t inst;
  NameUse use;
};

class FunctionReader {
 public:
  FunctionReader(mir::TextReader& reader, Module& module, std::vector<CalleeUse>& callees)
      : reader_(reader), module_(module), callees_(callees), id_(module.functions.next_id()) {}

  void run() {
    Span first = reader_.span();
    function_.name = reader_.string("a function name in quotes");
    function_.kind = named<mir::FunctionKind>(mir::find_function_kind, "function kind");
    function_.program = named<mir::ProgramType>(mir::find_program_type, "program type");
    function_.params = function_.kind == mir::FunctionKind::subprogram ? read_param_count() : param_count(function_.kind);
    function_.span = reader_.span_since(first);
    for (const Function& other : module_.functions)
      if (other.name == function_.name) reader_.report(Diag::text_duplicate_name, first, {"function", function_.name});
    reader_.expect("{");
    while (reader_.accept("slot")) read_slot();
    while (reader_.is_sigil('^')) read_block();
    reader_.expect("}");
    if (reader_.failed()) return;
    for (const TargetUse& target : targets_) resolve(target);
    module_.functions.add(std::move(function_));
  }

 private:
  template <class Enum, class Find>
  Enum named(Find find, const char* what) {
    Span where = reader_.span();
    std::string name = reader_.word(what);
    std::optional<Enum> found = find(name);
    if (!found && !reader_.failed()) reader_.report(Diag::text_unknown_name, where, {what, name});
    return found.value_or(Enum{});
  }

  uint32_t read_param_count() {
    Span where = reader_.span();
    uint32_t count = reader_.number32("the number of parameters");
    if (count > mir::most_parameters) reader_.fail_at(Diag::text_out_of_range, where, {"the number of parameters"});
    return std::min<uint32_t>(count, mir::most_parameters);
  }

  void read_slot() {
    Span where = reader_.span();
    Slot slot;
    slot.name = reader_.sigil('$', "a slot name");
    slot.size = reader_.number32("the slot's size");
    reader_.expect("align");
    slot.align = reader_.number32("the slot's alignment");
    slot.is_spill = reader_.accept("spill");
    for (const Slot& other : function_.slots)
      if (other.name == slot.name) reader_.report(Diag::text_duplicate_name, where, {"slot", "$" + slot.name});
    function_.slots.add(std::move(slot));
  }

  void read_block() {
    Span where = reader_.span();
    Block block;
    block.name = reader_.sigil('^', "a block name");
    for (const Block& other : function_.blocks)
      if (other.name == block.name) reader_.report(Diag::text_duplicate_name, where, {"block", "^" + block.name});
    block.params = read_reg_list();
    reader_.expect(":");
    while (!reader_.failed() && !reader_.at_end() && !reader_.is_sigil('^') && !reader_.is("}")) read_inst(block);
    function_.blocks.add(std::move(block));
  }

  std::vector<Reg> read_reg_list() {
    std::vector<Reg> regs;
    if (!reader_.accept("(")) return regs;
    do regs.push_back(read_reg());
    while (reader_.accept(","));
    reader_.expect(")");
    return regs;
  }

  static bool is_reg(std::string_view word) {
    if (word.size() < 2 || word.size() > 8 || (word[0] != 'v' && word[0] != 'r')) return false;
    return word.find_first_not_of("0123456789", 1) == std::string_view::npos;
  }

  Reg read_reg() {
    Span where = reader_.span();
    std::string word = reader_.word("a register");
    if (reader_.failed()) return {};
    uint32_t number = 0;
    for (char c : std::string_view(word).substr(is_reg(word) ? 1 : word.size()))
      number = number * 10 + static_cast<uint32_t>(c - '0');
    if (!is_reg(word) || (word[0] == 'r' ? number > 10 : number >= max_virtual)) {
      reader_.fail_at(Diag::text_unknown_name, where, {"register", word});
      return {};
    }
    if (word[0] == 'r') return physical(number);
    function_.virtual_count = std::max(function_.virtual_count, number + 1);
    return virtual_reg(number);
  }

  void read_inst(Block& block) {
    Span first = reader_.span();
    Inst inst;
    bool has_result = is_reg(reader_.peek().text);
    if (has_result) {
      inst.dst = read_reg();
      reader_.expect("=");
    }
    Span where = reader_.span();
    std::string name = reader_.word("an instruction");
    if (reader_.failed()) return;
    bool found;
    inst.op = op_named(name, found);
    if (!found) return reader_.fail_at(Diag::text_unknown_name, where, {"instruction", name});
    const OpRow& row = row_of(inst.op);
    if (has_result != (row.dst == Role::def || row.dst == Role::early_def))
      return reader_.fail_at(Diag::text_mismatch, first, {"`" + name + (has_result ? "` has no result" : "` has a result")});
    bool is_first = true;
    for (char letter : row.operands) {
      if (letter == ' ' || letter == 'D' || letter == 'E') continue;
      if (!is_first) reader_.expect(",");
      is_first = false;
      read_operand(letter, inst, block);
    }
    inst.span = reader_.span_since(first);
    block.insts.push_back(std::move(inst));
  }

  void read_operand(char letter, Inst& inst, const Block& block) {
    switch (letter) {
      case 'B': inst.dst = read_reg(); return;
      case 'U': inst.a = read_reg(); return;
      case 'V':
      case 'F': inst.b = read_reg(); return;
      case 'X':
        if (is_reg(reader_.peek().text)) inst.b = read_reg();
        else inst.imm = reader_.number("a register or a number");
        return;
      case 'M':
        reader_.expect("[");
        read_place(inst);
        reader_.expect("]");
        return;
      case 'S': read_place(inst); return;
      case 'I': inst.imm = reader_.number("a number"); return;
      case 'P': inst.map = reader_.map(module_.interface); return;
      case 'O':
        inst.map = reader_.map(module_.interface);
        inst.offset = reader_.offset("an offset like `#8`");
        return;
      case 'C': {
        Span where = reader_.span();
        callees_.push_back(
            {id_, function_.blocks.next_id(), block.insts.size(), {reader_.sigil('&', "a function like `&\"f\"`"), where}});
        return;
      }
      case 'H': read_helper(inst); return;
      case 'L': {
        Span where = reader_.span();
        targets_.push_back({function_.blocks.next_id(),
                            block.insts.size(),
                            inst.targets.size(),
                            {reader_.sigil('^', "a block like `^done`"), where}});
        inst.targets.push_back({{}, read_reg_list()});
        return;
      }
      default: UNREACHABLE("operand letter");
    }
  }

  void read_place(Inst& inst) {
    if (reader_.is_sigil('$')) {
      Span where = reader_.span();
      std::string name = reader_.sigil('$', "a slot");
      for (uint32_t i = 0; i < function_.slots.size(); i++)
        if (function_.slots[SlotId(i)].name == name) inst.slot = SlotId(i);
      if (!inst.slot.is_valid()) return reader_.fail_at(Diag::text_unknown_name, where, {"slot", "$" + name});
    } else {
      inst.a = read_reg();
    }
    inst.offset = reader_.offset("an offset like `#8`");
  }

  void read_helper(Inst& inst) {
    Span where = reader_.span();
    std::string name = reader_.word("a helper");
    if (reader_.failed()) return;
    std::optional<mir::HelperId> helper = mir::find_helper(name);
    if (!helper) return reader_.fail_at(Diag::text_unknown_name, where, {"helper", name});
    inst.helper = *helper;
  }

  void resolve(const TargetUse& target) {
    BlockId& to = function_.blocks[target.block].insts[target.inst].targets[target.target].block;
    for (uint32_t i = 0; i < function_.blocks.size(); i++)
      if (function_.blocks[BlockId(i)].name == target.use.name) to = BlockId(i);
    if (!to.is_valid()) reader_.report(Diag::text_unknown_name, target.use.span, {"block", "^" + target.use.name});
  }

  mir::TextReader& reader_;
  Module& module_;
  std::vector<CalleeUse>& callees_;
  mir::FunctionId id_;
  Function function_;
  std::vector<TargetUse> targets_;
};

mir::FunctionId find_function(const Module& module, const std::string& name) {
  for (uint32_t i = 0; i < module.functions.size(); i++)
    if (module.functions[mir::FunctionId(i)].name == name) return mir::FunctionId(i);
  return {};
}

}  // namespace

Module parse(std::string_view text, uint32_t begin, Diagnostics& diagnostics) {
  Module module;
  mir::TextReader reader(text, begin, diagnostics);
  std::vector<mir::ProbeProgram> programs;
  std::vector<CalleeUse> callees;
  reader.expect("lir");
  reader.expect("isa");
  Span where = reader.span();
  module.isa_level = static_cast<int>(reader.number32("the ISA level"));
  if (!reader.failed() && (module.isa_level < 1 || module.isa_level > 4))
    reader.fail_at(Diag::text_out_of_range, where, {"ISA level " + std::to_string(module.isa_level)});
  if (!reader.failed()) mir::read_interface(reader, module.interface, programs);
  while (!reader.failed() && reader.accept("fn")) FunctionReader(reader, module, callees).run();
  if (!reader.failed() && !reader.at_end()) reader.fail_expecting("`fn`");
  if (reader.failed()) return module;
  for (const mir::ProbeProgram& program : programs) {
    mir::FunctionId function = find_function(module, program.function);
    module.interface.probes[program.probe].program = function;
    if (!function.is_valid()) reader.report(Diag::text_unknown_name, program.span, {"function", program.function});
  }
  for (const CalleeUse& callee : callees) {
    mir::FunctionId function = find_function(module, callee.use.name);
    module.functions[callee.function].blocks[callee.block].insts[callee.inst].callee = function;
    if (!function.is_valid()) reader.report(Diag::text_unknown_name, callee.use.span, {"function", callee.use.name});
  }
  return module;
}

}  // namespace shrike::lir
