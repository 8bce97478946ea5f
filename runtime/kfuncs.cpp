// Loads a program that does nothing but call the function. It gives it no arguments, so that the verifier may refuse it for them:
// what counts is whether it objects to the call itself, which it does in one sentence since kfuncs exist (Linux 5.13).
#include "runtime/kfuncs.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <string>

#include "mir/btf.h"
#include "mir/interface.h"
#include "runtime/fd.h"
#include "runtime/files.h"

namespace shrike {

Answer<bool> try_kfunc(uint32_t function, mir::ProgramType program, uint32_t traced) {
  const bpf_insn insns[] = {
      {.code = BPF_JMP | BPF_CALL,
       .dst_reg = 0,
       .src_reg = BPF_PSEUDO_KFUNC_CALL,
       .off = 0,
       .imm = static_cast<int32_t>(function)},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
  };
  std::string log(16384, '\0');
  LIBBPF_OPTS(bpf_prog_load_opts, options);
  options.log_level = 1;
  options.log_buf = log.data();
  options.log_size = static_cast<uint32_t>(log.size());
  if (program == mir::ProgramType::tracing) {
    options.expected_attach_type = BPF_TRACE_ITER;
    options.attach_btf_id = traced;
  }
  const auto type = static_cast<bpf_prog_type>(kernel_number(program));
  const Fd loaded(bpf_prog_load(type, nullptr, "GPL", insns, std::size(insns), &options));
  if (loaded.is_open()) return {Lookup::found, true, ""};
  const int error = errno;
  log.resize(log.find('\0'));
  if (log.empty()) return {Lookup::unreadable, false, describe_errno(error)};
  return {Lookup::found, log.find("is not allowed") == std::string::npos, ""};
}

std::optional<uint32_t> KernelFunctionNumbers::of(mir::HelperId function) {
  if (auto known = known_.find(function); known != known_.end()) return known->second;
  const Btf* types = types_();
  std::optional<uint32_t> near;
  if (!known_.empty()) near = known_.begin()->second;
  std::optional<uint32_t>& number = known_[function];
  const std::string name = mir::kernel_name_of(function);
  constexpr Btf::Kind kind = Btf::Kind::function;
  if (types != nullptr) number = near ? types->find_near(kind, name, *near) : types->find(kind, name);
  return number;
}

}  // namespace shrike
