// Prints MIR exactly; the grammar is in README.md. Works from the signature of each op, so that a new row needs no
// change here. The module may be invalid (a failing CHECK prints it): ids out of range print as such.
#include "mir/signature.h"
#include "mir/text.h"
#include "mir/text_interface.h"

namespace shrike::mir {

namespace {

class Printer {
 public:
  Printer(const Module& module, const Function& function, const PrintOptions& options)
      : module_(module), function_(function), options_(options) {}

  std::string run() {
    out_ = "fn " + quoted(function_.name) + " " + name_of(function_.kind) + " " + name_of(function_.program) + " {";
    end_line(0, function_.span);
    for (const Slot& slot : function_.slots)
      out_ +=
          "  slot $" + text_of_name(slot.name) + " " + std::to_string(slot.size) + " align " + std::to_string(slot.align) + "\n";
    for (const Block& block : function_.blocks) print_block(block);
    return std::move(out_) + "}\n";
  }

 private:
  static constexpr size_t comment_column = 56;

  void end_line(size_t start, Span span) {
    if (options_.sources != nullptr && span.is_known()) {
      Location at = options_.sources->locate(span.begin);
      size_t width = out_.size() - start;
      if (width < comment_column) out_.append(comment_column - width, ' ');
      out_ += " # " + std::to_string(at.line) + ":" + std::to_string(at.column);
    }
    out_ += '\n';
  }

  void print_block(const Block& block) {
    out_ += "^" + text_of_name(block.name);
    for (size_t i = 0; i < block.params.size(); i++) {
      out_ += i == 0 ? "(" : ", ";
      definition(block.params[i]);
    }
    out_ += block.params.empty() ? ":\n" : "):\n";
    for (const Inst& inst : block.insts) {
      size_t start = out_.size();
      out_ += "  ";
      print_inst(inst);
      end_line(start, inst.span);
    }
  }

  void print_inst(const Inst& inst) {
    const OpRow& row = row_of(inst.op);
    if (inst.result.is_valid()) {
      definition(inst.result);
      out_ += " = ";
    }
    out_ += row.name;
    if (row.has_width) out_ += std::string(".") + name_of(inst.width);
    if (inst.op == Opcode::call) return print_call(inst);
    size_t operand = 0;
    size_t target = 0;
    const char* separator = " ";
    for (SigItem item : signature_of(inst.op)) {
      if (item == SigItem::operands) {
        for (; operand < inst.operands.size(); operand++) out_ += separator, value(inst.operands[operand]);
        continue;
      }
      out_ += separator;
      separator = ", ";
      switch (item) {
        case SigItem::integer:
        case SigItem::pointer:
        case SigItem::nullable: value(operand < inst.operands.size() ? inst.operands[operand++] : ValueId{}); break;
        case SigItem::imm: out_ += std::to_string(inst.imm); break;
        case SigItem::offset: out_ += "#" + std::to_string(inst.imm); break;
        case SigItem::length: out_ += std::to_string(inst.length); break;
        case SigItem::slot: slot(inst.slot); break;
        case SigItem::map: map(inst.map); break;
        case SigItem::callee: callee(inst.callee); break;
        case SigItem::target: print_target(inst, target++); break;
        case SigItem::operands: break;
      }
    }
  }

  void print_call(const Inst& inst) {
    const HelperRow& row = row_of(inst.helper);
    out_ += " " + std::string(row.name) + "(";
    size_t operand = 0;
    const char* separator = "";
    for (HelperOperand kind : row.operands) {
      out_ += separator;
      separator = ", ";
      if (kind == HelperOperand::map) map(inst.map);
      else if (kind == HelperOperand::fn) callee(inst.callee);
      else value(operand < inst.operands.size() ? inst.operands[operand++] : ValueId{});
    }
    out_ += ")";
  }

  void print_target(const Inst& inst, size_t index) {
    if (index >= inst.targets.size() || inst.targets[index].block.index >= function_.blocks.size()) {
      out_ += "^!";
      return;
    }
    const BlockTarget& target = inst.targets[index];
    out_ += "^" + text_of_name(function_.blocks[target.block].name);
    for (size_t i = 0; i < target.args.size(); i++) {
      out_ += i == 0 ? "(" : ", ";
      value(target.args[i]);
    }
    if (!target.args.empty()) out_ += ")";
  }

  void definition(ValueId id) {
    value(id);
    if (id.index < function_.values.size()) out_ += ": " + text_of(function_.values[id].type);
  }
  void value(ValueId id) { out_ += id.is_valid() ? "%" + std::to_string(id.index) : "%!"; }
  void slot(SlotId id) { out_ += id.index < function_.slots.size() ? "$" + text_of_name(function_.slots[id].name) : "$!"; }
  void map(MapId id) { out_ += id.index < module_.interface.maps.size() ? text_of(module_.interface.maps[id]) : "@!"; }
  void callee(FunctionId id) { out_ += id.index < module_.functions.size() ? "&" + quoted(module_.functions[id].name) : "&!"; }

  const Module& module_;
  const Function& function_;
  const PrintOptions& options_;
  std::string out_;
};

}  // namespace

std::string print(const Module& module, FunctionId function, PrintOptions options) {
  return Printer(module, module.functions[function], options).run();
}

std::string print(const Module& module, PrintOptions options) {
  std::vector<std::string> names;
  for (const Function& function : module.functions) names.push_back(function.name);
  std::string out = print_interface(module.interface, names);
  for (const Function& function : module.functions) out += "\n" + Printer(module, function, options).run();
  return out;
}

}  // namespace shrike::mir
