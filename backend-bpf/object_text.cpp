// The listing of an object, --emit=asm: bytes, disassembly, and beside it what the bytes alone do not tell: helper
// names, maps, functions, the targets of jumps and the place in the script.
#include <algorithm>

#include "backend-bpf/object.h"
#include "mir/helpers.h"

namespace shrike::bpf {

namespace {

constexpr size_t assembly_column = 34, comment_column = 74;

void pad_to(std::string& line, size_t column) {
  line.append(line.size() < column ? column - line.size() : 1, ' ');
}

class Listing {
 public:
  Listing(const Object& object, const SourceMap* sources) : object_(object), sources_(sources) {}

  std::string run() {
    for (const Program& program : object_.programs) print_program(program);
    return std::move(out_);
  }

 private:
  void print_program(const Program& program) {
    if (!out_.empty()) out_ += '\n';
    out_ += "program \"" + program.name + "\" " + mir::name_of(program.type) + ", " + std::to_string(program.insns.size()) +
            " instructions\n";
    size_t next_line = 0, next_subprogram = 0;
    for (uint32_t i = 0; i < program.insns.size(); i++) {
      if (next_subprogram < program.subprograms.size() && program.subprograms[next_subprogram].insn == i) {
        const Subprogram& subprogram = program.subprograms[next_subprogram];
        out_ += (next_subprogram == 0 ? "main" : "function \"" + subprogram.name + "\"") + ": " +
                std::to_string(subprogram.stack_bytes) + " bytes of stack\n";
        next_subprogram++;
      }
      bool is_line = next_line < program.lines.size() && program.lines[next_line].insn == i;
      bool is_wide = program.insns[i].opcode == ld_imm64;
      std::string line = encoding(program, i);
      line += is_wide ? wide_text(program, i) : disassemble(program.insns[i], nullptr);
      std::string comment = note(program, i);
      if (is_line) comment += place(program.lines[next_line++].span);
      if (!comment.empty()) {
        pad_to(line, comment_column);
        line += "#" + comment;
      }
      out_ += line + "\n";
      if (is_wide) out_ += encoding(program, ++i).substr(0, assembly_column - 4) + "\n";
    }
  }

  static std::string encoding(const Program& program, uint32_t i) {
    const Insn& insn = program.insns[i];
    const uint32_t offset = static_cast<uint16_t>(insn.offset);
    auto imm = static_cast<uint32_t>(insn.imm);
    std::string number = std::to_string(i), line(number.size() < 5 ? 5 - number.size() : 0, ' ');
    line.reserve(comment_column);
    line += number + ':';
    for (uint32_t byte : {uint32_t{insn.opcode}, uint32_t{insn.regs}, offset & 255, offset >> 8, imm & 255, imm >> 8 & 255,
                          imm >> 16 & 255, imm >> 24})
      line.append({' ', "0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]});
    pad_to(line, assembly_column);
    return line;
  }

  std::string wide_text(const Program& program, uint32_t i) const {
    const Insn& insn = program.insns[i];
    auto relocation =
        std::find_if(program.relocations.begin(), program.relocations.end(), [&](const Relocation& r) { return r.insn == i; });
    if (relocation == program.relocations.end()) return disassemble(insn, &program.insns[i + 1]);
    std::string text = "r" + std::to_string(insn.dst()) + " = map[" + object_.interface.maps[relocation->map].name + "]";
    if (relocation->is_value) text += "[0]+" + std::to_string(relocation->offset);
    return text;
  }

  static std::string note(const Program& program, uint32_t i) {
    const Insn& insn = program.insns[i];
    if (insn.opcode == call_insn && insn.src() == 0) {
      auto helper = mir::find_helper(static_cast<uint32_t>(insn.imm));
      return helper ? " " + std::string(mir::row_of(*helper).name) : "";
    }
    for (const KernelCall& call : program.kernel_calls)
      if (call.insn == i) return " " + mir::kernel_name_of(call.function);
    bool is_address = insn.opcode == ld_imm64 && insn.src() == pseudo::func;
    bool is_call = insn.opcode == call_insn && insn.src() == pseudo::call;
    if (is_address || is_call) {
      for (const Subprogram& subprogram : program.subprograms)
        if (subprogram.insn == i + 1 + static_cast<uint32_t>(insn.imm)) return " function \"" + subprogram.name + "\"";
    }
    bool is_jump = (insn.opcode & 7) == cls::jmp && insn.opcode != call_insn && insn.opcode != exit_insn;
    if (is_jump) return " to " + std::to_string(int64_t{i} + 1 + insn.offset);
    if (insn.opcode == jump_far(0).opcode) return " to " + std::to_string(int64_t{i} + 1 + insn.imm);
    return "";
  }

  std::string place(Span span) const {
    if (!sources_ || !span.is_known()) return "";
    Location at = sources_->locate(span.begin);
    return " " + std::to_string(at.line) + ":" + std::to_string(at.column);
  }

  const Object& object_;
  const SourceMap* sources_;
  std::string out_;
};

}  // namespace

std::string print(const Object& object, const SourceMap* sources) {
  return Listing(object, sources).run();
}

}  // namespace shrike::bpf
