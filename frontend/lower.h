// Internal to the frontend: CheckedProgram to MIR. Scalars become SSA values; everything else is written to and read from
// memory by address, straight to where it is wanted (a key slot, a ring record) without a copy between.
//
// lower.cpp has programs and statements, lower_loops.cpp loops, lower_functions.cpp `fn`, lower_expr.cpp scalar expressions,
// lower_memory.cpp values in memory, lower_maps.cpp map accesses, lower_output.cpp ring records, lower_strings.cpp comparisons.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "frontend/ast_walk.h"
#include "frontend/builtins.h"
#include "frontend/checked.h"
#include "frontend/functions.h"
#include "frontend/language_types.h"
#include "frontend/ssa.h"
#include "mir/build.h"
#include "mir/scratch.h"

namespace shrike {

// Where a value's bytes are. `direct` memory is loaded and stored; kernel and user memory is an address that helpers read.
struct Place {
  enum class Memory : uint8_t { direct, kernel, user };

  mir::ValueId pointer;  // direct: a pointer; else an integer
  int32_t offset = 0;
  Memory memory = Memory::direct;
  bool is_record = false;  // a ring record: bytes nobody prints may stay as they are

  Place at(uint32_t bytes) const {
    Place out = *this;
    out.offset += static_cast<int32_t>(bytes);
    return out;
  }
};
Place::Memory memory_of(mir::AddressSpace space);

// What the first word of the captured variables says: how the body of a loop left.
inline constexpr int64_t left_function = 1, left_program = 2;

// Of a slot for a value: whole words, and one for values without bytes, such as `()`, which have an address like others.
constexpr uint32_t slot_bytes(uint32_t size) {
  return size == 0 ? 8 : (size + 7) & ~7u;
}

class Lower {
 public:
  explicit Lower(const CheckedProgram& program);
  mir::Module run();

  // --- what rows of builtins.cpp and functions.cpp use

  const CheckedProgram& program() const { return program_; }
  const CheckedBody& body() const { return *body_; }
  const ExprNote& note(const ast::Expr* expr) const { return body_->notes[expr->id]; }
  const mir::Type* type(const ast::Expr* expr) const { return note(expr).type; }
  mir::TypePool& types() { return program_.types; }
  mir::Builder& b() { return *state_->builder; }
  mir::Module& module() { return module_; }
  mir::ValueId context();  // ptr.ctx of the program

  // Control flow; every edge goes through these.
  mir::BlockId new_block(const char* name) { return b().add_block(name); }
  void jump(mir::BlockId to);
  void jump_with(mir::BlockId to, std::vector<mir::ValueId> args);
  void branch(mir::ValueId condition, mir::BlockId then, mir::BlockId otherwise);
  mir::ValueId branch_null(mir::ValueId pointer, mir::BlockId null, mir::BlockId ok);
  void enter(mir::BlockId block);           // continue there; no edge to it will follow
  void enter_unsealed(mir::BlockId block);  // loop headers
  void seal(mir::BlockId block);
  // A two-way choice of scalars.
  mir::ValueId choose(mir::ValueId condition, const std::function<mir::ValueId()>& then,
                      const std::function<mir::ValueId()>& otherwise);

  // Expressions.
  mir::ValueId scalar(const ast::Expr* expr);     // any type that converts to an integer, and statements (invalid id)
  void discard(const ast::Expr* expr);            // for its effects
  mir::ValueId condition(const ast::Expr* expr);  // not zero: true
  void branch_on(const ast::Expr* expr, mir::BlockId then, mir::BlockId otherwise);
  void into(const ast::Expr* expr, const mir::Type* as, const Place& to);  // all bytes of `as` at `to`
  void cast_into(const ast::Expr* operand, const mir::Type* array, const Place& to);
  Place place(const ast::Expr* expr);                            // where its bytes are, made if need be
  mir::ValueId address_of(const ast::Expr* expr);                // of a variable or map value, a number; 0: no such key
  mir::ValueId extend(mir::ValueId value, const mir::Type* to);  // the low bytes of `to`, extended

  // Memory.
  mir::ValueId slot(const char* name, uint32_t size, uint32_t align = 8);
  mir::ValueId pointer_at(const Place& place);  // direct places: the pointer with its offset applied
  mir::ValueId address_at(const Place& place);  // other places: the address with its offset applied
  mir::ValueId load_scalar(const Place& from, const mir::Type* type);
  void store_scalar(const Place& to, mir::ValueId value, const mir::Type* type);
  void store_padded(const Place& to, mir::ValueId value, const mir::Type* type, uint32_t padding);
  void write_parts(const mir::Type* whole, const Place& to, const std::vector<size_t>& order,
                   const std::function<mir::ValueId(size_t)>& number, const std::function<void(size_t, const Place&)>& write);
  void parts_into(const std::vector<const ast::Expr*>& values, const std::vector<size_t>& order, const mir::Type* as,
                  const Place& to);
  void record_into(const ast::Record& record, const mir::Type* as, const Place& to);
  void convert(const Place& from, const mir::Type* from_type, const Place& to, const mir::Type* to_type);
  void zero(const Place& at, uint32_t bytes);
  // Bytes of traced memory to a direct place, by probe_read; reports a failed read with -k.
  void probe_read(const Place& to, mir::ValueId bytes, mir::ValueId address, Place::Memory memory);
  mir::ValueId probe_read_str(const Place& to, mir::ValueId bytes, mir::ValueId address, Place::Memory memory);
  mir::ValueId probe_read_by(mir::HelperId helper, const Place& to, mir::ValueId bytes, mir::ValueId address);
  // Both give the bytes read with the NUL, or a negative error.
  // A NUL-terminated string of at most `capacity` bytes to a direct place, tail zeroed unless nobody will look.
  mir::ValueId read_string(const Place& to, uint32_t capacity, mir::ValueId size, mir::ValueId address, Place::Memory memory);
  // Makes the verifier forget what it knows of these bytes.
  void blur(const Place& at, uint32_t bytes);
  void forget_changed(const ast::Expr* condition, const ast::Block* body);   // by the rounds of a loop
  void write_bytes(const Place& to, std::string_view bytes, uint32_t size);  // constant bytes, zero-padded

  mir::ValueId load_argument(const ProbeArgument& argument);
  Place argument_place(const ProbeArgument& argument);
  Place user_place(const UserPlace& place);
  Place pointee(const ast::Expr* expr, mir::AddressSpace otherwise = mir::AddressSpace::kernel);
  mir::ValueId cpu_offset(mir::ValueId cpu);
  mir::ValueId load_register(std::string_view name);

  // Variables.
  void assign_scalar(VariableId id, mir::ValueId value);
  void assign_from(VariableId id, const Place& from, const mir::Type* from_type);

  // Maps.
  mir::MapId mir_map(UserMapId id) const { return user_maps_[id.index]; }
  const UserMap& user_map(const ast::Expr* ref) const { return program_.maps[note(ref).map]; }
  mir::ValueId key_pointer(const UserMap& map, const ast::Expr* key);
  mir::ValueId map_value_or_null(UserMapId id, mir::ValueId key);  // keyed and hash-backed maps
  mir::ValueId load_map(const ast::Expr* ref);                     // scalar value; missing: 0
  Place map_place(const ast::Expr* ref);                           // value in memory; missing: zeros
  void store_map(const ast::Expr* ref, const mir::Type* type, const std::function<void(const Place&)>& write);
  mir::ValueId add_to_map(const ast::Expr* ref, mir::ValueId amount, bool wants_old);  // atomic; old value if wanted
  mir::ValueId read_aggregate(UserMapId id, mir::ValueId key);                         // as an integer over all CPUs
  mir::ValueId count_entries(UserMapId id);
  mir::ValueId delete_key(UserMapId id, mir::ValueId key);  // 1 if it was there
  void delete_pages(const mir::MapDecl& map, mir::ValueId key);
  void note_insertion(mir::MapId map);
  void update(mir::MapId map, mir::ValueId key, mir::ValueId value, int64_t flags);       // counts a full map
  void update_by_statement(mir::MapId map, mir::ValueId key, mir::ValueId value);         // the same, with its neighbours
  void count_refusals();                                                                  // of those before
  bool store_constant(const ast::Expr* ref, const ast::Expr* value);                      // false if it is none, or no hash
  std::optional<std::string> constant_bytes(const ast::Expr* expr, const mir::Type* as);  // as into() would write them
  mir::ValueId constant_pointer(std::string_view bytes);                                  // to a copy in the globals map

  // Output. fill() writes the fields at their offsets from the record's start.
  struct RecordField {
    const mir::Type* type;
    const ast::Expr* expr = nullptr;      // or
    mir::ValueId value;                   // a scalar, or
    Place made;                           // where its bytes are
    std::optional<std::string> constant;  // bytes that are the same in every record, and so in none
  };
  void emit(mir::EventDecl event, const std::vector<RecordField>& fields);
  // The same for what a whole statement prints: with its neighbours' in one record, if the block lets it.
  void emit_statement(mir::EventDecl event, std::vector<RecordField> fields);
  void emit_gathered();  // what such statements left waiting
  void emit_event(mir::EventDecl event, const std::function<void(const Place&, const mir::EventDecl&)>& fill);
  void formatted(mir::EventKind kind, const ast::Expr& self, const ast::Call& call, size_t format_arg);
  RecordField record_field(const ast::Expr* expr);
  RecordField integer_field(int64_t constant);
  void runtime_error(std::string message, Span span);
  mir::ValueId seq_file();  // what an iterator that is pinned writes to, as a pointer that the kernel knows
  mir::ValueId globals_pointer(uint32_t offset);
  uint32_t string_index(std::string_view text);  // in Interface::strings
  // The map of that name with these rows, each of `row_size` bytes.
  mir::MapId table(std::string_view name, std::vector<std::string> rows, uint32_t row_size);

  // Strings.
  Place direct_place(const ast::Expr* expr);
  mir::ValueId strings_equal(const ast::Expr* left, const ast::Expr* right);
  mir::ValueId values_equal(const ast::Expr* left, const ast::Expr* right);  // of a type in common, as their bytes are
  mir::ValueId bytes_equal(const Place& left, const Place& right, uint32_t count, bool stops_at_nul);
  mir::ValueId equals_literal(const ast::Expr* text, std::string_view literal, bool with_nul);

  // Those that the verifier keeps in mind when it has walked the loops over texts of the body so far.
  uint32_t& walked_branches() { return walked_branches_; }
  // The frame of what callbacks do with long texts (frontend/texts.h); its first words are these values, pointers as numbers.
  Place text_frame(std::initializer_list<mir::ValueId> words);
  // Calls `round` with the frame and the number of the round, until it returns 1. One callback a name and type of program.
  void loop_over_text(const std::string& name, mir::ValueId rounds, const Place& frame,
                      const std::function<void(Lower&, const Place&, mir::ValueId)>& round);

  void leave_program();  // return from the probe, from inside a callback or a function too

  // Calls of the script's own functions; the result is in a register or in memory, as its type says.
  mir::ValueId call_scalar(const ast::Expr& self, const ast::Call& call);
  Place call_place(const ast::Expr& self, const ast::Call& call);

 private:
  static constexpr uint32_t seq_file_offset = 8;  // in the frame of captured variables, where an iterator is pinned
  static constexpr uint32_t context_offset = 8;   // in the same place where callbacks ask for stacks, which iterators do not have
  struct Loop {
    mir::BlockId next;         // continue
    mir::BlockId end;          // break
    bool is_callback = false;  // the function itself is the loop body
  };
  // What belongs to the function being built; callbacks of loops have their own.
  struct FunctionState {
    mir::FunctionId function;
    std::unique_ptr<mir::Builder> builder;
    std::unique_ptr<SsaVariables> ssa;
    mir::ValueId frame;       // callbacks: pointer to the program's or sub-program's captured variables
    mir::ValueId big_frame;   // pointer to those that are too big for the stack, if there are any
    mir::ValueId call_frame;  // sub-programs: pointer to what the caller passes and gets back in memory
    mir::Scratch scratch;     // where the big frame is
    mir::SlotId text_frame;   // see text_frame(); invalid: not used so far
    std::vector<std::pair<VariableId, Place>> variable_places;  // parameters in the call frame
    std::vector<Loop> loops;
    std::vector<std::pair<VariableId, mir::SlotId>> variable_slots;
    FunctionState* outer = nullptr;
  };

  // How a function of the script's own is called. Scalars are in registers as far as those go; everything else is in a
  // frame of the caller's, whose first word tells that the function has left the whole program.
  struct CallLayout {
    bool has_frame = false;
    bool may_exit = false;
    std::vector<uint32_t> offsets;  // in the frame, of each parameter; in_register
    uint32_t result = 0;            // in the frame, of a result that is no scalar
    uint32_t size = 8;
  };
  static constexpr uint32_t in_register = UINT32_MAX;
  struct PendingFunction {
    mir::FunctionId id;
    const CheckedBody* body;
    mir::ProgramType program;
  };
  const CallLayout& call_layout(const CheckedBody& function);
  bool may_exit(const CheckedBody& function);
  bool leaves_program(const CheckedBody& body, const ast::Block* block);
  mir::FunctionId function_for(const CheckedBody& body);
  void lower_function(const PendingFunction& pending);
  mir::ValueId call(const ast::Call& call, const CheckedBody& callee, const Place& frame);
  void return_from_function(const ast::Expr* value);
  void return_captured_result();
  void leave_callback(int64_t how);

  // An event laid out, and how its part of a record is filled.
  struct FilledEvent {
    mir::EventDecl event;
    Span at;
    std::function<void(const Place&, const mir::EventDecl&)> fill;
  };
  FilledEvent filled(mir::EventDecl event, std::vector<RecordField> fields);
  void emit_record(std::vector<FilledEvent> events);
  bool may_gather(const ast::Stmt& statement) const;
  // Insertions of one map that statements in a row make, as far as it refused them.
  struct Refusals {
    mir::MapId map;
    mir::ValueId value;   // of one update its status, of several the number of those refused
    mir::ValueId errors;  // of several: the bits of all their statuses, which are those of the error where there is one kind
    uint32_t updates;
  };
  void count_refusal(mir::MapId map, mir::ValueId error, mir::ValueId count);
  void count_refusal(const Refusals& refusals);
  bool may_gather_refusals(const ast::Stmt& statement) const;
  void count_losses(const std::vector<FilledEvent>& events);
  mir::ValueId loss_slot();
  void drop_room_checks();

  std::string unused_name(const std::string& name);  // `name`, or with a number no function has
  void declare_maps();
  void define_held_types();
  void declare_map(const UserMap& map);
  void declare_series(const UserMap& map, mir::MapDecl& decl);
  mir::MapId zeros_map(uint32_t bytes);
  void lower_body(const CheckedBody& body);
  bool stops_by_flag(mir::ProbeKind kind) const;
  void begin_iteration(mir::BlockId done);
  void leave_with_full_ring();
  void lay_out_captured();
  void take_big_frame(uint32_t bytes);
  void find_big_frame();
  void give_back_big_frame();
  void zero_variables();
  void begin_function(FunctionState& state, mir::FunctionKind kind, const std::string& name, Span span);
  void enter_function(FunctionState& state, mir::FunctionId id);
  void finish_function();

  void block(const ast::Block* block);
  void statement(const ast::Stmt& statement);
  void if_chain(const ast::Stmt& first);
  // `if` as a value: calls `leaf` where each branch comes to its value. The leaf jumps to where all of them meet.
  void each_branch(const ast::If& statement, const std::function<void(const ast::Expr*)>& leaf);
  void assign(const ast::Assign& statement);
  void assign_variable(VariableId id, const ast::Expr* value);
  void while_loop(const ast::While& statement);
  void while_callback(const ast::While& statement);
  void unroll(const ast::Unroll& statement);
  void for_range(const ast::ForRange& statement);
  void for_map(const ast::ForMap& statement);
  void loop_callback(FunctionState& callback, const ast::Block* body);
  void break_or_continue(bool is_break);
  void return_if_left();
  Place frame_place(uint32_t offset);
  // Where something captured is: in the frame, or in the big one.
  struct Captured {
    uint32_t offset = 0;
    bool is_big = false;
  };
  Place captured_place(Captured captured);

  mir::ValueId read_variable(VariableId id);
  Place variable_place(VariableId id);
  mir::ValueId binary(const ast::Expr& self);
  mir::ValueId arithmetic_on(const ast::Expr& self, mir::ValueId left);
  mir::ValueId arithmetic(const ast::Binary& e, mir::ValueId left, mir::ValueId right, bool is_signed, Span span);
  mir::ValueId in_elements(mir::ValueId count, const mir::Type* moved);
  mir::ValueId divide(const ast::Binary& e, mir::ValueId left, mir::ValueId right, bool is_signed, Span span);
  mir::ValueId short_circuit(const ast::Expr& self);
  mir::ValueId inc_dec(const ast::Expr& self, const ast::IncDecExpr& e);
  mir::ValueId load_bit_field(const Place& from, const mir::RecordField& field);
  Place loop_pair_place(VariableId id, uint32_t element);
  friend struct ScalarLower;

  const CheckedProgram& program_;
  const CheckedBody* body_ = nullptr;
  mir::Module module_;
  std::unordered_set<std::string> function_names_;
  std::unordered_map<std::string, uint32_t> name_counts_;  // functions that were given another name than this
  FunctionState* state_ = nullptr;
  std::vector<mir::MapId> user_maps_;
  mir::MapId ring_, globals_, zeros_;
  std::unordered_map<std::string, uint32_t> constants_;  // where each is in MapDecl::constants of the globals map
  struct RoomCheck {
    mir::FunctionId function;
    mir::BlockId block;
    size_t first;  // of its instructions, with which the block ends
  };
  std::vector<RoomCheck> room_checks_;
  mir::EventRank highest_rank_ = mir::EventRank::data;
  std::vector<uint32_t> insertions_;     // of the body at hand, by MapId
  bool may_hold_off_interrupts_ = true;  // the code that its probes are at
  std::vector<Refusals> refusals_;
  bool gathers_refusals_ = false;
  bool gathers_ = false;               // what the statement prints waits in gathered_
  std::vector<FilledEvent> gathered_;  // by the statements before this one
  uint32_t walked_branches_ = 0;
  mir::SlotId captured_slot_;
  uint32_t captured_size_ = 0;
  Captured captured_result_;    // where a `return` inside of a loop leaves a function's result
  mir::MapId big_frames_;       // invalid: nothing is in the big frame
  uint32_t big_frame_key_ = 0;  // offset in the frame of the key that finds it
  mir::ProgramType program_type_ = mir::ProgramType::kprobe;
  uint32_t next_range_ = 0;  // offset of the next range loop's start word
  std::unordered_map<VariableId, Captured> captured_;
  // Pairs of `for` over a map that were not captured: where key and value are.
  std::unordered_map<VariableId, std::pair<Place, Place>> loop_pairs_;
  std::unordered_map<const CheckedBody*, CallLayout> call_layouts_;
  std::map<std::pair<std::string, mir::ProgramType>, mir::FunctionId> text_loops_;
  std::map<std::pair<const CheckedBody*, mir::ProgramType>, mir::FunctionId> function_ids_;
  std::vector<PendingFunction> functions_;  // made, in order; the ones at the end not yet lowered
};

}  // namespace shrike
