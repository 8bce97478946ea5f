// The table of probe types. A row says how an attach point is written, what program it becomes and what its body may
// use; resolve_attach_point turns written text into the places to attach to.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "frontend/checked.h"

namespace shrike {

// What a body may use, one bit each.
enum ProbeUse : uint32_t {
  use_numbered_args = 1 << 0,  // arg0..argN
  use_named_args = 1 << 1,     // args
  use_retval = 1 << 2,
  use_func = 1 << 3,
  use_ctx = 1 << 4,
  use_registers = 1 << 5,  // reg(): the context holds struct pt_regs
  use_stack = 1 << 6,      // kstack, ustack
};

struct ProbeRow {
  std::string_view name;
  std::string_view aliases;  // separated by spaces
  std::string_view syntax;   // what follows `name:`, for messages and the manual
  mir::ProbeKind kind;
  mir::ProgramType program;
  uint32_t uses;
  uint32_t registers_offset;  // of struct pt_regs in the context; meaningful with use_registers
  bool filters_pid;           // -p makes the program test the pid; other kinds filter when attaching
  std::string_view doc;
};

const ProbeRow* find_probe(std::string_view provider);  // any case, old spellings too
const ProbeRow& row_of(mir::ProbeKind kind);
std::vector<std::string_view> probe_names();
// Those that a pattern of their names means: types whose places are looked for by name. `names_file`: in programs, too.
std::vector<const ProbeRow*> match_probes(std::string_view pattern, bool names_file);

// An event of the perf providers and the period it has when none is written.
struct PerfEventRow {
  std::string_view name;
  std::string_view alias;
  mir::ProbeKind kind;  // software or hardware
  uint64_t default_period;
};
const PerfEventRow* find_perf_event(mir::ProbeKind kind, std::string_view name);
std::vector<std::string_view> perf_event_names(mir::ProbeKind kind);

// Of an iterator over objects of TYPE: the kernel's function of that name followed by TYPE, which programs are loaded for, and
// the structure that is their context.
inline constexpr std::string_view iterator_function = "bpf_iter_";
inline constexpr std::string_view iterator_context = "bpf_iter__";
std::vector<std::string_view> iterator_types(const Btf& types);  // sorted

// The places `point` stands for, sorted as the machine lists them. Empty after an error, which has been reported, and
// for one without match when `missing_probes` (the configuration variable) says to go on. Wildcards of kprobes stay one place, a
// pattern: the kernel takes tens of milliseconds to list its functions, and only who attaches needs them.
std::vector<mir::AttachPoint> resolve_attach_point(const ast::AttachPoint& point, const ProbeRow& row, KernelFacts& facts,
                                                   std::string_view missing_probes, const CheckOptions& options,
                                                   Diagnostics& diagnostics);

// The places that a pattern stands for, which keep its program; as above where there are none.
std::vector<mir::AttachPoint> expand_pattern(const mir::AttachPoint& pattern, KernelFacts& facts, std::string_view missing_probes,
                                             Diagnostics& diagnostics);

// Does an attach point's part stand for several names?
bool is_wildcard(std::string_view part);

// Reports more places than max_probes admits.
void check_probe_count(size_t count, const Config& config, Diagnostics& diagnostics);

// What a body at this place may ask for. Its named arguments are looked up only if it uses them.
ProbeContext context_of(const mir::AttachPoint& point, const ProbeRow& row, KernelFacts& facts, bool wants_arguments,
                        mir::TypePool& types);

}  // namespace shrike
