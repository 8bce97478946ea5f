// The choice of mechanism by probe kind, the order of attaching, and the end of it all.
#include "runtime/attach.h"

#include <sys/prctl.h>
#include <unistd.h>

#include "mir/base/check.h"

namespace shrike {

AttachResult attach(const mir::AttachPoint& probe, int program, AttachContext& context, Links& links) {
  if (probe.address == mir::nowhere)
    return AttachError{"`" + probe.target + "` has no such function", context.suggest ? context.suggest(probe) : "", true};
  switch (probe.kind) {
    case mir::ProbeKind::tracepoint: return attach_tracepoint(probe, program, context, links);
    case mir::ProbeKind::rawtracepoint: return attach_raw_tracepoint(probe, program, links);
    case mir::ProbeKind::profile:
    case mir::ProbeKind::interval: return attach_timer(probe, program, context, links);
    case mir::ProbeKind::software:
    case mir::ProbeKind::hardware: return attach_counter(probe, program, context, links);
    case mir::ProbeKind::watchpoint: return attach_watchpoint(probe, program, context, links);
    case mir::ProbeKind::usdt:
    case mir::ProbeKind::uprobe:
    case mir::ProbeKind::uretprobe: return attach_uprobe(probe, program, context, links);
    case mir::ProbeKind::kprobe:
    case mir::ProbeKind::kretprobe: return attach_kprobe(probe, program, links);
    case mir::ProbeKind::fentry:
    case mir::ProbeKind::fexit: return attach_function(probe, program, links);
    case mir::ProbeKind::iter: return attach_iterator(probe, program, context, links);
    case mir::ProbeKind::self:
    case mir::ProbeKind::test:
    case mir::ProbeKind::bench:
    case mir::ProbeKind::begin:
    case mir::ProbeKind::end: UNREACHABLE("begin, end, self, tests and benchmarks are run, not attached");
  }
  UNREACHABLE("unknown probe kind");
}

std::vector<uint32_t> attach_order(const std::vector<mir::AttachPoint>& probes) {
  auto is_run = [&](uint32_t i) {
    mir::ProbeKind kind = probes[i].kind;
    return kind == mir::ProbeKind::begin || kind == mir::ProbeKind::end || kind == mir::ProbeKind::self ||
           kind == mir::ProbeKind::test || kind == mir::ProbeKind::bench;
  };
  auto is_prepended = [&](uint32_t i) {
    mir::ProbeKind kind = probes[i].kind;
    return kind == mir::ProbeKind::kprobe || kind == mir::ProbeKind::uprobe || kind == mir::ProbeKind::uretprobe ||
           kind == mir::ProbeKind::usdt || kind == mir::ProbeKind::fentry || kind == mir::ProbeKind::fexit ||
           kind == mir::ProbeKind::iter || kind == mir::ProbeKind::software;
  };
  std::vector<uint32_t> order;
  for (uint32_t i = 0; i < probes.size(); i++)
    if (!is_run(i) && !is_prepended(i)) order.push_back(i);
  for (uint32_t i = static_cast<uint32_t>(probes.size()); i-- > 0;)
    if (!is_run(i) && is_prepended(i)) order.push_back(i);
  return order;
}

void Links::close_unstoppable() {
  iterators_.clear();
  quick_.clear();
  slow_.clear();
}

void Links::unpin() {
  for (const std::string& path : pins_) unlink(path.c_str());
  pins_.clear();
}

void Links::close() {
  close_unstoppable();
  stoppable_.clear();
}

void Links::release() {
  pid_t closer = slow_.size() + stoppable_.size() > 1 ? fork() : -1;
  if (closer == 0) {
    prctl(PR_SET_NAME, "shrike-detach");
    setsid();
    // Whoever reads our output must see its end now.
    for (int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::close(standard);
    close();
    _exit(0);
  }
  close();
}

}  // namespace shrike
