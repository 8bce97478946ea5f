// Programs written by hand and what the model must say of them; the running kernel is asked, too.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/verifier-sim/assemble.h"
#include "tests/verifier-sim/live_kernel.h"
#include "verifier-sim/verdict.h"

namespace shrike::sim::test {

using bpf::size::dw;
using bpf::size::w;

inline std::vector<MapShape> maps() {
  return {{"values", MapType::array, 4, 16, 4, false, {}},
          {"table", MapType::hash, 8, 16, 8, false, {}},
          {"ring", MapType::ringbuf, 0, 0, 4096, false, {}}};
}

struct Program : Assembler {
  explicit Program(ProgramType type = ProgramType::raw_tracepoint) {
    program.maps = maps();
    program.type = type;
  }
  Program& operator<<(Insn i) {
    add(i);
    return *this;
  }
  Program& map(unsigned dst, uint32_t index) {
    load_map(dst, index);
    return *this;
  }
  // r0 = lookup in `table` of eight key bytes at r10-8, which are written first.
  Program& lookup() { return *this << store_imm(dw, 10, -8, 1) << mov_reg(2, 10) << alu64_imm(alu::add, 2, -8) << Lookup(); }
  struct Lookup {};
  Program& operator<<(Lookup) { return map(1, 1) << call(1); }
  Program& done() { return *this << mov(0, 0) << exit_insn(); }
};

// The running kernel must agree on every program here, when it can be asked and is one of ours.
inline void ask_kernel(const ProgramInput& program, Answer answer, const std::string& sentence) {
  static LiveKernel kernel;
  if (!kernel.why_not().empty() || running_version() != "6.18") return;
  LiveKernel::Answer k = kernel.load(program, 2);
  EXPECT_EQ(k.accepted, answer == Answer::accept) << k.log;
  if (answer != Answer::reject) return;
  EXPECT_NE(k.log.find(sentence), std::string::npos) << "kernel says: " << k.log;
}

inline void rejected(const Assembler& a, RejectClass c, uint32_t insn, const std::string& sentence) {
  Verdict v = verify(a.program, profile_6_18());
  EXPECT_EQ(v.answer, Answer::reject) << v.message;
  EXPECT_EQ(name_of(v.reject_class), name_of(c));
  EXPECT_EQ(v.insn, insn);
  EXPECT_EQ(v.message, sentence);
  ask_kernel(a.program, Answer::reject, sentence);
}

inline void accepted(const Assembler& a) {
  Verdict v = verify(a.program, profile_6_18());
  EXPECT_EQ(v.answer, Answer::accept) << v.insn << ": " << v.message;
  ask_kernel(a.program, Answer::accept, "");
}

inline void unknown(const Assembler& a, const std::string& reason, const Profile& p = profile_6_18()) {
  Verdict v = verify(a.program, p);
  EXPECT_EQ(v.answer, Answer::unknown);
  EXPECT_EQ(v.message, reason);
}

}  // namespace shrike::sim::test
