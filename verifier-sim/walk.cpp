// Outcomes of a walk.
#include "verifier-sim/walk.h"

#include <cstdarg>
#include <cstdio>

#include "verifier-sim/explore.h"

namespace shrike::sim {

bool Walk::reject(RejectClass c, const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  verdict.answer = Answer::reject;
  verdict.reject_class = c;
  verdict.insn = insn;
  verdict.message = text;
  return false;
}

bool Walk::abstain(std::string reason) {
  verdict.answer = Answer::unknown;
  verdict.reject_class = RejectClass::none;
  verdict.insn = insn;
  verdict.message = std::move(reason);
  return false;
}

bool Walk::push(State branch, uint32_t to) {
  if (pending.size() > profile.pending_limit) {
    return reject(RejectClass::complexity, "The sequence of %u jumps is too complex.", profile.pending_limit + 1);
  }
  if (parent) parent->branches++;
  pending.push_back({std::move(branch), to, parent, insn});
  return true;
}

bool Walk::can_read(unsigned n) {
  if (reg(n).kind != Kind::not_init) return true;
  return reject(RejectClass::uninit_register, "R%u !read_ok", n);
}

bool Walk::can_write(unsigned n) {
  if (n != frame_pointer) return true;
  return reject(RejectClass::frame_write, "frame pointer is read only");
}

}  // namespace shrike::sim
