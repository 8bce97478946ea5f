// Prints LIR by the operand columns of machine_insts.def; lir_parse.cpp reads it back.
#include "backend-bpf/lir_text.h"

#include "mir/text.h"
#include "mir/text_interface.h"

namespace shrike::lir {

namespace {

class Printer {
 public:
  Printer(const Module& module, const Function& function, const SourceMap* sources)
      : module_(module), function_(function), sources_(sources) {}

  std::string run() {
    out_ = "fn " + mir::quoted(function_.name) + " " + mir::name_of(function_.kind) + " " + mir::name_of(function_.program);
    if (function_.kind == mir::FunctionKind::subprogram) out_ += " " + std::to_string(function_.params);
    out_ += " {";
    end_line(0, function_.span);
    for (const Slot& slot : function_.slots) {
      out_ +=
          "  slot $" + mir::text_of_name(slot.name) + " " + std::to_string(slot.size) + " align " + std::to_string(slot.align);
      if (slot.is_spill) out_ += " spill";
      if (slot.offset != 0) out_ += "  # r10 " + std::to_string(slot.offset);
      out_ += '\n';
    }
    for (const Block& block : function_.blocks) print_block(block);
    return std::move(out_) + "}\n";
  }

 private:
  static constexpr size_t comment_column = 48;

  void end_line(size_t start, Span span) {
    if (sources_ != nullptr && span.is_known()) {
      Location at = sources_->locate(span.begin);
      size_t width = out_.size() - start;
      if (width < comment_column) out_.append(comment_column - width, ' ');
      out_ += " # " + std::to_string(at.line) + ":" + std::to_string(at.column);
    }
    out_ += '\n';
  }

  void print_block(const Block& block) {
    out_ += "^" + mir::text_of_name(block.name);
    reg_list(block.params);
    out_ += ":\n";
    for (const Inst& inst : block.insts) {
      size_t start = out_.size();
      out_ += "  ";
      print_inst(inst);
      end_line(start, inst.span);
    }
  }

  void print_inst(const Inst& inst) {
    const OpRow& row = row_of(inst.op);
    if (row.dst == Role::def || row.dst == Role::early_def) {
      reg(inst.dst);
      out_ += " = ";
    }
    out_ += row.name;
    const char* separator = " ";
    size_t next_target = 0;
    for (char letter : row.operands) {
      if (letter == ' ' || letter == 'D' || letter == 'E') continue;
      out_ += separator;
      separator = ", ";
      switch (letter) {
        case 'B': reg(inst.dst); break;
        case 'U': reg(inst.a); break;
        case 'V':
        case 'F': reg(inst.b); break;
        case 'X':
          if (inst.b.is_valid()) reg(inst.b);
          else out_ += std::to_string(inst.imm);
          break;
        case 'M': out_ += '[', place(inst), out_ += ']'; break;
        case 'S': place(inst); break;
        case 'I': out_ += std::to_string(inst.imm); break;
        case 'P': map(inst.map); break;
        case 'O': map(inst.map), out_ += " #" + std::to_string(inst.offset); break;
        case 'C':
          out_ += inst.callee.index < module_.functions.size() ? "&" + mir::quoted(module_.functions[inst.callee].name) : "&!";
          break;
        case 'H': out_ += mir::row_of(inst.helper).name; break;
        case 'L': target(inst, next_target++); break;
        default: UNREACHABLE("operand letter");
      }
    }
  }

  void target(const Inst& inst, size_t index) {
    if (index >= inst.targets.size() || inst.targets[index].block.index >= function_.blocks.size()) {
      out_ += "^!";
      return;
    }
    out_ += "^" + mir::text_of_name(function_.blocks[inst.targets[index].block].name);
    reg_list(inst.targets[index].args);
  }

  void place(const Inst& inst) {
    if (inst.slot.is_valid())
      out_ += inst.slot.index < function_.slots.size() ? "$" + mir::text_of_name(function_.slots[inst.slot].name) : "$!";
    else reg(inst.a);
    out_ += " #" + std::to_string(inst.offset);
  }

  void reg_list(const std::vector<Reg>& regs) {
    if (regs.empty()) return;
    const char* separator = "(";
    for (Reg r : regs) out_ += separator, reg(r), separator = ", ";
    out_ += ')';
  }

  void reg(Reg r) {
    if (!r.is_valid()) out_ += "v!";
    else if (r.is_physical()) out_ += "r" + std::to_string(r.index);
    else out_ += "v" + std::to_string(r.number());
  }

  void map(mir::MapId id) { out_ += id.index < module_.interface.maps.size() ? mir::text_of(module_.interface.maps[id]) : "@!"; }

  const Module& module_;
  const Function& function_;
  const SourceMap* sources_;
  std::string out_;
};

}  // namespace

std::string print(const Module& module, mir::FunctionId function, const SourceMap* sources) {
  return Printer(module, module.functions[function], sources).run();
}

std::string print(const Module& module, const SourceMap* sources) {
  std::vector<std::string> names;
  for (const Function& function : module.functions) names.push_back(function.name);
  std::string out = "lir isa " + std::to_string(module.isa_level) + "\n" + mir::print_interface(module.interface, names);
  for (const Function& function : module.functions) out += "\n" + Printer(module, function, sources).run();
  return out;
}

}  // namespace shrike::lir
