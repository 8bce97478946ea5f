// The probe table, the perf events, and one resolver a kind of attach point. Looks things up through KernelFacts only, and
// only what the script names.
#include "frontend/probes.h"

#include <algorithm>
#include <charconv>

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
    {"end", "", "", ProbeKind::end, ProgramType::raw_tracepoint, use_stack, 0, false, "once, after everything is detached"},
    {"kprobe", "k", "[MODULE:]FUNCTION[+OFFSET]", ProbeKind::kprobe, ProgramType::kprobe, function_uses, 0, true,
     "entry of a kernel function"},
    {"kretprobe", "kr", "[MODULE:]FUNCTION", ProbeKind::kretprobe, ProgramType::kprobe, return_uses, 0, true,
     "return of a kernel function"},
    {"uprobe", "u", "BINARY:FUNCTION[+OFFSET] or BINARY:ADDRESS", ProbeKind::uprobe, ProgramType::kprobe, function_uses, 0, false,
     "entry of a user function, or any instruction"},
    {"uretprobe", "ur", "BINARY:FUNCTION or BINARY:ADDRESS", ProbeKind::uretprobe, ProgramType::kprobe, return_uses, 0, false,
     "return of a user function"},
    {"usdt", "U", "BINARY:[PROVIDER:]NAME", ProbeKind::usdt, ProgramType::kprobe,
     use_numbered_args | use_ctx | use_registers | use_stack, 0, false, "static probe of a program or library"},
    {"tracepoint", "t", "CATEGORY:EVENT", ProbeKind::tracepoint, ProgramType::tracepoint, use_named_args | use_stack, 0, true,
     "static kernel event, arguments by its format file"},
    {"rawtracepoint", "rt", "EVENT", ProbeKind::rawtracepoint, ProgramType::raw_tracepoint,
     use_numbered_args | use_named_args | use_stack, 0, true, "static kernel event, arguments by BTF"},
    {"profile", "p", "hz:N, s:N, ms:N, us:N or DURATION", ProbeKind::profile, ProgramType::perf_event, sample_uses, 0, false,
     "timer on every CPU"},
    {"interval", "i", "hz:N, s:N, ms:N, us:N or DURATION", ProbeKind::interval, ProgramType::perf_event, use_stack, 0, false,
     "timer on one CPU"},
    {"software", "s", "EVENT[:COUNT]", ProbeKind::software, ProgramType::perf_event, sample_uses, 0, false,
     "kernel software event, every COUNT of them"},
    {"hardware", "h", "EVENT[:COUNT]", ProbeKind::hardware, ProgramType::perf_event, sample_uses, 0, false,
     "processor event, every COUNT of them"},
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

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  auto lower = [](char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c); };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

bool is_alias(std::string_view aliases, std::string_view name) {
  while (!aliases.empty()) {
    size_t space = aliases.find(' ');
    if (aliases.substr(0, space) == name) return true;
    aliases = space == std::string_view::npos ? std::string_view() : aliases.substr(space + 1);
  }
  return false;
}

// Everything the resolvers of one attach point share.
struct Resolver {
  const ast::AttachPoint& point;
  const ProbeRow& row;
  KernelFacts& facts;
  std::string_view missing_probes;
  const CheckOptions& options;
  Diagnostics& diagnostics;

  mir::AttachPoint start() const {
    mir::AttachPoint out;
    out.kind = row.kind;
    out.span = point.span;
    return out;
  }

  std::vector<mir::AttachPoint> bad_form() {
    diagnostics.report(
        Diag::bad_attach_point, point.span,
        {std::string(point.text), row.syntax.empty() ? "nothing after `" + std::string(row.name) + "`"
                                                     : "`" + std::string(row.name) + ":` and then " + std::string(row.syntax)});
    return {};
  }

  template <class T>
  std::vector<mir::AttachPoint> not_found(const Answer<T>& answer) {
    if (answer.status == Lookup::unreadable) {
      diagnostics.report(Diag::cannot_look_up_probe, point.span, {std::string(point.text), answer.why});
    } else if (missing_probes != "ignore") {
      Diag id = missing_probes == "warn" ? Diag::no_such_probe_warning : Diag::no_such_probe;
      Diagnostic& report = diagnostics.report(id, point.span, {std::string(point.text)});
      if (!answer.why.empty()) report.with_hint(answer.why);
    }
    return {};
  }

  // For a name that matched nothing: the likeliest one meant among what there is.
  static std::string suggestion(std::string_view name, const Answer<std::vector<ProbeTarget>>& known) {
    std::vector<std::string_view> names;
    for (const ProbeTarget& target : known.value) {
      if (target.function == name) return "did you mean `" + target.target + ":" + target.function + "`?";
      names.push_back(target.function);
    }
    std::string_view near = nearest_name(name, names);
    return near.empty() ? "" : "did you mean `" + std::string(near) + "`?";
  }

  std::vector<mir::AttachPoint> all(const std::vector<ProbeTarget>& targets, bool names_target) {
    std::vector<mir::AttachPoint> out;
    for (const ProbeTarget& target : targets) {
      mir::AttachPoint place = start();
      place.target = target.target;
      place.function = target.function;
      place.address = target.address;
      place.name =
          std::string(row.name) + ":" + (names_target && !target.target.empty() ? target.target + ":" : "") + target.function;
      out.push_back(std::move(place));
    }
    return out;
  }

  std::vector<mir::AttachPoint> plain() {
    if (!point.parts.empty()) return bad_form();
    mir::AttachPoint place = start();
    place.name = row.name;
    return {place};
  }

  std::vector<mir::AttachPoint> tracepoint() {
    if (point.parts.size() != 2 || point.parts[0].empty() || point.parts[1].empty()) return bad_form();
    auto answer = facts.match_tracepoints(point.parts[0], point.parts[1]);
    if (answer.status == Lookup::missing) {
      answer.why = suggestion(point.parts[1], facts.match_tracepoints(point.parts[0], "*"));
      if (answer.why.empty()) answer.why = suggestion(point.parts[1], facts.match_tracepoints("*", point.parts[1]));
    }
    return answer.status == Lookup::found ? all(answer.value, true) : not_found(answer);
  }

  std::vector<mir::AttachPoint> raw_tracepoint() {
    // A module may stand before the event, as bpftrace allows; events have one name space.
    if (point.parts.empty() || point.parts.size() > 2 || point.parts.back().empty()) return bad_form();
    auto answer = facts.match_raw_tracepoints(point.parts.back());
    return answer.status == Lookup::found ? all(answer.value, false) : not_found(answer);
  }

  // Splits "name+offset"; false if what follows the + is no number.
  static bool split_offset(std::string_view text, std::string_view& name, uint64_t& offset) {
    size_t plus = text.find('+');
    name = text.substr(0, plus);
    offset = 0;
    return plus == std::string_view::npos || parse_number(text.substr(plus + 1), offset);
  }

  static bool parse_number(std::string_view text, uint64_t& value) {
    int base = 10;
    if (text.starts_with("0x") || text.starts_with("0X")) {
      base = 16;
      text.remove_prefix(2);
    }
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    return error == std::errc() && end == text.data() + text.size() && !text.empty();
  }

  std::vector<mir::AttachPoint> kernel_function() {
    if (point.parts.empty() || point.parts.size() > 2 || point.parts.back().empty()) return bad_form();
    std::string_view module = point.parts.size() == 2 ? point.parts[0] : std::string_view();
    std::string_view function;
    uint64_t offset = 0;
    if (!split_offset(point.parts.back(), function, offset)) return bad_form();
    if (row.kind == ProbeKind::kretprobe && offset != 0) return bad_form();
    mir::AttachPoint place = start();
    if (uint64_t address = 0; parse_number(function, address)) {
      if (!options.unsafe) {
        diagnostics.report(Diag::needs_unsafe, point.span, {"a kprobe at an address"});
        return {};
      }
      place.address = address;
      place.name = std::string(row.name) + ":" + std::string(function);
      return {place};
    }
    auto answer = facts.match_kernel_functions(module, function);
    if (answer.status != Lookup::found) return not_found(answer);
    std::vector<mir::AttachPoint> out = all(answer.value, true);
    for (mir::AttachPoint& found : out) {
      found.offset = offset;
      if (offset != 0) found.name += "+" + std::to_string(offset);
    }
    return out;
  }

  std::vector<mir::AttachPoint> user_function() {
    std::string_view path = point.parts.size() == 2 ? point.parts[0] : std::string_view();
    std::string traced = "/proc/" + std::to_string(options.pid) + "/exe";
    if (point.parts.size() == 1 && options.pid != 0) path = traced;  // -p names the binary
    if (path.empty() || point.parts.back().empty()) return bad_form();
    mir::AttachPoint place = start();
    std::string_view function;
    uint64_t offset = 0;
    if (uint64_t address = 0; parse_number(point.parts.back(), address)) {
      // The path is still resolved, by asking for no symbol at all.
      auto binary = facts.match_user_functions(path, "");
      if (binary.status == Lookup::unreadable) return not_found(binary);
      place.target = binary.value.empty() ? std::string(path) : binary.value.front().target;
      place.address = address;
      place.name = std::string(row.name) + ":" + place.target + ":" + std::string(point.parts.back());
      return {place};
    }
    if (!split_offset(point.parts.back(), function, offset)) return bad_form();
    if (row.kind == ProbeKind::uretprobe && offset != 0) return bad_form();
    auto answer = facts.match_user_functions(path, function);
    if (answer.status == Lookup::missing) answer.why = suggestion(function, facts.match_user_functions(path, "*"));
    if (answer.status != Lookup::found) return not_found(answer);
    std::vector<mir::AttachPoint> out = all(answer.value, true);
    for (mir::AttachPoint& found : out) {
      found.address += offset;
      found.offset = offset;
      if (offset != 0) found.name += "+" + std::to_string(offset);
    }
    return out;
  }

  std::vector<mir::AttachPoint> static_probe() {
    if (point.parts.empty() || point.parts.size() > 3 || point.parts.back().empty()) return bad_form();
    std::string_view path = point.parts.size() > 1 ? point.parts[0] : std::string_view();
    std::string_view provider = point.parts.size() == 3 && !point.parts[1].empty() ? point.parts[1] : "*";
    if (path == "*") path = {};  // the files of the process given by -p
    if (path.empty() && options.pid == 0) return bad_form();
    auto answer = facts.match_static_probes(path, options.pid, provider, point.parts.back());
    if (answer.status != Lookup::found) return not_found(answer);
    std::vector<mir::AttachPoint> out;
    for (const StaticProbe& found : answer.value) {
      mir::AttachPoint place = start();
      place.target = found.path;
      place.function = found.provider + ":" + found.name;
      place.address = found.address;
      place.semaphore = found.semaphore;
      place.name = std::string(row.name) + ":" + place.target + ":" + place.function;
      out.push_back(std::move(place));
    }
    return out;
  }

  std::vector<mir::AttachPoint> timer() {
    struct Unit {
      std::string_view name;
      uint64_t nanoseconds;
    };
    static constexpr Unit units[] = {{"ns", 1},         {"us", 1000},       {"ms", 1000000},
                                     {"s", 1000000000}, {"m", 60000000000}, {"h", 3600000000000}};
    mir::AttachPoint place = start();
    uint64_t count = 0;
    std::string_view unit;
    if (point.parts.size() == 2) {
      unit = point.parts[0];
      if (!parse_number(point.parts[1], count)) return bad_form();
    } else if (point.parts.size() == 1) {
      std::string_view text = point.parts[0];
      size_t digits = text.find_first_not_of("0123456789");
      if (digits == 0 || !parse_number(text.substr(0, digits), count)) return bad_form();
      // A bare number is a number of nanoseconds, as durations are.
      unit = digits == std::string_view::npos ? "ns" : text.substr(digits);
    } else {
      return bad_form();
    }
    if (count == 0) {
      diagnostics.report(Diag::zero_period, point.span, {std::string(row.name)});
      return {};
    }
    place.name = row.name;
    for (std::string_view part : point.parts) place.name += ":" + std::string(part);
    if (unit == "hz") {
      place.in_hertz = true;
      place.period = count;
      return {place};
    }
    for (const Unit& known : units) {
      if (known.name != unit || (point.parts.size() == 2 && unit == "ns")) continue;
      place.period = count * known.nanoseconds;
      return {place};
    }
    return bad_form();
  }

  std::vector<mir::AttachPoint> perf_event() {
    if (point.parts.empty() || point.parts.size() > 2) return bad_form();
    const PerfEventRow* event = find_perf_event(row.kind, point.parts[0]);
    if (event == nullptr) {
      Diagnostic& report =
          diagnostics.report(Diag::unknown_perf_event, point.span, {std::string(row.name), std::string(point.parts[0])});
      if (std::string_view near = nearest_name(point.parts[0], perf_event_names(row.kind)); !near.empty())
        report.with_hint("did you mean `" + std::string(near) + "`?");
      return {};
    }
    mir::AttachPoint place = start();
    place.function = event->name;
    place.period = event->default_period;
    if (point.parts.size() == 2 && !parse_number(point.parts[1], place.period)) return bad_form();
    if (place.period == 0) {
      diagnostics.report(Diag::zero_period, point.span, {std::string(row.name)});
      return {};
    }
    place.name = row.name;
    for (std::string_view part : point.parts) place.name += ":" + std::string(part);
    return {place};
  }
};

// The type of a tracepoint field, from the C text in its format file.
const mir::Type* field_type(const TracepointField& field, mir::AddressSpace space, mir::TypePool& types) {
  std::string_view text = field.type;
  for (std::string_view prefix : {"const ", "volatile "})
    if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  if (field.is_data_loc) {
    bool is_text = text.find("char") != std::string_view::npos;
    return types.pointer(is_text ? types.integer(1, true) : types.none(), mir::AddressSpace::kernel);
  }
  if (size_t star = text.find('*'); star != std::string_view::npos) {
    std::string_view target = text.substr(0, star);
    while (target.ends_with(' ')) target.remove_suffix(1);
    if (target.ends_with(" const")) target.remove_suffix(6);
    if (target.starts_with("const ")) target.remove_prefix(6);
    const mir::Type* pointee = types.none();
    if (text.find('*', star + 1) != std::string_view::npos) {
      pointee = types.pointer(target == "char" ? types.integer(1, true) : types.none(), space);
    } else if (target.starts_with("struct ")) {
      pointee = types.record(target.substr(7), false);
    } else if (target == "char") {
      pointee = types.integer(1, true);
    }
    return types.pointer(pointee, space);
  }
  if (field.array_count != 0) {
    uint32_t element = field.size / field.array_count;
    if (text == "char") return types.string(field.size);
    if (element == 1 || element == 2 || element == 4 || element == 8)
      return types.array(types.integer(element, field.is_signed), field.array_count);
    return types.array(types.integer(1, false), field.size);
  }
  if (field.size == 1 || field.size == 2 || field.size == 4 || field.size == 8) return types.integer(field.size, field.is_signed);
  return types.array(types.integer(1, false), field.size);
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

std::vector<std::string_view> perf_event_names(ProbeKind kind) {
  std::vector<std::string_view> names;
  for (const PerfEventRow& row : perf_events)
    if (row.kind == kind) names.push_back(row.name);
  return names;
}

std::vector<mir::AttachPoint> resolve_attach_point(const ast::AttachPoint& point, const ProbeRow& row, KernelFacts& facts,
                                                   std::string_view missing_probes, const CheckOptions& options,
                                                   Diagnostics& diagnostics) {
  Resolver resolver{point, row, facts, missing_probes, options, diagnostics};
  switch (row.kind) {
    case ProbeKind::begin:
    case ProbeKind::end: return resolver.plain();
    case ProbeKind::kprobe:
    case ProbeKind::kretprobe: return resolver.kernel_function();
    case ProbeKind::uprobe:
    case ProbeKind::uretprobe: return resolver.user_function();
    case ProbeKind::usdt: return resolver.static_probe();
    case ProbeKind::tracepoint: return resolver.tracepoint();
    case ProbeKind::rawtracepoint: return resolver.raw_tracepoint();
    case ProbeKind::profile:
    case ProbeKind::interval: return resolver.timer();
    case ProbeKind::software:
    case ProbeKind::hardware: return resolver.perf_event();
  }
  UNREACHABLE("probe kind without a resolver");
}

ProbeContext context_of(const mir::AttachPoint& point, const ProbeRow& row, KernelFacts& facts, bool wants_arguments,
                        mir::TypePool& types) {
  ProbeContext context;
  context.row = &row;
  if (row.kind == ProbeKind::uprobe || row.kind == ProbeKind::uretprobe || row.kind == ProbeKind::usdt)
    context.space = mir::AddressSpace::user;
  // Pointers that system calls are given point to user memory; those of other events to the kernel's own.
  if (row.kind == ProbeKind::tracepoint && point.target == "syscalls") context.space = mir::AddressSpace::user;
  if (!wants_arguments) return context;
  if (row.kind == ProbeKind::tracepoint) {
    auto format = facts.tracepoint_format(point.target, point.function);
    context.has_arguments = format.status == Lookup::found;
    context.context_size = format.value.size;
    for (const TracepointField& field : format.value.fields)
      context.arguments.push_back(
          {field.name, field_type(field, context.space, types), field.offset, field.size, field.is_data_loc});
  }
  if (row.kind == ProbeKind::usdt) {
    size_t colon = point.function.find(':');
    std::string_view function = point.function;
    auto places = facts.match_static_probes(point.target, 0, function.substr(0, colon), function.substr(colon + 1));
    for (StaticProbe& place : places.value)
      if (place.address == point.address) context.static_arguments = std::move(place.arguments);
  }
  if (row.kind == ProbeKind::rawtracepoint) {
    auto btf = facts.btf();
    if (btf.status != Lookup::found) return context;
    auto params = btf.value->raw_tracepoint_params(point.function);
    if (!params) return context;
    context.has_arguments = true;
    uint32_t offset = 0;
    for (const Btf::Param& param : *params) {
      context.arguments.push_back(
          {std::string(param.name), btf.value->to_type(param.type, types, mir::AddressSpace::kernel), offset, 8, false});
      offset += 8;
    }
    context.context_size = offset;
  }
  return context;
}

}  // namespace shrike
