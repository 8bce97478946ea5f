// The kernel's layouts are written down here since the headers this is built with may be older than the kernel it runs on.
#include "runtime/attach_bulk.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <map>

#include "mir/base/check.h"
#include "runtime/archive_member.h"
#include "runtime/bpf_call.h"
#include "runtime/kernel_functions.h"
#include "runtime/machine.h"
#include "runtime/privileges.h"

namespace shrike {

namespace {

// enum bpf_attach_type
constexpr uint32_t kprobe_multi = 42;
constexpr uint32_t uprobe_multi = 48;
constexpr uint32_t is_return = 1;  // BPF_F_KPROBE_MULTI_RETURN, BPF_F_UPROBE_MULTI_RETURN

// What BPF_LINK_CREATE reads for the two kinds.
struct LinkHead {
  uint32_t program;
  uint32_t target;
  uint32_t attach_type;
  uint32_t flags;
};

struct KprobeLink {
  LinkHead head;
  uint32_t flags;
  uint32_t count;
  uint64_t names;
  uint64_t addresses;
  uint64_t cookies;
};

struct UprobeLink {
  LinkHead head;
  uint64_t path;
  uint64_t offsets;
  uint64_t semaphores;
  uint64_t cookies;
  uint32_t count;
  uint32_t flags;
  uint32_t pid;
  uint32_t padding;
};

template <class Link>
int create_link(const Link& link) {
  bpf_attr attr{};
  static_assert(sizeof link <= sizeof attr);
  std::copy_n(reinterpret_cast<const char*>(&link), sizeof link, reinterpret_cast<char*>(&attr));
  return bpf_call(BPF_LINK_CREATE, attr);
}

uint32_t attach_type_of(mir::ProbeKind kind) {
  switch (kind) {
    case mir::ProbeKind::kprobe:
    case mir::ProbeKind::kretprobe: return kprobe_multi;
    case mir::ProbeKind::uprobe:
    case mir::ProbeKind::uretprobe:
    case mir::ProbeKind::usdt: return uprobe_multi;
    default: return 0;
  }
}

bool fits(const mir::AttachPoint& probe, uint32_t pid) {
  switch (attach_type_of(probe.kind)) {
    case kprobe_multi: return !probe.function.empty() && probe.offset == 0;
    // Before 6.10 the link's pid meant one thread of the process.
    case uprobe_multi: return pid == 0 || running_kernel_version() >= make_kernel_version(6, 10, 0);
    default: return false;
  }
}

// Empty if the program does not ask at which place it runs.
std::vector<uint64_t> cookies_of(const std::vector<const mir::AttachPoint*>& probes) {
  std::vector<uint64_t> out;
  if (probes.front()->cookie == 0) return out;
  for (const mir::AttachPoint* probe : probes) out.push_back(probe->cookie);
  return out;
}

Fd link_user(const std::string& path, const std::vector<const mir::AttachPoint*>& probes, int program, uint32_t pid) {
  const BinaryPlace binary = place_of_binary(path);
  std::vector<uint64_t> offsets, semaphores;
  std::vector<uint64_t> cookies = cookies_of(probes);
  for (const mir::AttachPoint* probe : probes) {
    offsets.push_back(binary.offset + probe->address);
    semaphores.push_back(probe->semaphore == 0 ? 0 : binary.offset + probe->semaphore);
  }
  UprobeLink link{};
  link.head = {static_cast<uint32_t>(program), 0, uprobe_multi, 0};
  link.path = bpf_pointer(binary.path.c_str());
  link.offsets = bpf_pointer(offsets.data());
  if (probes.front()->kind == mir::ProbeKind::usdt) link.semaphores = bpf_pointer(semaphores.data());
  if (!cookies.empty()) link.cookies = bpf_pointer(cookies.data());
  link.count = static_cast<uint32_t>(offsets.size());
  link.flags = probes.front()->kind == mir::ProbeKind::uretprobe ? is_return : 0;
  link.pid = pid;
  return Fd(create_link(link));
}

// `attach_type`: what the program was loaded for.
Fd link_kernel(const std::vector<const mir::AttachPoint*>& probes, int program, uint32_t attach_type) {
  std::vector<const char*> names;
  for (const mir::AttachPoint* probe : probes) {
    if (!probe->is_unique && names_several_functions(*probe)) return {};
    names.push_back(probe->function.c_str());
  }
  // The kernel looks a name up everywhere; an address says which of several functions it is.
  std::vector<uint64_t> addresses;
  if (std::any_of(probes.begin(), probes.end(), [](const mir::AttachPoint* probe) { return is_in_module(*probe); })) {
    std::vector<ProbeTarget> functions;
    for (const mir::AttachPoint* probe : probes) functions.push_back({probe->target, probe->function, 0});
    addresses = find_kernel_functions(functions);
    if (addresses.empty()) return {};
  }
  KprobeLink link{};
  link.head = {static_cast<uint32_t>(program), 0, attach_type, 0};
  link.flags = probes.front()->kind == mir::ProbeKind::kretprobe ? is_return : 0;
  link.count = static_cast<uint32_t>(names.size());
  std::vector<uint64_t> cookies = cookies_of(probes);
  if (!cookies.empty()) link.cookies = bpf_pointer(cookies.data());
  if (addresses.empty()) link.names = bpf_pointer(static_cast<const void*>(names.data()));
  else link.addresses = bpf_pointer(addresses.data());
  return Fd(create_link(link));
}

struct Feature {
  std::string_view name;
  uint32_t attach_type;
};
constexpr Feature features[] = {
    {"kprobe_multi", kprobe_multi},
    {"uprobe_multi", uprobe_multi},
    {"kprobe_session", session_attach_type},
};

std::string_view feature_of(uint32_t attach_type) {
  for (const Feature& feature : features)
    if (feature.attach_type == attach_type) return feature.name;
  return {};
}

}  // namespace

std::span<const std::string_view> bulk_features() {
  static constexpr std::string_view names[] = {features[0].name, features[1].name, features[2].name};
  static_assert(std::size(names) == std::size(features));
  return names;
}

// A kernel that has such links misses the function or the file; others refuse the link itself.
bool has_bulk_link(std::string_view feature) {
  const auto* row = std::find_if(std::begin(features), std::end(features), [&](const Feature& f) { return f.name == feature; });
  CHECK(row != std::end(features), "unknown feature");
  const bpf::Insn insns[] = {bpf::alu_imm(bpf::cls::alu64 | bpf::alu::mov, 0, 0), bpf::exit_program()};
  bpf_attr attr{};
  attr.prog_type = kernel_number(mir::ProgramType::kprobe);
  attr.expected_attach_type = row->attach_type;
  attr.insns = bpf_pointer(insns);
  attr.insn_cnt = std::size(insns);
  attr.license = bpf_pointer("GPL");
  const Fd program(bpf_call(BPF_PROG_LOAD, attr));
  if (!program.is_open()) return false;
  const LinkHead head{static_cast<uint32_t>(program.get()), 0, row->attach_type, 0};
  if (row->attach_type == uprobe_multi) {
    const uint64_t offset = 0;
    const UprobeLink link{.head = head, .path = bpf_pointer("/"), .offsets = bpf_pointer(&offset), .count = 1};
    return create_link(link) == -EBADF;
  }
  const char* const name = "no function has this name";
  const KprobeLink link{.head = head, .count = 1, .names = bpf_pointer(static_cast<const void*>(&name))};
  return create_link(link) == -ESRCH;
}

bool is_feature_hidden(std::string_view name, std::string_view hidden) {
  while (!hidden.empty()) {
    size_t comma = hidden.find(',');
    if (hidden.substr(0, comma) == name) return true;
    hidden.remove_prefix(comma == std::string_view::npos ? hidden.size() : comma + 1);
  }
  return false;
}

bool is_in_module(const mir::AttachPoint& probe) {
  return !probe.target.empty() && probe.target != "vmlinux";
}

std::vector<uint32_t> bulk_attach_types(const bpf::Object& object, uint32_t pid, std::string_view hidden) {
  std::vector<uint32_t> types(object.programs.size());
  std::vector<uint32_t> places(object.programs.size());
  std::vector<bool> is_single(object.programs.size());
  for (const mir::AttachPoint& probe : object.interface.probes) {
    uint32_t program = object.program_of[probe.program.index];
    types[program] = attach_type_of(probe.kind);
    places[program]++;
    if (!fits(probe, pid)) is_single[program] = true;
  }
  // A single uprobe event takes CAP_SYS_ADMIN on newer kernels (6.18 for one); a link does not.
  auto fewest = [](uint32_t type) { return type == uprobe_multi && !is_administrator() ? 1u : 2u; };
  for (size_t i = 0; i < types.size(); i++)
    if (places[i] < fewest(types[i]) || is_single[i] || is_feature_hidden(feature_of(types[i]), hidden)) types[i] = 0;
  return types;
}

bool attach_bulk(const std::vector<const mir::AttachPoint*>& probes, int program, const AttachContext& context, Links& links) {
  std::vector<Fd> made;
  if (attach_type_of(probes.front()->kind) == kprobe_multi) {
    made.push_back(link_kernel(probes, program, kprobe_multi));
  } else {
    std::map<std::string_view, std::vector<const mir::AttachPoint*>> files;
    for (const mir::AttachPoint* probe : probes) files[probe->target].push_back(probe);
    for (const auto& [path, group] : files) {
      made.push_back(link_user(std::string(path), group, program, context.pid));
      if (!made.back().is_open()) return false;
    }
  }
  if (!made.back().is_open()) return false;
  for (Fd& link : made) links.add(std::move(link), slow_release(probes.front()->kind));
  return true;
}

bool attach_session(const std::vector<const mir::AttachPoint*>& entries, int program, Links& links) {
  Fd link = link_kernel(entries, program, session_attach_type);
  if (!link.is_open()) return false;
  links.add(std::move(link), slow_release(mir::ProbeKind::kprobe));
  return true;
}

}  // namespace shrike
