// Reads the text form of MIR back; the grammar is in README.md. Takes any bytes and reports what is wrong with them.
// Establishes: every id exists, every value is defined once, operands, results and block arguments fit their rows.
// Control flow and dominance are the validator's. Values may also have names (`%n`): they get the ids after the
// highest number used in the function.
#include <unordered_map>

#include "mir/signature.h"
#include "mir/text.h"
#include "mir/text_interface.h"
#include "mir/type_rules.h"

namespace shrike::mir {

namespace {

constexpr uint32_t max_values = 1u << 20;

// The number in the name of a numbered value; nothing for other names.
std::optional<uint64_t> number_of(std::string_view name) {
  uint64_t number = 0;
  for (char c : name) {
    if (c < '0' || c > '9') return std::nullopt;
    number = std::min<uint64_t>(number * 10 + static_cast<uint64_t>(c - '0'), UINT32_MAX);
  }
  return name.empty() ? std::nullopt : std::optional(number);
}

struct Use {
  std::string name;
  Span span;
};
struct TargetUse {
  uint32_t block, inst, target;
  Use use;
};
struct CalleeUse {
  FunctionId function;
  uint32_t block, inst;
  Use use;
};

class FunctionReader {
 public:
  FunctionReader(TextReader& reader, Module& module, std::vector<CalleeUse>& callees)
      : reader_(reader), module_(module), callees_(callees), id_(module.functions.next_id()) {}

  void run() {
    Span first = reader_.span();
    function_.name = reader_.string("a function name in quotes");
    function_.kind = named<FunctionKind>(find_function_kind, "function kind");
    function_.program = named<ProgramType>(find_program_type, "program type");
    function_.span = reader_.span_since(first);
    for (const Function& other : module_.functions)
      if (other.name == function_.name) report(Diag::text_duplicate_name, first, {"function", function_.name});
    reader_.expect("{");
    find_first_named();
    while (reader_.accept("slot")) read_slot();
    while (reader_.is_sigil('^')) read_block();
    reader_.expect("}");
    if (reader_.failed()) return;
    resolve();
    module_.functions.add(std::move(function_));
  }

 private:
  template <class Enum, class Find>
  Enum named(Find find, const char* what) {
    Span where = reader_.span();
    std::string name = reader_.word(what);
    std::optional<Enum> found = find(name);
    if (!found && !reader_.failed()) report(Diag::text_unknown_name, where, {what, name});
    return found.value_or(Enum{});
  }

  void report(Diag id, Span at, std::initializer_list<std::string> args) {
    has_errors_ = true;
    reader_.report(id, at, args);
  }

  // Looks ahead over the function for the highest numbered value.
  void find_first_named() {
    Diagnostics ignored;
    TextReader ahead = reader_.look_ahead(ignored);
    while (!ahead.at_end() && !ahead.is("}")) {
      if (ahead.is_sigil('%')) {
        std::optional<uint64_t> number = number_of(ahead.peek().name);
        if (number && *number < max_values) next_named_ = std::max(next_named_, static_cast<uint32_t>(*number) + 1);
      }
      ahead.skip();
    }
  }

  ValueId value() {
    Span where = reader_.span();
    std::string name = reader_.sigil('%', "a value");
    if (reader_.failed()) return {};
    uint32_t index = 0;
    if (std::optional<uint64_t> number = number_of(name)) {
      if (*number >= max_values) {
        report(Diag::text_out_of_range, where, {"value `%" + name + "`"});
        return {};
      }
      index = static_cast<uint32_t>(*number);
    } else {
      auto [entry, is_new] = named_.try_emplace(name, next_named_);
      if (is_new) next_named_++;
      index = entry->second;
    }
    while (function_.values.size() <= index) function_.values.add(Value{});
    is_defined_.resize(function_.values.size());
    used_.resize(function_.values.size());
    if (!used_[index].span.is_known()) used_[index] = {"%" + name, where};
    return ValueId(index);
  }

  ValueId definition() {
    Span where = reader_.span();
    ValueId id = value();
    if (id.is_valid() && is_defined_[id.index]) report(Diag::text_duplicate_name, where, {"value", used_[id.index].name});
    if (id.is_valid()) is_defined_[id.index] = true;
    reader_.expect(":");
    Span at = reader_.span();
    std::string text = reader_.word("a type");
    std::optional<ValueType> type = find_value_type(text);
    if (!type && !reader_.failed()) report(Diag::text_unknown_name, at, {"value type", text});
    if (type && id.is_valid()) function_.values[id].type = *type;
    return id;
  }

  void read_slot() {
    Slot slot;
    Span where = reader_.span();
    slot.name = reader_.sigil('$', "a slot name");
    slot.size = reader_.number32("a size");
    reader_.expect("align");
    slot.align = reader_.number32("an alignment");
    if (reader_.failed()) return;
    if (find_slot(slot.name).is_valid()) report(Diag::text_duplicate_name, where, {"slot", slot.name});
    function_.slots.add(std::move(slot));
  }

  SlotId find_slot(std::string_view name) const {
    for (uint32_t i = 0; i < function_.slots.size(); i++)
      if (function_.slots[SlotId(i)].name == name) return SlotId(i);
    return {};
  }

  void read_block() {
    Block block;
    Span where = reader_.span();
    block.name = reader_.sigil('^', "a block");
    if (!block_ids_.try_emplace(block.name, function_.blocks.size()).second)
      report(Diag::text_duplicate_name, where, {"block", block.name});
    if (reader_.accept("(")) {
      while (!reader_.failed() && !reader_.accept(")")) {
        if (!block.params.empty()) reader_.expect(",");
        block.params.push_back(definition());
      }
    }
    reader_.expect(":");
    BlockId id = function_.blocks.add(std::move(block));
    while (!reader_.failed() && !reader_.is_sigil('^') && !reader_.is("}")) {
      Inst inst = read_inst(id);
      if (!reader_.failed()) function_.blocks[id].insts.push_back(std::move(inst));
    }
  }

  Inst read_inst(BlockId block) {
    Inst inst;
    Span first = reader_.span();
    if (reader_.is_sigil('%')) {
      inst.result = definition();
      reader_.expect("=");
    }
    read_op(inst);
    if (inst.op == Opcode::call) {
      read_call(inst, block);
    } else {
      bool is_first = true;
      for (SigItem item : signature_of(inst.op)) {
        if (item == SigItem::operands) {
          while (reader_.accept(",")) inst.operands.push_back(value());
          break;
        }
        if (!is_first) reader_.expect(",");
        is_first = false;
        read_item(item, inst, block);
      }
    }
    inst.span = reader_.span_since(first);
    return inst;
  }

  void read_op(Inst& inst) {
    Span where = reader_.span();
    std::string written = reader_.word("an operation");
    if (reader_.failed()) return;
    size_t dot = written.find('.');
    std::string name = written.substr(0, dot);
    std::optional<Opcode> op = find_op(name);
    if (!op) return reader_.fail_at(Diag::text_unknown_name, where, {"operation", name});
    inst.op = *op;
    if (row_of(*op).has_width != (dot != std::string::npos))
      return report(Diag::text_mismatch, where,
                    {"`" + name + (dot == std::string::npos ? "` needs a width" : "` takes no width")});
    if (dot == std::string::npos) return;
    std::optional<MemWidth> width = find_width(std::string_view(written).substr(dot + 1));
    if (!width) return report(Diag::text_unknown_name, where, {"width", written.substr(dot + 1)});
    inst.width = *width;
  }

  void read_item(SigItem item, Inst& inst, BlockId block) {
    switch (item) {
      case SigItem::integer:
      case SigItem::pointer:
      case SigItem::nullable: inst.operands.push_back(value()); return;
      case SigItem::imm: inst.imm = reader_.number("an integer"); return;
      case SigItem::offset: inst.imm = reader_.offset("an offset like `#8`"); return;
      case SigItem::length: inst.length = reader_.number32("a length"); return;
      case SigItem::map: inst.map = reader_.map(module_.interface); return;
      case SigItem::callee: return read_callee("a sub-program", block);
      case SigItem::target: read_target(inst, block); return;
      case SigItem::operands: return;
      case SigItem::slot: {
        Span where = reader_.span();
        std::string name = reader_.sigil('$', "a slot");
        inst.slot = find_slot(name);
        if (!inst.slot.is_valid() && !reader_.failed()) report(Diag::text_unknown_name, where, {"slot", "$" + name});
        return;
      }
    }
  }

  void read_call(Inst& inst, BlockId block) {
    Span where = reader_.span();
    std::string name = reader_.word("a helper");
    std::optional<HelperId> helper = find_helper(name);
    if (!helper && !reader_.failed()) return reader_.fail_at(Diag::text_unknown_name, where, {"helper", name});
    inst.helper = helper.value_or(HelperId::map_lookup_elem);
    reader_.expect("(");
    bool is_first = true;
    for (HelperOperand operand : row_of(inst.helper).operands) {
      if (!is_first) reader_.expect(",");
      is_first = false;
      if (operand == HelperOperand::map) {
        inst.map = reader_.map(module_.interface);
      } else if (operand == HelperOperand::fn) {
        read_callee("a callback", block);
      } else {
        inst.operands.push_back(value());
      }
    }
    reader_.expect(")");
  }

  void read_callee(const char* what, BlockId block) {
    Span at = reader_.span();
    std::string callee = reader_.sigil('&', what);
    callees_.push_back({id_, block.index, static_cast<uint32_t>(function_.blocks[block].insts.size()), {callee, at}});
  }

  void read_target(Inst& inst, BlockId block) {
    Span where = reader_.span();
    std::string name = reader_.sigil('^', "a block");
    auto index = static_cast<uint32_t>(function_.blocks[block].insts.size());
    targets_.push_back({block.index, index, static_cast<uint32_t>(inst.targets.size()), {name, where}});
    inst.targets.push_back({});
    if (!reader_.accept("(")) return;
    std::vector<ValueId>& args = inst.targets.back().args;
    while (!reader_.failed() && !reader_.accept(")")) {
      if (!args.empty()) reader_.expect(",");
      args.push_back(value());
    }
  }

  void resolve() {
    for (uint32_t i = 0; i < used_.size(); i++)
      if (used_[i].span.is_known() && !is_defined_[i]) report(Diag::text_unknown_name, used_[i].span, {"value", used_[i].name});
    for (const TargetUse& target : targets_) {
      auto found = block_ids_.find(target.use.name);
      if (found == block_ids_.end()) {
        report(Diag::text_unknown_name, target.use.span, {"block", "^" + target.use.name});
        continue;
      }
      function_.blocks[BlockId(target.block)].insts[target.inst].targets[target.target].block = BlockId(found->second);
    }
    if (has_errors_ || reader_.has_errors()) return;
    for (const Block& block : function_.blocks)
      for (const Inst& inst : block.insts) check_types(inst);
  }

  void check_types(const Inst& checked) {
    Inst inst = checked;
    if (inst.op == Opcode::call) {
      for (HelperOperand operand : row_of(inst.helper).operands)
        if (operand == HelperOperand::fn) inst.callee = id_;  // the real one may not be read yet
    }
    // The operands of call_fn are looked at when every function is read.
    std::string error = inst.op == Opcode::call_fn ? "" : operand_error(module_, function_, inst);
    if (error.empty()) error = result_error(function_, inst);
    for (size_t i = 0; error.empty() && i < inst.targets.size(); i++) error = target_error(function_, inst, i);
    if (!error.empty()) report(Diag::text_mismatch, inst.span, {error});
  }

  TextReader& reader_;
  Module& module_;
  std::vector<CalleeUse>& callees_;
  FunctionId id_;
  Function function_;
  std::unordered_map<std::string, uint32_t> named_;
  std::unordered_map<std::string, size_t> block_ids_;
  std::vector<bool> is_defined_;  // by ValueId
  std::vector<Use> used_;         // first mention, by ValueId
  std::vector<TargetUse> targets_;
  uint32_t next_named_ = 0;
  bool has_errors_ = false;
};

FunctionId find_function(const Module& module, std::string_view name) {
  for (uint32_t i = 0; i < module.functions.size(); i++)
    if (module.functions[FunctionId(i)].name == name) return FunctionId(i);
  return {};
}

}  // namespace

Module parse(std::string_view text, uint32_t begin, Diagnostics& diagnostics) {
  Module module;
  TextReader reader(text, begin, diagnostics);
  std::vector<ProbeProgram> programs;
  std::vector<CalleeUse> callees;
  if (reader.is("interface")) read_interface(reader, module.interface, programs);
  while (!reader.at_end() && reader.expect("fn")) FunctionReader(reader, module, callees).run();
  if (reader.failed()) return module;
  for (const ProbeProgram& program : programs) {
    FunctionId function = find_function(module, program.function);
    if (!function.is_valid()) reader.report(Diag::text_unknown_name, program.span, {"function", program.function});
    module.interface.probes[program.probe].program = function;
  }
  for (const CalleeUse& callee : callees) {
    FunctionId function = find_function(module, callee.use.name);
    if (!function.is_valid()) reader.report(Diag::text_unknown_name, callee.use.span, {"function", callee.use.name});
    const Function& caller = module.functions[callee.function];
    Inst& inst = module.functions[callee.function].blocks[BlockId(callee.block)].insts[callee.inst];
    inst.callee = function;
    if (!function.is_valid() || inst.op != Opcode::call_fn) continue;
    if (std::string error = operand_error(module, caller, inst); !error.empty())
      reader.report(Diag::text_mismatch, callee.use.span, {error});
  }
  return module;
}

}  // namespace shrike::mir
