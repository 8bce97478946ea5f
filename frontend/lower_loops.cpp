// Loops. `unroll` stays inside its function, and so does a `while` whose rounds can be counted (frontend/counted_loops.h). The
// body of `for`, and of any other `while`, is a callback that the kernel calls once a round (bpf_loop, bpf_for_each_map_elem):
// variables it shares with the rest of the probe live in one stack slot of the program, whose address every callback gets. Its
// first word tells that the body left the whole probe.
#include <algorithm>
#include <set>

#include "frontend/lower.h"
#include "frontend/texts.h"

namespace shrike {

using mir::BlockId;
using mir::HelperId;
using mir::MapId;
using mir::Opcode;
using mir::Type;
using mir::ValueId;

namespace {

// The kernel's limit on iterations of bpf_loop.
constexpr int64_t max_iterations = 1 << 23;
// Of variables and the like that callbacks share with what calls them. The rest of the stack is for all of their own.
constexpr uint32_t most_captured_on_stack = 192;

}  // namespace

// The slot: u64 left, captured variables, a function's result, one u64 per range loop for its start. What is big for it lies in a
// scratch value, the big frame, which callbacks look up by the key that is in the slot.
void Lower::lay_out_captured() {
  uint32_t ranges = 0;
  bool has_callback = false;
  ast::Visitor visitor;
  visitor.before_statement = [&](const ast::Stmt& s) {
    ranges += s.as<ast::ForRange>() != nullptr;
    has_callback |= s.as<ast::ForRange>() != nullptr || s.as<ast::ForMap>() != nullptr;
    if (const auto* loop = s.as<ast::While>()) has_callback |= note(loop->condition).is_callback;
  };
  ast::walk(body_->block(), visitor);
  captured_slot_ = mir::SlotId();
  big_frames_ = MapId();
  if (!has_callback) return;
  struct Part {
    Captured* captured;
    uint32_t size;
  };
  std::vector<Part> parts;
  const uint32_t first_captured = program_.is_pinned || body_->stacks_in_callbacks ? 16 : 8;
  uint32_t bytes = first_captured + ranges * 8;
  auto add = [&](Captured& captured, const Type* type) {
    parts.push_back({&captured, (type->size + 7) & ~7u});
    bytes += parts.back().size;
  };
  for (size_t i = 0; i < body_->variables.size(); i++) {
    const Variable& variable = body_->variables[VariableId(i)];
    if (variable.is_captured && variable.type != nullptr) add(captured_[VariableId(i)], variable.type);
  }
  captured_result_ = {};
  if (body_->function != nullptr) add(captured_result_, body_->result);
  // The largest go.
  uint32_t big_bytes = 0;
  while (bytes > most_captured_on_stack) {
    auto largest = std::max_element(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.size < b.size; });
    if (largest == parts.end() || largest->size <= 8) break;
    *largest->captured = {big_bytes, true};
    big_bytes += largest->size;
    bytes -= largest->size;
    parts.erase(largest);
  }
  captured_size_ = first_captured;
  for (const Part& part : parts) {
    part.captured->offset = captured_size_;
    captured_size_ += part.size;
  }
  next_range_ = captured_size_;
  captured_size_ += ranges * 8;
  if (big_bytes != 0) {
    big_frame_key_ = captured_size_;
    captured_size_ += 8;
  }
  captured_slot_ = b().add_slot("captured", captured_size_, 8);
  zero({b().slot_addr(captured_slot_)}, captured_size_);
  if (body_->stacks_in_callbacks)
    store_scalar(frame_place(context_offset), b().unary(Opcode::ptr_to_int, context()), types().uint64());
  if (big_bytes != 0) take_big_frame(big_bytes);
}

void Lower::take_big_frame(uint32_t bytes) {
  const mir::FunctionId id = state_->function;
  const uint32_t header = mir::scratch_header(module_, id);
  bytes += header;
  const uint32_t cpus = bytes > mir::longest_percpu_value ? program_.facts->possible_cpus() : 1;
  big_frames_ = mir::add_scratch_map(module_, id, ".captured", bytes, cpus);
  for (auto& [variable, captured] : captured_)
    if (captured.is_big) captured.offset += header;
  if (captured_result_.is_big) captured_result_.offset += header;
  BlockId body = new_block("captured");
  state_->scratch = mir::take_scratch(b(), big_frames_, pointer_at(frame_place(big_frame_key_)), body);
  state_->big_frame = state_->scratch.value;
  enter(body);  // nothing has been assigned so far, as at an entry
  for (size_t i = 0; i < body_->variables.size(); i++) {
    const Variable& variable = body_->variables[VariableId(i)];
    if (!variable.is_captured || variable.type == nullptr || !variable.may_be_unassigned) continue;
    if (captured_.at(VariableId(i)).is_big) zero(variable_place(VariableId(i)), slot_bytes(variable.type->size));
  }
  if (captured_result_.is_big) zero(captured_place(captured_result_), slot_bytes(body_->result->size));
}

// In a callback.
void Lower::find_big_frame() {
  if (!big_frames_.is_valid()) return;
  BlockId never = new_block("never");
  BlockId body = new_block("captured");
  ValueId key = pointer_at(frame_place(big_frame_key_));
  state_->big_frame = branch_null(b().call(HelperId::map_lookup_elem, {key}, big_frames_), never, body);
  enter(never);
  b().ret(b().constant(1));
  enter(body);
}

void Lower::give_back_big_frame() {
  if (state_->scratch.value.is_valid()) mir::give_back_scratch(module_, state_->function, state_->scratch);
}

// Variables in memory that not every way to their use assigns. Scalars in registers begin as zero anyway.
void Lower::zero_variables() {
  bool is_callback = state_->outer != nullptr;
  for (size_t i = 0; i < body_->variables.size(); i++) {
    const Variable& variable = body_->variables[VariableId(i)];
    if (!variable.may_be_unassigned || variable.is_captured || variable.type == nullptr) continue;
    if ((variable.callback != 0) != is_callback || (is_scalar(variable.type) && !variable.is_addressed)) continue;
    zero(variable_place(VariableId(i)), variable.type->size + (8 - variable.type->size % 8) % 8);
  }
}

Place Lower::frame_place(uint32_t offset) {
  ValueId base = state_->outer != nullptr ? state_->frame : b().slot_addr(captured_slot_);
  return Place{base}.at(offset);
}

// The kernel follows a pointer that lies on the stack, but not one that was read as a number.
ValueId Lower::seq_file() {
  constexpr int32_t in_meta = 0;  // `seq` of struct bpf_iter_meta, to which the context's first word leads
  if (state_->outer != nullptr) return load_scalar(frame_place(seq_file_offset), types().uint64());
  return b().kernel_load(b().load(mir::MemWidth::u64, context(), 0), in_meta);
}

Place Lower::captured_place(Captured captured) {
  return captured.is_big ? Place{state_->big_frame}.at(captured.offset) : frame_place(captured.offset);
}

// The verifier follows what callbacks store on the stack, and would tell the rounds of a loop apart by the number in a
// counter until it runs out of patience. Storing a part of a word over it makes it forget the word.
void Lower::blur(const Place& at, uint32_t bytes) {
  for (uint32_t word = 0; word + 8 <= bytes; word += 8) {
    int32_t half = at.offset + static_cast<int32_t>(word) + 4;
    b().store(mir::MemWidth::u32, at.pointer, b().load(mir::MemWidth::u32, at.pointer, half), half);
  }
}

// Linux before 6.7 walks a callback once, with what its variables are before the first round, and removes as dead what only later
// rounds reach. What rounds may change is made unknown to it: zeros of a map are as unknown as anything else there. (Blurred
// zeros stay known to be zeros.) By `xor`, since `or` leaves the bits that are set, by which -1 is known not to be 0.
void Lower::forget_changed(const ast::Expr* condition, const ast::Block* body) {
  std::set<VariableId> changed;
  auto add = [&](const ast::Expr* target) {
    if (target->as<ast::Variable>() == nullptr) return;
    auto captured = captured_.find(note(target).variable);
    if (captured != captured_.end() && !captured->second.is_big) changed.insert(captured->first);
  };
  ast::Visitor visitor;
  visitor.before_statement = [&](const ast::Stmt& statement) {
    if (const auto* assign = statement.as<ast::Assign>()) add(assign->target);
  };
  visitor.on_expr = [&](const ast::Expr& expr) {
    if (const auto* step = expr.as<ast::IncDecExpr>()) add(step->operand);
    if (const auto* call = expr.as<ast::Call>(); call != nullptr && call->name == "find") add(call->args.back());
  };
  ast::walk(condition, visitor);
  ast::walk(body, visitor);
  if (changed.empty()) return;
  const ValueId zero = load_scalar({globals_pointer(mir::globals::zeros)}, types().uint64());
  for (VariableId id : changed) {
    const uint32_t bytes = body_->variables[id].type == nullptr ? 0 : slot_bytes(body_->variables[id].type->size);
    for (uint32_t at = 0; at < bytes; at += 8) {
      const Place word = variable_place(id).at(at);
      store_scalar(word, b().binary(Opcode::xor_, load_scalar(word, types().uint64()), zero), types().uint64());
    }
  }
}

void Lower::while_loop(const ast::While& statement) {
  if (note(statement.condition).is_callback) return while_callback(statement);
  BlockId head = new_block("while");
  BlockId body = new_block("body");
  BlockId end = new_block("end");
  jump(head);
  enter_unsealed(head);
  branch_on(statement.condition, body, end);
  enter(body);
  state_->loops.push_back({head, end});
  block(statement.body);
  state_->loops.pop_back();
  jump(head);
  seal(head);
  enter(end);
}

void Lower::while_callback(const ast::While& statement) {
  Span span = b().span();
  FunctionState callback;
  begin_function(callback, mir::FunctionKind::loop, b().function().name + " while", span);
  find_big_frame();
  BlockId body = new_block("body");
  BlockId end = new_block("end");
  branch_on(statement.condition, body, end);
  enter(end);
  b().ret(b().constant(1));
  enter(body);
  loop_callback(callback, statement.body);
  finish_function();

  b().set_span(span);
  forget_changed(statement.condition, statement.body);
  ValueId done = b().call(HelperId::loop, {b().constant(max_iterations), pointer_at(frame_place(0)), b().constant(0)}, {},
                          callback.function);
  // The last round is the one that finds the condition false.
  BlockId stopped = new_block("stopped");
  BlockId on = new_block("on");
  branch(b().binary(Opcode::eq, done, b().constant(max_iterations)), stopped, on);
  enter(stopped);
  runtime_error("this loop was stopped after " + std::to_string(max_iterations) + " rounds", statement.condition->span);
  jump(on);
  enter(on);
  if (leaves_program(*body_, statement.body)) return_if_left();
}

void Lower::unroll(const ast::Unroll& statement) {
  const auto* count = std::get_if<int64_t>(&note(statement.count).constant);
  BlockId end = new_block("end");
  uint32_t first_range = next_range_;
  for (int64_t i = 0; count != nullptr && i < *count; i++) {
    next_range_ = first_range;  // lay_out_captured() saw the loops of the body once
    BlockId next = new_block("next");
    state_->loops.push_back({next, end});
    block(statement.body);
    state_->loops.pop_back();
    jump(next);
    enter(next);
  }
  jump(end);
  enter(end);
}

void Lower::break_or_continue(bool is_break) {
  const Loop& loop = state_->loops.back();
  if (loop.is_callback) {
    b().ret(b().constant(is_break ? 1 : 0));
  } else {
    jump(is_break ? loop.end : loop.next);
  }
  enter(new_block("unreachable"));
}

void Lower::loop_callback(FunctionState& callback, const ast::Block* body) {
  callback.loops.push_back({{}, {}, true});
  zero_variables();
  block(body);
  if (!b().is_terminated()) b().ret(b().constant(0));
}

void Lower::leave_callback(int64_t how) {
  store_scalar(frame_place(0), b().constant(how), types().uint64());
  b().ret(b().constant(1));
  enter(new_block("unreachable"));
}

void Lower::return_if_left() {
  BlockId left = new_block("left");
  BlockId on = new_block("on");
  ValueId how = load_scalar(frame_place(0), types().uint64());
  branch(how, left, on);
  enter(left);
  // In a callback this stops the loop around; in the function that has the loop it ends it.
  if (state_->outer != nullptr) {
    b().ret(b().constant(1));
  } else if (body_->function != nullptr) {
    BlockId exited = new_block("exited");
    BlockId returned = new_block("returned");
    branch(b().binary(Opcode::eq, how, b().constant(left_program)), exited, returned);
    enter(returned);
    return_captured_result();
    enter(exited);
    if (call_layout(*body_).may_exit) leave_program();
    jump(on);
  } else {
    leave_program();
    jump(on);
  }
  enter(on);
}

void Lower::for_range(const ast::ForRange& statement) {
  ValueId from = scalar(statement.from);
  ValueId to = scalar(statement.to);
  uint32_t start = next_range_;
  next_range_ += 8;
  // Around the call if there is nothing to do: the verifier does not walk the callback of a loop that it knows to be empty,
  // removes it as unreachable, and then misses it (Linux 6.18).
  BlockId some = new_block("some");
  BlockId end = new_block("end");
  branch(b().binary(Opcode::lt_s, from, to), some, end);
  enter(some);
  ValueId count = b().binary(Opcode::sub, to, from);
  const bool is_constant = note(statement.from).constant.index() != 0 && note(statement.to).constant.index() != 0;
  // Verifiers lose track of how exactly they must know the number of rounds when they go back through a callback (seen in Linux
  // 6.18): a way with more rounds is then taken for one with fewer, and what only a later round does is removed as dead. A
  // number they do not know at all has no such ways.
  if (!is_constant) {
    count = b().binary(Opcode::or_, count, load_scalar({globals_pointer(mir::globals::zeros)}, types().uint64()));
  }
  count = b().clamp_u(count, max_iterations);
  store_scalar(frame_place(start), from, types().uint64());

  Span span = b().span();
  FunctionState callback;
  std::string name = b().function().name + " for";
  begin_function(callback, mir::FunctionKind::loop, name, span);
  find_big_frame();
  ValueId index = b().function().blocks[b().function().entry()].params[0];
  VariableId id = note(statement.variable).variable;
  assign_scalar(id, b().binary(Opcode::add, load_scalar(frame_place(start), types().uint64()), index));
  loop_callback(callback, statement.body);
  finish_function();

  b().set_span(span);
  forget_changed(nullptr, statement.body);
  b().call(HelperId::loop, {count, pointer_at(frame_place(0)), b().constant(0)}, {}, callback.function);
  if (leaves_program(*body_, statement.body)) return_if_left();
  jump(end);
  enter(end);
}

void Lower::for_map(const ast::ForMap& statement) {
  UserMapId map_id = note(statement.map).map;
  mir::MapId map = mir_map(map_id);
  if (!map.is_valid()) return;
  Span span = b().span();
  FunctionState callback;
  begin_function(callback, mir::FunctionKind::for_each, b().function().name + " for", span);
  find_big_frame();
  const auto& params = b().function().blocks[b().function().entry()].params;
  ValueId key = params[1];
  ValueId value = params[2];
  VariableId id = note(statement.variable).variable;
  const Variable& variable = body_->variables[id];
  const Type* pair = variable.type;
  Place key_place{key};
  Place value_place{value};
  if (program_.maps[map_id].value->is_aggregate()) {
    // One CPU's part is not the value: fold all of them now.
    Place total{slot("total", 8)};
    store_scalar(total, read_aggregate(map_id, key), pair->elements[1].type);
    value_place = total;
  }
  if (variable.is_captured) {
    Place whole = variable_place(id);
    convert(key_place, pair->elements[0].type, whole.at(pair->elements[0].offset), pair->elements[0].type);
    convert(value_place, pair->elements[1].type, whole.at(pair->elements[1].offset), pair->elements[1].type);
  } else {
    loop_pairs_[id] = {key_place, value_place};
  }
  loop_callback(callback, statement.body);
  finish_function();

  b().set_span(span);
  forget_changed(nullptr, statement.body);
  b().call(HelperId::for_each_map_elem, {pointer_at(frame_place(0)), b().constant(0)}, map, callback.function);
  if (leaves_program(*body_, statement.body)) return_if_left();
}

// The verifier would follow pointers through what is done with them, and old ones take what the first round finds for what all
// do: they get to see only what a helper read.
Place Lower::text_frame(std::initializer_list<ValueId> words) {
  if (!state_->text_frame.is_valid()) state_->text_frame = b().add_slot("text_frame", text_frame_bytes, 8);
  Place frame{b().slot_addr(state_->text_frame)};
  const auto bytes = static_cast<uint32_t>(8 * words.size());
  Place known{slot("words", bytes)};
  uint32_t at = 0;
  for (ValueId word : words) {
    const bool is_pointer = b().function().values[word].type.is_pointer();
    store_scalar(known.at(at), is_pointer ? b().unary(Opcode::ptr_to_int, word) : word, types().uint64());
    at += 8;
  }
  b().call(HelperId::probe_read_kernel, {frame.pointer, b().constant(bytes), b().unary(Opcode::ptr_to_int, known.pointer)});
  return frame;
}

void Lower::loop_over_text(const std::string& name, ValueId rounds, const Place& frame,
                           const std::function<void(Lower&, const Place&, ValueId)>& round) {
  mir::FunctionId& id = text_loops_[{name, program_type_}];
  if (!id.is_valid()) {
    FunctionState callback;
    begin_function(callback, mir::FunctionKind::loop, name, b().span());
    id = callback.function;
    round(*this, Place{callback.frame}, b().function().blocks[b().function().entry()].params[0]);
    finish_function();
  }
  b().call(HelperId::loop, {rounds, frame.pointer, b().constant(0)}, {}, id);
}

Place Lower::loop_pair_place(VariableId id, uint32_t element) {
  auto pair = loop_pairs_.find(id);
  if (pair != loop_pairs_.end()) return element == 0 ? pair->second.first : pair->second.second;
  return variable_place(id).at(body_->variables[id].type->elements[element].offset);
}

}  // namespace shrike
