// Programs are first offered plainly, which is fastest; only one that is refused is offered again with types and a log.
#include "runtime/load.h"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>

#include "backend-bpf/join_session.h"
#include "mir/btf.h"
#include "runtime/attach_bulk.h"
#include "runtime/bpf_call.h"
#include "runtime/bpf_programs.h"
#include "runtime/files.h"
#include "runtime/machine.h"

namespace shrike {

namespace {

// The kernel takes 15 bytes of letters, digits, `_` and `.`.
void set_name(char (&out)[BPF_OBJ_NAME_LEN], std::string_view name) {
  char* at = out;
  for (char c : name.substr(0, BPF_OBJ_NAME_LEN - 1)) *at++ = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  *at = '\0';
}

uint32_t map_flags(const mir::MapDecl& map) {
  if (map.role == mir::MapRole::globals) return BPF_F_MMAPABLE;
  // A preallocated hash is zeroed by the kernel when it is created: megabytes for per-CPU values, before the first
  // probe is armed. Allocation on insertion is safe in every context from 6.1 on (BPF's own allocator).
  bool is_hash = map.kind == mir::MapKind::hash || map.kind == mir::MapKind::percpu_hash;
  if (is_hash && !map.is_preallocated && running_kernel_version() >= make_kernel_version(6, 1, 0)) return BPF_F_NO_PREALLOC;
  return 0;
}

// The kernel makes 16 bytes for each entry before the first is there.
uint32_t entries_of(const mir::MapDecl& map) {
  if (map.role != mir::MapRole::pages) return map.max_entries;
  constexpr uint64_t most = 1 << 20;
  return static_cast<uint32_t>(
      std::max<uint64_t>(map.max_entries, std::min(most, uint64_t{map.max_entries} * possible_cpu_count())));
}

int create_map(const mir::MapDecl& map) {
  bpf_attr attr{};
  bool is_ring = map.kind == mir::MapKind::ring;
  attr.map_type = kernel_number(map.kind);
  attr.key_size = is_ring ? 0 : map.key_size;
  attr.value_size = is_ring ? 0 : map.value_size;
  attr.max_entries = entries_of(map);
  attr.map_flags = map_flags(map);
  set_name(attr.map_name, map.name);
  return bpf_call(BPF_MAP_CREATE, attr);
}

int write_initial_value(int fd, const mir::MapDecl& map) {
  uint32_t key = 0;
  std::string bytes = mir::initial_value(map);
  bpf_attr attr{};
  attr.map_fd = static_cast<uint32_t>(fd);
  attr.key = bpf_pointer(&key);
  attr.value = bpf_pointer(bytes.data());
  return -bpf_call(BPF_MAP_UPDATE_ELEM, attr);
}

// Kernels before 5.11 charge maps to RLIMIT_MEMLOCK and answer EPERM; where it cannot be raised the retry fails alike.
void raise_memory_limit() {
  rlimit limit{RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_MEMLOCK, &limit);
}

// A descriptor per map and program, and about two per place of attachment (a profile takes one per CPU).
void raise_descriptor_limit(const bpf::Object& object) {
  constexpr rlim_t few = 128;  // far from any usual limit: not worth the question
  rlim_t used = object.interface.maps.size() + object.programs.size() + 2 * object.interface.probes.size();
  if (used < few) return;
  rlim_t needed = 256 + used;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed) return;
  // The hard limit, too, where we may: an init process without a service manager gives its children 4096.
  rlimit wanted{needed, std::max(limit.rlim_max, needed)};
  if (setrlimit(RLIMIT_NOFILE, &wanted) == 0) return;
  limit.rlim_cur = std::min(limit.rlim_max, needed);
  setrlimit(RLIMIT_NOFILE, &limit);
}

void report_map_error(const mir::MapDecl& map, int error, Diagnostics& diagnostics) {
  Diagnostic& report = diagnostics.report(Diag::map_not_created, {}, {map.name, describe_errno(error)});
  if (error == ENOSYS) report.with_hint("this kernel is built without BPF (CONFIG_BPF_SYSCALL)");
  if (error == EPERM) report.with_hint("run as root, or with the capabilities CAP_BPF and CAP_PERFMON");
  if (error == EINVAL && map.kind == mir::MapKind::ring) report.with_hint("BPF ring buffers need Linux 5.8 or later");
  constexpr uint32_t old_key_limit = 512;
  if (error == E2BIG && map.key_size > old_key_limit && running_kernel_version() < make_kernel_version(5, 11, 0))
    report.with_hint("its keys have " + std::to_string(map.key_size) + " bytes, and Linux before 5.11 takes " +
                     std::to_string(old_key_limit) + ": shorter strings (`str(p, 64)`) or stacks (`kstack(50)`) fit");
  else if (error == ENOMEM || error == E2BIG)
    report.with_hint("its " + std::to_string(map.max_entries) + " entries may be too many: lower max_map_keys");
}

std::string describe(const mir::MapDecl& map) {
  return "map `" + map.name + "`: " + mir::name_of(map.kind) + ", key " + std::to_string(map.key_size) + ", value " +
         std::to_string(map.value_size) + ", entries " + std::to_string(map.max_entries);
}

bool create_maps(const mir::Interface& interface, const LoadOptions& options, LoadedObject& loaded, Diagnostics& diagnostics) {
  for (const mir::MapDecl& map : interface.maps) {
    int fd = create_map(map);
    if (fd == -EPERM) {
      raise_memory_limit();
      fd = create_map(map);
    }
    if (fd < 0) {
      report_map_error(map, -fd, diagnostics);
      return false;
    }
    loaded.maps.emplace_back(fd);
    int error = map.has_initial_value() ? write_initial_value(fd, map) : 0;
    if (error != 0) {
      report_map_error(map, error, diagnostics);
      return false;
    }
    if (options.on_step) options.on_step(describe(map));
  }
  return true;
}

std::vector<bpf::Insn> patch(const bpf::Program& program, const std::vector<Fd>& maps) {
  std::vector<bpf::Insn> insns = program.insns;
  for (const bpf::Relocation& relocation : program.relocations) {
    CHECK(relocation.insn + 1 < insns.size() && relocation.map.index < maps.size(), "relocation out of range");
    bpf::Insn& insn = insns[relocation.insn];
    CHECK(insn.opcode == bpf::ld_imm64, "relocation of something else than ld_imm64");
    insn.regs = bpf::make_regs(insn.dst(), relocation.is_value ? bpf::pseudo::map_value : bpf::pseudo::map_fd);
    insn.imm = maps[relocation.map.index].get();
    insns[relocation.insn + 1].imm = relocation.is_value ? static_cast<int32_t>(relocation.offset) : 0;
  }
  return insns;
}

bool patch_kernel_calls(const bpf::Object& object, size_t index, const LoadOptions& options, std::vector<bpf::Insn>& insns,
                        Diagnostics& diagnostics) {
  const bpf::Program& program = object.programs[index];
  for (const bpf::KernelCall& call : program.kernel_calls) {
    const std::optional<uint32_t> number = options.kernel_function ? options.kernel_function(call.function) : std::nullopt;
    if (!number) {
      diagnostics.report(Diag::program_not_loaded, span_of_probe(object, index),
                         {program.name, "this kernel has no function `" + mir::kernel_name_of(call.function) + "`"});
      return false;
    }
    insns[call.insn].imm = static_cast<int32_t>(*number);
  }
  return true;
}

// Types and line tables are built and loaded only when something needs them: programs with callbacks do not load
// without func_info, and a log is readable only with source lines.
class DebugTypes {
 public:
  DebugTypes(const bpf::Object& object, const SourceMap& sources) : object_(object), sources_(sources) {}

  void describe(size_t program, bpf_attr& attr) {
    if (!is_built_) {
      is_built_ = true;
      btf_ = bpf::build_btf(object_, sources_);
      if (!btf_.types.empty()) fd_ = Fd(load_types(btf_.types));
    }
    if (!fd_.is_open() || program >= btf_.programs.size()) return;
    const bpf::ProgramBtf& records = btf_.programs[program];
    attr.prog_btf_fd = static_cast<uint32_t>(fd_.get());
    attr.func_info = bpf_pointer(records.func_info.data());
    attr.func_info_rec_size = sizeof(bpf_func_info);
    attr.func_info_cnt = static_cast<uint32_t>(records.func_info.size() / sizeof(bpf_func_info));
    attr.line_info = bpf_pointer(records.line_info.data());
    attr.line_info_rec_size = sizeof(bpf_line_info);
    attr.line_info_cnt = static_cast<uint32_t>(records.line_info.size() / sizeof(bpf_line_info));
  }

 private:
  static int load_types(const std::vector<uint8_t>& types) {
    bpf_attr attr{};
    attr.btf = bpf_pointer(types.data());
    attr.btf_size = static_cast<uint32_t>(types.size());
    return bpf_call(BPF_BTF_LOAD, attr);
  }

  const bpf::Object& object_;
  const SourceMap& sources_;
  bool is_built_ = false;
  bpf::ObjectBtf btf_;
  Fd fd_;
};

struct Attempt {
  int fd = -1;
  int error = 0;
  std::string log;
};

// The two ways a program is offered: plainly, or with types and a log.
struct Offer {
  const bpf::Program& program;
  const std::vector<bpf::Insn>& insns;
  const std::string& license;
  uint32_t attach_type;
  uint32_t function;  // its id in the kernel's types, for tracing programs
  Fd target;          // what has those types, if not the kernel itself
};

// `attr` may hold types and a log already.
Attempt try_load(const Offer& offer, bpf_attr& attr) {
  attr.prog_type = kernel_number(offer.program.type);
  attr.expected_attach_type = offer.attach_type;
  attr.attach_btf_id = offer.function;
  if (offer.target.is_open()) attr.attach_btf_obj_fd = static_cast<uint32_t>(offer.target.get());
  attr.insns = bpf_pointer(offer.insns.data());
  attr.insn_cnt = static_cast<uint32_t>(offer.insns.size());
  attr.license = bpf_pointer(offer.license.c_str());
  set_name(attr.prog_name, offer.program.name);
  int fd = bpf_call(BPF_PROG_LOAD, attr);
  return {fd, fd < 0 ? -fd : 0, {}};
}

// What the kernel's log is to have: each instruction walked, or only what all of it took.
constexpr uint32_t log_walk = 1, log_statistics = 4;

Attempt load_with_log(const Offer& offer, size_t index, DebugTypes& types, size_t log_size, uint32_t level = log_walk) {
  // A log that does not fit hides the program's own error behind ENOSPC. Kernels from 6.4 on keep its end, which is
  // where the verdict stands; on older ones there is nothing to read but with more room.
  constexpr size_t largest_log = 16u << 20;
  for (size_t size = std::clamp<size_t>(log_size, 4096, largest_log);; size = largest_log) {
    bpf_attr attr{};
    types.describe(index, attr);
    std::string log(size, '\0');
    attr.log_buf = bpf_pointer(log.data());
    attr.log_size = static_cast<uint32_t>(size);
    attr.log_level = level;
    Attempt attempt = try_load(offer, attr);
    log.resize(log.find('\0') == std::string::npos ? size : log.find('\0'));
    attempt.log = std::move(log);
    bool has_verdict = attempt.log.find("\nprocessed ") != std::string::npos;
    if (attempt.error != ENOSPC || has_verdict || size >= largest_log) return attempt;
  }
}

// What kernels answer that have no trampolines, or forbid them even to the privileged.
bool is_untraceable(int error) {
  constexpr int not_supported = 524;  // ENOTSUPP, which is the kernel's own
  return error == EPERM || error == EINVAL || error == EOPNOTSUPP || error == not_supported;
}

bool has_trampoline(const bpf::Object& object, size_t index) {
  return std::any_of(object.interface.probes.begin(), object.interface.probes.end(), [&](const mir::AttachPoint& probe) {
    bool is_this = object.program_of[probe.program.index] == index;
    return is_this && (probe.kind == mir::ProbeKind::fentry || probe.kind == mir::ProbeKind::fexit);
  });
}

void report_load_error(const bpf::Object& object, size_t index, const Attempt& attempt, CodeBy by, Diagnostics& diagnostics) {
  if (const Rejection rejection = read_rejection(attempt.log);
      has_trampoline(object, index) && !rejection.is_of_code && !rejection.sentence.empty()) {
    diagnostics.report(Diag::program_not_loaded, span_of_probe(object, index), {object.programs[index].name, rejection.sentence})
        .with_hint(
            "the kernel refuses what is to be traced, not the script: it has no types for its arguments, or it is a program "
            "that traces functions itself");
    return;
  }
  if (explain_by_version(object, index, running_kernel_version(), diagnostics)) return;
  // Without a log the verifier was never reached.
  if (!attempt.log.empty()) return explain_reject(object, index, attempt.log, attempt.error, diagnostics, by);
  Diagnostic& report = diagnostics.report(Diag::program_not_loaded, span_of_probe(object, index),
                                          {object.programs[index].name, describe_errno(attempt.error)});
  if (has_trampoline(object, index) && is_untraceable(attempt.error)) {
    report.with_hint(
        "this kernel attaches no programs to functions by fentry and fexit (it needs CONFIG_FUNCTION_TRACER with "
        "direct calls); kprobe, tracepoint and rawtracepoint may serve");
    return;
  }
  if (attempt.error == EPERM)
    report.with_hint("run as root, or with CAP_BPF and CAP_PERFMON; kernel lockdown (confidentiality) forbids it to everyone");
  if (attempt.error == ENOSYS) report.with_hint("this kernel is built without BPF (CONFIG_BPF_SYSCALL)");
  if (attempt.error == E2BIG) report.with_hint("the kernel takes at most 1000000 instructions a program (4096 before 5.2)");
}

// A tracing program is loaded for the function it will be attached to.
bool aim(const bpf::Object& object, size_t index, const LoadOptions& options, Offer& offer, Diagnostics& diagnostics) {
  const mir::AttachPoint* probe = nullptr;
  for (const mir::AttachPoint& each : object.interface.probes)
    if (object.program_of[each.program.index] == index) probe = &each;
  CHECK(probe != nullptr, "tracing program without a probe");
  bool is_iterator = probe->kind == mir::ProbeKind::iter;
  offer.attach_type = is_iterator ? BPF_TRACE_ITER : probe->kind == mir::ProbeKind::fentry ? BPF_TRACE_FENTRY : BPF_TRACE_FEXIT;
  const Btf* types = options.kernel_types ? options.kernel_types(is_iterator ? "" : probe->target) : nullptr;
  std::optional<uint32_t> id =
      types == nullptr ? std::nullopt : types->find(Btf::Kind::function, (is_iterator ? "bpf_iter_" : "") + probe->function);
  if (!id) diagnostics.report(Diag::program_not_loaded, probe->span, {probe->name, "the kernel's types do not describe it"});
  offer.function = id.value_or(0);
  if (id && !is_iterator) offer.target = open_traced(probe->target);
  return id.has_value();
}

// Needs the maps in `loaded`.
Fd load_program(const bpf::Object& object, size_t index, DebugTypes& types, const LoadOptions& options,
                const LoadedObject& loaded, Diagnostics& diagnostics) {
  const bpf::Program& program = object.programs[index];
  std::vector<bpf::Insn> insns = patch(program, loaded.maps);
  if (!patch_kernel_calls(object, index, options, insns, diagnostics)) return {};
  Offer offer{program, insns, options.license, loaded.attach_types[index], 0};
  if (program.type == mir::ProgramType::tracing && !aim(object, index, options, offer, diagnostics)) return {};
  Attempt attempt;
  if (!options.on_log && options.on_statistics) {
    attempt = load_with_log(offer, index, types, options.log_size, log_statistics);
  } else if (!options.on_log) {
    bpf_attr plain{};
    if (program.has_callbacks) types.describe(index, plain);
    attempt = try_load(offer, plain);
  }
  if (attempt.error == EPERM) raise_memory_limit();
  if (attempt.fd < 0) attempt = load_with_log(offer, index, types, options.log_size);
  if (options.on_log) options.on_log(program.name, attempt.log);
  if (options.on_statistics) options.on_statistics(index, attempt.log);
  // The model knows the kernel's own types only.
  if (options.on_answer && !offer.target.is_open() && (attempt.fd >= 0 || !attempt.log.empty()))
    options.on_answer({object, index, attempt.fd, attempt.log});
  if (attempt.fd < 0) {
    report_load_error(object, index, attempt, options.code_by, diagnostics);
    return {};
  }
  if (options.on_step)
    options.on_step("program `" + program.name + "`: " + mir::name_of(program.type) + ", " +
                    std::to_string(program.insns.size()) + " instructions");
  return Fd(attempt.fd);
}

// Nothing is said of a pair that is refused: its halves, loaded each by itself, tell what is wrong where it stands.
Fd load_pair(const bpf::Object& object, ProgramPair pair, uint32_t is_return, const SourceMap& sources,
             const LoadOptions& options, const LoadedObject& loaded) {
  bpf::Object joined;
  const bpf::Program &entry = object.programs[pair.entry], &exit = object.programs[pair.exit];
  joined.programs.push_back(bpf::join_session(entry, exit, static_cast<int32_t>(is_return)));
  const bpf::Program& program = joined.programs.front();
  std::vector<bpf::Insn> insns = patch(program, loaded.maps);
  Diagnostics unheard;
  if (!patch_kernel_calls(joined, 0, options, insns, unheard)) return {};
  const Offer offer{program, insns, options.license, session_attach_type, 0};
  DebugTypes types(joined, sources);
  Attempt attempt;
  if (options.on_log) {
    attempt = load_with_log(offer, 0, types, options.log_size);
    options.on_log(entry.name + " and " + exit.name, attempt.log);
  } else {
    bpf_attr plain{};
    if (program.has_callbacks) types.describe(0, plain);
    attempt = try_load(offer, plain);
  }
  if (attempt.fd >= 0 && options.on_step)
    options.on_step("programs `" + entry.name + "` and `" + exit.name + "` in one: " + mir::name_of(program.type) + ", " +
                    std::to_string(program.insns.size()) + " instructions");
  return Fd(attempt.fd);
}

void load_pairs(const bpf::Object& object, const SourceMap& sources, const LoadOptions& options, LoadedObject& loaded) {
  if (options.pairs.empty() || !options.kernel_types) return;
  const Btf* types = options.kernel_types({});
  if (types == nullptr) return;
  const std::optional<uint32_t> is_return = types->find(Btf::Kind::function, "bpf_session_is_return");
  if (!is_return) return;
  for (ProgramPair pair : options.pairs)
    if (Fd program = load_pair(object, pair, *is_return, sources, options, loaded); program.is_open())
      loaded.pairs.push_back({pair, std::move(program)});
}

}  // namespace

std::optional<LoadedObject> load(const bpf::Object& object, const SourceMap& sources, const LoadOptions& options,
                                 Diagnostics& diagnostics) {
  LoadedObject loaded;
  loaded.attach_types = options.attach_types;
  loaded.attach_types.resize(object.programs.size());
  raise_descriptor_limit(object);
  if (!create_maps(object.interface, options, loaded, diagnostics)) return std::nullopt;
  if (options.clock != nullptr) options.clock->lap("create maps");
  DebugTypes types(object, sources);
  load_pairs(object, sources, options, loaded);
  std::vector<bool> is_half(object.programs.size());
  for (const LoadedPair& pair : loaded.pairs) is_half[pair.of.entry] = is_half[pair.of.exit] = true;
  for (size_t i = 0; i < object.programs.size(); i++) {
    loaded.programs.push_back(is_half[i] ? Fd() : load_program(object, i, types, options, loaded, diagnostics));
    if (!is_half[i] && !loaded.programs.back().is_open()) return std::nullopt;
  }
  if (options.clock != nullptr) options.clock->lap("load programs");
  if (options.on_loaded) options.on_loaded();
  return loaded;
}

bool load_again(const bpf::Object& object, uint32_t program, uint32_t attach_type, const SourceMap& sources,
                const LoadOptions& options, LoadedObject& loaded, Diagnostics& diagnostics) {
  loaded.attach_types[program] = attach_type;
  DebugTypes types(object, sources);
  loaded.programs[program] = load_program(object, program, types, options, loaded, diagnostics);
  return loaded.programs[program].is_open();
}

int program_fd(const LoadedObject& loaded, const bpf::Object& object, mir::FunctionId function) {
  CHECK(function.index < object.program_of.size(), "probe without a function");
  uint32_t program = object.program_of[function.index];
  CHECK(program < loaded.programs.size(), "probe's function is not a program");
  return loaded.programs[program].get();
}

mir::MapId find_map(const mir::Interface& interface, mir::MapRole role) {
  for (uint32_t i = 0; i < interface.maps.size(); i++)
    if (interface.maps[mir::MapId(i)].role == role) return mir::MapId(i);
  return {};
}

}  // namespace shrike
