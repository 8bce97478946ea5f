// Stacks are stored whole in the value (layouts in mir/type.h): no map of stacks that could fill up or mix two of them.
#include "frontend/stacks.h"

#include "frontend/functions_process.h"
#include "frontend/lower.h"

namespace shrike {

using mir::HelperId;
using mir::Opcode;
using mir::Type;
using mir::TypeKind;
using mir::ValueId;

namespace {

constexpr uint32_t default_frames = 127;
constexpr int64_t max_frames = 1024;
constexpr int64_t flag_user_stack = 1 << 8;  // BPF_F_USER_STACK

bool find_mode(std::string_view name, mir::StackMode& mode) {
  if (name == "bpftrace") mode = mir::StackMode::bpftrace;
  else if (name == "perf") mode = mir::StackMode::perf;
  else if (name == "raw") mode = mir::StackMode::raw;
  else return false;
  return true;
}

mir::StackMode configured_mode(Checker& checker) {
  mir::StackMode mode = mir::StackMode::bpftrace;
  find_mode(checker.program().config.stack_mode, mode);
  return mode;
}

}  // namespace

const Type* default_stack_type(Checker& checker, TypeKind kind) {
  return checker.types().stack(kind, default_frames, configured_mode(checker));
}

const Type* check_stack_call(Checker& checker, const ast::Call& call, TypeKind kind) {
  mir::StackMode mode = configured_mode(checker);
  auto limit = int64_t{default_frames};
  for (size_t i = 0; i < call.args.size(); i++) {
    const ast::Expr* arg = call.args[i];
    const auto* name = arg->as<ast::Ident>();
    if (i == 0 && name != nullptr && find_mode(name->name, mode)) continue;
    if (i == 0 && name != nullptr && call.args.size() == 2) {
      checker.report(Diag::bad_argument, arg->span,
                     {std::string(call.name), "a stack mode: bpftrace, perf or raw", "`" + std::string(name->name) + "`"});
      return nullptr;
    }
    std::optional<int64_t> given = checker.constant_integer(arg, "the number of frames");
    if (!given) return nullptr;
    limit = *given;
    if (limit < 1 || limit > max_frames) {
      checker.report(Diag::out_of_range, arg->span,
                     {"the number of frames", std::to_string(limit), "1", std::to_string(max_frames)});
      return nullptr;
    }
  }
  return checker.types().stack(kind, static_cast<uint32_t>(limit), mode);
}

// The helper zeroes what it does not fill, so that equal stacks have equal bytes.
void write_stack(Lower& lower, const ast::Expr& expr, const Place& to) {
  const Type* type = lower.type(&expr);
  bool is_user = type->is(TypeKind::ustack);
  uint32_t header = is_user ? 16 : 8;
  mir::Builder& b = lower.b();
  ValueId bytes = b.call(HelperId::get_stack, {lower.context(), lower.pointer_at(to.at(header)), b.constant(type->size - header),
                                               b.constant(is_user ? flag_user_stack : 0)});
  ValueId failed = b.binary(Opcode::lt_s, bytes, b.constant(0));
  ValueId frames =
      lower.choose(failed, [&] { return b.constant(0); }, [&] { return b.binary(Opcode::shr_u, bytes, b.constant(3)); });
  lower.store_scalar(to, frames, lower.types().uint64());
  if (is_user) {
    ValueId pid = current_pid(lower);
    lower.store_scalar(to.at(8), pid, lower.types().uint64());
  }
}

void write_user_symbol(Lower& lower, ValueId address, const Place& to) {
  lower.store_scalar(to, address, lower.types().uint64());
  ValueId pid = current_pid(lower);
  lower.store_scalar(to.at(8), pid, lower.types().uint64());
}

}  // namespace shrike
