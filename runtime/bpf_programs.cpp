// The kernel numbers programs and types, and hands out descriptors by number (Linux 4.13, 5.11 for types).
#include "runtime/bpf_programs.h"

#include <charconv>
#include <cstring>
#include <string>

#include "mir/btf.h"
#include "runtime/bpf_call.h"
#include "runtime/files.h"
#include "runtime/glob.h"

namespace shrike {

namespace {

constexpr std::string_view program_prefix = "bpf:";

// struct bpf_btf_info of Linux 5.11, which headers may not have.
struct TypesInfo {
  uint64_t bytes = 0;
  uint32_t size = 0;
  uint32_t id = 0;
  uint64_t name = 0;
  uint32_t name_size = 0;
  uint32_t is_kernel = 0;
};

Fd open_by_id(int command, uint32_t id) {
  bpf_attr attr{};
  attr.prog_id = id;
  return Fd(bpf_call(command, attr));
}

template <class Info>
bool get_info(const Fd& object, Info& info) {
  bpf_attr attr{};
  attr.info.bpf_fd = static_cast<uint32_t>(object.get());
  attr.info.info_len = sizeof info;
  attr.info.info = bpf_pointer(&info);
  return bpf_call(BPF_OBJ_GET_INFO_BY_FD, attr) == 0;
}

// Calls f(id) for each until it returns false. An errno if the kernel does not tell.
template <class F>
int each_id(int command, F&& f) {
  bpf_attr attr{};
  for (;;) {
    const int error = bpf_call(command, attr);
    if (error != 0) return error == -ENOENT ? 0 : -error;
    attr.start_id = attr.next_id;
    if (!f(attr.next_id)) return 0;
  }
}

std::vector<uint8_t> types_by_id(uint32_t id) {
  const Fd types = open_by_id(BPF_BTF_GET_FD_BY_ID, id);
  TypesInfo info;
  if (!types.is_open() || !get_info(types, info)) return {};
  std::vector<uint8_t> bytes(info.size);
  info = {.bytes = bpf_pointer(bytes.data()), .size = info.size};
  return get_info(types, info) ? bytes : std::vector<uint8_t>();
}

void add_functions(uint32_t id, const Glob& glob, std::vector<ProbeTarget>& out) {
  const Fd program = open_by_id(BPF_PROG_GET_FD_BY_ID, id);
  bpf_prog_info info{};
  if (!program.is_open() || !get_info(program, info) || info.btf_id == 0 || info.nr_func_info == 0) return;
  const std::vector<uint8_t> bytes = types_by_id(info.btf_id);
  const std::optional<Btf> types = Btf::open(bytes);
  std::vector<bpf_func_info> functions(info.nr_func_info);
  bpf_prog_info wanted{};
  wanted.nr_func_info = info.nr_func_info;
  wanted.func_info_rec_size = sizeof(bpf_func_info);
  wanted.func_info = bpf_pointer(functions.data());
  if (!types || !get_info(program, wanted)) return;
  for (const bpf_func_info& function : functions) {
    const std::string_view name = types->type(function.type_id).name;
    if (glob.matches(name)) out.push_back({std::string(program_prefix) + std::to_string(id), std::string(name), 0});
  }
}

}  // namespace

std::optional<uint32_t> traced_program(std::string_view target) {
  if (!target.starts_with(program_prefix)) return std::nullopt;
  target.remove_prefix(program_prefix.size());
  uint32_t id = 0;
  const auto read = std::from_chars(target.data(), target.data() + target.size(), id);
  if (read.ec != std::errc() || read.ptr != target.data() + target.size()) return std::nullopt;
  return id;
}

Answer<std::vector<ProbeTarget>> match_program_functions(uint64_t id, std::string_view function) {
  Answer<std::vector<ProbeTarget>> answer;
  const Glob glob(function);
  const int error = each_id(BPF_PROG_GET_NEXT_ID, [&](uint32_t program) {
    if (id == 0 || id == program) add_functions(program, glob, answer.value);
    return true;
  });
  if (error != 0) return {Lookup::unreadable, {}, "the kernel does not list programs: " + describe_errno(error)};
  answer.status = answer.value.empty() ? Lookup::missing : Lookup::found;
  if (answer.value.empty()) answer.why = "functions of programs that were loaded without types cannot be traced";
  return answer;
}

std::vector<uint8_t> program_types(uint32_t id) {
  const Fd program = open_by_id(BPF_PROG_GET_FD_BY_ID, id);
  bpf_prog_info info{};
  if (!program.is_open() || !get_info(program, info) || info.btf_id == 0) return {};
  return types_by_id(info.btf_id);
}

Fd open_traced(std::string_view target) {
  if (target.empty() || target == "vmlinux") return {};
  if (std::optional<uint32_t> id = traced_program(target)) return open_by_id(BPF_PROG_GET_FD_BY_ID, *id);
  Fd found;
  each_id(BPF_BTF_GET_NEXT_ID, [&](uint32_t id) {
    Fd types = open_by_id(BPF_BTF_GET_FD_BY_ID, id);
    char name[64] = "";  // a module's has 55 bytes at most
    TypesInfo info{.name = bpf_pointer(name), .name_size = sizeof name};
    if (!types.is_open() || !get_info(types, info) || info.is_kernel == 0 || target != name) return true;
    found = std::move(types);
    return false;
  });
  return found;
}

}  // namespace shrike
