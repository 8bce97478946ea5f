// The choice of mechanism by probe kind, the order of attaching, and the parallel end of it all.
#include "runtime/attach.h"

#include <algorithm>
#include <thread>

#include "mir/base/check.h"

namespace shrike {

AttachResult attach(const mir::AttachPoint& probe, int program, AttachContext& context, Links& links) {
  switch (probe.kind) {
    case mir::ProbeKind::tracepoint: return attach_tracepoint(probe, program, context, links);
    case mir::ProbeKind::rawtracepoint: return attach_raw_tracepoint(probe, program, links);
    case mir::ProbeKind::profile:
    case mir::ProbeKind::interval: return attach_timer(probe, program, context, links);
    case mir::ProbeKind::software:
    case mir::ProbeKind::hardware: return attach_counter(probe, program, context, links);
    case mir::ProbeKind::uprobe:
    case mir::ProbeKind::uretprobe: return attach_uprobe(probe, program, context, links);
    case mir::ProbeKind::kprobe:
    case mir::ProbeKind::kretprobe: return attach_kprobe(probe, program, context, links);
    case mir::ProbeKind::begin:
    case mir::ProbeKind::end: UNREACHABLE("begin and end are run, not attached");
  }
  UNREACHABLE("unknown probe kind");
}

std::vector<uint32_t> attach_order(const std::vector<mir::AttachPoint>& probes) {
  auto is_run = [&](uint32_t i) { return probes[i].kind == mir::ProbeKind::begin || probes[i].kind == mir::ProbeKind::end; };
  auto is_prepended = [&](uint32_t i) {
    mir::ProbeKind kind = probes[i].kind;
    return kind == mir::ProbeKind::kprobe || kind == mir::ProbeKind::uprobe || kind == mir::ProbeKind::uretprobe;
  };
  std::vector<uint32_t> order;
  for (uint32_t i = 0; i < probes.size(); i++)
    if (!is_run(i) && !is_prepended(i)) order.push_back(i);
  for (uint32_t i = static_cast<uint32_t>(probes.size()); i-- > 0;)
    if (!is_run(i) && is_prepended(i)) order.push_back(i);
  return order;
}

void Links::close() {
  links_.clear();
  // Each close may wait for a grace period; waits that overlap share it.
  constexpr size_t most_threads = 32;
  size_t threads = std::min(events_.size(), most_threads);
  std::vector<std::thread> closers;
  for (size_t t = 1; t < threads; t++) {
    closers.emplace_back([this, t, threads] {
      for (size_t i = t; i < events_.size(); i += threads) events_[i].close();
    });
  }
  for (size_t i = 0; i < events_.size(); i += std::max<size_t>(threads, 1)) events_[i].close();
  for (std::thread& closer : closers) closer.join();
  events_.clear();
  for (const std::function<void()>& undo : undo_) undo();
  undo_.clear();
}

}  // namespace shrike
