// The checked program: the AST, untouched, with everything a later stage needs to know beside it. A probe is checked
// once per instance: attach points that mean the same to its body share one, those whose arguments differ do not.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "frontend/ast.h"
#include "frontend/frontend.h"
#include "frontend/kernel_facts.h"
#include "mir/interface.h"

namespace shrike {

using VariableId = Id<struct VariableTag>;
using UserMapId = Id<struct UserMapTag>;  // index in CheckedProgram::maps, not a mir::MapId

struct ProbeRow;
struct BuiltinRow;
struct FunctionRow;
struct CheckedBody;

// A value known while compiling.
using Constant = std::variant<std::monostate, int64_t, std::string>;

// What the checker found out about one expression.
struct ExprNote {
  const mir::Type* type = nullptr;
  Constant constant;
  const BuiltinRow* builtin = nullptr;                  // Ident
  const FunctionRow* function = nullptr;                // Call
  const CheckedBody* callee = nullptr;                  // Call of a function of the script's own
  VariableId variable;                                  // Variable
  UserMapId map;                                        // MapRef
  uint32_t argument = UINT32_MAX;                       // Field of args: index into ProbeContext::arguments
  mir::AddressSpace space = mir::AddressSpace::kernel;  // records and arrays read from memory: which memory
  const mir::RecordField* field = nullptr;              // Field of a record
  bool is_callback = false;                             // condition of a `while` that is lowered to a callback
  bool stays_in_function = false;                       // condition of a `while` that must not be
};

// ExprId to ExprNote for the expressions of one body, whose ids are dense: grows at both ends.
class NoteTable {
 public:
  ExprNote& operator[](ast::ExprId id);
  const ExprNote& operator[](ast::ExprId id) const;

 private:
  std::vector<ExprNote> notes_;
  uint32_t base_ = 0;
};

struct Variable {
  std::string_view name;
  const mir::Type* type = nullptr;
  Span declared;  // `let`, first assignment or loop head
  bool is_assigned = false;
  bool is_read = false;
  bool is_let = false;
  bool is_fixed = false;           // declared with a type: assignments convert, the type does not widen
  bool is_behind = false;          // declared by an assignment in a block that the walk has left
  bool may_be_unassigned = false;  // and used there
  uint32_t callback = 0;           // the loop body that is a callback and has it for itself, numbered from 1; 0: none
  bool is_captured = false;        // used inside another such body than its own: lives in memory both can reach
  bool is_addressed = false;       // by `&`: lives in memory
  UserMapId loop_map;              // the pair of a loop over this map
};

// How to fetch one named argument of a probe.
struct ProbeArgument {
  std::string name;
  const mir::Type* type = nullptr;
  uint32_t offset = 0;  // bytes from the context
  uint32_t size = 8;    // bytes to load there
  bool is_data_loc = false;
  std::optional<UserPlace> user;  // of functions of programs: where it is, instead of an offset
  bool is_last = false;           // tracing: behind as many words as the one before the context says
};

// What is fixed about the place a body runs at.
struct ProbeContext {
  const ProbeRow* row = nullptr;
  std::vector<ProbeArgument> arguments;
  std::optional<ProbeArgument> result;                  // retval of a function whose types are known
  std::vector<StaticArgument> static_arguments;         // usdt: arg0 and on, if the body uses them
  bool has_arguments = false;                           // args may be used
  std::string why_no_arguments;                         // if they were wanted and are not known
  mir::AddressSpace space = mir::AddressSpace::kernel;  // of pointers the script makes from integers
  uint32_t context_size = 0;                            // bytes readable behind ctx, tracepoints
};

// The body of a probe, or of a function of the script's own (`fn`). A function is checked once for each choice of address
// spaces: those of the pointers it is given, and that of the pointers its caller makes from integers.
struct CheckedBody {
  const ast::Probe* probe = nullptr;                  // either this
  const ast::FunctionDefinition* function = nullptr;  // or this
  ProbeContext context;
  std::vector<mir::AttachPoint> points;  // at least one, of probes
  bool stacks_in_callbacks = false;      // of its loops: those need the context
  bool names_places = false;             // which of them it is at, `probe` asks the kernel
  NoteTable notes;
  std::map<uint32_t, std::vector<Constant>> known_fields;  // by ExprId: of records that are known while compiling
  Table<VariableId, Variable> variables;
  bool is_reached = true;  // functions: some probe may come to call it

  std::vector<mir::AddressSpace> spaces;  // functions: of each parameter; kernel for what is no pointer
  std::vector<VariableId> params;
  const mir::Type* result = nullptr;     // null: not known yet
  bool has_returned = false;             // some `return` has decided the address space of the result
  const mir::Type* arguments = nullptr;  // of `args` as a whole; null: not asked for yet

  const ast::Block* block() const { return probe != nullptr ? probe->body : function->body; }
};

struct UserMap {
  std::string_view name;           // with the @
  const mir::Type* key = nullptr;  // null: scalar or not known
  const mir::Type* value = nullptr;
  bool is_keyed = false;
  bool is_declared = false;  // let @m = kind(n)
  mir::MapKind kind = mir::MapKind::hash;
  uint64_t max_entries = 0;  // 0: max_map_keys
  Span first_use;            // where keyed or scalar was decided
  Span key_span;             // where the key type was decided
  Span value_span;           // where the value type was decided
  bool is_read = false;
  bool is_written = false;
  bool is_reached = false;  // by more than functions that no probe comes to call
};

// A named argument that the script asks for by getopt().
struct ScriptOption {
  const mir::Type* type = nullptr;
  Constant otherwise;  // the default
  std::string help;
  Span span;  // of the first use
};

class CheckedProgram {
 public:
  const ast::Program* ast = nullptr;
  KernelFacts* facts = nullptr;
  CheckOptions options;
  Config config;
  mutable mir::TypePool types;
  std::map<std::string, ScriptOption> script_options;   // by name
  Table<UserMapId, UserMap, std::deque<UserMap>> maps;  // checking a use of one finds others, in its key or value
  std::vector<CheckedBody> bodies;
  std::deque<CheckedBody> functions;  // notes point to them
  bool is_pinned = false;             // its probes are iterators that stay without shrike
};

}  // namespace shrike
