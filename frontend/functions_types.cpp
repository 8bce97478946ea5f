// Functions on types: what is known of an expression while compiling, without evaluating it, and pointers seen as others.
#include "frontend/c_layout.h"
#include "frontend/checker.h"
#include "frontend/function_rows.h"
#include "frontend/lower.h"
#include "frontend/printf_format.h"
#include "mir/btf.h"

namespace shrike {

namespace {

using mir::AddressSpace;
using mir::Opcode;
using mir::Type;
using mir::TypeKind;
using mir::ValueId;

constexpr uint32_t any_number = UINT32_MAX;
constexpr int64_t max_errno = 4095;  // of the kernel: the addresses above -4096 stand for errors

ValueId lower_constant(Lower&, const ast::Expr&, const ast::Call&) {
  UNREACHABLE("a constant is lowered where it is used");
}
ValueId lower_nothing(Lower&, const ast::Expr&, const ast::Call&) {
  return {};
}

const Type* check_sizeof(Checker& c, const ast::Expr& self, const ast::Call& call) {
  const Type* type = call.type_arg ? c.named_type(*call.type_arg) : c.expr(call.args[0]);
  if (type == nullptr) return nullptr;
  if (type->is(TypeKind::record)) {
    const mir::RecordLayout* layout = c.layout(type, call.type_arg ? call.type_arg->span : call.args[0]->span);
    if (layout == nullptr) return nullptr;
    c.note(&self).constant = int64_t{layout->size};
  } else {
    c.note(&self).constant = int64_t{type->is_aggregate() ? 8 : type->size};  // what it reads as, not what each processor keeps
  }
  return c.types().uint64();
}

// What typeinfo() calls a type: the word for its kind, and all of it in the language's own words.
std::string_view kind_name(const Type* type) {
  switch (type->kind) {
    case TypeKind::none: return "void";
    case TypeKind::boolean: return "bool";
    case TypeKind::integer: return "int";
    case TypeKind::pointer: return "pointer";
    case TypeKind::string: return "string";
    case TypeKind::buffer: return "buffer";
    case TypeKind::array: return "array";
    case TypeKind::tuple: return "tuple";
    case TypeKind::record: return is_made_record(type) ? "record" : type->is_union ? "union" : "struct";
    case TypeKind::enumeration: return "enum";
    default: return std::string_view(type->text).substr(0, type->text.find('['));
  }
}

std::string full_name(const Type* type) {
  if (type->is(TypeKind::pointer)) return full_name(type->element) + " *";
  if (type->is(TypeKind::enumeration)) return "enum " + type->name;
  return show(type);
}

uint32_t btf_id(Checker& c, const Type* type) {
  bool is_enum = type->is(TypeKind::enumeration);
  if (!is_enum && (!type->is(TypeKind::record) || is_made_record(type))) return 0;
  auto btf = c.facts().btf();
  if (btf.status != Lookup::found) return 0;
  Btf::Kind kind = is_enum ? Btf::Kind::enumeration : type->is_union ? Btf::Kind::union_ : Btf::Kind::structure;
  return btf.value->find(kind, type->name).value_or(0);
}

// typeinfo(e): a record that is known while compiling, so that `comptime` may go by its fields.
const Type* check_typeinfo(Checker& c, const ast::Expr& self, const ast::Call& call) {
  if (!c.allows_unstable("typeinfo", "unstable_typeinfo", c.program().config.unstable_typeinfo, self.span)) return nullptr;
  const Type* type = call.type_arg ? c.named_type(*call.type_arg) : c.expr(call.args[0]);
  if (type == nullptr) return nullptr;
  const std::string base(kind_name(type)), full = full_name(type);
  c.body().known_fields[self.id.index] = {int64_t{btf_id(c, type)}, base, full};
  auto string_for = [&](const std::string& text) { return c.types().string(static_cast<uint32_t>(text.size() + 1)); };
  return record_type({{"btf_id", c.types().integer(4, false)}, {"base_ty", string_for(base)}, {"full_ty", string_for(full)}},
                     c.types());
}

void lower_known_record(Lower& l, const ast::Expr& self, const ast::Call&, const Place& to) {
  const mir::RecordLayout* layout = l.types().layout(l.type(&self));
  l.zero(to, layout->size);
  const std::vector<Constant>& values = l.body().known_fields.at(self.id.index);
  for (size_t i = 0; i < values.size(); i++) {
    const mir::RecordField& field = layout->fields[i];
    if (const auto* text = std::get_if<std::string>(&values[i])) l.write_bytes(to.at(field.offset), *text, field.type->size);
    else l.store_scalar(to.at(field.offset), l.b().constant(std::get<int64_t>(values[i])), field.type);
  }
}

// config(): what the configuration variables are, known while compiling.
const Type* check_config(Checker& c, const ast::Expr& self, const ast::Call&) {
  const Config& config = c.program().config;
  NamedTypes fields;
  std::vector<Constant>& known = c.body().known_fields[self.id.index];
  known.clear();
  auto number = [&](uint64_t value) {
    known.emplace_back(static_cast<int64_t>(value));
    return c.types().uint64();
  };
  auto length = number;
  auto flag = [&](bool value) {
    known.emplace_back(int64_t{value});
    return c.types().boolean();
  };
  auto text = [&](const std::string& value) {
    known.emplace_back(value);
    return c.types().string(static_cast<uint32_t>(value.size() + 1));
  };
#define CONFIG(variable, kind, old, choice) fields.emplace_back(#variable, kind(config.variable));
#include "frontend/config.def"
#undef CONFIG
  return record_type(fields, c.types());
}

// Of the field that the call names, in a record or what a pointer to one points to.
std::optional<int64_t> field_offset(Checker& c, const ast::Expr& self, const ast::Call& call, const Type* type) {
  if (type->is(TypeKind::pointer)) type = type->element;
  int64_t offset = 0;
  for (std::string_view name : call.field_path) {
    if (!type->is(TypeKind::record)) {
      c.report(Diag::no_fields, self.span, {show(type)});
      return std::nullopt;
    }
    const mir::RecordField* field = c.field(type, name, self.span);
    if (field == nullptr) return std::nullopt;
    offset += field->offset;
    type = field->type;
  }
  return offset;
}

const Type* check_offsetof(Checker& c, const ast::Expr& self, const ast::Call& call) {
  const Type* type = call.type_arg ? c.named_type(*call.type_arg) : c.expr(call.args[0]);
  std::optional<int64_t> offset = type == nullptr ? std::nullopt : field_offset(c, self, call, type);
  if (!offset) return nullptr;
  c.note(&self).constant = *offset;
  return c.types().uint64();
}

// container_of(pointer, type, field): the record of that type whose field is at the pointer.
const Type* check_container_of(Checker& c, const ast::Expr& self, const ast::Call& call) {
  const Type* from = c.expr(call.args[0]);
  const Type* type = c.named_type(*call.type_arg);
  if (from == nullptr || type == nullptr) return nullptr;
  if (!from->is(TypeKind::pointer) && !from->is(TypeKind::integer)) {
    c.report(Diag::bad_argument, call.args[0]->span, {"container_of", "a pointer to a field", show(from)});
    return nullptr;
  }
  if (!type->is(TypeKind::record)) {
    c.report(Diag::no_fields, call.type_arg->span, {show(type)});
    return nullptr;
  }
  if (!field_offset(c, self, call, type)) return nullptr;
  return c.types().pointer(type, from->is(TypeKind::pointer) ? from->space : c.context().space);
}

ValueId lower_container_of(Lower& l, const ast::Expr& self, const ast::Call& call) {
  const Type* record = l.type(&self)->element;
  int64_t offset = 0;
  for (std::string_view name : call.field_path) {
    const mir::RecordLayout* layout = l.types().layout(record);
    CHECK(layout != nullptr, "a record whose fields are known");
    for (const mir::RecordField& field : layout->fields) {
      if (field.name != name) continue;
      offset += field.offset;
      record = field.type;
      break;
    }
  }
  return l.b().binary(Opcode::sub, l.scalar(call.args[0]), l.b().constant(offset));
}

struct TypeQuestion {
  std::string_view name;
  bool (*is)(const Type*);
};
constexpr TypeQuestion questions[] = {
    {"is_str", [](const Type* type) { return type->is(TypeKind::string); }},
    {"is_ptr", [](const Type* type) { return type->is(TypeKind::pointer); }},
    {"is_array", [](const Type* type) { return type->is(TypeKind::array); }},
    {"is_integer", [](const Type* type) { return type->is(TypeKind::integer); }},
    {"is_unsigned_integer", [](const Type* type) { return type->is(TypeKind::integer) && !type->is_signed; }},
};

const Type* check_question(Checker& c, const ast::Expr& self, const ast::Call& call) {
  const Type* type = c.expr(call.args[0]);
  if (type == nullptr) return nullptr;
  for (const TypeQuestion& question : questions)
    if (question.name == call.name) c.note(&self).constant = int64_t{question.is(type)};
  return c.types().boolean();
}

const Type* check_is_literal(Checker& c, const ast::Expr& self, const ast::Call& call) {
  const ast::Expr* arg = call.args[0];
  if (c.expr(arg) == nullptr) return nullptr;
  bool is_literal = arg->as<ast::IntLit>() != nullptr || arg->as<ast::StrLit>() != nullptr ||
                    arg->as<ast::BoolLit>() != nullptr || arg->as<ast::Positional>() != nullptr;
  c.note(&self).constant = int64_t{is_literal};
  return c.types().boolean();
}

const Type* check_is_err(Checker& c, const ast::Expr&, const ast::Call& call) {
  return c.integer(call.args[0], "the argument of `is_err`") ? c.types().boolean() : nullptr;
}
ValueId lower_is_err(Lower& l, const ast::Expr&, const ast::Call& call) {
  return l.b().binary(Opcode::le_u, l.b().constant(-max_errno), l.scalar(call.args[0]));
}

// kptr() and uptr(): the same address, read as the kernel's or as the process's memory.
const Type* check_in_space(Checker& c, const ast::Expr&, const ast::Call& call) {
  const Type* type = c.expr(call.args[0]);
  if (type == nullptr) return nullptr;
  AddressSpace space = call.name == "uptr" ? AddressSpace::user : AddressSpace::kernel;
  if (type->is(TypeKind::pointer)) return c.types().pointer(type->element, space);
  if (type->is(TypeKind::integer)) return c.types().pointer(c.types().none(), space);
  c.report(Diag::bad_argument, call.args[0]->span, {std::string(call.name), "a pointer", show(type)});
  return nullptr;
}
ValueId lower_in_space(Lower& l, const ast::Expr&, const ast::Call& call) {
  return l.scalar(call.args[0]);
}

void fail(Checker& c, const ast::Expr& self, std::string message) {
  if (!c.is_dead()) c.report(Diag::compile_failed, self.span, {std::move(message)});
}

// The format with constants in the place of its conversions, in decimal or hexadecimal.
std::optional<std::string> format_constants(Checker& c, const ast::Call& call) {
  std::string out = std::get<std::string>(c.constant(call.args[0]));
  size_t at = 0;
  ParsedFormat parsed = parse_format(out);
  for (size_t i = 0; i < parsed.texts.size(); i++) {
    const Constant& value = c.constant(call.args[i + 1]);
    const auto* number = std::get_if<int64_t>(&value);
    const auto* text = std::get_if<std::string>(&value);
    if (number == nullptr && text == nullptr) {
      c.report(Diag::expected_constant, call.args[i + 1]->span, {"an argument of `fail`"});
      return std::nullopt;
    }
    char hex[20];
    snprintf(hex, sizeof hex, "%llx", static_cast<unsigned long long>(number != nullptr ? *number : 0));
    std::string shown = text != nullptr ? *text : parsed.texts[i].back() == 'x' ? std::string(hex) : std::to_string(*number);
    size_t found = out.find(parsed.texts[i], at);
    out.replace(found, parsed.texts[i].size(), shown);
    at = found + shown.size();
  }
  return out;
}

const Type* check_fail(Checker& c, const ast::Expr& self, const ast::Call& call) {
  if (!c.format(call, 0)) return nullptr;
  std::optional<std::string> message = format_constants(c, call);
  if (message) fail(c, self, std::move(*message));
  return c.types().none();
}

const Type* check_static_assert(Checker& c, const ast::Expr& self, const ast::Call& call) {
  std::optional<int64_t> condition = c.constant_integer(call.args[0], "the condition of `static_assert`");
  std::optional<std::string_view> message = c.constant_string(call.args[1], "the message of `static_assert`");
  if (condition && message && *condition == 0) fail(c, self, std::string(*message));
  return c.types().none();
}

constexpr FunctionRow rows[] = {
    {"sizeof", "type or expression", 1, 1, false, check_sizeof, lower_constant, nullptr, "size in bytes"},
    {"offsetof", "type or expression, field", 1, 2, false, check_offsetof, lower_constant, nullptr, "offset of a field in bytes"},
    {"container_of", "pointer, type, field", 2, 2, false, check_container_of, lower_container_of, nullptr,
     "pointer to the record whose field is at the pointer"},
    {"typeinfo", "type or expression", 1, 1, false, check_typeinfo, nullptr, lower_known_record,
     "record of what the compiler knows of a type: btf_id, base_ty, full_ty"},
    {"config", "", 0, 0, false, check_config, nullptr, lower_known_record, "record of the configuration variables"},
    {"is_str", "expression", 1, 1, false, check_question, lower_constant, nullptr, "whether it is a string"},
    {"is_ptr", "expression", 1, 1, false, check_question, lower_constant, nullptr, "whether it is a pointer"},
    {"is_array", "expression", 1, 1, false, check_question, lower_constant, nullptr, "whether it is an array"},
    {"is_integer", "expression", 1, 1, false, check_question, lower_constant, nullptr, "whether it is an integer"},
    {"is_unsigned_integer", "expression", 1, 1, false, check_question, lower_constant, nullptr,
     "whether it is an integer without sign"},
    {"is_literal", "expression", 1, 1, false, check_is_literal, lower_constant, nullptr, "whether it is a literal"},
    {"is_err", "pointer", 1, 1, false, check_is_err, lower_is_err, nullptr,
     "whether a pointer that a kernel function returned stands for an error"},
    {"kptr", "pointer", 1, 1, false, check_in_space, lower_in_space, nullptr, "the pointer, into the kernel's memory"},
    {"uptr", "pointer", 1, 1, false, check_in_space, lower_in_space, nullptr, "the pointer, into the process's memory"},
    {"fail", "format, ...", 1, any_number, false, check_fail, lower_nothing, nullptr,
     "ends the compilation with a message, unless this code can never run"},
    {"static_assert", "condition, \"message\"", 2, 2, false, check_static_assert, lower_nothing, nullptr,
     "ends the compilation with a message if the condition is false"},
};

}  // namespace

std::span<const FunctionRow> type_functions() {
  return rows;
}

}  // namespace shrike
