// --report: what the compiler made of each program and what that cost, as one JSON object. Compilation fills it stage by
// stage; loading adds what the kernel's verifier says of its work. docs/shrike.8 tells the names.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend-bpf/lir.h"
#include "backend-bpf/object.h"
#include "passes/pipeline.h"

namespace shrike {

class Report {
 public:
  void add_time(std::string_view stage, uint64_t nanoseconds) { times_.push_back({stage, nanoseconds}); }
  void add_size(std::string_view stage, const mir::Module& module) { add_sizes(stage, module); }
  void add_size(std::string_view stage, const lir::Module& module) { add_sizes(stage, module); }
  SideTable<mir::FunctionId, passes::BoundCounts>& bounds() { return bounds_; }
  void add_code(const lir::Module& code);  // as it is to be emitted
  void finish(const bpf::Object& object);  // what it became
  bool is_finished() const { return is_finished_; }
  // The kernel's log of one program, by its position in the object.
  void add_statistics(size_t program, std::string_view log);

  std::string json(std::string_view script) const;

 private:
  struct Time {
    std::string_view stage;
    uint64_t nanoseconds;
  };
  struct Sizes {  // instructions by name of the program: functions are fewer, and numbered anew, after inlining
    std::string_view stage;
    std::map<std::string, size_t> programs;
  };
  struct Code {                            // of one function
    std::vector<mir::FunctionId> reached;  // itself and what it calls
    uint32_t deepest_stack = 0;
    uint32_t spill_slots = 0, spill_stores = 0, spill_loads = 0;
  };
  struct Function {
    std::string name;
    uint32_t instructions = 0, stack_bytes = 0;
  };
  struct Verifier {
    uint64_t processed = 0, states = 0, peak_states = 0, microseconds = 0;
  };
  struct Program {
    std::string name, type;
    mir::FunctionId function;
    std::vector<Function> functions;
    size_t instructions = 0;
    std::optional<Verifier> verifier;
  };

  template <class Module>
  void add_sizes(std::string_view stage, const Module& module);
  void append(std::string& out, const Program& program) const;

  std::vector<Time> times_;
  std::vector<Sizes> sizes_;
  SideTable<mir::FunctionId, passes::BoundCounts> bounds_;
  std::vector<Code> code_;         // by FunctionId
  std::vector<Program> programs_;  // as in the object
  bool is_finished_ = false;
};

}  // namespace shrike
