// Providers that have a list are walked in the order of the table below; user-space functions only when a file is named.
#include "runtime/list_probes.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <unordered_map>

#include "frontend/probes.h"
#include "mir/btf.h"
#include "runtime/attach.h"
#include "runtime/binary_symbols.h"
#include "runtime/glob.h"
#include "runtime/kernel_functions.h"
#include "runtime/perf_event.h"

namespace shrike {

namespace {

// What a search looks for: the parts of "provider:target:function", those not given being `*`.
struct Search {
  std::string provider = "*";
  std::string target = "*";
  std::string function = "*";
  bool has_target = false;  // the search names more than a provider
  bool has_function = false;
  bool is_anywhere = false;  // without a colon: looked for in whole lines
  bool is_cpp = false;       // FILE:cpp:NAME, with or without quotes: the name has colons of its own
};

constexpr std::string_view cpp_mark = ":cpp:";

std::string_view unquoted(std::string_view text) {
  return text.size() > 1 && text.front() == '"' && text.back() == '"' ? text.substr(1, text.size() - 2) : text;
}

Search parse_search(std::string_view text) {
  Search out;
  size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    out.is_anywhere = true;
    out.function = text;
    return out;
  }
  out.provider = text.substr(0, colon);
  text.remove_prefix(colon + 1);
  out.has_target = true;
  if (const size_t cpp = text.find(cpp_mark); cpp != std::string_view::npos) {
    out.is_cpp = out.has_function = true;
    out.target = text.substr(0, cpp);
    out.function = unquoted(text.substr(cpp + cpp_mark.size()));
    return out;
  }
  colon = text.rfind(':');
  out.has_function = colon != std::string_view::npos;
  out.target = text.substr(0, colon);
  if (out.has_function) out.function = text.substr(colon + 1);
  return out;
}

void print_fields(const TracepointFormat& format, const ListOptions& options) {
  for (const TracepointField& field : format.fields) {
    std::string text = "    " + field.type + " " + field.name;
    if (field.array_count != 0) text += "[" + std::to_string(field.array_count) + "]";
    options.print(text + "\n");
  }
}

void print_typed_function(const Btf& types, uint32_t id, std::string_view provider, const std::string& target,
                          const ListOptions& options) {
  Btf::TypeRecord function = types.type(id);
  options.print(std::string(provider) + ":" + target + ":" + std::string(function.name) + "\n");
  if (!options.with_arguments) return;
  Btf::TypeRecord prototype = types.type(function.size_or_type);
  mir::TypePool pool;
  auto text_of = [&](uint32_t type) { return types.to_type(type, pool, mir::AddressSpace::kernel)->text; };
  for (const Btf::Param& param : types.params(prototype.id))
    options.print("    " + text_of(param.type) + " " + std::string(param.name) + "\n");
  if (provider == "fexit" && prototype.size_or_type != 0) options.print("    " + text_of(prototype.size_or_type) + " retval\n");
}

void print_iterator(const Btf& types, std::string_view name, const ListOptions& options) {
  options.print("iter:" + std::string(name) + "\n");
  if (!options.with_arguments) return;
  mir::TypePool pool;
  const mir::RecordLayout* context = types.define_record(std::string(iterator_context).append(name), false, pool);
  for (size_t i = 0; context != nullptr && i < context->fields.size(); i++)
    options.print("    " + context->fields[i].type->text + " ctx->" + context->fields[i].name + "\n");
}

// Of a function whose debug information is there.
void print_user_arguments(const ProbeTarget& function, std::string_view provider, KernelFacts& facts,
                          const ListOptions& options) {
  if (!options.with_arguments) return;
  mir::TypePool pool;
  Answer<UserFunction> known = facts.user_function(function, pool);
  auto print = [&](const UserValue& value) {
    bool ends_in_mark = value.spelled.ends_with('*') || value.spelled.ends_with('&');
    options.print("    " + value.spelled + (ends_in_mark ? "" : " ") + value.name + "\n");
  };
  if (provider == "uprobe") std::for_each(known.value.arguments.begin(), known.value.arguments.end(), print);
  else if (known.value.result) print(*known.value.result);
}

class Lister {
 public:
  Lister(Tracefs& tracefs, KernelFacts& facts, const ListOptions& options, Diagnostics& diagnostics)
      : tracefs_(tracefs), facts_(facts), options_(options), diagnostics_(diagnostics) {}

  bool list(const Search& search);
  void print_tracepoint(const std::string& category, const std::string& event);
  void print_raw_tracepoint(const ProbeTarget& event);

 private:
  bool list_tracepoints(const Search& search);
  bool list_raw_tracepoints(const Search& search);
  bool list_kernel_functions(const Search& search, const char* provider);
  bool list_iterators(const Search& search);
  bool list_typed_functions(const Search& search, const char* provider);
  bool list_programs(const Search& search, const char* provider);
  bool list_user_functions(const Search& search, const char* provider);
  bool list_static_probes(const Search& search);
  bool list_counters(const Search& search, mir::ProbeKind kind);
  void line(const std::string& text) { options_.print(text + "\n"); }
  // In a search over all providers one that cannot be read is passed over; asked for by name it is an error.
  bool unreadable(const Search& search, std::string_view provider, const std::string& why) {
    if (is_glob(search.provider)) return true;
    diagnostics_.report(Diag::cannot_list, {}, {std::string(provider), why});
    return false;
  }

  Tracefs& tracefs_;
  KernelFacts& facts_;
  const ListOptions& options_;
  Diagnostics& diagnostics_;
};

void Lister::print_tracepoint(const std::string& category, const std::string& event) {
  line("tracepoint:" + category + ":" + event);
  if (options_.with_arguments) print_fields(facts_.tracepoint_format(category, event).value, options_);
}

void Lister::print_raw_tracepoint(const ProbeTarget& event) {
  line("rawtracepoint:" + (event.target.empty() ? "" : event.target + ":") + event.function);
  Answer<const Btf*> btf = facts_.types_of(event.target);
  if (!options_.with_arguments || btf.status != Lookup::found) return;
  std::optional<std::vector<Btf::Param>> params = btf.value->raw_tracepoint_params(event.function);
  if (!params) return;
  mir::TypePool pool;
  for (const Btf::Param& param : *params) {
    const mir::Type* type = btf.value->to_type(param.type, pool, mir::AddressSpace::kernel);
    options_.print("    " + (type != nullptr ? type->text : std::string("?")) + " " + std::string(param.name) + "\n");
  }
}

bool Lister::list_tracepoints(const Search& search) {
  // "tracepoint:x" may name a category, or be a pattern over category and event.
  bool is_whole = search.is_anywhere || !search.has_function;
  Answer<std::vector<ProbeTarget>> found =
      is_whole ? facts_.match_tracepoints("*", "*") : facts_.match_tracepoints(search.target, search.function);
  if (found.status == Lookup::unreadable) return unreadable(search, "tracepoint", found.why);
  Glob glob(search.is_anywhere ? search.function : search.target);
  for (const ProbeTarget& target : found.value) {
    bool matches = !is_whole || glob.matches(target.target + ":" + target.function) ||
                   glob.matches(search.is_anywhere ? target.function : target.target);
    if (matches) print_tracepoint(target.target, target.function);
  }
  return true;
}

bool Lister::list_raw_tracepoints(const Search& search) {
  const bool is_event = !search.is_anywhere && !search.has_function;  // "rawtracepoint:x", else "rawtracepoint:module:x"
  Answer<std::vector<ProbeTarget>> found = facts_.match_raw_tracepoints(
      search.has_function && !search.is_anywhere ? search.target : "*", is_event ? search.target : search.function);
  if (found.status == Lookup::unreadable) return unreadable(search, "rawtracepoint", found.why);
  for (const ProbeTarget& target : found.value) print_raw_tracepoint(target);
  return true;
}

bool Lister::list_kernel_functions(const Search& search, const char* provider) {
  if (!pmu_type("kprobe"))
    return unreadable(search, provider, "this kernel has no kprobes (CONFIG_KPROBES, CONFIG_KPROBE_EVENTS)");
  // "kprobe:x" is a function, "kprobe:m:x" one of a module.
  std::string function = search.is_anywhere || search.has_function ? search.function : search.target;
  Answer<std::vector<ProbeTarget>> found =
      shrike::list_kernel_functions(tracefs_, search.has_function ? search.target : "*", function);
  if (found.status == Lookup::unreadable) return unreadable(search, provider, found.why);
  for (const ProbeTarget& target : found.value)
    line(std::string(provider) + ":" + (target.target.empty() ? "" : target.target + ":") + target.function);
  return true;
}

// "fentry:bpf:NAME" or "fentry:bpf:ID:NAME".
bool Lister::list_programs(const Search& search, const char* provider) {
  size_t colon = search.target.find(':');
  uint64_t id = 0;
  if (colon != std::string::npos) {
    const char* digits = search.target.c_str() + colon + 1;
    std::from_chars(digits, search.target.c_str() + search.target.size(), id);
  }
  Answer<std::vector<ProbeTarget>> found = facts_.match_program_functions(id, search.has_function ? search.function : "*");
  if (found.status == Lookup::unreadable) return unreadable(search, provider, found.why);
  for (const ProbeTarget& target : found.value) {
    const Btf* types = facts_.types_of(target.target).value;
    std::optional<uint32_t> function = types == nullptr ? std::nullopt : types->find(Btf::Kind::function, target.function);
    if (function) print_typed_function(*types, *function, provider, target.target, options_);
  }
  return true;
}

// What BTF describes of the functions that can be traced.
bool Lister::list_typed_functions(const Search& search, const char* provider) {
  if (search.provider != "*" && (search.target == "bpf" || search.target.starts_with("bpf:")))
    return list_programs(search, provider);
  // Only what the function tracer can patch; other kernels would list what none of them can attach.
  bool is_asked_for = search.provider != "*";
  if (!is_asked_for && tracefs_.read("available_filter_functions").error != 0) return true;
  Answer<const Btf*> types = facts_.btf();
  if (types.status != Lookup::found) return unreadable(search, provider, types.why);
  std::string function = search.is_anywhere || search.has_function ? search.function : search.target;
  Answer<std::vector<ProbeTarget>> found =
      shrike::list_kernel_functions(tracefs_, search.has_function ? search.target : "*", function);
  if (found.status == Lookup::unreadable) return unreadable(search, provider, found.why);
  // Of the kernel and of each module.
  std::map<std::string, std::unordered_map<std::string_view, uint32_t>> described;
  for (ProbeTarget& target : found.value) {
    if (target.target.empty()) target.target = "vmlinux";
    const Btf* theirs = facts_.types_of(target.target).value;
    if (theirs == nullptr) continue;
    auto [known, is_new] = described.try_emplace(target.target);
    if (is_new)
      theirs->each([&](const Btf::TypeRecord& type) {
        if (type.kind == Btf::Kind::function) known->second.emplace(type.name, type.id);
        return true;
      });
    auto place = known->second.find(target.function);
    if (place != known->second.end()) print_typed_function(*theirs, place->second, provider, target.target, options_);
  }
  return true;
}

bool Lister::list_iterators(const Search& search) {
  Answer<const Btf*> types = facts_.btf();
  if (types.status != Lookup::found) return unreadable(search, "iter", types.why);
  Glob glob(search.is_anywhere ? search.function : search.target);
  for (std::string_view name : iterator_types(*types.value))
    if (glob.matches(name)) print_iterator(*types.value, name, options_);
  return true;
}

bool Lister::list_user_functions(const Search& search, const char* provider) {
  bool is_named = search.has_target && (search.target != "*" || search.has_function);
  if (!is_named) return unreadable(search, provider, "a program or library must be named, as in `uprobe:/bin/bash:*`");
  Answer<std::vector<ProbeTarget>> found =
      search.is_cpp ? facts_.match_cpp_functions(search.target, search.function)
                    : facts_.match_user_functions(search.target, search.has_function ? search.function : "*");
  if (found.status == Lookup::unreadable || (found.value.empty() && !found.why.empty()))
    return unreadable(search, provider, found.why);
  for (const ProbeTarget& target : found.value) {
    const std::string file = std::string(provider) + ":" + target.target;
    if (search.is_cpp) line(file + std::string(cpp_mark) + "\"" + demangled(target.function.c_str()) + "\"");
    else line(file + ":" + target.function);
    print_user_arguments(target, provider, facts_, options_);
  }
  return true;
}

// "usdt:FILE:NAME" or "usdt:FILE:PROVIDER:NAME"; a probe with several places is listed once.
bool Lister::list_static_probes(const Search& search) {
  if (!search.has_target) return unreadable(search, "usdt", "a program or library must be named, as in `usdt:libc:*`");
  size_t colon = search.target.rfind(':');
  std::string provider = colon == std::string::npos ? "*" : search.target.substr(colon + 1);
  std::string path = search.target.substr(0, colon);
  if (path == "*" && options_.pid != 0) path.clear();
  if (path.empty() && options_.pid == 0)
    return unreadable(search, "usdt", "a program or library must be named, or a process by -p");
  auto found = facts_.match_static_probes(path, options_.pid, provider, search.has_function ? search.function : "*");
  if (found.status == Lookup::unreadable || (found.value.empty() && !found.why.empty()))
    return unreadable(search, "usdt", found.why);
  std::set<std::string> listed;
  for (const StaticProbe& probe : found.value) {
    std::string text = "usdt:" + probe.path + ":" + probe.provider + ":" + probe.name;
    if (!listed.insert(text).second) continue;
    line(text);
    if (!options_.with_arguments) continue;
    for (size_t i = 0; i < probe.arguments.size(); i++) {
      const StaticArgument& argument = probe.arguments[i];
      std::string type = (argument.is_signed ? "int" : "uint") + std::to_string(argument.size * 8);
      line("    " + (argument.place == StaticArgument::Place::unknown ? argument.text : type) + " arg" + std::to_string(i));
    }
  }
  return true;
}

bool Lister::list_counters(const Search& search, mir::ProbeKind kind) {
  Glob glob(search.is_anywhere ? search.function : search.target);
  for (const CounterRow& row : counters())
    if (row.kind == kind && (glob.matches(row.name) || (!row.alias.empty() && glob.matches(row.alias))))
      line(std::string(mir::name_of(kind)) + ":" + std::string(row.name) + ":");
  return true;
}

bool Lister::list(const Search& search) {
  struct Row {
    const char* name;
    const char* aliases;  // separated by spaces
    bool is_in_any;       // part of a search over all providers
    std::function<bool()> list;
  };
  const Row rows[] = {
      {"fentry", "f kfunc", true, [&] { return list_typed_functions(search, "fentry"); }},
      {"fexit", "fr kretfunc", false, [&] { return list_typed_functions(search, "fexit"); }},
      {"hardware", "h", true, [&] { return list_counters(search, mir::ProbeKind::hardware); }},
      {"iter", "it", true, [&] { return list_iterators(search); }},
      {"kprobe", "k", true, [&] { return list_kernel_functions(search, "kprobe"); }},
      {"kretprobe", "kr", false, [&] { return list_kernel_functions(search, "kretprobe"); }},
      {"rawtracepoint", "rt", true, [&] { return list_raw_tracepoints(search); }},
      {"software", "s", true, [&] { return list_counters(search, mir::ProbeKind::software); }},
      {"tracepoint", "t", true, [&] { return list_tracepoints(search); }},
      {"uprobe", "u", true, [&] { return list_user_functions(search, "uprobe"); }},
      {"usdt", "U", false, [&] { return list_static_probes(search); }},
      {"uretprobe", "ur", false, [&] { return list_user_functions(search, "uretprobe"); }},
  };
  Glob provider(search.provider);
  bool is_known = false;
  for (const Row& row : rows) {
    bool is_named = search.provider == row.name ||
                    (" " + std::string(row.aliases) + " ").find(" " + search.provider + " ") != std::string::npos;
    if (!is_named && !(row.is_in_any && provider.matches(row.name))) continue;
    is_known = true;
    if (!row.list()) return false;
  }
  if (!is_known) {
    diagnostics_.report(Diag::cannot_list, {}, {search.provider, "no provider of that name has a list"})
        .with_hint("fentry, fexit, hardware, iter, kprobe, rawtracepoint, software, tracepoint, uprobe and usdt have");
    return false;
  }
  return true;
}

struct TypeKindRow {
  std::string_view keyword;
  Btf::Kind kinds[2];
};
constexpr TypeKindRow type_kinds[] = {
    {"struct ", {Btf::Kind::structure, Btf::Kind::structure}},
    {"union ", {Btf::Kind::union_, Btf::Kind::union_}},
    {"enum ", {Btf::Kind::enumeration, Btf::Kind::enumeration64}},
};

void print_members(const Btf& btf, const Btf::TypeRecord& type, const ListOptions& options) {
  mir::TypePool pool;
  options.print(" {\n");
  for (const Btf::Member& member : btf.members(type.id)) {
    const mir::Type* member_type = btf.to_type(member.type, pool, mir::AddressSpace::kernel);
    std::string text = "    " + (member_type != nullptr ? member_type->text : std::string("?")) + " " + std::string(member.name);
    if (member.bit_size != 0) text += " : " + std::to_string(member.bit_size);
    options.print(text + ";\n");
  }
  for (const Btf::EnumValue& value : btf.enum_values(type.id))
    options.print("    " + std::string(value.name) + " = " + std::to_string(value.value) + ",\n");
  options.print("}");
}

// "struct task_*": the types of that name of the kernel and its modules, once each.
bool list_types(const TypeKindRow& row, std::string_view pattern, KernelFacts& facts, const ListOptions& options,
                Diagnostics& diagnostics) {
  Answer<const Btf*> btf = facts.btf();
  if (btf.status != Lookup::found) {
    diagnostics.report(Diag::cannot_list, {}, {std::string(row.keyword.substr(0, row.keyword.size() - 1)), btf.why});
    return false;
  }
  Glob glob(pattern);
  struct Found {
    const Btf* types;
    Btf::TypeRecord type;
  };
  std::map<std::string_view, Found> found;
  auto find_in = [&](const Btf& types) {
    types.each([&](const Btf::TypeRecord& type) {
      bool is_kind = type.kind == row.kinds[0] || type.kind == row.kinds[1];
      if (is_kind && !type.name.empty() && glob.matches(type.name)) found.emplace(type.name, Found{&types, type});
      return true;
    });
    return false;  // all modules are looked at
  };
  find_in(*btf.value);
  facts.find_module_types(find_in);
  for (const auto& [name, each] : found) {
    options.print(std::string(row.keyword) + std::string(name));
    if (options.with_arguments) print_members(*each.types, each.type, options);
    options.print("\n");
  }
  return true;
}

}  // namespace

bool list_probes(std::string_view patterns, Tracefs& tracefs, KernelFacts& facts, const ListOptions& options,
                 Diagnostics& diagnostics) {
  if (patterns.empty()) patterns = "*:*";
  Lister lister(tracefs, facts, options, diagnostics);
  while (!patterns.empty()) {
    size_t comma = patterns.find(',');
    std::string_view pattern = patterns.substr(0, comma);
    patterns.remove_prefix(comma == std::string_view::npos ? patterns.size() : comma + 1);
    while (!pattern.empty() && pattern.front() == ' ') pattern.remove_prefix(1);
    bool is_type = false;
    for (const TypeKindRow& row : type_kinds) {
      if (!pattern.starts_with(row.keyword)) continue;
      is_type = true;
      if (!list_types(row, pattern.substr(row.keyword.size()), facts, options, diagnostics)) return false;
    }
    if (is_type) continue;
    if (!pattern.empty() && !lister.list(parse_search(pattern))) return false;
  }
  return true;
}

void list_probe(const mir::AttachPoint& probe, KernelFacts& facts, const ListOptions& options) {
  if (probe.kind == mir::ProbeKind::fentry || probe.kind == mir::ProbeKind::fexit) {
    const Btf* types = facts.types_of(probe.target).value;
    std::optional<uint32_t> id = types == nullptr ? std::nullopt : types->find(Btf::Kind::function, probe.function);
    if (id) return print_typed_function(*types, *id, mir::name_of(probe.kind), probe.target, options);
  }
  if (const Btf* types = probe.kind == mir::ProbeKind::iter ? facts.btf().value : nullptr)
    return print_iterator(*types, probe.function, options);
  options.print(probe.name + "\n");
  bool is_user = probe.kind == mir::ProbeKind::uprobe || probe.kind == mir::ProbeKind::uretprobe;
  if (is_user && probe.offset == 0)
    print_user_arguments({probe.target, probe.function, probe.address}, mir::name_of(probe.kind), facts, options);
  if (options.with_arguments && probe.kind == mir::ProbeKind::tracepoint)
    print_fields(facts.tracepoint_format(probe.target, probe.function).value, options);
}

}  // namespace shrike
