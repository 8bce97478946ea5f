// Questions of the compiler, answered from tracefs, BTF, ELF files, kallsyms and sysfs.
#include "runtime/live_kernel_facts.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "mir/btf.h"
#include "runtime/binary_symbols.h"
#include "runtime/bpf_programs.h"
#include "runtime/elf_symbols.h"
#include "runtime/fd.h"
#include "runtime/files.h"
#include "runtime/find_binary.h"
#include "runtime/glob.h"
#include "runtime/instruction_length.h"
#include "runtime/kernel_functions.h"
#include "runtime/kfuncs.h"
#include "runtime/machine.h"
#include "runtime/source_addresses.h"

namespace shrike {

namespace {

// Why `path` means no file: there is none, or it is kept from us.
template <class T>
Answer<T> no_file(std::string_view path) {
  const std::string text(path);
  struct stat status{};
  if (is_glob(path) || stat(text.c_str(), &status) == 0 || errno == ENOENT || errno == ENOTDIR)
    return {Lookup::missing, {}, "there is no file, program or library `" + text + "`"};
  std::string why = "`" + text + "`: " + describe_errno(errno);
  if (path.starts_with("/proc/")) why += "; processes of other users show their files to root, or to CAP_SYS_PTRACE";
  return {Lookup::unreadable, {}, why};
}

}  // namespace

LiveKernelFacts::LiveKernelFacts(Tracefs& tracefs, DebugDirectories debug, uint64_t pid)
    : tracefs_(tracefs), debug_(std::move(debug)), pid_(pid) {}
LiveKernelFacts::~LiveKernelFacts() = default;

const std::vector<std::string>& LiveKernelFacts::files(std::string_view path) {
  auto known = files_.find(path);
  if (known != files_.end()) return known->second;
  std::vector<std::string>& out = files_[std::string(path)];
  bool is_literal = path.starts_with('/') && !is_glob(path) && !path.starts_with("/proc/");
  if (pid_ != 0 && is_literal) {
    std::string seen = path_seen_by(pid_, std::string(path));
    if (seen != path) return out = {seen};
  }
  if (path == "*") return out = pid_ != 0 ? files_run_by(pid_) : files_run();
  return out = find_binaries(path);
}

ElfStatus LiveKernelFacts::each_function_of(const std::string& file, const std::function<bool(const ElfSymbol&)>& f,
                                            std::string& why) {
  FileFunctions& known = functions_[file];
  if (known.questions++ == 0) return each_function(file, debug_, f, why);
  if (known.symbols.empty()) {
    auto keep = [&](const ElfSymbol& symbol) {
      known.symbols.push_back(symbol);
      return true;
    };
    if (each_function(file, debug_, keep, why) == ElfStatus::unreadable) return ElfStatus::unreadable;
  }
  for (const ElfSymbol& symbol : known.symbols)
    if (!f(symbol)) break;
  return ElfStatus::found;
}

Answer<std::vector<ProbeTarget>> LiveKernelFacts::match_tracepoints(std::string_view category, std::string_view event) {
  Answer<std::vector<ProbeTarget>> answer;
  if (tracefs_.directory() < 0) return {Lookup::unreadable, {}, tracefs_.why_not()};
  if (!is_glob(category) && !is_glob(event)) {
    if (tracefs_.has("events/" + std::string(category) + "/" + std::string(event) + "/id"))
      answer.value.push_back({std::string(category), std::string(event), 0});
  } else {
    // One file names every event, so a wildcard costs one read instead of two hundred directories.
    FileText file = tracefs_.read("available_events");
    if (file.error != 0)
      return {Lookup::unreadable, {}, "available_events in tracefs cannot be read: " + describe_errno(file.error)};
    Glob category_glob(category), event_glob(event);
    std::string_view text = file.text;
    while (!text.empty()) {
      size_t newline = text.find('\n');
      std::string_view line = text.substr(0, newline);
      text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
      size_t colon = line.find(':');
      if (colon == std::string_view::npos) continue;
      if (category_glob.matches(line.substr(0, colon)) && event_glob.matches(line.substr(colon + 1)))
        answer.value.push_back({std::string(line.substr(0, colon)), std::string(line.substr(colon + 1)), 0});
    }
    std::sort(answer.value.begin(), answer.value.end(),
              [](const auto& a, const auto& b) { return std::tie(a.target, a.function) < std::tie(b.target, b.function); });
  }
  answer.status = answer.value.empty() ? Lookup::missing : Lookup::found;
  return answer;
}

Answer<TracepointFormat> LiveKernelFacts::tracepoint_format(std::string_view category, std::string_view event) {
  if (tracefs_.directory() < 0) return {Lookup::unreadable, {}, tracefs_.why_not()};
  FileText file = tracefs_.read("events/" + std::string(category) + "/" + std::string(event) + "/format");
  if (file.error == ENOENT) return {Lookup::missing, {}, ""};
  if (file.error != 0)
    return {Lookup::unreadable,
            {},
            "the event's format cannot be read: " + describe_errno(file.error) + "; run as root, or with CAP_DAC_READ_SEARCH"};
  return {Lookup::found, parse_tracepoint_format(file.text), ""};
}

Answer<std::vector<ProbeTarget>> LiveKernelFacts::match_raw_tracepoints(std::string_view module, std::string_view event) {
  Answer<const Btf*> types = btf();
  if (types.status != Lookup::found) return {types.status, {}, types.why};
  Answer<std::vector<ProbeTarget>> answer;
  Glob module_glob(module.empty() ? "*" : module), event_glob(event);
  auto has_event = [&](const Btf& owner) { return owner.raw_tracepoint_params(event).has_value(); };
  auto add = [&](const std::string& owner, const Btf& theirs) {
    if (!is_glob(event)) {
      if (has_event(theirs)) answer.value.push_back({owner, std::string(event), 0});
      return;
    }
    for (std::string_view name : theirs.raw_tracepoint_names())
      if (event_glob.matches(name)) answer.value.push_back({owner, std::string(name), 0});
  };
  if (module_glob.matches("vmlinux")) add("", *types.value);
  // Those of modules are looked at where the script means one, or the kernel itself has none.
  bool means_modules = !module.empty() ? module != "vmlinux" : answer.value.empty();
  if (means_modules && !module.empty() && !is_glob(module)) {
    Answer<const Btf*> theirs = types_of(module);
    if (theirs.status != Lookup::found) return {theirs.status, {}, theirs.why};
    add(std::string(module), *theirs.value);
  } else if (means_modules) {
    for (const std::string& name : modules_with([](const Btf&) { return true; }))
      if (module_glob.matches(name)) add(name, *types_of(name).value);
  }
  std::sort(answer.value.begin(), answer.value.end(),
            [](const auto& a, const auto& b) { return std::tie(a.function, a.target) < std::tie(b.function, b.target); });
  answer.status = answer.value.empty() ? Lookup::missing : Lookup::found;
  return answer;
}

Answer<std::vector<ProbeTarget>> LiveKernelFacts::match_kernel_functions(std::string_view module, std::string_view function) {
  return list_kernel_functions(tracefs_, module, function);
}

CodePlace LiveKernelFacts::code_place(const std::string& file, uint64_t function, uint64_t offset) {
  std::optional<ElfSymbol> found;
  auto take = [&](const ElfSymbol& symbol) {
    if (symbol.file_offset == function && symbol.size != 0) found = symbol;
    return !found;
  };
  std::string why;
  each_function_of(file, take, why);
  Fd code(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!found || !code.is_open()) return {};
  std::vector<uint8_t> bytes(found->size);
  ssize_t got = pread(code.get(), bytes.data(), bytes.size(), static_cast<off_t>(found->file_offset));
  if (got != static_cast<ssize_t>(bytes.size())) return {};
  CodePlace place = place_in_code(bytes, offset);
  place.function = found->name;
  return place;
}

Answer<std::vector<ProbeTarget>> LiveKernelFacts::match_user_functions(std::string_view path, std::string_view symbol) {
  Glob glob(symbol);
  return match_functions(path, [&](const std::string& name) { return glob.matches(name); }, !is_glob(symbol));
}

Answer<std::vector<ProbeTarget>> LiveKernelFacts::match_user_files(std::string_view path) {
  Answer<std::vector<ProbeTarget>> answer;
  for (const std::string& file : files(path)) answer.value.push_back({file, "", 0});
  if (answer.value.empty()) return no_file<std::vector<ProbeTarget>>(path);
  answer.status = Lookup::found;
  return answer;
}

// By the whole name, or without the result that those of templates begin with, or without parameters either.
Answer<std::vector<ProbeTarget>> LiveKernelFacts::match_cpp_functions(std::string_view path, std::string_view name) {
  Glob glob(name);
  auto matches = [&](const std::string& symbol) {
    if (!symbol.starts_with("_Z")) return false;
    const std::string text = demangled(symbol.c_str());
    const std::string_view bare = cpp_function_name(text);
    return glob.matches(text) || glob.matches(std::string_view(text).substr(static_cast<size_t>(bare.data() - text.data()))) ||
           glob.matches(bare);
  };
  return match_functions(path, matches, false);
}

Answer<std::vector<ProbeTarget>> LiveKernelFacts::match_functions(std::string_view path,
                                                                  const std::function<bool(const std::string&)>& matches,
                                                                  bool is_first_enough) {
  const std::vector<std::string>& files = this->files(path);
  if (files.empty()) return no_file<std::vector<ProbeTarget>>(path);
  Answer<std::vector<ProbeTarget>> answer;
  for (const std::string& file : files) {
    size_t first = answer.value.size();
    auto take = [&](const ElfSymbol& found) {
      if (!matches(found.name)) return true;
      answer.value.push_back({file, found.name, found.file_offset});
      return !is_first_enough;
    };
    if (each_function_of(file, take, answer.why) == ElfStatus::unreadable) {
      answer.why = "`" + file + "` cannot be searched: " + answer.why;
      // Among several files of a glob one that is no ELF file is passed over.
      if (files.size() == 1) return {Lookup::unreadable, {}, answer.why};
    }
    // Aliases share an offset: one breakpoint is enough, under the name that sorts first.
    auto begin = answer.value.begin() + static_cast<ptrdiff_t>(first);
    std::sort(begin, answer.value.end(),
              [](const auto& a, const auto& b) { return std::tie(a.address, a.function) < std::tie(b.address, b.function); });
    answer.value.erase(
        std::unique(begin, answer.value.end(), [](const auto& a, const auto& b) { return a.address == b.address; }),
        answer.value.end());
  }
  std::sort(answer.value.begin(), answer.value.end(),
            [](const auto& a, const auto& b) { return std::tie(a.target, a.function) < std::tie(b.target, b.function); });
  answer.status = answer.value.empty() ? Lookup::missing : Lookup::found;
  return answer;
}

Answer<std::vector<ProbeTarget>> LiveKernelFacts::match_source_line(std::string_view path, std::string_view file, uint64_t line,
                                                                    uint64_t column) {
  const std::vector<std::string>& binaries = files(path);
  if (binaries.empty()) return no_file<std::vector<ProbeTarget>>(path);
  Answer<std::vector<ProbeTarget>> answer;
  for (const std::string& binary : binaries) {
    SourceAddresses found = find_source_line(binary, debug_, file, line, column);
    for (uint64_t offset : found.file_offsets) answer.value.push_back({binary, "", offset});
    if (!found.why.empty()) answer = {Lookup::unreadable, std::move(answer.value), "`" + binary + "`: " + found.why};
    else if (!found.has_file) answer.why = "`" + binary + "` was not made from a file of that name";
    else if (found.next_line != 0) answer.why = "the next line with code is " + std::to_string(found.next_line);
  }
  if (!answer.value.empty()) answer.status = Lookup::found;
  return answer;
}

Answer<std::vector<StaticProbe>> LiveKernelFacts::match_static_probes(std::string_view path, uint64_t pid,
                                                                      std::string_view provider, std::string_view name) {
  std::vector<std::string> files = path.empty() ? files_run_by(pid) : this->files(path);
  if (files.empty()) {
    auto answer = no_file<std::vector<StaticProbe>>(path.empty() ? "/proc/" + std::to_string(pid) + "/exe" : std::string(path));
    if (path.empty() && answer.status == Lookup::missing) answer.why = "process " + std::to_string(pid) + " runs no file";
    return answer;
  }
  Answer<std::vector<StaticProbe>> answer;
  Glob provider_glob(provider), name_glob(name);
  for (const std::string& file : files) {
    auto [known, is_new] = static_probes_.try_emplace(file);
    if (is_new) known->second = read_static_probes(file, debug_);
    if (!known->second.why.empty()) answer.why = "`" + file + "` cannot be searched: " + known->second.why;
    for (const StaticProbe& probe : known->second.probes)
      if (provider_glob.matches(probe.provider) && name_glob.matches(probe.name)) answer.value.push_back(probe);
  }
  bool is_unreadable = files.size() == 1 && !answer.why.empty();
  answer.status = !answer.value.empty() ? Lookup::found : is_unreadable ? Lookup::unreadable : Lookup::missing;
  return answer;
}

Answer<UserFunction> LiveKernelFacts::user_function(const ProbeTarget& function, mir::TypePool& types) {
  auto [known, is_new] = debug_types_.try_emplace(function.target);
  if (is_new) known->second = std::make_unique<DebugTypes>(function.target, debug_);
  return read_user_function(*known->second, function, types);
}

const mir::RecordLayout* LiveKernelFacts::define_user_record(const mir::Type* record, mir::TypePool& types) {
  auto known = debug_types_.find(record->name.substr(record->name.find('@') + 1));
  return known == debug_types_.end() ? nullptr : known->second->define_record(record, types);
}

Answer<const Btf*> LiveKernelFacts::btf() {
  return types_.kernel();
}

Answer<const Btf*> LiveKernelFacts::types_of(std::string_view target) {
  return types_.of(target);
}

const Btf* LiveKernelFacts::find_module_types(const std::function<bool(const Btf&)>& has) {
  return types_.find_module(has);
}

std::vector<std::string> LiveKernelFacts::modules_with(const std::function<bool(const Btf&)>& has) {
  return types_.modules_with(has);
}

Answer<std::vector<ProbeTarget>> LiveKernelFacts::match_program_functions(uint64_t id, std::string_view function) {
  return shrike::match_program_functions(id, function);
}

Answer<bool> LiveKernelFacts::may_call(std::string_view kfunc, mir::ProgramType program) {
  Answer<const Btf*> types = btf();
  if (types.status != Lookup::found) return {Lookup::unreadable, false, types.why};
  std::optional<uint32_t> function = types.value->find(Btf::Kind::function, kfunc);
  if (!function) return {Lookup::found, false, ""};
  // Programs of this type are made for something that is traced; what it is makes no difference here.
  std::optional<uint32_t> traced;
  if (program == mir::ProgramType::tracing) traced = types.value->find(Btf::Kind::function, "bpf_iter_task");
  return try_kfunc(*function, program, traced.value_or(0));
}

Answer<uint64_t> LiveKernelFacts::kernel_address(std::string_view symbol) {
  auto [known, is_new] = kernel_addresses_.try_emplace(std::string(symbol));
  if (is_new) known->second = find_kernel_symbol(symbol);
  return known->second;
}

Answer<std::pair<int64_t, uint32_t>> LiveKernelFacts::user_symbol(std::string_view path, uint64_t offset,
                                                                  std::string_view symbol) {
  const std::vector<std::string>& files = this->files(path);
  if (files.empty()) return no_file<std::pair<int64_t, uint32_t>>(path);
  std::optional<ElfSymbol> found = find_symbol(files.front(), debug_, symbol);
  if (!found) return {Lookup::missing, {}, "`" + files.front() + "` has no symbol `" + std::string(symbol) + "`"};
  const std::optional<uint64_t> place = linked_address(files.front(), offset);
  if (!place) return {Lookup::unreadable, {}, "`" + files.front() + "` has no code where the probe is"};
  return {Lookup::found, {static_cast<int64_t>(found->address - *place), static_cast<uint32_t>(found->size)}, ""};
}

std::optional<PidNamespace> LiveKernelFacts::pid_namespace() {
  constexpr uint64_t first_namespace = 0xeffffffc;  // PROC_PID_INIT_INO of the kernel
  struct stat status{};
  if (stat("/proc/self/ns/pid", &status) != 0 || status.st_ino == first_namespace) return std::nullopt;
  return PidNamespace{status.st_dev, status.st_ino};
}

Answer<uint64_t> LiveKernelFacts::cgroup_id(std::string_view path) {
  struct stat status{};
  if (stat(std::string(path).c_str(), &status) == 0) return {Lookup::found, status.st_ino, ""};
  return {Lookup::missing, 0, describe_errno(errno)};
}

std::optional<std::string> LiveKernelFacts::ip_address(std::string_view text) {
  bool is_v6 = text.find(':') != std::string_view::npos;
  std::string bytes(is_v6 ? sizeof(in6_addr) : sizeof(in_addr), '\0');
  if (inet_pton(is_v6 ? AF_INET6 : AF_INET, std::string(text).c_str(), bytes.data()) != 1) return std::nullopt;
  return bytes;
}

uint32_t LiveKernelFacts::possible_cpus() {
  if (possible_cpus_ == 0) possible_cpus_ = possible_cpu_count();
  return possible_cpus_;
}

}  // namespace shrike
