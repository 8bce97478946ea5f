// Why a value is not what the verifier wants: the chain of writes and tests that gave the register its value, along the path
// that ends at the rejected instruction. The path is read from a log, the kernel's or the model's: both write alike.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend-bpf/object.h"
#include "mir/base/diagnostic.h"
#include "verifier-sim/verdict.h"

namespace shrike {

// The instructions walked from the program's start to where the log ends.
std::vector<uint32_t> path_of_log(std::string_view log);

// "R2 min value is negative, ..." gives 2.
std::optional<unsigned> register_of(std::string_view sentence);

struct Cause {
  uint32_t insn = 0;
  std::string text;
};
// Nearest first: what made the value of `reg` at the end of the path, and the tests of it on the way.
std::vector<Cause> causes_of(const std::vector<bpf::Insn>& insns, const std::vector<uint32_t>& path, unsigned reg);

// What would prove what is missing; empty for classes that no change of the script cures.
std::string_view advice_of(sim::RejectClass reject_class);

// Adds the causes as labels, each at its place in the source, and the advice as hint.
void add_causes(Diagnostic& diagnostic, const std::vector<bpf::Insn>& insns, const std::vector<bpf::LineEntry>& lines,
                std::string_view log, std::string_view sentence);

}  // namespace shrike
