// Turns the verifier's log into one message at the source, with the kernel's own sentence. The checker should have refused what
// the kernel refuses, so every rejection of a script is reported as a bug in shrike.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "backend-bpf/object.h"
#include "mir/base/diagnostic.h"

namespace shrike {

// What a log says in the end: the instruction it stopped at and the sentence.
struct Rejection {
  uint32_t insn = 0;
  std::string sentence;     // "R2 min value is negative, either use unsigned or 'var &= const'"
  bool is_of_code = false;  // the walk had begun; else the kernel refuses what the program is for
};
Rejection read_rejection(std::string_view log);

// "12: (85) call" gives 12; lines of other shape give nothing.
bool read_insn_line(std::string_view line, uint32_t& insn);

// Where in the source an instruction comes from; unknown if the program has no line for it.
Span span_of(const std::vector<bpf::LineEntry>& lines, uint32_t insn);
inline Span span_of(const bpf::Program& program, uint32_t insn) {
  return span_of(program.lines, insn);
}

// Where a program is attached first: the place of what concerns all of it.
Span span_of_probe(const bpf::Object& object, size_t program);

enum class CodeBy : uint8_t { compiler, user };  // whose instructions they are: the user's in a .lir file

// For a program that the kernel of that version refused: reports what of it such a kernel lacks. False if that is nothing.
bool explain_by_version(const bpf::Object& object, size_t program, uint32_t kernel_version, Diagnostics& diagnostics);

void explain_reject(const bpf::Object& object, size_t program, std::string_view log, int error, Diagnostics& diagnostics,
                    CodeBy by = CodeBy::compiler);

}  // namespace shrike
