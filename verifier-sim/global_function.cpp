// Memory that is handed over must be readable and writable in full, or null.
#include "verifier-sim/global_function.h"

#include <algorithm>

#include "verifier-sim/check_access.h"

namespace shrike::sim {
namespace {

bool check_memory(Walk& w, unsigned n, const GlobalFunction::Argument& argument) {
  Register& r = w.reg(n);
  const bool must_be_there = argument.is_nonnull && w.profile.version >= Version{6, 8};
  if (must_be_there && (r.nullable || r.is_zero()))
    return w.reject(RejectClass::arg_type, "arg#%u is expected to be non-NULL", n - 1);
  if (r.is_zero()) return true;
  if (r.kind != Kind::stack && r.kind != Kind::map_value && r.kind != Kind::map_key && r.kind != Kind::mem) {
    if (!r.is_scalar()) return w.abstain("argument of a global function that is neither memory nor a number");
    return w.reject(RejectClass::arg_type, "R%u type=scalar expected=fp, pkt, map_value, mem", n);
  }
  // Null is a case that the function was checked for.
  const bool nullable = r.nullable;
  r.nullable = false;
  const bool fits = check_helper_memory(w, {n, argument.size, false, false, true}) &&
                    check_helper_memory(w, {n, argument.size, false, true, true});
  w.reg(n).nullable = nullable;
  return fits;
}

bool check_argument(Walk& w, unsigned n, const GlobalFunction::Argument& argument) {
  if (!w.can_read(n)) return false;
  const Register& r = w.reg(n);
  switch (argument.kind) {
    case GlobalFunction::Kind::number: return r.is_scalar() || w.reject(RejectClass::arg_type, "R%u is not a scalar", n);
    case GlobalFunction::Kind::context:
      if (r.kind != Kind::ctx) return w.reject(RejectClass::arg_type, "arg#%u expects pointer to ctx", n - 1);
      if (!r.is_unmoved())
        return w.reject(RejectClass::ctx_access, "dereference of modified ctx ptr R%u off=%d disallowed", n, r.offset);
      return true;
    case GlobalFunction::Kind::memory: return check_memory(w, n, argument);
  }
  return w.abstain("argument of a kind that is not modelled");
}

}  // namespace

const GlobalFunction* global_function_at(const Walk& w, uint32_t insn) {
  if (w.profile.version < Version{5, 6}) return nullptr;
  const std::vector<GlobalFunction>& all = w.program.global_functions;
  const auto found = std::find_if(all.begin(), all.end(), [insn](const GlobalFunction& f) { return f.insn == insn; });
  return found == all.end() ? nullptr : &*found;
}

bool call_global_function(Walk& w, const GlobalFunction& function) {
  for (size_t i = 0; i < function.arguments.size(); i++) {
    if (!check_argument(w, static_cast<unsigned>(i + 1), function.arguments[i])) return false;
  }
  if (w.options.log) {
    w.verdict.log += "Func#" + std::to_string(w.structure.subprogram_of(function.insn)) + " ('" + function.name +
                     "') is global and assumed valid.\n";
  }
  if (std::find(w.called.begin(), w.called.end(), function.insn) == w.called.end()) w.called.push_back(function.insn);
  for (unsigned n = 0; n <= 5; n++) w.reg(n) = Register();
  w.reg(0) = Register::unknown_scalar();
  return true;
}

}  // namespace shrike::sim
