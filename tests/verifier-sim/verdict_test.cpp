// One hand-written program per reject class, with the sentence the kernel says; programs that must be accepted beside
// them; and the questions that must be answered `unknown`.
#include "verifier-sim/verdict.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "tests/verifier-sim/verdict_cases.h"

namespace shrike::sim::test {
namespace {

TEST(Reject, Opcode) {
  rejected(Program() << insn(0xff, 0, 0, 0, 0), RejectClass::cfg, 0, "last insn is not an exit or jmp");
  Program p;
  rejected((p << insn(0x8f, 0, 0, 0, 0)).done(), RejectClass::opcode, 0, "unknown opcode 8f");
  Program shift;
  rejected((shift << mov(1, 1) << alu64_imm(alu::lsh, 1, 64)).done(), RejectClass::opcode, 1, "invalid shift 64");
  Program divide;
  rejected((divide << mov(1, 1) << alu64_imm(alu::div, 1, 0)).done(), RejectClass::opcode, 1, "div by zero");
  Program reserved;
  rejected((reserved << mov(1, 1) << insn(cls::alu64 | alu::add, 1, 2, 0, 1)).done(), RejectClass::opcode, 1,
           "BPF_ALU uses reserved fields");
  Program atomic;
  rejected((atomic << mov(1, 1) << store(dw, 10, -8, 1) << insn(cls::stx | bpf::mode::atomic | dw, 10, 1, -8, 0x20)).done(),
           RejectClass::opcode, 2, "BPF_ATOMIC uses invalid atomic opcode 20");
}

TEST(Reject, ControlFlow) {
  Program far;
  rejected((far << jump(7)).done(), RejectClass::cfg, 0, "jump out of range from insn 0 to 8");
  Program middle;
  middle << mov(0, 0) << jump_imm(jmp::jeq, 0, 0, 1);
  middle.load_imm64(1, 5);
  rejected(middle.done(), RejectClass::cfg, 2, "jump into the middle of ldimm64 insn 2");
  Program dead;
  rejected((dead << jump(1) << mov(1, 1)).done(), RejectClass::unreachable, 1, "unreachable insn 1");
}

TEST(Reject, UninitializedRegister) {
  Program p;
  rejected((p << mov_reg(3, 7)).done(), RejectClass::uninit_register, 0, "R7 !read_ok");
  rejected(Program() << exit_insn(), RejectClass::uninit_register, 0, "R0 !read_ok");
  Program clobbered;
  rejected((clobbered << mov(2, 1) << call(7) << mov_reg(3, 2)).done(), RejectClass::uninit_register, 2, "R2 !read_ok");
}

TEST(Reject, FramePointerWrite) {
  Program p;
  rejected((p << mov(10, 1)).done(), RejectClass::frame_write, 0, "frame pointer is read only");
}

TEST(Reject, PointerArithmetic) {
  Program multiply;
  rejected((multiply << mov_reg(2, 10) << alu64_imm(alu::mul, 2, 2)).done(), RejectClass::pointer_arith, 1,
           "R2 pointer arithmetic with *= operator prohibited");
  Program narrow;
  rejected((narrow << mov_reg(2, 10) << alu32_imm(alu::add, 2, 2)).done(), RejectClass::pointer_arith, 1,
           "R2 32-bit pointer arithmetic prohibited");
  Program unbounded;
  rejected((unbounded << call(7) << mov_reg(2, 10) << alu64_reg(alu::add, 2, 0)).done(), RejectClass::pointer_arith, 2,
           "math between fp pointer and register with unbounded min value is not allowed");
  Program nullable;
  rejected((nullable.lookup() << alu64_imm(alu::add, 0, 1)).done(), RejectClass::pointer_arith, 6,
           "R0 pointer arithmetic on map_value_or_null prohibited, null-check it first");
  Program both;
  rejected((both << mov_reg(2, 10) << alu64_reg(alu::add, 2, 1)).done(), RejectClass::pointer_arith, 1,
           "R2 pointer += pointer prohibited");
}

TEST(Reject, Dereference) {
  Program number;
  rejected((number << call(7) << load(dw, 1, 0, 0)).done(), RejectClass::scalar_deref, 1, "R0 invalid mem access 'scalar'");
  Program nullable;
  rejected((nullable.lookup() << load(dw, 1, 0, 0)).done(), RejectClass::nullable_deref, 6,
           "R0 invalid mem access 'map_value_or_null'");
}

TEST(Reject, StackBounds) {
  Program deep;
  rejected((deep << store_imm(dw, 10, -520, 0)).done(), RejectClass::stack_bounds, 0,
           "invalid write to stack R10 off=-520 size=8");
  Program above;
  rejected((above << load(dw, 1, 10, 0)).done(), RejectClass::stack_bounds, 0, "invalid read from stack R10 off=0 size=8");
  Program helper;
  rejected((helper << mov_reg(1, 10) << alu64_imm(alu::add, 1, -8) << mov(2, 16) << call(16)).done(), RejectClass::stack_bounds,
           3, "invalid write to stack R1 off=-8 size=16");
  Program spill;
  rejected((spill << store(w, 10, -8, 1)).done(), RejectClass::stack_bounds, 0, "invalid size of register spill");
}

TEST(Reject, UninitializedStackOnKernelsThatForbidIt) {
  Program p;
  p << load(dw, 1, 10, -8);
  p.done();
  accepted(p);
  Profile strict = profile_6_1();
  strict.reads_uninit_stack = false;  // as before the stable release that this profile is of
  Verdict v = verify(p.program, strict);
  EXPECT_EQ(v.answer, Answer::reject);
  EXPECT_EQ(v.reject_class, RejectClass::stack_uninit);
  Program partly;
  partly << store_imm(w, 10, -8, 1) << load(dw, 1, 10, -8);
  partly.done();
  v = verify(partly.program, strict);
  EXPECT_EQ(v.reject_class, RejectClass::stack_uninit);
  EXPECT_EQ(v.message, "invalid read from stack off -8+4 size 8");
}

// Linux 5.10 as its stable releases have it: what lies inside the frame written so far may be read.
TEST(Reject, StackBelowAllThatWasWritten) {
  Program p;
  p << store_imm(w, 10, -8, 1) << load(dw, 1, 10, -8) << load(dw, 1, 10, -16);
  p.done();
  Verdict v = verify(p.program, *find_profile("5.10"));
  EXPECT_EQ(v.message, "invalid read from stack R10 off -16+0 size 8");
  EXPECT_EQ(v.insn, 2u);
}

// A zero at a place that is not known leaves zeros that are whole, and makes data of one that shares its slot with other bytes.
TEST(Accept, ZeroOverAPartOfASlotThatIsZero) {
  for (const char* kernel : {"6.1", "6.12", "6.18"}) {
    const auto answer = [&](unsigned size) {
      Program p;
      p << call(7) << store_imm(dw, 10, -16, 0) << store_imm(dw, 10, -8, 0) << store_imm(size, 10, -16, 0)
        << alu64_imm(alu::and_, 0, 8) << mov_reg(1, 10) << alu64_imm(alu::add, 1, -16) << alu64_reg(alu::add, 1, 0) << mov(0, 0)
        << store(dw, 1, 0, 0) << load(dw, 2, 10, -16) << load(dw, 0, 10, -8);
      p.done();
      return verify(p.program, *find_profile(kernel)).message;
    };
    EXPECT_EQ(answer(bpf::size::b), "") << kernel;
    EXPECT_EQ(answer(w), "") << kernel;
    EXPECT_EQ(answer(dw), "") << kernel;
  }
}

// To add a kernel is to add a file: the build lists them, and no other list is to be kept.
TEST(Profile, EveryFileOfKernelsIsAKernel) {
  size_t files = 0;
  for (const auto& file : std::filesystem::directory_iterator(SHRIKE_SOURCE_DIR "/verifier-sim/kernels")) {
    files++;
    const std::optional<Profile> profile = find_profile(file.path().stem().string());
    ASSERT_TRUE(profile) << file.path();
    EXPECT_EQ(parse_version(profile->name), profile->version);
  }
  EXPECT_EQ(all_profiles().size(), files);
  EXPECT_EQ(all_profiles().front().name, "5.4");
  EXPECT_EQ(find_profile("6.19"), std::nullopt);
}

TEST(Profile, OlderKernelsLackTypesInstructionsAndRanges) {
  Profile old = *find_profile("5.4"), newer = *find_profile("5.10");
  Program fetches;
  fetches << mov(1, 1) << store_imm(dw, 10, -8, 1);
  fetches << insn(cls::stx | dw | bpf::mode::atomic, 10, 1, -8, bpf::atomic::add | bpf::atomic::fetch);
  fetches.done();
  EXPECT_EQ(verify(fetches.program, newer).message, "BPF_STX uses reserved fields");
  EXPECT_EQ(verify(fetches.program, *find_profile("5.15")).answer, Answer::accept);
  Program tracing;
  tracing.done();
  tracing.program.type = ProgramType::tracing;
  EXPECT_EQ(verify(tracing.program, old).reject_class, RejectClass::program_type);
  Program ring;
  ring.map(1, 2).done();
  EXPECT_EQ(verify(ring.program, old).message, "maps of type ringbuf exist from Linux 5.8 on");
  Program wide;
  wide.program.maps[1].key_size = 520;
  wide.map(1, 1).done();
  EXPECT_EQ(verify(wide.program, newer).message, "maps of type hash have keys of at most 512 bytes");
}

TEST(Reject, Misaligned) {
  Program p;
  rejected((p << store_imm(dw, 10, -12, 0)).done(), RejectClass::misaligned, 0, "misaligned stack access off 0+0+-12 size 8");
}

TEST(Reject, MapBounds) {
  Program past;
  rejected((past.lookup() << jump_imm(jmp::jeq, 0, 0, 1) << load(dw, 1, 0, 12)).done(), RejectClass::map_bounds, 7,
           "invalid access to map value, value_size=16 off=12 size=8");
  Program variable;
  variable << call(7) << mov_reg(6, 0);
  variable.lookup() << jump_imm(jmp::jeq, 0, 0, 3) << alu64_imm(alu::and_, 6, 15) << alu64_reg(alu::add, 0, 6)
                    << load(w, 1, 0, 0);
  rejected(variable.done(), RejectClass::map_bounds, 11, "invalid access to map value, value_size=16 off=15 size=4");
  Program negative;
  negative << call(7) << mov_reg(6, 0) << jump_imm(jmp::jsgt, 6, 8, 9);
  negative.lookup() << jump_imm(jmp::jeq, 0, 0, 2) << alu64_reg(alu::add, 0, 6) << load(w, 1, 0, 0);
  rejected(negative.done(), RejectClass::pointer_arith, 10,
           "math between map_value pointer and register with unbounded min value is not allowed");
}

TEST(Reject, ContextAccess) {
  Program odd;
  rejected((odd << load(dw, 2, 1, 100)).done(), RejectClass::ctx_access, 0, "invalid bpf_context access off=100 size=8");
  Program moved;
  rejected((moved << alu64_imm(alu::add, 1, 8) << load(dw, 2, 1, 0)).done(), RejectClass::ctx_access, 1,
           "dereference of modified ctx ptr R1 off=8 disallowed");
  Program event(ProgramType::tracepoint);
  rejected((event << load(dw, 2, 1, 0)).done(), RejectClass::ctx_access, 0, "invalid bpf_context access off=0 size=8");
  Program registers(ProgramType::kprobe);
  rejected((registers << load(dw, 2, 1, 168)).done(), RejectClass::ctx_access, 0, "invalid bpf_context access off=168 size=8");
}

TEST(Reject, HelperArguments) {
  Program number;
  rejected((number << mov(1, 0) << mov(2, 0) << call(1)).done(), RejectClass::arg_type, 2, "R1 type=scalar expected=map_ptr");
  Program wrong;
  wrong << store_imm(dw, 10, -8, 0) << mov_reg(2, 10) << alu64_imm(alu::add, 2, -8) << mov(3, 8) << mov(4, 0);
  wrong.map(1, 1) << call(130);
  rejected(wrong.done(), RejectClass::arg_type, 7, "cannot pass map_type 1 into func bpf_ringbuf_output#130");
  Program negative;
  negative << call(7) << mov_reg(2, 0) << mov_reg(1, 10) << alu64_imm(alu::add, 1, -8) << mov(3, 0) << call(113);
  rejected(negative.done(), RejectClass::size_range, 5, "R2 min value is negative, either use unsigned or 'var &= const'");
  Program empty;
  empty << mov_reg(1, 10) << alu64_imm(alu::add, 1, -8) << mov(2, 0) << call(16);
  rejected(empty.done(), RejectClass::size_range, 3, "R2 invalid zero-sized read: u64=[0,0]");
  Program unbounded;
  unbounded << call(7) << mov_reg(2, 0) << alu64_imm(alu::rsh, 2, 1) << mov_reg(1, 10) << alu64_imm(alu::add, 1, -8) << mov(3, 0)
            << call(113);
  rejected(unbounded.done(), RejectClass::size_range, 6, "R2 unbounded memory access, use 'var &= const' or 'if (var < const)'");
}

TEST(Reject, HelperNotThere) {
  Program p;
  rejected((p << call(999)).done(), RejectClass::helper, 0, "invalid func unknown#999");
  Program newer;
  newer << call(208);
  newer.done();
  Profile old = profile_6_1();
  EXPECT_EQ(verify(newer.program, old).answer, Answer::accept);
  old.version = {5, 15};
  EXPECT_EQ(verify(newer.program, old).reject_class, RejectClass::helper);
  Program license;
  license << call(35);
  license.done();
  license.program.gpl = false;
  EXPECT_EQ(verify(license.program, profile_6_18()).message,
            "cannot call GPL-restricted function from non-GPL compatible program");
}

// What a kernel was built with is assumed, and said; a profile may know better.
TEST(Helpers, OfConfigurationAreAssumed) {
  Program write;
  write << store_imm(dw, 10, -8, 1) << mov(1, 4096) << mov_reg(2, 10) << alu64_imm(alu::add, 2, -8) << mov(3, 8) << call(36);
  write.done();
  Program override_result(ProgramType::kprobe);
  override_result << mov(2, -1) << call(58);
  override_result.done();
  EXPECT_EQ(verify(write.program, profile_6_18()).assumed, "the kernel is not locked down, which bpf_probe_write_user needs");
  EXPECT_EQ(verify(override_result.program, profile_6_1()).assumed,
            "the kernel is built with CONFIG_BPF_KPROBE_OVERRIDE, which bpf_override_return needs");
  Profile bare = profile_6_18();
  bare.writes_user_memory = bare.overrides_returns = false;
  for (const Program& p : {write, override_result}) {
    EXPECT_EQ(verify(p.program, profile_6_18()).answer, Answer::accept);
    EXPECT_EQ(verify(p.program, bare).reject_class, RejectClass::helper);
  }
}

TEST(Helpers, ATypeMayHaveGotAHelperLater) {
  const auto answer = [](ProgramType type, AttachType attach, const char* kernel) {
    Program p(type);
    p.program.attach = attach;
    p << call(174);
    return verify(p.done().program, *find_profile(kernel)).answer;
  };
  EXPECT_EQ(answer(ProgramType::kprobe, AttachType::none, "5.10"), Answer::reject);
  EXPECT_EQ(answer(ProgramType::kprobe, AttachType::none, "5.15"), Answer::accept);
  EXPECT_EQ(answer(ProgramType::tracing, AttachType::fentry, "5.15"), Answer::reject);
  EXPECT_EQ(answer(ProgramType::tracing, AttachType::fentry, "6.1"), Answer::accept);
  EXPECT_EQ(answer(ProgramType::raw_tracepoint, AttachType::none, "6.6"), Answer::reject);
  EXPECT_EQ(answer(ProgramType::raw_tracepoint, AttachType::none, "6.12"), Answer::accept);
  EXPECT_EQ(answer(ProgramType::tracing, AttachType::iter, "6.18"), Answer::reject);
}

TEST(Helpers, TailCallGoesOnWhereThereIsNoProgram) {
  constexpr uint32_t programs = 3;
  const auto with_programs = [](Program p) {
    p.program.maps.resize(programs);
    p.program.maps.push_back({"programs", MapType::prog_array, 4, 4, 8, false, {}});
    return p;
  };
  Program fine = with_programs(Program());
  fine.map(2, programs) << mov(3, 1) << call(12);
  accepted(fine.done());
  Program result = with_programs(Program());
  result.map(2, programs) << mov(3, 1) << call(12) << exit_insn();
  rejected(result, RejectClass::uninit_register, 4, "R0 !read_ok");
  Program looked_up = with_programs(Program());
  looked_up << store_imm(dw, 10, -8, 1) << mov_reg(2, 10) << alu64_imm(alu::add, 2, -8);
  looked_up.map(1, programs) << call(1);
  rejected(looked_up.done(), RejectClass::arg_type, 5, "cannot pass map_type 3 into func bpf_map_lookup_elem#1");
}

Program& reserve(Program& p) {
  return p.map(1, 2) << mov(2, 8) << mov(3, 0) << call(131);
}

TEST(Reject, References) {
  Program leak;
  reserve(leak);
  rejected(leak.done(), RejectClass::ref_leak, 6, "Unreleased reference id=2 alloc_insn=4");
  Program twice;
  reserve(twice) << jump_imm(jmp::jeq, 0, 0, 6) << mov_reg(6, 0) << mov_reg(1, 6) << mov(2, 0) << call(132) << mov_reg(1, 6)
                 << call(132);
  rejected(twice.done(), RejectClass::arg_type, 11, "R1 type=scalar expected=ringbuf_mem");
  Program fine;
  reserve(fine) << jump_imm(jmp::jeq, 0, 0, 4) << store_imm(dw, 0, 0, 1) << mov_reg(1, 0) << mov(2, 0) << call(132);
  accepted(fine.done());
}

TEST(Reject, Loops) {
  Program forever;
  forever << mov(0, 0) << jump(-1);
  rejected(forever, RejectClass::loop, 1, "infinite loop detected at insn 1");
  Program bounded;
  bounded << mov(0, 0) << alu64_imm(alu::add, 0, 1) << jump_imm(jmp::jlt, 0, 100, -2);
  accepted(bounded.done());
}

TEST(Reject, SubprogramFrames) {
  Program leak;
  leak << insn(bpf::call_insn, 0, bpf::pseudo::call, 0, 1) << exit_insn() << mov_reg(0, 10) << exit_insn();
  rejected(leak, RejectClass::retval, 3, "cannot return stack pointer to the caller");
  Program saved;
  saved << mov(6, 1) << insn(bpf::call_insn, 0, bpf::pseudo::call, 0, 2) << alu64_reg(alu::add, 0, 6) << exit_insn() << mov(0, 1)
        << exit_insn();
  accepted(saved);
  Program recursive;
  recursive << insn(bpf::call_insn, 0, bpf::pseudo::call, 0, 1) << exit_insn()
            << insn(bpf::call_insn, 0, bpf::pseudo::call, 0, -1) << exit_insn();
  EXPECT_EQ(verify(recursive.program, profile_6_18()).reject_class, RejectClass::stack_limit);
}

TEST(Accept, BoundsLearnedOnCopiesAndAfterSpills) {
  Program copy;
  copy << call(7) << mov_reg(6, 0) << mov_reg(7, 0) << jump_imm(jmp::jgt, 7, 8, 9);
  copy.lookup() << jump_imm(jmp::jeq, 0, 0, 2) << alu64_reg(alu::add, 0, 6) << load(w, 1, 0, 4);
  accepted(copy.done());
  Program spill;
  spill << call(7) << alu64_imm(alu::and_, 0, 7) << store(dw, 10, -16, 0);
  spill.lookup() << jump_imm(jmp::jeq, 0, 0, 3) << load(dw, 6, 10, -16) << alu64_reg(alu::add, 0, 6) << load(dw, 1, 0, 0);
  accepted(spill.done());
}

TEST(Accept, ArrayLookupWithConstantKeyNeedsNoTestSince614) {
  Program p;
  p << store_imm(w, 10, -4, 3) << mov_reg(2, 10) << alu64_imm(alu::add, 2, -8) << store_imm(w, 10, -8, 2);
  p.map(1, 0) << call(1) << load(dw, 1, 0, 8);
  accepted(p.done());
  EXPECT_EQ(verify(p.program, profile_6_12()).reject_class, RejectClass::nullable_deref);
}

TEST(Accept, LoopCallback) {
  Program p;
  p << mov(1, 100) << insn(bpf::ld_imm64, 2, bpf::pseudo::func, 0, 8) << insn(0, 0, 0, 0, 0) << store_imm(dw, 10, -8, 0)
    << mov_reg(3, 10) << alu64_imm(alu::add, 3, -8) << mov(4, 0) << call(181);
  p.done();
  p << load(dw, 1, 2, 0) << alu64_imm(alu::add, 1, 1) << store(dw, 2, 0, 1);
  p.done();
  Verdict v = verify(p.program, profile_6_18());
  EXPECT_EQ(v.answer, Answer::accept) << v.insn << " " << v.message;
  p.program.insns[p.program.insns.size() - 2] = mov(0, 2);
  v = verify(p.program, profile_6_18());
  EXPECT_EQ(v.message, "At callback return the register R0 should have been in [0, 1]");
}

// A program that holds a record, which the context leads to, while a callback runs that this writes.
Program holding_over(const std::function<void(Program&)>& write_callback) {
  Program p;
  p.map(1, 2) << mov(2, 16) << mov(3, 0) << call(131) << jump_imm(jmp::jne, 0, 0, 2);
  p.done() << mov_reg(6, 0) << mov(1, 4) << insn(bpf::ld_imm64, 2, bpf::pseudo::func, 0, 11) << insn(0, 0, 0, 0, 0)
           << store(dw, 10, -8, 6) << mov_reg(3, 10) << alu64_imm(alu::add, 3, -8) << mov(4, 0) << call(181) << mov_reg(1, 6)
           << mov(2, 0) << call(132);
  p.done();
  write_callback(p);
  p.done();
  return p;
}

TEST(Callbacks, LeaveAloneWhatTheirCallersHold) {
  const auto reserve = [](Program& p) {
    p.map(1, 2) << mov(2, 16) << mov(3, 0) << call(131) << jump_imm(jmp::jne, 0, 0, 2);
    p.done() << mov_reg(1, 0) << mov(2, 0);
  };
  accepted(holding_over([](Program&) {}));
  accepted(holding_over([&](Program& p) {
    reserve(p);
    p << call(132);
  }));
  EXPECT_EQ(verify(holding_over(reserve).program, profile_6_18()).reject_class, RejectClass::ref_leak);
  ask_kernel(holding_over(reserve).program, Answer::reject, "");
  const Program gives_back = holding_over([](Program& p) { p << load(dw, 1, 2, 0) << mov(2, 0) << call(132); });
  unknown(gives_back, "callback that gives back what its caller holds");
  ask_kernel(gives_back.program, Answer::reject, "");
  unknown(holding_over([&](Program& p) {
            p << mov_reg(7, 2);
            reserve(p);
            p << mov_reg(8, 1) << load(dw, 1, 7, 0) << mov(2, 0) << call(132) << mov_reg(1, 8);
          }),
          "callback that gives back what its caller holds");
}

TEST(Reject, PointerAsNumberOfRounds) {
  Program p;
  p << insn(bpf::ld_imm64, 2, bpf::pseudo::func, 0, 8) << insn(0, 0, 0, 0, 0) << store_imm(dw, 10, -8, 0) << mov_reg(3, 10)
    << alu64_imm(alu::add, 3, -8) << mov(4, 0) << call(181);
  p.done();
  p.done();
  p.program.insns[0].imm = 8;
  rejected(p, RejectClass::other, 6, "verifier bug: backtracking misuse");
}

// Sixty rounds that count beside, and what is then done with the value of the array at r0 and the count in r7.
Program counting(const Insn& use) {
  Program p;
  p << mov(6, 0) << mov(7, 0) << call(7) << jump_imm(jmp::jset, 0, 1, 1) << alu64_imm(alu::add, 7, 3) << alu64_imm(alu::add, 6, 1)
    << jump_imm(jmp::jlt, 6, 60, -5);
  p.map(1, 0) << store_imm(w, 10, -4, 0) << mov_reg(2, 10) << alu64_imm(alu::add, 2, -4) << call(1) << jump_imm(jmp::jeq, 0, 0, 2)
              << use << store(dw, 0, 0, 7);
  p.done();
  return p;
}

TEST(Accept, NumbersThatDecideNothingDoNotKeepStatesApart) {
  const Program stored = counting(mov(1, 0));
  accepted(stored);
  EXPECT_LT(verify(stored.program, profile_6_18()).processed, 2000u);
  const Program address = counting(alu64_reg(alu::add, 0, 7));
  const Verdict v = verify(address.program, profile_6_18());
  EXPECT_EQ(v.reject_class, RejectClass::map_bounds) << v.message;
  ask_kernel(address.program, Answer::reject, v.message);
}

Program tracing(AttachType attach) {
  Program p(ProgramType::tracing);
  p.program.attach = attach;
  return p;
}

// The context's words are read by helper, at their address.
TEST(Tracing, ContextByHelperAndTheResultThatEachKindMayGive) {
  const auto body = [](AttachType attach, int64_t result) {
    Program p = tracing(attach);
    p << mov_reg(3, 1) << alu64_imm(alu::add, 3, 8) << mov_reg(1, 10) << alu64_imm(alu::add, 1, -8) << mov(2, 8) << call(113);
    p << mov(0, result) << exit_insn();
    return p;
  };
  accepted(body(AttachType::raw_tp, 7));
  accepted(body(AttachType::iter, 1));
  rejected(body(AttachType::iter, 2), RejectClass::retval, 7,
           "At program exit the register R0 has smin=2 smax=2 should have been in [0, 1]");
  for (AttachType attach : {AttachType::fentry, AttachType::fexit}) {  // not to be loaded on every kernel
    EXPECT_EQ(verify(body(attach, 0).program, profile_6_1()).answer, Answer::accept);
    EXPECT_EQ(verify(body(attach, 1).program, profile_6_1()).message,
              "At program exit the register R0 has smin=1 smax=1 should have been in [0, 0]");
  }
  Program pointer = tracing(AttachType::iter);
  rejected(pointer << mov_reg(0, 10) << exit_insn(), RejectClass::retval, 1,
           "At program exit the register R0 is not a known value (fp)");
}

// The second word of an iterator's context is the object visited, or null; its first word and uses by type are not modelled.
TEST(Tracing, IteratorsTestTheObjectForNull) {
  Program tested = tracing(AttachType::iter);
  tested << load(dw, 7, 1, 8) << jump_imm(jmp::jeq, 7, 0, 5) << mov_reg(3, 7) << mov_reg(1, 10) << alu64_imm(alu::add, 1, -8);
  tested << mov(2, 8) << call(113);
  accepted(tested.done());
  Program dereferenced = tracing(AttachType::iter);
  dereferenced << load(dw, 7, 1, 8) << load(w, 7, 7, 0);
  Verdict v = verify(dereferenced.done().program, profile_6_18());
  EXPECT_EQ(v.reject_class, RejectClass::nullable_deref);
  Program by_type = tracing(AttachType::iter);
  by_type << load(dw, 7, 1, 8) << jump_imm(jmp::jeq, 7, 0, 1) << load(w, 7, 7, 0);
  unknown(by_type.done(), "access to a kernel object by its type");
  Program moved = tracing(AttachType::iter);
  unknown((moved << load(dw, 7, 1, 8) << alu64_imm(alu::add, 7, 8)).done(), "arithmetic on a pointer to a kernel object");
  Program compared = tracing(AttachType::iter);
  unknown((compared << load(dw, 7, 1, 8) << jump_imm(jmp::jgt, 7, 5, 0)).done(), "comparison of a pointer to a kernel object");
  Program first = tracing(AttachType::iter);
  unknown((first << load(dw, 7, 1, 0)).done(), "context access of this program type is not modelled");
}

TEST(Tracing, OnlyATrampolineKnowsTheFunction) {
  EXPECT_EQ(verify((tracing(AttachType::fentry) << call(173)).done().program, profile_6_18()).answer, Answer::accept);
  Program event = tracing(AttachType::raw_tp);
  rejected((event << call(173)).done(), RejectClass::helper, 0,
           "func bpf_get_func_ip#173 supported only for fentry/fexit/fmod_ret programs");
}

TEST(Unknown, WhatIsNotModelledIsSaid) {
  Program kfunc;
  unknown((kfunc << insn(bpf::call_insn, 0, bpf::pseudo::kfunc_call, 0, 5)).done(), "kfuncs are not modelled");
  Program no_rounds;
  no_rounds << mov(1, 0) << insn(bpf::ld_imm64, 2, bpf::pseudo::func, 0, 6) << insn(0, 0, 0, 0, 0) << mov(3, 0) << mov(4, 0)
            << call(181);
  no_rounds.done().done();
  unknown(no_rounds, "a function whose address is taken never runs");
  Program passed_by;
  passed_by << mov(0, 0) << jump_imm(jmp::jeq, 0, 0, 1) << insn(bpf::call_insn, 0, bpf::pseudo::kfunc_call, 0, 5);
  unknown(passed_by.done(), "kfuncs are not modelled");
  ask_kernel(passed_by.program, Answer::reject, "kernel btf_id 5 is not a function");
  Program handed;
  handed << insn(bpf::ld_imm64, 2, bpf::pseudo::func, 0, 3) << insn(0, 0, 0, 0, 0);
  handed.done();
  unknown(handed.done(), "a function whose address is taken never runs");
  Program helper;
  unknown((helper << call(198)).done(), "helper 198 has no row");
  Program typed(ProgramType::tracing);
  unknown((typed << load(dw, 2, 1, 0)).done(), "context access of this program type is not modelled");
  Program busy;
  busy << mov(0, 0) << alu64_imm(alu::add, 0, 1) << jump_imm(jmp::jne, 0, 2'000'000, -2);
  Options small;
  small.budget = 10'000;
  EXPECT_EQ(verify(busy.done().program, profile_6_18(), small).answer, Answer::unknown);
}

TEST(Log, SpeaksTheKernelsSyntax) {
  Program p;
  p << call(7) << alu64_imm(alu::and_, 0, 255) << store(dw, 10, -8, 0);
  Options options;
  options.log = true;
  Verdict v = verify(p.done().program, profile_6_18(), options);
  EXPECT_NE(v.log.find("0: R1=ctx() R10=fp0\n"), std::string::npos) << v.log;
  EXPECT_NE(v.log.find("R0=scalar(id=1,smin=smin32=0,smax=umax=smax32=umax32=255,var_off=(0x0; 0xff))"), std::string::npos)
      << v.log;
  EXPECT_EQ(v.processed, 5u);
  EXPECT_EQ(v.stack_depth, 8u);
}

}  // namespace
}  // namespace shrike::sim::test
