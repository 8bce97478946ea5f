// The probe table and the perf events. Attach points are resolved in resolve_probes.cpp; what their bodies may ask for is in
// probe_context.cpp.
#include "frontend/probes.h"

#include <algorithm>
#include <unordered_set>

#include "mir/btf.h"

namespace shrike {

namespace {

using mir::ProbeKind;
using mir::ProgramType;

constexpr uint32_t function_uses = use_numbered_args | use_func | use_ctx | use_registers | use_stack;
constexpr uint32_t return_uses = use_retval | use_func | use_ctx | use_registers | use_stack;
constexpr uint32_t sample_uses = use_ctx | use_registers | use_stack;

// Columns as in ProbeRow.
constexpr ProbeRow rows[] = {
    {"begin", "", "", ProbeKind::begin, ProgramType::raw_tracepoint, use_stack, 0, false, "once, before anything is attached"},
    {"end", "", "", ProbeKind::end, ProgramType::raw_tracepoint, use_stack, 0, false, "once, when no other probe runs any more"},
    {"self", "", "signal:SIGUSR1", ProbeKind::self, ProgramType::raw_tracepoint, use_stack, 0, false,
     "a signal that shrike gets"},
    {"test", "", "NAME", ProbeKind::test, ProgramType::raw_tracepoint, use_stack, 0, false,
     "once with --test, and passes if nothing in it fails"},
    {"bench", "", "NAME", ProbeKind::bench, ProgramType::raw_tracepoint, use_stack, 0, false,
     "over and over with --bench, for the time that it takes"},
    {"kprobe", "k", "[MODULE:]FUNCTION[+OFFSET]", ProbeKind::kprobe, ProgramType::kprobe, function_uses, 0, true,
     "entry of a kernel function"},
    {"kretprobe", "kr", "[MODULE:]FUNCTION", ProbeKind::kretprobe, ProgramType::kprobe, return_uses, 0, true,
     "return of a kernel function"},
    {"uprobe", "u", "BINARY:FUNCTION[+OFFSET], BINARY:ADDRESS, BINARY:cpp:NAME or BINARY@FILE:LINE[:COLUMN]", ProbeKind::uprobe,
     ProgramType::kprobe, function_uses | use_named_args, 0, false, "entry of a user function, or any instruction or line"},
    {"uretprobe", "ur", "BINARY:FUNCTION, BINARY:ADDRESS or BINARY:cpp:NAME", ProbeKind::uretprobe, ProgramType::kprobe,
     return_uses, 0, false, "return of a user function"},
    {"usdt", "U", "BINARY:[PROVIDER:]NAME", ProbeKind::usdt, ProgramType::kprobe,
     use_numbered_args | use_ctx | use_registers | use_stack, 0, false, "static probe of a program or library"},
    {"tracepoint", "t", "CATEGORY:EVENT", ProbeKind::tracepoint, ProgramType::tracepoint, use_named_args | use_stack, 0, true,
     "static kernel event, arguments by its format file"},
    {"rawtracepoint", "rt", "[MODULE:]EVENT", ProbeKind::rawtracepoint, ProgramType::raw_tracepoint,
     use_numbered_args | use_named_args | use_stack, 0, true, "static kernel event, arguments by BTF"},
    {"profile", "p", "hz:N, s:N, ms:N, us:N or DURATION", ProbeKind::profile, ProgramType::perf_event, sample_uses, 0, false,
     "timer on every CPU"},
    {"interval", "i", "hz:N, s:N, ms:N, us:N or DURATION", ProbeKind::interval, ProgramType::perf_event, use_stack, 0, false,
     "timer on one CPU"},
    {"software", "s", "EVENT[:COUNT]", ProbeKind::software, ProgramType::perf_event, sample_uses, 0, false,
     "kernel software event, every COUNT of them"},
    {"hardware", "h", "EVENT[:COUNT]", ProbeKind::hardware, ProgramType::perf_event, sample_uses, 0, false,
     "processor event, every COUNT of them"},
    {"fentry", "f kfunc", "[MODULE:]FUNCTION or bpf:[ID:]FUNCTION", ProbeKind::fentry, ProgramType::tracing,
     use_named_args | use_func | use_ctx | use_stack, 0, true,
     "entry of a function of the kernel or a BPF program, arguments by BTF"},
    {"fexit", "fr kretfunc", "[MODULE:]FUNCTION or bpf:[ID:]FUNCTION", ProbeKind::fexit, ProgramType::tracing,
     use_named_args | use_retval | use_func | use_ctx | use_stack, 0, true,
     "return of a function of the kernel or a BPF program, arguments by BTF"},
    {"iter", "it", "TYPE[:PIN]", ProbeKind::iter, ProgramType::tracing, use_ctx, 0, false,
     "each object of a kind that the kernel keeps, once"},
    {"watchpoint", "w", "ADDRESS:LENGTH:MODE", ProbeKind::watchpoint, ProgramType::perf_event, sample_uses, 0, false,
     "memory read or written, or an instruction executed"},
};

// Facts of perf_event_open(2); periods are bpftrace's.
constexpr PerfEventRow perf_events[] = {
    {"alignment-faults", "", ProbeKind::software, 1},
    {"bpf-output", "", ProbeKind::software, 1},
    {"context-switches", "cs", ProbeKind::software, 1000},
    {"cpu-clock", "cpu", ProbeKind::software, 1000000},
    {"cpu-migrations", "", ProbeKind::software, 1},
    {"dummy", "", ProbeKind::software, 1},
    {"emulation-faults", "", ProbeKind::software, 1},
    {"major-faults", "", ProbeKind::software, 1},
    {"minor-faults", "", ProbeKind::software, 100},
    {"page-faults", "faults", ProbeKind::software, 100},
    {"task-clock", "", ProbeKind::software, 1},
    {"backend-stalls", "", ProbeKind::hardware, 1000000},
    {"branch-instructions", "branches", ProbeKind::hardware, 100000},
    {"branch-misses", "", ProbeKind::hardware, 100000},
    {"bus-cycles", "", ProbeKind::hardware, 100000},
    {"cache-misses", "", ProbeKind::hardware, 1000000},
    {"cache-references", "", ProbeKind::hardware, 1000000},
    {"cpu-cycles", "cycles", ProbeKind::hardware, 1000000},
    {"frontend-stalls", "", ProbeKind::hardware, 1000000},
    {"instructions", "", ProbeKind::hardware, 1000000},
    {"ref-cycles", "", ProbeKind::hardware, 1000000},
};

char lower(char c) {
  return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

// `*` and `?` in any case. Where a letter does not fit, the last `*` takes one more.
bool matches_ignoring_case(std::string_view pattern, std::string_view name) {
  constexpr size_t none = std::string_view::npos;
  size_t at = 0, star = none, taken = 0;
  for (size_t i = 0; i < name.size();) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      taken = i;
    } else if (at < pattern.size() && (pattern[at] == '?' || lower(pattern[at]) == name[i])) {
      at++;
      i++;
    } else if (star != none) {
      at = star + 1;
      i = ++taken;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', at) == none;
}

bool is_alias(std::string_view aliases, std::string_view name) {
  while (!aliases.empty()) {
    size_t space = aliases.find(' ');
    if (aliases.substr(0, space) == name) return true;
    aliases = space == std::string_view::npos ? std::string_view() : aliases.substr(space + 1);
  }
  return false;
}

}  // namespace

const ProbeRow* find_probe(std::string_view provider) {
  for (const ProbeRow& row : rows)
    if (equal_ignoring_case(row.name, provider) || is_alias(row.aliases, provider)) return &row;
  return nullptr;
}

const ProbeRow& row_of(ProbeKind kind) {
  for (const ProbeRow& row : rows)
    if (row.kind == kind) return row;
  UNREACHABLE("probe kind without a row");
}

std::vector<const ProbeRow*> match_probes(std::string_view pattern, bool names_file) {
  auto is_meant = [&](ProbeKind kind) {
    switch (kind) {
      case ProbeKind::kprobe:
      case ProbeKind::kretprobe:
      case ProbeKind::tracepoint:
      case ProbeKind::rawtracepoint:
      case ProbeKind::software:
      case ProbeKind::hardware: return true;
      // Kprobes have the same functions, and more kernels have kprobes.
      case ProbeKind::fentry:
      case ProbeKind::fexit: return pattern != "*";
      case ProbeKind::uprobe:
      case ProbeKind::uretprobe:
      case ProbeKind::usdt: return names_file;
      default: return false;
    }
  };
  std::vector<const ProbeRow*> out;
  for (const ProbeRow& row : rows)
    if (is_meant(row.kind) && matches_ignoring_case(pattern, row.name)) out.push_back(&row);
  return out;
}

std::vector<std::string_view> probe_names() {
  std::vector<std::string_view> names;
  for (const ProbeRow& row : rows) names.push_back(row.name);
  return names;
}

const PerfEventRow* find_perf_event(ProbeKind kind, std::string_view name) {
  for (const PerfEventRow& row : perf_events)
    if (row.kind == kind && (row.name == name || (!row.alias.empty() && row.alias == name))) return &row;
  return nullptr;
}

std::vector<std::string_view> iterator_types(const Btf& types) {
  std::unordered_set<std::string_view> functions;
  std::vector<std::string_view> names;
  types.each([&](const Btf::TypeRecord& type) {
    if (type.kind == Btf::Kind::function && type.name.starts_with(iterator_function))
      functions.insert(type.name.substr(iterator_function.size()));
    if (type.kind == Btf::Kind::structure && type.name.starts_with(iterator_context))
      names.push_back(type.name.substr(iterator_context.size()));
    return true;
  });
  std::erase_if(names, [&](std::string_view name) { return !functions.contains(name); });
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string_view> perf_event_names(ProbeKind kind) {
  std::vector<std::string_view> names;
  for (const PerfEventRow& row : perf_events)
    if (row.kind == kind) names.push_back(row.name);
  return names;
}

}  // namespace shrike
