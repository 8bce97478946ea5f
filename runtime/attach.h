// Attaches loaded programs to what they trace: one function per mechanism, each in its own attach_*.cpp, chosen by the
// probe's kind in attach.cpp. Programs with many places are attached in bulk where the kernel can: attach_bulk.h.
//
// begin and end have no place to attach to: session runs them. Detaching a tracepoint, kprobe or uprobe makes the kernel wait for
// a grace period or two, tens of milliseconds each and one after the other under a lock of its own, so that threads do not
// help. Disabling an event first would not either: the programs of a tracepoint run whether or not the event is enabled. Nor
// would a second event that keeps the tracepoint in use: giving the program back waits by itself. Timers, counters and raw
// tracepoints are given back at once.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "mir/base/diagnostic.h"
#include "mir/interface.h"
#include "runtime/fd.h"
#include "runtime/tracefs.h"

namespace shrike {

// Why a probe was not attached. `is_missing`: the place does not exist here, which `missing_probes` may tolerate.
struct AttachError {
  std::string reason;
  std::string hint;
  bool is_missing = false;
};
using AttachResult = std::optional<AttachError>;  // nothing: attached

// What closing a link takes. `slow`: the kernel waits for a grace period; `stoppable`: the same, but a flag stops its program
// meanwhile (mir::stops_by_flag).
enum class Release : uint8_t { quick, slow, stoppable };
// Of places at which the kernel waits.
constexpr Release slow_release(mir::ProbeKind kind) {
  return mir::stops_by_flag(kind) ? Release::stoppable : Release::slow;
}

class Links {
 public:
  Links() = default;
  Links(const Links&) = delete;
  Links& operator=(const Links&) = delete;
  ~Links() { close(); }

  void add(Fd link, Release release) {
    (release == Release::quick ? quick_ : release == Release::slow ? slow_ : stoppable_).push_back(std::move(link));
  }
  // What session reads to have the program run.
  void add_iterator(Fd iterator) { iterators_.push_back(std::move(iterator)); }
  const std::vector<Fd>& iterators() const { return iterators_; }
  // What is to outlive the trace; unpin() takes it back.
  void add_pin(std::string path) { pins_.push_back(std::move(path)); }
  const std::vector<std::string>& pins() const { return pins_; }
  void unpin();
  size_t count() const { return quick_.size() + slow_.size() + stoppable_.size(); }

  void close();
  // What `end` must not run beside: all but those whose programs the flag stops.
  void close_unstoppable();
  // Ends the trace for the caller, who waits for one slow link at most: several are left to a process of their own that
  // closes them and goes.
  void release();

 private:
  std::vector<Fd> quick_, slow_, stoppable_;
  std::vector<Fd> iterators_;
  std::vector<std::string> pins_;
};

struct AttachContext {
  Tracefs& tracefs;
  std::function<std::string(const mir::AttachPoint&)> suggest;  // a hint for a place that is nowhere
  uint32_t pid = 0;         // -p or the -c child: perf events and uprobes are opened for it alone; 0: everyone
  bool is_dry_run = false;  // nothing is to stay
};

AttachResult attach(const mir::AttachPoint& probe, int program, AttachContext& context, Links& links);

// The mechanisms.
AttachResult attach_tracepoint(const mir::AttachPoint& probe, int program, AttachContext& context, Links& links);
AttachResult attach_raw_tracepoint(const mir::AttachPoint& probe, int program, Links& links);
AttachResult attach_timer(const mir::AttachPoint& probe, int program, AttachContext& context, Links& links);
AttachResult attach_counter(const mir::AttachPoint& probe, int program, AttachContext& context, Links& links);
AttachResult attach_watchpoint(const mir::AttachPoint& probe, int program, AttachContext& context, Links& links);
AttachResult attach_uprobe(const mir::AttachPoint& probe, int program, AttachContext& context, Links& links);
AttachResult attach_iterator(const mir::AttachPoint& probe, int program, AttachContext& context, Links& links);
AttachResult attach_function(const mir::AttachPoint& probe, int program, Links& links);
AttachResult attach_kprobe(const mir::AttachPoint& probe, int program, Links& links);

// A kprobe's function is one of several with that name: single events refuse it, where the kernel's bulk links take any.
bool names_several_functions(const mir::AttachPoint& probe);

// Kinds in the order in which handlers of one event fire in script order: first those the kernel appends, in script
// order, then those it prepends, in reverse. begin, end and self are left out.
std::vector<uint32_t> attach_order(const std::vector<mir::AttachPoint>& probes);

}  // namespace shrike
