// Functions of the kernel that programs call (kfuncs): their numbers in its types, and which programs may call which. No list of
// that can be read: the verifier is asked.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>

#include "frontend/kernel_facts.h"
#include "mir/helpers.h"

namespace shrike {

// `function` and `traced` by their numbers in the kernel's types; `traced` only for programs that trace a function.
Answer<bool> try_kfunc(uint32_t function, mir::ProgramType program, uint32_t traced);

// The numbers of those that helpers.def names. Each is looked up once.
class KernelFunctionNumbers {
 public:
  // `types` gives the kernel's, asked when the first function is; null: there are none.
  explicit KernelFunctionNumbers(std::function<const Btf*()> types) : types_(std::move(types)) {}

  std::optional<uint32_t> of(mir::HelperId function);  // nothing: this kernel has no such function

 private:
  std::function<const Btf*()> types_;
  std::map<mir::HelperId, std::optional<uint32_t>> known_;
};

}  // namespace shrike
