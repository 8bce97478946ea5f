// Socket filters: the fields of their context, the packet's socket, loads out of the packet, and the helpers that they have.
#include <gtest/gtest.h>

#include "tests/verifier-sim/verdict_cases.h"

namespace shrike::sim::test {
namespace {

Program packet() {
  return Program(ProgramType::socket_filter);
}
// r2 = the packet's socket; the program ends where there is none.
Program packet_with_socket() {
  Program p = packet();
  p << load(dw, 2, 1, 168) << jump_imm(jmp::jne, 2, 0, 2);
  p.done();
  return p;
}

Insn load_packet(unsigned mode, unsigned from, int64_t offset) {
  return insn(cls::ld | mode | w, 0, from, 0, offset);
}

TEST(Packet, FieldsOfTheContext) {
  accepted((packet() << load(w, 2, 1, 0) << load(bpf::size::b, 3, 1, 17) << load(dw, 4, 1, 48)).done());
  accepted((packet() << mov(2, 7) << store(w, 1, 64, 2) << store(bpf::size::h, 1, 50, 2) << store(dw, 1, 56, 2)).done());
  rejected((packet() << load(w, 2, 1, 76)).done(), RejectClass::ctx_access, 0, "invalid bpf_context access off=76 size=4");
  rejected((packet() << load(dw, 2, 1, 152)).done(), RejectClass::ctx_access, 0, "invalid bpf_context access off=152 size=8");
  rejected((packet() << mov(2, 7) << store(w, 1, 8, 2)).done(), RejectClass::ctx_access, 1,
           "invalid bpf_context access off=8 size=4");
  rejected((packet() << mov(2, 7) << store(dw, 1, 64, 2)).done(), RejectClass::ctx_access, 1,
           "invalid bpf_context access off=64 size=8");
  const Program immediate = (Program(ProgramType::socket_filter) << store_imm(w, 1, 48, 7)).done();
  accepted(immediate);
  EXPECT_EQ(verify(immediate.program, profile_6_1()).message, "BPF_ST stores into R1 ctx is not allowed");
}

TEST(Packet, SocketMayBeNoneAndIsNoArray) {
  rejected((packet() << load(dw, 2, 1, 168) << load(w, 3, 2, 4)).done(), RejectClass::nullable_deref, 1,
           "R2 invalid mem access 'sock_common_or_null'");
  accepted((packet_with_socket() << load(w, 3, 2, 4) << load(w, 3, 2, 52)).done());
  accepted((packet_with_socket() << store(dw, 10, -8, 2) << load(dw, 4, 10, -8) << load(w, 3, 4, 24)).done());
  // A second test of it is decided: what is behind it need not be right.
  accepted((packet_with_socket() << jump_imm(jmp::jne, 2, 0, 1) << load(dw, 3, 2, 200)).done());
  rejected((packet_with_socket() << load(w, 3, 2, 8)).done(), RejectClass::ctx_access, 4,
           "R2 invalid sock_common access off=8 size=4");
  rejected((packet_with_socket() << store_imm(w, 2, 4, 0)).done(), RejectClass::other, 4, "R2 cannot write into sock_common");
  rejected((packet_with_socket() << mov(3, 1) << insn(cls::stx | bpf::mode::atomic | w, 2, 3, 4, 0)).done(), RejectClass::other,
           5, "BPF_ATOMIC stores into R2 sock_common is not allowed");
  rejected((packet_with_socket() << alu64_imm(alu::add, 2, 0)).done(), RejectClass::pointer_arith, 4,
           "R2 pointer arithmetic on sock_common prohibited");
}

TEST(Packet, LoadsOutOfIt) {
  using bpf::mode::abs;
  using bpf::mode::ind;
  Program p = packet();
  p << mov_reg(6, 1) << load_packet(abs, 0, 12) << mov_reg(7, 0) << load_packet(ind, 7, 4) << load(w, 1, 6, 0) << exit_insn();
  accepted(p);
  rejected((packet() << load_packet(abs, 0, 0)).done(), RejectClass::uninit_register, 0, "R6 !read_ok");
  rejected((packet() << mov(6, 1) << load_packet(abs, 0, 0)).done(), RejectClass::other, 1,
           "at the time of BPF_LD_ABS|IND R6 != pointer to skb");
  rejected((packet() << mov_reg(6, 1) << alu64_imm(alu::add, 6, 8) << load_packet(abs, 0, 0)).done(), RejectClass::ctx_access, 2,
           "dereference of modified ctx ptr R6 off=8 disallowed");
  rejected((packet() << mov_reg(6, 1) << load_packet(ind, 7, 0)).done(), RejectClass::uninit_register, 1, "R7 !read_ok");
  rejected((packet() << mov_reg(6, 1) << load_packet(abs, 1, 0)).done(), RejectClass::opcode, 1,
           "BPF_LD_[ABS|IND] uses reserved fields");
  for (unsigned n = 1; n <= 5; n++) {
    rejected((packet() << mov_reg(6, 1) << mov(n, 3) << load_packet(abs, 0, 0) << mov_reg(0, n)).done(),
             RejectClass::uninit_register, 3, "R" + std::to_string(n) + " !read_ok");
  }
  rejected((Program() << mov_reg(6, 1) << load_packet(abs, 0, 0)).done(), RejectClass::opcode, 1,
           "BPF_LD_[ABS|IND] instructions not allowed for this program type");
  Program held = packet();
  held << mov_reg(6, 1);
  held.map(1, 2) << mov(2, 16) << mov(3, 0) << call(131) << jump_imm(jmp::jne, 0, 0, 2);
  held.done() << mov_reg(7, 0) << load_packet(abs, 0, 0) << mov_reg(1, 7) << mov(2, 0) << call(132);
  rejected(held.done(), RejectClass::ref_leak, 10, "BPF_LD_[ABS|IND] would lead to reference leak");
}

TEST(Packet, LoadsInFunctionsNeedTheirTypes) {
  Program beside = packet();
  beside << mov_reg(6, 1) << load_packet(bpf::mode::abs, 0, 0) << insn(bpf::call_insn, 0, bpf::pseudo::call, 0, 2);
  beside.done();
  accepted(beside.done());
  EXPECT_EQ(verify(beside.program, *find_profile("5.4")).message,
            "BPF_LD_[ABS|IND] instructions cannot be mixed with bpf-to-bpf calls");
  Program inside = packet();
  inside << insn(bpf::call_insn, 0, bpf::pseudo::call, 0, 2);
  inside.done() << mov_reg(6, 1) << load_packet(bpf::mode::abs, 0, 0) << exit_insn();
  rejected(inside, RejectClass::other, 0, "LD_ABS is not allowed in subprogs without BTF");
  inside.program.has_function_types = true;
  unknown(inside, "a packet load in a function");
}

TEST(Packet, Helpers) {
  const auto into_stack = [](int64_t bytes) {
    Program p = packet();
    p << mov_reg(3, 10) << alu64_imm(alu::add, 3, -8) << mov(2, 0) << mov(4, bytes);
    return p;
  };
  accepted((into_stack(8) << call(26) << load(dw, 1, 10, -8)).done());
  accepted((into_stack(8) << mov(5, 0) << call(68)).done());
  rejected((into_stack(0) << call(26)).done(), RejectClass::size_range, 4, "R4 invalid zero-sized read: u64=[0,0]");
  rejected((into_stack(9) << call(26)).done(), RejectClass::stack_bounds, 4, "invalid write to stack R3 off=-8 size=9");
  rejected((into_stack(8) << mov(1, 0) << call(26)).done(), RejectClass::arg_type, 5, "R1 type=scalar expected=ctx");
  accepted((packet() << call(46)).done());
  accepted((packet() << call(47)).done());
  rejected((packet_with_socket() << mov_reg(1, 2) << call(46)).done(), RejectClass::arg_type, 5,
           "R1 type=sock_common expected=ctx");
  unknown((packet() << call(46)).done(), "since when socket filters may call helper 46 is not modelled", *find_profile("5.10"));
  Program current = packet();
  accepted((current << call(14)).done());
  EXPECT_EQ(verify(current.program, profile_6_1()).message, "program of this type cannot use helper bpf_get_current_pid_tgid#14");
  unknown(current, "whether this program type may call helper 14 is not modelled", *find_profile("6.6"));
  // Of the packet's network namespace, or of the first there is.
  Program cookie = packet();
  accepted((cookie << call(122)).done());
  accepted((packet() << mov(1, 0) << call(122)).done());
  rejected((packet() << mov(1, 1) << call(122)).done(), RejectClass::arg_type, 1, "R1 type=scalar expected=ctx");
  EXPECT_EQ(verify(cookie.program, profile_6_12()).message, "program of this type cannot use helper bpf_get_netns_cookie#122");
  accepted((packet() << call(160)).done());
  EXPECT_EQ(verify((Program() << call(160)).done().program, profile_6_18()).message,
            "program of this type cannot use helper bpf_ktime_get_coarse_ns#160");
  unknown((packet() << call(158)).done(), "the kernel's types are not at hand");
}

// Each field by each size, read and written, of the packet and of its socket; and each helper.
TEST(Packet, RunningKernelSaysTheSameOfEveryByteAndHelper) {
  LiveKernel kernel;
  if (!kernel.why_not().empty() || running_version() != "6.18") GTEST_SKIP() << "NOT RUN, no Linux 6.18 to ask";
  const auto compare = [&](const Assembler& a, const std::string& what) {
    const Verdict v = verify(a.program, profile_6_18());
    if (v.answer == Answer::unknown) return false;
    EXPECT_EQ(v.answer == Answer::accept, kernel.load(a.program).accepted) << what << ": " << v.message;
    return true;
  };
  for (unsigned log = 0; log < 4; log++) {
    static constexpr unsigned sizes[] = {bpf::size::b, bpf::size::h, w, dw};
    for (int offset = -8; offset < 208; offset++) {
      const std::string what = std::to_string(1u << log) + " bytes at " + std::to_string(offset);
      EXPECT_TRUE(compare((packet() << load(sizes[log], 2, 1, offset)).done(), "read of " + what));
      EXPECT_TRUE(compare((packet() << store_imm(sizes[log], 1, offset, 0)).done(), "write of " + what));
      EXPECT_TRUE(compare((packet_with_socket() << load(sizes[log], 3, 2, offset)).done(), "socket's " + what));
    }
  }
  unsigned known = 0;
  for (unsigned helper = 1; helper <= 211; helper++) {
    Program p = packet();
    p << mov(1, 0) << mov(2, 0) << mov(3, 0) << mov(4, 0) << mov(5, 0) << call(helper);
    known += compare(p.done(), "helper " + std::to_string(helper)) ? 1 : 0;
  }
  EXPECT_GE(known, 50u);
}

}  // namespace
}  // namespace shrike::sim::test
