// Internal to the frontend: the type checker. It walks every body until no type of a map or variable changes any more;
// what the last walk reports is what the user sees.
//
// The type of an expression is null where it is not known: because of an error already reported, or because this walk
// has not come to what decides it. Nobody complains about null.
#pragma once

#include <functional>
#include <map>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "frontend/builtins.h"
#include "frontend/c_layout.h"
#include "frontend/checked.h"
#include "frontend/functions.h"
#include "frontend/language_types.h"
#include "frontend/probes.h"

namespace shrike {

// What a written attach point stands for.
struct FoundPlaces {
  const ProbeRow* row = nullptr;
  std::vector<mir::AttachPoint> places;
};

class Checker {
 public:
  Checker(CheckedProgram& program, Diagnostics& diagnostics);

  // Resolves attach points into bodies, then types them.
  void run();

  // --- for the rows of builtins.cpp and functions.cpp

  CheckedProgram& program() { return program_; }
  mir::TypePool& types() { return program_.types; }
  KernelFacts& facts() { return *program_.facts; }
  CheckedBody& body() { return *body_; }
  const ProbeContext& context() const { return body_->context; }
  Diagnostics& diagnostics() { return *sink_; }
  Diagnostic& report(Diag id, Span span, std::initializer_list<std::string> args = {});

  const mir::Type* expr(const ast::Expr* expr);
  ExprNote& note(const ast::Expr* expr) { return body_->notes[expr->id]; }
  const Constant& constant(const ast::Expr* expr) { return note(expr).constant; }

  void note_cpid(Span span) { first_cpid_ = first_cpid_.value_or(span); }
  void note_has_cpid() { asks_for_cpid_ = true; }

  // Types the expression and reports one that is no integer. False if not usable.
  bool integer(const ast::Expr* expr, std::string_view what);
  // The value of an integer known while compiling; reports others.
  std::optional<int64_t> constant_integer(const ast::Expr* expr, std::string_view what);
  std::optional<std::string_view> constant_string(const ast::Expr* expr, std::string_view what);
  // Whether an argument of the probe can be read; reports if not.
  bool readable(const ProbeArgument& argument, Span span);
  // A format string and its arguments, args[first] being the format. False after an error.
  bool format(const ast::Call& call, size_t first);
  // What of a format and its arguments the kernel cannot print for a program that is pinned; false after an error.
  bool pinned_format(const ast::Call& call);
  // The map an argument names, read as a whole. Null if it is none.
  UserMap* whole_map(const ast::Expr* expr, std::string_view function);
  // The map an argument names, used at `key` (null: as a scalar), as delete and has_key do.
  UserMap& map_key(const ast::Expr* ref, const ast::Expr* key);
  // Notes that `map` is used with (or without) this key.
  void use_key(UserMap& map, const ast::Expr* ref, const ast::Expr* key);
  // Notes that the variable is given a value of `type`, which is written at `value`.
  void assign_variable(const ast::Expr* target, const mir::Type* type, const ast::Expr* value);
  // The layout of a record type, from the script's definitions or BTF; reports a missing one at `span`.
  const mir::RecordLayout* layout(const mir::Type* record, Span span);
  const mir::RecordField* field(const mir::Type* record, std::string_view name, Span span);
  const mir::Type* named_type(const ast::TypeName& name);
  // Whether what the value points to can be found, or the elements of a flexible array; reports if not.
  bool leads_somewhere(const ast::Expr* expr);
  // Whether the body may use what `use` (a ProbeUse) stands for where it is; reports if not.
  bool available(uint32_t use, std::string_view name, Span span);
  // Whether the script may use what bpftrace may still change, as configuration variable `key` says; reports if not.
  bool allows_unstable(std::string_view feature, std::string_view key, std::string_view setting, Span span);
  // Whether the code at hand never runs, as is known while compiling: fail() does not fail there.
  bool is_dead() const { return is_dead_; }

 private:
  friend struct ExprChecker;

  bool declare_functions();  // false after an error
  void refuse_recursion();
  std::vector<std::string_view> callable_names() const;  // the language's functions and the script's own
  const ast::FunctionDefinition* own_function(std::string_view name) const;
  CheckedBody& function_instance(const ast::FunctionDefinition& definition, const std::vector<const mir::Type*>& given);
  const mir::Type* call_function(const ast::Expr& self, const ast::Call& call, const ast::FunctionDefinition& definition);
  void check_function(CheckedBody& body);
  const mir::Type* parameter_type(const ast::Parameter& parameter, mir::AddressSpace space);
  void return_value(const ast::Return& statement, Span span);
  void resolve_probes();
  // What the attach points of a probe stand for; patterns stay such unless their places' names are wanted.
  std::vector<FoundPlaces> find_places(const ast::Probe& probe, bool wants_names, size_t& trials);
  std::string_view when_missing(const ast::Probe& probe, const ast::AttachPoint& point) const;
  void find_pins();
  void define_c_types();
  void declare_maps();
  void check_body(CheckedBody& body);
  void check_named_arguments();
  void warn_unused();
  void warn_discarded(const ast::Expr* value);
  void warn_mixed_signs(const ast::Binary& e, const mir::Type* left, const mir::Type* right);
  bool widen(const mir::Type*& slot, const mir::Type* type);
  const mir::Type* counting(const ast::Expr* target, const mir::Type* type, bool is_signed);
  bool is_copied(const ast::Expr* expr);
  const mir::Type* stack_type(const ast::TypeName& name);
  const mir::Type* cast(const ast::Expr& self, const ast::Cast& e);
  const mir::Type* cast_type(const ast::TypeName& name, const mir::Type* from);

  void block(const ast::Block* block);
  void statement(const ast::Block& in, size_t index);  // which has what is before it, too
  void assign(const ast::Assign& statement, Span span);
  void assign_map(const ast::Expr* target, const mir::Type* type, const ast::Expr* value);
  void let(const ast::Let& statement);
  void unroll(const ast::Unroll& statement);
  void for_range(const ast::ForRange& statement);
  void for_map(const ast::ForMap& statement);
  Variable& loop_variable(const ast::Expr* at);
  void in_loop(std::string_view word, Span span);
  void condition(const ast::Expr* expr);
  // Checks what runs when the condition is `when`, or leaves it out where `comptime` decides against it.
  void in_branch(const ast::Expr* condition, bool when, const std::function<void()>& check);
  void if_chain(const ast::If& first);
  // What follows is the condition's `else`: dead if that is known to be true. False if `comptime` leaves it out.
  bool enter_else(const ast::Expr* condition);
  void loop_body(const ast::Block* body);
  void while_loop(const ast::Block& block, size_t index);
  void callback_body(const ast::Block* body);             // of a `for`
  void enter_callback(const ast::Expr* while_condition);  // null: of a `for`
  // Makes the callbacks around this place part of the function they are in, with the next walk. False if one is the body of a
  // `for`, which cannot be.
  bool leave_while_callbacks();
  uint32_t innermost_callback() const;
  uint32_t innermost_for() const;
  void begin_walk();
  UserMap& map_of(const ast::Expr* ref);
  void add_maps_of(const ast::Expr* key);

  Variable* find_variable(std::string_view name, VariableId* id);
  VariableId declare(const ast::Expr* at, Span span, uint32_t callback);

  void open_scope();
  void close_scope();

  struct Scope {
    std::unordered_map<std::string_view, VariableId> variables;
    size_t first_implicit = 0;
  };

  CheckedProgram& program_;
  CTypes c_types_;
  Diagnostics& final_;
  Diagnostics* sink_;
  CheckedBody* body_ = nullptr;
  std::unordered_map<std::string_view, UserMapId> map_names_;
  std::unordered_map<std::string_view, const ast::FunctionDefinition*> function_names_;
  std::unordered_map<const ast::FunctionDefinition*, std::vector<CheckedBody*>> instances_;
  std::vector<Scope> scopes_;
  std::vector<VariableId> implicit_;  // declared by assignments in the open scopes, which first_implicit tells apart
  uint32_t loop_depth_ = 0;           // any loop: break and continue
  struct Callback {
    uint32_t number;                   // from 1, in the order they are met
    const ast::Expr* while_condition;  // null: the body of a `for`
  };
  std::vector<Callback> callbacks_;  // around this place
  uint32_t callbacks_met_ = 0;       // by this walk
  bool changed_ = false;
  bool is_late_ = false;                          // walks have been many: strings grow by more than they must
  std::map<uint64_t, Span> missing_positionals_;  // used and not given
  bool counts_positionals_ = false;               // `$#` is used: the script knows how many there are
  std::optional<Span> first_cpid_;                // where `cpid` is used first
  bool asks_for_cpid_ = false;                    // `has_cpid` is used: the script knows that there may be none
  bool is_dead_ = false;                          // a condition known while compiling keeps this code from running
  bool has_functions_ = false;                    // that are fit to be called
};

}  // namespace shrike
