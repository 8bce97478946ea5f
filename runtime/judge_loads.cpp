// The model is given what the kernel is: both see the same bytes. Kernels tell what they walked from 5.16 on, without a log.
#include "runtime/judge_loads.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/utsname.h>

#include <algorithm>
#include <optional>

#include "runtime/bpf_call.h"
#include "runtime/files.h"
#include "runtime/judge.h"
#include "runtime/machine.h"
#include "verifier-sim/sentences.h"

namespace shrike {

namespace {

// Instructions to walk: what the kernel itself gives up at (BPF_COMPLEXITY_LIMIT_INSNS).
constexpr uint32_t budget = 1'000'000;

uint32_t walked_by_kernel(int fd) {
  bpf_prog_info info{};
  bpf_attr attr{};
  attr.info.bpf_fd = static_cast<uint32_t>(fd);
  attr.info.info_len = sizeof info;
  attr.info.info = bpf_pointer(&info);
  return bpf_call(BPF_OBJ_GET_INFO_BY_FD, attr) == 0 ? info.verified_insns : 0;
}

std::string indented(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1);
    out.append(" ").append(text.substr(0, end + 1));
    text.remove_prefix(end + 1);
  }
  return out;
}

// The model, and so did the kernel, of the same program: it is too long a walk for either.
bool both_gave_up(const sim::Verdict& verdict, const LoadAnswer& answer) {
  return verdict.processed > budget && answer.fd < 0 && sim::class_of(answer.log) == sim::RejectClass::complexity;
}

std::string line_of(const LoadAnswer& answer, sim::Profile kernel, KernelTypesOnce& types) {
  const bpf::Program& program = answer.object.programs[answer.program];
  sim::ProgramInput input = judged_input(answer.object, program);
  types.give(answer.object, program, input);
  sim::Options options;
  options.budget = budget;
  // What depends on how the kernel was built is learned from its own words.
  kernel.overrides_returns &= answer.log.find(" bpf_override_return#") == std::string::npos;
  const sim::Verdict verdict = sim::verify(input, kernel, options);
  const bool is_taken = answer.fd >= 0;
  const bool gave_up = both_gave_up(verdict, answer);
  const bool agrees = gave_up || (verdict.answer == sim::Answer::accept) == is_taken;
  const bool is_unknown = verdict.answer == sim::Answer::unknown && !gave_up;
  std::string line = is_unknown ? "unknown" : agrees ? "agree" : "differ";
  line += "\t" + std::to_string(verdict.processed) + "\t" + std::to_string(is_taken ? walked_by_kernel(answer.fd) : 0) + "\t";
  line.append(kernel.name).append("\t" + program.name + "\t" + verdict.message + "\n");
  if (!is_unknown && !agrees) line += indented(answer.log + "\n" + print(answer.object, nullptr));
  return line;
}

}  // namespace

std::function<void(const LoadAnswer&)> judge_loads_into(std::string file) {
  utsname system{};
  uname(&system);
  const std::string_view release = system.release;
  std::optional<sim::Profile> kernel = sim::find_profile(release.substr(0, release.find('.', release.find('.') + 1)));
  if (!kernel) return {};
  kernel->nr_cpus = possible_cpu_count();
  return [file = std::move(file), kernel = *kernel, types = KernelTypesOnce()](const LoadAnswer& answer) mutable {
    write_file_at(AT_FDCWD, file.c_str(), line_of(answer, kernel, types), O_CREAT | O_APPEND);
  };
}

}  // namespace shrike
