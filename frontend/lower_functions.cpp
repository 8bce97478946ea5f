// Functions of the script's own (`fn`) and calls of them. Each becomes a sub-program, once for every type of program that
// calls it, when something does.
//
// The kernel passes up to five values in registers. Scalars go there; strings, tuples and the like, results of that kind, and
// scalars beyond the third or fourth lie in a frame: a stack slot of the caller whose address is one more parameter. One
// register stays free for passes that need to hand something along.
#include <algorithm>

#include "frontend/lower.h"
#include "frontend/probes.h"

namespace shrike {

using mir::BlockId;
using mir::Type;
using mir::TypeKind;
using mir::ValueId;

namespace {

constexpr size_t scalars_beside_frame = 3, scalars_without_frame = 4;

bool may_end_trace(const ast::Call& call) {
  return call.name == "exit" || call.name == "assert";
}

uint32_t align8(uint32_t size) {
  return (size + 7) & ~7u;
}

}  // namespace

bool Lower::leaves_program(const CheckedBody& body, const ast::Block* block) {
  bool leaves = false;
  ast::Visitor visitor;
  visitor.before_statement = [&](const ast::Stmt& s) { leaves |= s.as<ast::Return>() != nullptr; };
  visitor.on_expr = [&](const ast::Expr& e) {
    const auto* call = e.as<ast::Call>();
    const CheckedBody* callee = body.notes[e.id].callee;
    leaves |= call != nullptr && (callee != nullptr ? may_exit(*callee) : may_end_trace(*call));
  };
  ast::walk(block, visitor);
  return leaves;
}

bool Lower::may_exit(const CheckedBody& function) {
  return call_layout(function).may_exit;
}

const Lower::CallLayout& Lower::call_layout(const CheckedBody& function) {
  if (auto known = call_layouts_.find(&function); known != call_layouts_.end()) return known->second;
  CallLayout layout;
  ast::Visitor visitor;
  visitor.on_expr = [&](const ast::Expr& e) {
    const auto* call = e.as<ast::Call>();
    const CheckedBody* callee = function.notes[e.id].callee;
    layout.may_exit |= call != nullptr && (callee != nullptr ? may_exit(*callee) : may_end_trace(*call));
  };
  ast::walk(function.block(), visitor);

  bool has_memory_result = !is_scalar(function.result) && !function.result->is(TypeKind::none);
  size_t scalars = 0;
  for (VariableId param : function.params) scalars += is_scalar(function.variables[param].type);
  layout.has_frame = layout.may_exit || has_memory_result || scalars < function.params.size() || scalars > scalars_without_frame;
  size_t in_registers = layout.has_frame ? scalars_beside_frame : scalars_without_frame;
  for (VariableId param : function.params) {
    const Type* type = function.variables[param].type;
    if (is_scalar(type) && in_registers > 0) {
      in_registers--;
      layout.offsets.push_back(in_register);
      continue;
    }
    layout.offsets.push_back(layout.size);
    layout.size += align8(std::max<uint32_t>(type->size, 1));
  }
  layout.result = layout.size;
  if (has_memory_result) layout.size += align8(std::max<uint32_t>(function.result->size, 1));
  return call_layouts_.emplace(&function, std::move(layout)).first->second;
}

mir::FunctionId Lower::function_for(const CheckedBody& body) {
  mir::FunctionId& known = function_ids_[{&body, program_type_}];
  if (known.is_valid()) return known;
  mir::Function function;
  function.name = unused_name(std::string(body.function->name));
  function.kind = mir::FunctionKind::subprogram;
  function.program = program_type_;
  function.span = body.function->span;
  mir::FunctionId id = module_.functions.add(std::move(function));
  mir::Builder builder(module_, id, BlockId());
  BlockId entry = builder.add_block("entry");
  const CallLayout& layout = call_layout(body);
  for (uint32_t offset : layout.offsets)
    if (offset == in_register) builder.add_param(entry, {});
  if (layout.has_frame) builder.add_param(entry, {mir::Region::stack, false});
  functions_.push_back({id, &body, program_type_});
  return known = id;
}

void Lower::lower_function(const PendingFunction& pending) {
  body_ = pending.body;
  program_type_ = pending.program;
  may_hold_off_interrupts_ = true;
  insertions_.clear();
  captured_.clear();
  walked_branches_ = 0;
  loop_pairs_.clear();
  FunctionState state;
  enter_function(state, pending.id);
  const CallLayout& layout = call_layout(*body_);
  const std::vector<ValueId> params = b().function().blocks[b().function().entry()].params;
  if (layout.has_frame) state.call_frame = params.back();
  lay_out_captured();
  zero_variables();
  size_t next = 0;
  for (size_t i = 0; i < body_->params.size(); i++) {
    VariableId id = body_->params[i];
    const Variable& variable = body_->variables[id];
    if (layout.offsets[i] == in_register) {
      assign_scalar(id, params[next++]);
      continue;
    }
    Place given = Place{state.call_frame}.at(layout.offsets[i]);
    if (is_scalar(variable.type)) assign_scalar(id, load_scalar(given, variable.type));
    else if (variable.is_captured) convert(given, variable.type, variable_place(id), variable.type);
    else state.variable_places.emplace_back(id, given);
  }
  block(body_->block());
  if (!b().is_terminated()) return_from_function(nullptr);
  if (!b().is_terminated()) b().ret(b().constant(0));
  give_back_big_frame();
  finish_function();
}

// Without a value: zero or nothing but zeros.
void Lower::return_from_function(const ast::Expr* value) {
  const Type* result = body_->result;
  bool is_in_callback = state_->outer != nullptr;
  bool is_in_memory = !is_scalar(result) && !result->is(TypeKind::none);
  Place captured = is_in_callback ? captured_place(captured_result_) : Place();
  ValueId returned;
  if (is_in_memory) {
    Place to = is_in_callback ? captured : Place{state_->call_frame}.at(call_layout(*body_).result);
    if (value != nullptr) into(value, result, to);
    else zero(to, result->size);
  } else {
    returned = value == nullptr || result->is(TypeKind::none) ? b().constant(0) : extend(scalar(value), result);
    if (is_in_callback && !result->is(TypeKind::none)) store_scalar(captured, returned, types().uint64());
  }
  if (is_in_callback) return leave_callback(left_function);
  b().ret(returned.is_valid() ? returned : b().constant(0));
  enter(new_block("unreachable"));
}

// Behind a loop whose body has returned.
void Lower::return_captured_result() {
  const Type* result = body_->result;
  if (is_scalar(result)) return b().ret(load_scalar(captured_place(captured_result_), types().uint64()));
  if (!result->is(TypeKind::none))
    convert(captured_place(captured_result_), result, Place{state_->call_frame}.at(call_layout(*body_).result), result);
  b().ret(b().constant(0));
}

ValueId Lower::call(const ast::Call& call, const CheckedBody& callee, const Place& frame) {
  const CallLayout& layout = call_layout(callee);
  std::vector<ValueId> operands;
  for (size_t i = 0; i < call.args.size(); i++) {
    const Type* type = callee.variables[callee.params[i]].type;
    if (layout.offsets[i] == in_register) operands.push_back(extend(scalar(call.args[i]), type));
    else into(call.args[i], type, frame.at(layout.offsets[i]));
  }
  if (layout.may_exit) store_scalar(frame, b().constant(0), types().uint64());
  if (layout.has_frame) operands.push_back(frame.pointer);
  ValueId result = b().call_fn(function_for(callee), std::move(operands));
  if (!layout.may_exit) return result;
  BlockId left = new_block("left");
  BlockId on = new_block("on");
  branch(load_scalar(frame, types().uint64()), left, on);
  enter(left);
  leave_program();
  jump(on);
  enter(on);
  return result;
}

ValueId Lower::call_scalar(const ast::Expr& self, const ast::Call& written) {
  const CheckedBody& callee = *note(&self).callee;
  const CallLayout& layout = call_layout(callee);
  return call(written, callee, layout.has_frame ? Place{slot("call", layout.size)} : Place());
}

Place Lower::call_place(const ast::Expr& self, const ast::Call& written) {
  const CheckedBody& callee = *note(&self).callee;
  const CallLayout& layout = call_layout(callee);
  Place frame{slot("call", layout.size)};
  call(written, callee, frame);
  return frame.at(layout.result);
}

}  // namespace shrike
