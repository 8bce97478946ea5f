// Runs the bytes of a finished object as RFC 9669 says, in the memory and with the helpers of MIR's interpreter: what emission
// made can be compared with the MIR it came from where no kernel may be asked. Tests only.
// Deliberately does not model: what Machine does not, and the verifier. A register that nothing wrote holds a value that no
// memory has.
#pragma once

#include "backend-bpf/object.h"
#include "mir/interpret.h"

namespace shrike::bpf {

class Interpreter : public mir::Machine {
 public:
  explicit Interpreter(const Object& object);  // must outlive the machine

  // `program` as position in the object.
  Outcome run_program(size_t program, std::vector<uint8_t> context);

 private:
  // A function is its first instruction.
  uint64_t call_function(mir::FunctionId function, const std::vector<uint64_t>& args) override;

  const Object& object_;
  const Program* program_ = nullptr;
  uint32_t depth_ = 0;

  friend class Execution;
};

}  // namespace shrike::bpf
