// Reads through pointers by type need no test: the kernel makes them safe. What is read decides how far the next read goes.
#include "verifier-sim/object_access.h"

#include <cinttypes>

namespace shrike::sim {
namespace {

using ValueKind = TypedValue::Kind;

// Kernels know of trust since 6.2.
bool knows_trust(const Walk& w) {
  return w.profile.version >= Version{6, 2};
}

bool arguments_are_trusted(const Walk& w) {
  return w.program.attach == AttachType::raw_tp || w.program.attach == AttachType::iter;
}

void assume_types(Walk& w) {
  w.verdict.assumed = "types of the kernel are those of the running one";
}

bool set_value(Walk& w, const TypedValue& value, Trust trust, Register& into) {
  switch (value.kind) {
    case ValueKind::number: into = Register::unknown_scalar(); return true;
    case ValueKind::leaf:
      into = Register::unknown_scalar();
      // Then a pointer that reads are made safe of; what else it is good for is not modelled.
      if (w.profile.version >= Version{6, 17}) into = Register::pointer(Kind::object), into.trust = Trust::untrusted;
      return true;
    case ValueKind::object:
      into = Register::pointer(Kind::object);
      into.object = value.type;
      into.trust = trust;
      into.nullable = value.may_be_null;
      if (into.nullable) into.id = w.fresh_id();
      return true;
    case ValueKind::unclear: return w.abstain(value.why);
    case ValueKind::refused: return w.reject(RejectClass::ctx_access, "%s", value.why.c_str());
  }
  return w.abstain("a value of the kernel's types that is not modelled");
}

// Without types: the second word of every iterator's context is the object visited, or null at the end.
bool load_unknown_argument(Walk& w, int offset, unsigned size, Register& into) {
  if (w.program.attach != AttachType::iter || offset != 8 || size != 8) {
    return w.abstain(w.program.function.empty() ? "context access of this program type is not modelled"
                                                : "the types of this machine's kernel do not have `" + w.program.function + "`");
  }
  into = Register::pointer(Kind::object);
  into.nullable = true;
  into.id = w.fresh_id();
  return true;
}

// What a trusted pointer leads to is trusted for a few fields only. For reads, doubt and none are alike.
Trust trust_of_field(const Register& pointer, std::string_view type, int64_t offset) {
  if (pointer.trust == Trust::plain) return Trust::plain;
  const bool is_output_of_iterator = type == "bpf_iter_meta" && offset == 0;
  return pointer.trust == Trust::trusted && is_output_of_iterator ? Trust::trusted : Trust::untrusted;
}

}  // namespace

bool is_trusted_object(const Walk& w, unsigned n, std::string_view type) {
  const Register& r = w.state.current().regs[n];
  if (r.kind != Kind::object || r.nullable || r.is_opaque() || !r.is_unmoved() || w.program.types == nullptr) return false;
  return (r.trust == Trust::trusted || !knows_trust(w)) && w.program.types->name_of(r.object) == type;
}

bool check_object_argument(Walk& w, unsigned n, const ObjectWanted& wanted) {
  const Register& r = w.reg(n);
  if (wanted.may_be_null && r.is_zero()) return true;
  if (r.kind != Kind::object || (r.nullable && !wanted.may_be_null) || r.trust == Trust::untrusted) {
    return w.reject(RejectClass::arg_type, "R%u type=%s expected=%s", n, std::string(type_name(r)).c_str(), wanted.kinds);
  }
  const std::string type(wanted.type);
  if (r.is_opaque() || w.program.types == nullptr) return w.abstain("an argument that is to be a " + type);
  if (r.offset < 0 || !r.var.is_constant() || r.var.bits.value != 0) return w.abstain("a moved pointer as an argument");
  assume_types(w);
  if (w.program.types->has_struct_at(r.object, static_cast<uint32_t>(r.offset), wanted.type)) return true;
  return w.reject(RejectClass::arg_type, "R%u is of type %s but %s is expected", n, w.program.types->name_of(r.object).c_str(),
                  type.c_str());
}

Register trusted_object(Walk& w, uint32_t type) {
  Register object = Register::pointer(Kind::object);
  object.object = type;
  object.trust = knows_trust(w) ? Trust::trusted : Trust::plain;
  assume_types(w);
  return object;
}

bool load_argument(Walk& w, int offset, unsigned size, Register& into) {
  if (w.program.types == nullptr || w.program.context.empty()) return load_unknown_argument(w, offset, size, into);
  const char* name = w.program.function.c_str();
  if (offset % 8 != 0) {
    return w.reject(RejectClass::ctx_access, "func '%s' offset %d is not multiple of 8", name, offset);
  }
  const auto n = static_cast<size_t>(offset) / 8;
  if (n >= w.program.context.size()) {
    return w.reject(RejectClass::ctx_access, "func '%s' doesn't have %zu-th argument", name, n + 1);
  }
  const TypedValue& value = w.program.context[n];
  if (value.kind != ValueKind::number && size != 8) {
    if (w.profile.version < Version{6, 17}) return w.abstain("part of a pointer in the context");
    return w.reject(RejectClass::ctx_access, "func '%s' size %u must be 8", name, size);
  }
  assume_types(w);
  if (value.kind == ValueKind::leaf) {
    into = Register::unknown_scalar();
    return true;
  }
  return set_value(w, value, arguments_are_trusted(w) && knows_trust(w) ? Trust::trusted : Trust::plain, into);
}

bool load_from_object(Walk& w, const Register& pointer, const ObjectReach& a, Register* into) {
  if (w.program.types == nullptr || pointer.object == 0) return w.abstain("access to a kernel object by its type");
  const std::string name = w.program.types->name_of(pointer.object);
  if (a.offset < 0) {
    return w.reject(RejectClass::mem_bounds, "R%u is ptr_%s invalid negative access: off=%" PRId64, a.reg, name.c_str(),
                    a.offset);
  }
  if (!pointer.var.is_constant() || pointer.var.bits.value != 0) {
    return w.reject(RejectClass::mem_bounds, "R%u is ptr_%s invalid variable offset: off=%d, var_off=%s", a.reg, name.c_str(),
                    pointer.offset, to_text(pointer.var.bits).c_str());
  }
  if (a.writes) return w.reject(RejectClass::other, "only read is supported");
  const TypedValue value = w.program.types->load(pointer.object, static_cast<uint32_t>(a.offset), a.size);
  Register loaded;
  if (!set_value(w, value, trust_of_field(pointer, name, a.offset), loaded)) return false;
  if (into != nullptr) *into = loaded;
  return true;
}

}  // namespace shrike::sim
