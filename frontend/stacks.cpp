// Stacks are stored whole in the value (layouts in mir/type.h): no map of stacks that could fill up or mix two of them.
#include "frontend/stacks.h"

#include <bit>

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
constexpr int64_t flag_user_stack = 1 << 8;      // BPF_F_USER_STACK
constexpr int64_t flag_user_build_id = 1 << 11;  // BPF_F_USER_BUILD_ID

// Only files that processes map have build ids.
bool has_mode(TypeKind kind, mir::StackMode mode) {
  return kind == TypeKind::ustack || mode != mir::StackMode::build_id;
}

std::optional<mir::StackMode> find_mode(std::string_view name, TypeKind kind) {
  for (const mir::StackModeRow& row : mir::stack_modes)
    if (row.name == name && has_mode(kind, row.mode)) return row.mode;
  return std::nullopt;
}

// What the configuration names is for user stacks where kernel stacks have no such mode.
mir::StackMode configured_mode(Checker& checker, TypeKind kind) {
  return find_mode(checker.program().config.stack_mode, kind).value_or(mir::StackMode::bpftrace);
}

std::string mode_names(TypeKind kind) {
  std::vector<std::string_view> names;
  for (const mir::StackModeRow& row : mir::stack_modes)
    if (has_mode(kind, row.mode)) names.push_back(row.name);
  std::string out(names.front());
  for (size_t i = 1; i < names.size(); i++) out.append(i + 1 < names.size() ? ", " : " or ").append(names[i]);
  return out;
}

}  // namespace

const Type* default_stack_type(Checker& checker, TypeKind kind) {
  return checker.types().stack(kind, default_frames, configured_mode(checker, kind));
}

const Type* check_stack_call(Checker& checker, const ast::Call& call, TypeKind kind) {
  mir::StackMode mode = configured_mode(checker, kind);
  auto limit = int64_t{default_frames};
  for (size_t i = 0; i < call.args.size(); i++) {
    const ast::Expr* arg = call.args[i];
    const auto* name = arg->as<ast::Ident>();
    std::optional<mir::StackMode> named = i == 0 && name != nullptr ? find_mode(name->name, kind) : std::nullopt;
    if (named) {
      mode = *named;
      continue;
    }
    bool is_mode = i == 0 && name != nullptr && (call.args.size() == 2 || find_mode(name->name, TypeKind::ustack));
    if (is_mode) {
      checker.report(Diag::bad_argument, arg->span,
                     {std::string(call.name), "a stack mode: " + mode_names(kind), "`" + std::string(name->name) + "`"});
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
  const uint32_t frame_size = mir::row_of(type->stack_mode).frame_size;
  int64_t flags = is_user ? flag_user_stack : 0;
  if (type->stack_mode == mir::StackMode::build_id) flags |= flag_user_build_id;
  mir::Builder& b = lower.b();
  ValueId bytes = b.call(HelperId::get_stack,
                         {lower.context(), lower.pointer_at(to.at(header)), b.constant(type->size - header), b.constant(flags)});
  ValueId failed = b.binary(Opcode::lt_s, bytes, b.constant(0));
  auto count = [&] { return b.binary(Opcode::shr_u, bytes, b.constant(std::countr_zero(frame_size))); };
  ValueId frames = lower.choose(failed, [&] { return b.constant(0); }, count);
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
