// One resolver a kind of attach point: written text to the places it stands for. Looks things up through KernelFacts only,
// and only what the script names.
#include <algorithm>
#include <charconv>
#include <unordered_map>
#include <unordered_set>

#include "frontend/probes.h"
#include "mir/btf.h"

namespace shrike {

using mir::ProbeKind;

namespace {

// A program that the kernel runs already on a processor is not run again there.
void warn_of_lock(std::string_view function, Span span, Diagnostics& diagnostics) {
  static constexpr std::string_view names[] = {"_raw_spin_lock", "_raw_spin_lock_irqsave", "_raw_spin_unlock_irqrestore",
                                               "queued_spin_lock_slowpath"};
  if (std::find(std::begin(names), std::end(names), function) == std::end(names)) return;
  diagnostics.report(Diag::traces_a_lock, span, {std::string(function)})
      .with_hint("calls that maps and the ring make while the program runs are not counted");
}

// For a name that matched nothing: the likeliest one meant among what there is.
std::string suggestion(std::string_view name, const Answer<std::vector<ProbeTarget>>& known) {
  std::vector<std::string_view> names;
  for (const ProbeTarget& target : known.value) {
    if (target.function == name) return "did you mean `" + target.target + ":" + target.function + "`?";
    names.push_back(target.function);
  }
  std::string_view near = nearest_name(name, names);
  return near.empty() ? "" : "did you mean `" + std::string(near) + "`?";
}

template <class T>
void report_missing(const Answer<T>& answer, std::string_view name, Span span, std::string_view missing_probes,
                    Diagnostics& diagnostics) {
  if (answer.status == Lookup::unreadable) {
    diagnostics.report(Diag::cannot_look_up_probe, span, {std::string(name), answer.why});
  } else if (missing_probes != "ignore") {
    Diag id = missing_probes == "warn" ? Diag::no_such_probe_warning : Diag::no_such_probe;
    Diagnostic& report = diagnostics.report(id, span, {std::string(name)});
    if (!answer.why.empty()) report.with_hint(answer.why);
  }
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
    report_missing(answer, point.text, point.span, missing_probes, diagnostics);
    return {};
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

  std::vector<mir::AttachPoint> own_signal() {
    if (point.parts.size() != 2 || point.parts[0] != "signal" || point.parts[1] != "SIGUSR1") return bad_form();
    mir::AttachPoint place = start();
    place.name = "self:signal:SIGUSR1";
    return {place};
  }

  std::vector<mir::AttachPoint> trial() {
    if (point.parts.size() != 1 || point.parts[0].empty()) return bad_form();
    mir::AttachPoint place = start();
    place.function = point.parts[0];
    place.name = std::string(row.name) + ":" + place.function;
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
    if (point.parts.empty() || point.parts.size() > 2 || point.parts.back().empty()) return bad_form();
    auto answer = facts.match_raw_tracepoints(point.parts.size() == 2 ? point.parts[0] : std::string_view(), point.parts.back());
    return answer.status == Lookup::found ? all(answer.value, true) : not_found(answer);
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
    place.target = module;
    place.function = function;
    place.offset = offset;
    place.name =
        std::string(row.name) + ":" + (module.empty() ? "" : std::string(module) + ":") + std::string(point.parts.back());
    place.is_pattern = is_wildcard(module) || is_wildcard(function);
    if (!place.is_pattern) warn_of_lock(function, place.span, diagnostics);
    return {place};
  }

  // Functions that BTF describes; of a wildcard's those that can be traced.
  std::vector<mir::AttachPoint> typed_function() {
    bool is_program = point.parts.size() > 1 && point.parts[0] == "bpf";
    if (point.parts.empty() || point.parts.size() > (is_program ? 3 : 2) || point.parts.back().empty()) return bad_form();
    std::string_view function = point.parts.back();
    if (is_program) return program_function(function);
    if (runs_programs(function)) {
      diagnostics.report(Diag::runs_programs_itself, point.span, {std::string(function)});
      return {};
    }
    Answer<const Btf*> types = facts.btf();
    if (types.status != Lookup::found) return not_found(Answer<std::vector<ProbeTarget>>{Lookup::unreadable, {}, types.why});
    std::string_view module = point.parts.size() == 2 ? point.parts[0] : std::string_view();
    bool is_pattern = is_wildcard(module) || is_wildcard(function);
    Answer<std::vector<ProbeTarget>> answer = is_pattern
                                                  ? typed(facts.match_kernel_functions(module.empty() ? "*" : module, function))
                                              : module.empty() ? find_typed(*types.value, function)
                                                               : find_typed_in(module, function);
    if (answer.status == Lookup::unreadable || answer.value.empty()) return not_found(answer);
    if (!is_pattern && answer.value.size() > 1) return ambiguous(function, answer.value);
    std::erase_if(answer.value, [](const ProbeTarget& target) { return runs_programs(target.function); });
    for (const ProbeTarget& target : answer.value) warn_of_lock(target.function, point.span, diagnostics);
    return all(answer.value, true);
  }

  // bpf:NAME or bpf:ID:NAME, a function of a loaded BPF program.
  std::vector<mir::AttachPoint> program_function(std::string_view function) {
    uint64_t id = 0;
    bool is_any = point.parts.size() == 2 || point.parts[1] == "*";
    if (!is_any && (!parse_number(point.parts[1], id) || id == 0)) return bad_form();
    auto answer = facts.match_program_functions(id, function);
    return answer.status == Lookup::found ? all(answer.value, true) : not_found(answer);
  }

  static bool describes(const Btf& types, std::string_view function) {
    return types.find(Btf::Kind::function, function).has_value();
  }

  // The kernel's own, or else those of modules.
  Answer<std::vector<ProbeTarget>> find_typed(const Btf& kernel, std::string_view function) {
    Answer<std::vector<ProbeTarget>> answer;
    if (describes(kernel, function)) {
      answer.value.push_back({"vmlinux", std::string(function), 0});
      return answer;
    }
    for (std::string& module : facts.modules_with([&](const Btf& types) { return describes(types, function); }))
      answer.value.push_back({std::move(module), std::string(function), 0});
    if (answer.value.empty()) answer.why = suggestion(function, typed(facts.match_kernel_functions("vmlinux", "*")));
    return answer;
  }

  Answer<std::vector<ProbeTarget>> find_typed_in(std::string_view module, std::string_view function) {
    Answer<const Btf*> types = facts.types_of(module);
    if (types.status != Lookup::found) return {types.status, {}, types.why};
    Answer<std::vector<ProbeTarget>> answer;
    if (describes(*types.value, function)) answer.value.push_back({std::string(module), std::string(function), 0});
    else answer.why = suggestion(function, typed(facts.match_kernel_functions(module, "*")));
    return answer;
  }

  std::vector<mir::AttachPoint> ambiguous(std::string_view function, const std::vector<ProbeTarget>& found) {
    std::string modules;
    for (const ProbeTarget& target : found) modules += (modules.empty() ? "`" : ", `") + target.target + "`";
    diagnostics.report(Diag::ambiguous_function, point.span, {std::string(function), modules})
        .with_hint("name the module: `" + std::string(row.name) + ":" + found.front().target + ":" + std::string(function) + "`");
    return {};
  }

  // What the kernel itself calls to run a program at fentry: before 6.3 or so it lets them be traced, and then hangs.
  static bool runs_programs(std::string_view function) {
    static constexpr std::string_view names[] = {"__rcu_read_lock",  "__rcu_read_unlock", "rcu_read_unlock_strict",
                                                 "migrate_disable",  "migrate_enable",    "preempt_count_add",
                                                 "preempt_count_sub"};
    return std::find(std::begin(names), std::end(names), function) != std::end(names);
  }

  // Those of the functions that the types of the kernel or of their module describe.
  Answer<std::vector<ProbeTarget>> typed(Answer<std::vector<ProbeTarget>> functions) {
    std::unordered_map<std::string, std::unordered_set<std::string_view>> described;  // by module
    std::erase_if(functions.value, [&](ProbeTarget& function) {
      if (function.target.empty()) function.target = "vmlinux";
      auto [known, is_new] = described.try_emplace(function.target);
      const Btf* types = is_new ? facts.types_of(function.target).value : nullptr;
      if (types != nullptr) add_functions(*types, known->second);
      return !known->second.contains(function.function);
    });
    return functions;
  }

  static void add_functions(const Btf& types, std::unordered_set<std::string_view>& names) {
    types.each([&](const Btf::TypeRecord& type) {
      if (type.kind == Btf::Kind::function) names.insert(type.name);
      return true;
    });
  }

  std::vector<mir::AttachPoint> iterator() {
    if (point.parts.empty() || point.parts.size() > 2 || point.parts[0].empty() || point.parts.back().empty()) return bad_form();
    Answer<const Btf*> types = facts.btf();
    if (types.status != Lookup::found) return not_found(Answer<std::vector<ProbeTarget>>{Lookup::unreadable, {}, types.why});
    mir::AttachPoint place = start();
    place.function = point.parts[0];
    place.name = std::string(row.name) + ":" + place.function;
    if (point.parts.size() == 2) {
      place.target = point.parts[1].starts_with('/') ? "" : "/sys/fs/bpf/";
      place.target += point.parts[1];
      place.name += ":" + std::string(point.parts[1]);
    }
    bool is_known = types.value->find(Btf::Kind::function, std::string(iterator_function) + place.function) &&
                    types.value->find(Btf::Kind::structure, std::string(iterator_context) + place.function);
    if (is_known) return {place};
    Answer<std::vector<ProbeTarget>> answer;
    std::vector<std::string_view> known = iterator_types(*types.value);
    if (std::string_view near = nearest_name(place.function, known); !near.empty())
      answer.why = "did you mean `" + std::string(near) + "`?";
    return not_found(answer);
  }

  // BINARY@FILE:LINE or BINARY@FILE:LINE:COLUMN.
  std::vector<mir::AttachPoint> source_line() {
    size_t at = point.parts[0].rfind('@');
    std::string traced = options.pid == 0 ? "" : "/proc/" + std::to_string(options.pid) + "/exe";
    std::string_view path = at == 0 ? std::string_view(traced) : point.parts[0].substr(0, at);
    std::string_view file = point.parts[0].substr(at + 1);
    uint64_t line = 0, column = 0;
    bool has_numbers = point.parts.size() <= 3 && parse_number(point.parts[1], line) &&
                       (point.parts.size() == 2 || parse_number(point.parts[2], column));
    if (!has_numbers || path.empty() || file.empty() || row.kind == ProbeKind::uretprobe) return bad_form();
    auto answer = facts.match_source_line(path, file, line, column);
    if (answer.status != Lookup::found) return not_found(answer);
    std::vector<mir::AttachPoint> out = all(answer.value, true);
    for (mir::AttachPoint& found : out) {
      found.name = std::string(row.name) + ":" + found.target + "@" + std::string(file);
      for (size_t i = 1; i < point.parts.size(); i++) found.name.append(":").append(point.parts[i]);
    }
    return out;
  }

  // A breakpoint between the bytes of an instruction changes what the program does.
  bool may_break(const CodePlace& place) {
    if (options.unsafe || place.kind == CodePlace::Kind::begins || place.kind == CodePlace::Kind::unknown) return true;
    auto shown = [](uint64_t offset) { return "+" + std::to_string(offset); };
    if (place.kind == CodePlace::Kind::outside) {
      diagnostics.report(Diag::outside_function, point.span, {shown(place.offset), place.function, std::to_string(place.end)});
    } else {
      diagnostics.report(Diag::inside_instruction, point.span, {place.function, shown(place.offset)})
          .with_hint("one begins at " + shown(place.begin) + ", the next at " + shown(place.end) +
                     "; a probe between them would break the program, which --unsafe allows");
    }
    return false;
  }

  std::vector<mir::AttachPoint> user_function() {
    if (point.parts.size() > 1 && point.parts[0].find('@') != std::string_view::npos) return source_line();
    bool is_cpp = point.parts.size() == 3 && point.parts[1] == "cpp";
    std::string_view path = point.parts.size() == 2 || is_cpp ? point.parts[0] : std::string_view();
    std::string traced = "/proc/" + std::to_string(options.pid) + "/exe";
    if (point.parts.size() == 1 && options.pid != 0) path = traced;  // -p names the binary
    if (path.empty() || point.parts.back().empty()) return bad_form();
    if (is_cpp) {
      auto found = facts.match_cpp_functions(path, point.parts.back());
      return found.status == Lookup::found ? all(found.value, true) : not_found(found);
    }
    std::string_view function;
    uint64_t offset = 0;
    if (uint64_t address = 0; parse_number(point.parts.back(), address)) {
      auto binaries = facts.match_user_files(path);
      if (binaries.status != Lookup::found) return not_found(binaries);
      std::vector<mir::AttachPoint> out = all(binaries.value, true);
      for (mir::AttachPoint& found : out) {
        found.address = address;
        found.name += point.parts.back();
      }
      return out;
    }
    if (!split_offset(point.parts.back(), function, offset)) return bad_form();
    if (row.kind == ProbeKind::uretprobe && offset != 0) return bad_form();
    auto answer = facts.match_user_functions(path, function);
    bool may_wait = answer.status == Lookup::missing && !is_wildcard(function) && missing_probes == "error";
    if (may_wait && facts.match_user_files(path).status == Lookup::found) return at_nowhere(path);
    if (answer.status == Lookup::missing && facts.match_user_files(path).status == Lookup::found)
      answer.why = suggestion(function, facts.match_user_functions(path, "*"));
    if (answer.status != Lookup::found) return not_found(answer);
    std::vector<mir::AttachPoint> out = all(answer.value, true);
    for (mir::AttachPoint& found : out) {
      if (offset != 0 && !may_break(facts.code_place(found.target, found.address, offset))) return {};
      found.address += offset;
      found.offset = offset;
      if (offset != 0) found.name += "+" + std::to_string(offset);
    }
    return out;
  }

  // Other machines' files have the function: the program is made and loaded, and attaching tells.
  std::vector<mir::AttachPoint> at_nowhere(std::string_view path) {
    mir::AttachPoint place = start();
    place.target = path;
    place.function = point.parts.back();
    place.address = mir::nowhere;
    place.name = std::string(row.name) + ":" + place.target + ":" + place.function;
    return {place};
  }

  std::vector<mir::AttachPoint> static_probe() {
    if (point.parts.empty() || point.parts.size() > 3 || point.parts.back().empty()) return bad_form();
    std::string_view path = point.parts.size() > 1 ? point.parts[0] : std::string_view();
    std::string_view provider = point.parts.size() == 3 && !point.parts[1].empty() ? point.parts[1] : "*";
    if (path == "*" && options.pid != 0) path = {};  // the files of the process given by -p; else those of all
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
    constexpr uint64_t shortest_period = 1000;
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
      if (__builtin_mul_overflow(count, known.nanoseconds, &place.period)) return bad_form();
      if (place.period >= shortest_period) return {place};
      Diagnostic& said =
          diagnostics.report(Diag::period_too_short, point.span, {std::string(row.name), std::to_string(place.period)});
      if (point.parts.size() == 1 && !point.parts[0].ends_with("ns"))
        said.with_hint("a number without a unit counts nanoseconds: seconds are `" + std::string(row.name) + ":" +
                       std::to_string(count) + "s`");
      return {};
    }
    return bad_form();
  }

  std::vector<mir::AttachPoint> watchpoint() {
    mir::AttachPoint place = start();
    bool has_numbers =
        point.parts.size() == 3 && parse_number(point.parts[0], place.address) && parse_number(point.parts[1], place.offset);
    if (!has_numbers) return bad_form();
    bool is_length = place.offset == 1 || place.offset == 2 || place.offset == 4 || place.offset == 8;
    std::string mode(point.parts[2]);
    std::sort(mode.begin(), mode.end());
    // What the processor can do; it tells reads from writes only by the instruction.
    bool is_mode = mode == "w" || mode == "rw" || mode == "x";
    if (!is_length || !is_mode || place.address % place.offset != 0) {
      diagnostics.report(Diag::bad_watchpoint, point.span, {std::string(point.text)})
          .with_hint(!is_length ? "a length is 1, 2, 4 or 8 bytes"
                     : !is_mode ? "a mode is w, rw or x; x86 watches reads only together with writes"
                                : "the address must be a multiple of the length");
      return {};
    }
    place.function = std::move(mode);
    place.name = std::string(row.name);
    for (std::string_view part : point.parts) place.name += ":" + std::string(part);
    return {place};
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

}  // namespace

std::vector<mir::AttachPoint> resolve_attach_point(const ast::AttachPoint& point, const ProbeRow& row, KernelFacts& facts,
                                                   std::string_view missing_probes, const CheckOptions& options,
                                                   Diagnostics& diagnostics) {
  Resolver resolver{point, row, facts, missing_probes, options, diagnostics};
  switch (row.kind) {
    case ProbeKind::begin:
    case ProbeKind::end: return resolver.plain();
    case ProbeKind::self: return resolver.own_signal();
    case ProbeKind::test:
    case ProbeKind::bench: return resolver.trial();
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
    case ProbeKind::fentry:
    case ProbeKind::fexit: return resolver.typed_function();
    case ProbeKind::iter: return resolver.iterator();
    case ProbeKind::watchpoint: return resolver.watchpoint();
  }
  UNREACHABLE("probe kind without a resolver");
}

namespace {

// By name alone the kernel's bulk links take whichever function of a name they find first; its single events refuse it.
void tell_ambiguous(const ProbeTarget& target, const mir::AttachPoint& pattern, bool is_error, Diagnostics& diagnostics) {
  const std::string name =
      std::string(row_of(pattern.kind).name) + ":" + (target.target.empty() ? "" : target.target + ":") + target.function;
  diagnostics.report(is_error ? Diag::probe_not_attached : Diag::probe_skipped, pattern.span,
                     {name, "`" + target.function + "` is a name of several functions"});
}

}  // namespace

std::vector<mir::AttachPoint> expand_pattern(const mir::AttachPoint& pattern, KernelFacts& facts, std::string_view missing_probes,
                                             Diagnostics& diagnostics) {
  Answer<std::vector<ProbeTarget>> answer = facts.match_kernel_functions(pattern.target, pattern.function);
  if (answer.status != Lookup::found) {
    std::string_view wanted = missing_probes == "error" && pattern.is_alternative ? "warn" : missing_probes;
    report_missing(answer, pattern.name, pattern.span, wanted, diagnostics);
    return {};
  }
  std::vector<mir::AttachPoint> out;
  const bool are_all_ambiguous =
      std::all_of(answer.value.begin(), answer.value.end(), [](const ProbeTarget& target) { return target.is_ambiguous; });
  for (const ProbeTarget& target : answer.value) {
    if (target.is_ambiguous) {
      if (missing_probes != "ignore")
        tell_ambiguous(target, pattern, are_all_ambiguous && missing_probes == "error" && !pattern.is_alternative, diagnostics);
      continue;
    }
    warn_of_lock(target.function, pattern.span, diagnostics);
    mir::AttachPoint place = pattern;
    place.is_pattern = place.is_alternative = false;
    place.is_unique = true;
    place.target = target.target;
    place.function = target.function;
    place.name =
        std::string(row_of(pattern.kind).name) + ":" + (target.target.empty() ? "" : target.target + ":") + target.function;
    if (place.offset != 0) place.name += "+" + std::to_string(place.offset);
    out.push_back(std::move(place));
  }
  return out;
}

void expand_patterns(std::vector<mir::AttachPoint>& probes, KernelFacts& facts, const Config& config, Diagnostics& diagnostics) {
  auto is_pattern = [](const mir::AttachPoint& probe) { return probe.is_pattern; };
  if (std::none_of(probes.begin(), probes.end(), is_pattern)) return;
  std::vector<mir::AttachPoint> places;
  for (mir::AttachPoint& probe : probes) {
    if (!probe.is_pattern) {
      places.push_back(std::move(probe));
      continue;
    }
    std::vector<mir::AttachPoint> found = expand_pattern(probe, facts, config.missing_probes, diagnostics);
    std::move(found.begin(), found.end(), std::back_inserter(places));
  }
  probes = std::move(places);
  check_probe_count(probes.size(), config, diagnostics);
  if (probes.empty() && !diagnostics.has_errors()) diagnostics.report(Diag::nothing_to_attach, {});
}

std::string suggest_place(const mir::AttachPoint& nowhere, KernelFacts& facts) {
  return suggestion(nowhere.function, facts.match_user_functions(nowhere.target, "*"));
}

bool is_wildcard(std::string_view part) {
  return part.find_first_of("*?[") != std::string_view::npos;
}

void check_probe_count(size_t count, const Config& config, Diagnostics& diagnostics) {
  if (count <= config.max_probes) return;
  diagnostics.report(Diag::too_many_probes, {}, {std::to_string(count), std::to_string(config.max_probes)})
      .with_hint("raise `max_probes` in the config block, or narrow the wildcard");
}

}  // namespace shrike
