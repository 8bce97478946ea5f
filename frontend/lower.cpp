// Programs, statements and variables. One function per body; callbacks of loops are functions of their own.
#include "frontend/lower.h"

#include <algorithm>
#include <optional>

#include "frontend/c_layout.h"
#include "frontend/constants.h"
#include "frontend/functions_process.h"
#include "frontend/probes.h"

namespace shrike {

using mir::BlockId;
using mir::MapId;
using mir::Opcode;
using mir::Type;
using mir::TypeKind;
using mir::ValueId;

mir::Module lower(const CheckedProgram& program) {
  return Lower(program).run();
}

namespace {

uint32_t align8(uint32_t size) {
  return (size + 7) & ~7u;
}

// -k and big default rings would both be waste here: the runtime sizes the ring by its own rules when this is 0 pages.
constexpr uint32_t default_ring_bytes = 256 * 1024;
constexpr uint32_t page = 4096;

bool uses_aggregate_hist(const Type* value) {
  return value->is_chart();
}

// Whether the code that such probes are at may run with interrupts off: not what a process does by itself.
bool may_hold_off_interrupts(const ProbeContext& context) {
  using enum mir::ProbeKind;
  switch (context.row->kind) {
    case begin:
    case end:
    case uprobe:
    case uretprobe:
    case usdt:
    case iter:
    case self:
    case test:
    case bench: return false;
    case tracepoint: return context.space != mir::AddressSpace::user;  // of system calls
    default: return true;
  }
}

}  // namespace

// Two loops of one probe, and two probes of one point, are functions of different names.
std::string Lower::unused_name(const std::string& name) {
  if (function_names_.insert(name).second) return name;
  uint32_t& last = name_counts_[name];
  std::string unused;
  do unused = name + " " + std::to_string(last++ + 2);
  while (!function_names_.insert(unused).second);
  return unused;
}

Place::Memory memory_of(mir::AddressSpace space) {
  return space == mir::AddressSpace::user ? Place::Memory::user : Place::Memory::kernel;
}

Lower::Lower(const CheckedProgram& program) : program_(program) {}

mir::Module Lower::run() {
  declare_maps();
  for (const CheckedBody& body : program_.bodies) lower_body(body);
  for (size_t i = 0; i < functions_.size(); i++) lower_function(PendingFunction(functions_[i]));
  drop_room_checks();
  // The types of the Interface live in the pool that made them.
  module_.interface.types = std::move(program_.types);
  define_held_types();
  return std::move(module_);
}

// What user space may come to print and nobody asked for so far: members of structures that are members, names of enumerators.
void Lower::define_held_types() {
  mir::TypePool& types = module_.interface.types;
  std::optional<CTypes> made;
  Diagnostics unheard;  // what nobody knows is printed as {}
  auto definitions = [&]() -> CTypes& {
    if (!made) made.emplace(*program_.ast, types, *program_.facts);
    return *made;
  };
  for (bool is_complete = false; !is_complete;) {
    is_complete = true;
    for (const Type* type : module_.interface.held_types())
      if (type->is(TypeKind::record) && types.layout(type) == nullptr && definitions().layout(type, &unheard) != nullptr)
        is_complete = false;
  }
  for (const Type* type : module_.interface.held_types())
    if (type->is(TypeKind::enumeration) && types.enumerators(type) == nullptr)
      types.define_enumeration(type->name, definitions().enumerators(type->name));
}

// --- maps

void Lower::declare_maps() {
  mir::MapDecl ring;
  ring.name = ".ring";
  ring.role = mir::MapRole::ring;
  ring.kind = mir::MapKind::ring;
  ring.key_size = ring.value_size = 0;
  ring.max_entries = default_ring_bytes;
  if (program_.config.perf_rb_pages != 0) {
    ring.max_entries = 2 * mir::least_reserve;
    while (ring.max_entries < program_.config.perf_rb_pages * page && ring.max_entries < (1u << 30)) ring.max_entries *= 2;
  }
  ring_ = module_.interface.maps.add(ring);
  mir::MapDecl globals;
  globals.name = ".globals";
  globals.role = mir::MapRole::globals;
  globals.kind = mir::MapKind::array;
  globals_ = module_.interface.maps.add(globals);
  for (const UserMap& map : program_.maps) declare_map(map);
  module_.interface.maps[globals_].value_size = mir::globals::size(module_.interface.maps.size());
}

void Lower::declare_map(const UserMap& map) {
  mir::MapDecl decl;
  decl.name = map.name;
  decl.is_keyed = map.is_keyed;
  decl.key = map.key;
  decl.value = map.value;
  // Declared or deleted from and never given a value, or used only by functions that nobody calls.
  if (map.value == nullptr || (map.is_keyed && map.key == nullptr) || !map.is_reached) {
    user_maps_.push_back(MapId());
    return;
  }
  bool is_aggregate = map.value->is_aggregate();
  if (map.is_keyed) decl.kind = map.is_declared ? map.kind : is_aggregate ? mir::MapKind::percpu_hash : mir::MapKind::hash;
  if (mir::has_pages(*map.value, map.is_keyed, decl.kind)) return declare_series(map, decl);
  if (map.is_keyed) {
    decl.key_size = map.key->size;
    decl.value_size = std::max(align8(map.value->size), 8u);
    decl.max_entries = static_cast<uint32_t>(map.max_entries != 0 ? map.max_entries : program_.config.max_map_keys);
  } else if (is_aggregate || (is_scalar(map.value) && map.value->size <= 8)) {
    decl.kind = is_aggregate ? mir::MapKind::percpu_array : mir::MapKind::array;
    decl.value_size = align8(map.value->size) + 8;
  } else {
    decl.kind = mir::MapKind::hash;
    decl.key_size = 8;
    decl.value_size = std::max(align8(map.value->size), 8u);
  }
  user_maps_.push_back(module_.interface.maps.add(decl));
  if (map.is_keyed && uses_aggregate_hist(map.value)) zeros_map(decl.value_size);
}

MapId Lower::table(std::string_view name, std::vector<std::string> table_rows, uint32_t row_size) {
  if (MapId known = module_.interface.find_map(name); known.is_valid()) return known;
  mir::MapDecl table;
  table.name = name;
  table.role = mir::MapRole::table;
  table.kind = mir::MapKind::array;
  table.value_size = static_cast<uint32_t>(table_rows.size()) * row_size;
  table.rows = std::move(table_rows);
  return module_.interface.maps.add(std::move(table));
}

MapId Lower::zeros_map(uint32_t bytes) {
  if (!zeros_.is_valid()) {
    mir::MapDecl zeros;
    zeros.name = ".zeros";
    zeros.role = mir::MapRole::zeros;
    zeros.kind = mir::MapKind::array;
    zeros_ = module_.interface.maps.add(zeros);
  }
  mir::MapDecl& decl = module_.interface.maps[zeros_];
  if (decl.value_size < align8(bytes)) decl.value_size = align8(bytes);
  return zeros_;
}

// --- functions

void Lower::begin_function(FunctionState& state, mir::FunctionKind kind, const std::string& name, Span span) {
  mir::Function function;
  function.name = unused_name(name);
  function.kind = kind;
  function.program = program_type_;
  function.span = span;
  enter_function(state, module_.functions.add(std::move(function)));
  BlockId entry = b().function().entry();
  switch (kind) {
    case mir::FunctionKind::program: b().add_param(entry, {mir::Region::ctx, false}); break;
    case mir::FunctionKind::for_each:
      b().add_param(entry, {mir::Region::map_handle, false});
      b().add_param(entry, {mir::Region::key, false});
      b().add_param(entry, {mir::Region::map, false});
      state.frame = b().add_param(entry, {mir::Region::stack, false});
      break;
    case mir::FunctionKind::loop:
      b().add_param(entry, {});
      state.frame = b().add_param(entry, {mir::Region::stack, false});
      break;
    case mir::FunctionKind::subprogram: break;  // function_for() knows its parameters
  }
}

// Goes on at the end of the entry block, which a function that has none gets.
void Lower::enter_function(FunctionState& state, mir::FunctionId id) {
  state.function = id;
  state.outer = state_;
  state.builder = std::make_unique<mir::Builder>(module_, id, BlockId());
  state_ = &state;
  if (b().function().blocks.empty()) b().add_block("entry");
  BlockId entry = b().function().entry();
  b().move_to(entry);
  b().set_span(b().function().span);
  state.ssa = std::make_unique<SsaVariables>(b(), b().constant(0));
  state.ssa->seal(entry);
}

void Lower::finish_function() {
  state_ = state_->outer;
}

ValueId Lower::context() {
  if (state_->outer != nullptr) {  // the kernel still knows what it is when it comes from the stack
    CHECK(body_->stacks_in_callbacks, "the context is not there in a callback");
    return load_scalar(frame_place(context_offset), types().uint64());
  }
  return b().function().blocks[b().function().entry()].params[0];
}

// `end` runs when nothing else does. Kernels take tens of milliseconds to give a tracepoint or a kprobe back; a flag stops its
// program at once. Others are given back first: quickly, or because a program that may be preempted is not known to have ended.
bool Lower::stops_by_flag(mir::ProbeKind kind) const {
  return mir::stops_by_flag(kind) && std::any_of(program_.bodies.begin(), program_.bodies.end(), [](const CheckedBody& body) {
           return body.context.row->kind == mir::ProbeKind::end;
         });
}

void Lower::lower_body(const CheckedBody& body) {
  body_ = &body;
  program_type_ = body.context.row->program;
  may_hold_off_interrupts_ = may_hold_off_interrupts(body.context);
  insertions_.clear();
  captured_.clear();
  walked_branches_ = 0;
  loop_pairs_.clear();
  FunctionState state;
  begin_function(state, mir::FunctionKind::program, body.points.front().name, body.probe->span);
  uint64_t cookie = 0;
  for (mir::AttachPoint point : body.points) {
    point.program = state.function;
    if (body.names_places) point.cookie = ++cookie;
    module_.interface.probes.push_back(std::move(point));
  }
  lay_out_captured();
  zero_variables();
  BlockId body_block = new_block("body");
  BlockId done = new_block("done");
  if (stops_by_flag(body.context.row->kind)) {
    BlockId running = new_block("running");
    branch(b().load(mir::MemWidth::u64, globals_pointer(mir::globals::stopped), 0), done, running);
    enter(running);
  }
  if (body.context.row->filters_pid && program_.options.pid != 0) {
    BlockId filtered = new_block("filtered");
    ValueId pid = current_pid(*this);
    branch(b().binary(Opcode::eq, pid, b().constant(static_cast<int64_t>(program_.options.pid))), filtered, done);
    enter(filtered);
  }
  if (body.context.row->kind == mir::ProbeKind::iter) begin_iteration(done);
  if (body.probe->predicate != nullptr) {
    branch_on(body.probe->predicate, body_block, done);
  } else {
    jump(body_block);
  }
  enter(body_block);
  block(body.probe->body);
  jump(done);
  enter(done);
  // Other users of a tracepoint's perf events see the event only if every program returns 1.
  b().ret(b().constant(body.context.row->kind == mir::ProbeKind::tracepoint ? 1 : 0));
  give_back_big_frame();
  finish_function();
}

// Iterators are run once more, without an object, after the last. The kernel visits many objects without a pause in which
// records could be read: with half of the ring full the program has it stop and begin with this object next time.
void Lower::begin_iteration(BlockId done) {
  constexpr int32_t object = 8;  // the first word of the context is about the iteration itself
  BlockId has_object = new_block("object");
  branch(b().binary(Opcode::eq, b().load(mir::MemWidth::u64, context(), object), b().constant(0)), done, has_object);
  enter(has_object);
  if (!program_.is_pinned) leave_with_full_ring();
  else if (captured_slot_.is_valid()) store_scalar(frame_place(seq_file_offset), seq_file(), types().uint64());
}

void Lower::leave_with_full_ring() {
  constexpr int64_t available_data = 0;  // BPF_RB_AVAIL_DATA
  constexpr int64_t try_again = 1;
  BlockId is_full = new_block("full");
  BlockId has_room = new_block("room");
  ValueId waiting = b().call(mir::HelperId::ringbuf_query, {b().constant(available_data)}, ring_);
  int64_t half = module_.interface.maps[ring_].max_entries / 2;
  branch(b().binary(Opcode::lt_u, b().constant(half), waiting), is_full, has_room);
  enter(is_full);
  b().ret(b().constant(try_again));
  enter(has_room);
}

// --- control flow

void Lower::jump(BlockId to) {
  if (b().is_terminated()) return;
  BlockId from = b().block();
  b().jump(to);
  state_->ssa->edge(from, 0, to);
}

void Lower::jump_with(BlockId to, std::vector<ValueId> args) {
  BlockId from = b().block();
  b().jump(to, std::move(args));
  state_->ssa->edge(from, 0, to);
}

void Lower::branch(ValueId condition, BlockId then, BlockId otherwise) {
  BlockId from = b().block();
  b().branch(condition, then, otherwise);
  state_->ssa->edge(from, 0, then);
  state_->ssa->edge(from, 1, otherwise);
}

ValueId Lower::branch_null(ValueId pointer, BlockId null, BlockId ok) {
  BlockId from = b().block();
  ValueId value = b().branch_null(pointer, null, ok);
  state_->ssa->edge(from, 0, null);
  state_->ssa->edge(from, 1, ok);
  return value;
}

void Lower::enter(BlockId block) {
  b().move_to(block);
  state_->ssa->seal(block);
}

void Lower::enter_unsealed(BlockId block) {
  b().move_to(block);
}

void Lower::seal(BlockId block) {
  state_->ssa->seal(block);
}

ValueId Lower::choose(ValueId condition, const std::function<ValueId()>& then, const std::function<ValueId()>& otherwise) {
  BlockId then_block = new_block("then");
  BlockId else_block = new_block("else");
  BlockId join = new_block("join");
  branch(condition, then_block, else_block);
  ValueId result = b().add_param(join, {});
  for (auto [block, make] : {std::pair(then_block, &then), std::pair(else_block, &otherwise)}) {
    enter(block);
    jump_with(join, {(*make)()});
  }
  enter(join);
  return result;
}

void Lower::leave_program() {
  if (state_->outer != nullptr) return leave_callback(left_program);
  if (body_->function != nullptr) {
    store_scalar({state_->call_frame}, b().constant(1), types().uint64());
    b().ret(b().constant(0));
  } else {
    b().ret(b().constant(body_->context.row->kind == mir::ProbeKind::tracepoint ? 1 : 0));
  }
  enter(new_block("unreachable"));
}

// --- statements

void Lower::block(const ast::Block* block) {
  if (block == nullptr) return;
  // What several statements in a row print goes into one record; what full maps refuse of them is counted once.
  for (const ast::Stmt* child : block->statements) {
    const bool gathers = may_gather(*child);
    const bool gathers_refusals = may_gather_refusals(*child);
    if (!gathers) emit_gathered();
    if (!gathers_refusals) count_refusals();
    gathers_ = gathers;
    gathers_refusals_ = gathers_refusals;
    statement(*child);
    gathers_ = gathers_refusals_ = false;
  }
  emit_gathered();
  count_refusals();
}

void Lower::statement(const ast::Stmt& statement) {
  b().set_span(statement.span);
  std::visit(ast::Overloaded{
                 [&](const ast::ExprStmt& s) { discard(s.expr); },
                 [&](const ast::Assign& s) { assign(s); },
                 [&](const ast::Let& s) {
                   VariableId id = note(s.variable).variable;
                   if (s.value != nullptr) {
                     assign_variable(id, s.value);
                   } else if (body_->variables[id].type != nullptr) {  // each pass through `let` starts afresh
                     if (is_scalar(body_->variables[id].type)) assign_scalar(id, b().constant(0));
                     else zero(variable_place(id), body_->variables[id].type->size);
                   }
                 },
                 [&](const ast::If&) { if_chain(statement); },
                 [&](const ast::While& s) { while_loop(s); },
                 [&](const ast::Unroll& s) { unroll(s); },
                 [&](const ast::ForRange& s) { for_range(s); },
                 [&](const ast::ForMap& s) { for_map(s); },
                 [&](const ast::Break&) { break_or_continue(true); },
                 [&](const ast::Continue&) { break_or_continue(false); },
                 [&](const ast::Return& s) {
                   if (body_->function != nullptr) return return_from_function(s.value);
                   if (s.value != nullptr) discard(s.value);
                   leave_program();
                 },
                 [&](const ast::BlockStmt& s) { block(s.block); },
             },
             statement.node);
}

// `if` and all `else if` that follow; their branches meet in one block.
void Lower::if_chain(const ast::Stmt& first) {
  BlockId end;
  const ast::Block* last = nullptr;
  for (const ast::Stmt* at = &first; at != nullptr;) {
    const auto& s = *at->as<ast::If>();
    b().set_span(at->span);
    at = ast::else_if(s);
    last = at == nullptr ? s.otherwise : nullptr;
    if (std::optional<bool> goes = goes_while_compiling(s.condition, note(s.condition).constant)) {
      if (!*goes) continue;
      last = s.then;
      break;
    }
    if (!end.is_valid()) end = new_block("endif");
    BlockId then = new_block("then");
    BlockId otherwise = s.otherwise == nullptr ? end : new_block("else");
    branch_on(s.condition, then, otherwise);
    enter(then);
    block(s.then);
    jump(end);
    if (s.otherwise != nullptr) enter(otherwise);
  }
  block(last);
  if (!end.is_valid()) return;
  jump(end);
  enter(end);
}

void Lower::each_branch(const ast::If& first, const std::function<void(const ast::Expr*)>& leaf) {
  auto branch_value = [&](const ast::Block* body) {
    for (size_t i = 0; i + 1 < body->statements.size(); i++) this->statement(*body->statements[i]);
    const ast::Stmt& last = *body->statements.back();
    if (const auto* inner = last.as<ast::If>()) each_branch(*inner, leaf);
    else leaf(last.as<ast::ExprStmt>()->expr);
  };
  for (const ast::If* at = &first;;) {
    const ast::Stmt* next = ast::else_if(*at);
    std::optional<bool> goes = goes_while_compiling(at->condition, note(at->condition).constant);
    if (goes && *goes) return branch_value(at->then);
    if (!goes) {
      BlockId then = new_block("then");
      BlockId otherwise = new_block("else");
      branch_on(at->condition, then, otherwise);
      enter(then);
      branch_value(at->then);
      enter(otherwise);
    }
    if (next == nullptr) return branch_value(at->otherwise);
    at = next->as<ast::If>();
  }
}

void Lower::assign(const ast::Assign& s) {
  if (s.target->as<ast::Ident>() != nullptr) return discard(s.value);
  if (s.op) {
    bool is_sum = *s.op == ast::BinaryOp::add || *s.op == ast::BinaryOp::sub;
    if (s.target->as<ast::MapRef>() != nullptr) {
      if (is_sum) {
        ValueId operand = in_elements(scalar(s.value), user_map(s.target).value);
        add_to_map(s.target, *s.op == ast::BinaryOp::sub ? b().unary(Opcode::neg, operand) : operand, false);
        return;
      }
      bool is_signed = is_signed_operation(note(s.target), note(s.value));
      ast::Binary pair{*s.op, s.target->span, s.target, s.value};
      ValueId old = load_map(s.target);  // before the operand, which may change it: `x op= y` is `x = x op y`
      ValueId result = arithmetic(pair, old, scalar(s.value), is_signed, s.target->span);
      const Type* stored_type = user_map(s.target).value;
      store_map(s.target, stored_type, [&](const Place& to) { store_scalar(to, result, stored_type); });
      return;
    }
    VariableId id = note(s.target).variable;
    bool is_signed = is_signed_operation(note(s.target), note(s.value));
    ast::Binary pair{*s.op, s.target->span, s.target, s.value};
    ValueId old = read_variable(id);
    ValueId operand = scalar(s.value);
    if (is_sum) operand = in_elements(operand, body_->variables[id].type);
    assign_scalar(id, arithmetic(pair, old, operand, is_signed, s.target->span));
    return;
  }
  if (s.target->as<ast::Variable>() != nullptr) return assign_variable(note(s.target).variable, s.value);
  const UserMap& map = user_map(s.target);
  const ast::Call* call = s.value->as<ast::Call>();
  if (call != nullptr && find_aggregation(call->name) != nullptr) {
    ValueId value = call->args.empty() ? ValueId() : scalar(call->args[0]);
    ValueId key = map.is_keyed ? key_pointer(map, s.target->as<ast::MapRef>()->key) : ValueId();
    note_insertion(mir_map(note(s.target).map));
    b().agg_update(mir_map(note(s.target).map), key, value);
    return;
  }
  if (store_constant(s.target, s.value)) return;
  if (is_scalar(map.value)) {
    ValueId value = scalar(s.value);
    store_map(s.target, map.value, [&](const Place& to) { store_scalar(to, value, map.value); });
  } else {
    store_map(s.target, map.value, [&](const Place& to) { into(s.value, map.value, to); });
  }
}

// --- variables

void Lower::assign_variable(VariableId id, const ast::Expr* value) {
  const Type* to = body_->variables[id].type;
  if (to == nullptr) return;
  if (is_scalar(to)) return assign_scalar(id, scalar(value));
  // The value may read the variable it is assigned to, so it is made elsewhere first.
  ast::Visitor visitor;
  bool reads_itself = false;
  visitor.on_expr = [&](const ast::Expr& part) {
    reads_itself |= part.as<ast::Variable>() != nullptr && note(&part).variable == id;
  };
  ast::walk(value, visitor);
  if (!reads_itself) return into(value, to, variable_place(id));
  Place copy{slot("copy", to->size)};
  into(value, to, copy);
  convert(copy, to, variable_place(id), to);
  const bool is_in_frame = body_->variables[id].is_captured && !captured_.at(id).is_big;
  if (state_->outer != nullptr && is_in_frame) blur(variable_place(id), to->size);
}

void Lower::assign_from(VariableId id, const Place& from, const Type* from_type) {
  const Type* to = body_->variables[id].type;
  if (is_scalar(to)) assign_scalar(id, load_scalar(from, from_type));
  else convert(from, from_type, variable_place(id), to);
}

void Lower::assign_scalar(VariableId id, ValueId value) {
  const Variable& variable = body_->variables[id];
  value = extend(value, variable.type);
  if (variable.is_captured || variable.is_addressed) {
    store_scalar(variable_place(id), value, types().uint64());
    if (state_->outer != nullptr) blur(variable_place(id), 8);
  } else {
    state_->ssa->write(id, value);
  }
}

ValueId Lower::read_variable(VariableId id) {
  const Variable& variable = body_->variables[id];
  if (variable.is_captured || variable.is_addressed) return load_scalar(variable_place(id), types().uint64());
  return state_->ssa->read(id);
}

Place Lower::variable_place(VariableId id) {
  const Variable& variable = body_->variables[id];
  if (variable.is_captured) return captured_place(captured_.at(id));
  for (const auto& [known, place] : state_->variable_places)
    if (known == id) return place;
  for (auto [known, slot] : state_->variable_slots)
    if (known == id) return {b().slot_addr(slot)};
  mir::SlotId made = b().add_slot(std::string(variable.name.substr(1)), slot_bytes(variable.type->size), 8);
  state_->variable_slots.emplace_back(id, made);
  return {b().slot_addr(made)};
}

}  // namespace shrike
