// The bpf(2) calls behind kernel_fixture.h.
#include "tests/backend/kernel_fixture.h"

#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "mir/btf.h"
#include "runtime/btf_file.h"
#include "runtime/judge_loads.h"
#include "runtime/kfuncs.h"

namespace shrike::test {

namespace {

long bpf_call(int command, bpf_attr& attr) {
  return syscall(SYS_bpf, command, &attr, sizeof attr);
}

uint64_t pointer(const void* p) {
  return reinterpret_cast<uint64_t>(p);
}

const Btf* kernel_types() {
  static BtfFile file;
  static std::optional<Btf> types;
  if (!types) {
    file.open();
    types = Btf::open(file.bytes());
  }
  return types ? &*types : nullptr;
}

int32_t number_of(mir::HelperId function) {
  static KernelFunctionNumbers numbers(kernel_types);
  return static_cast<int32_t>(numbers.of(function).value_or(0));
}

// As shrike does with what it loads; the suite looks at the answers (tests/support/judged_loads.h).
void note_answer(const bpf::Object& object, size_t index, long fd, const std::string& log) {
  const char* const file = getenv("SHRIKE_JUDGE_LOADS");
  if (file == nullptr || *file == '\0') return;
  static const std::function<void(const LoadAnswer&)> judge = judge_loads_into(file);
  if (judge) judge({object, index, static_cast<int>(fd), log});
}

}  // namespace

std::string missing_privilege() {
  bpf_attr attr{};
  attr.map_type = BPF_MAP_TYPE_ARRAY;
  attr.key_size = 4;
  attr.value_size = 8;
  attr.max_entries = 1;
  long fd = bpf_call(BPF_MAP_CREATE, attr);
  if (fd < 0) return std::string("bpf(BPF_MAP_CREATE): ") + strerror(errno);
  close(static_cast<int>(fd));
  return "";
}

bool has_number_iterators() {
  return number_of(mir::HelperId::iter_num_new) != 0;
}

LoadedObject::LoadedObject(const bpf::Object& object, const SourceMap& sources) {
  create_maps(object);
  bpf::ObjectBtf btf = bpf::build_btf(object, sources);
  std::vector<char> log(1 << 16);
  bpf_attr attr{};
  attr.btf = pointer(btf.types.data());
  attr.btf_size = static_cast<uint32_t>(btf.types.size());
  attr.btf_log_buf = pointer(log.data());
  attr.btf_log_size = static_cast<uint32_t>(log.size());
  attr.btf_log_level = 1;
  btf_ = static_cast<int>(bpf_call(BPF_BTF_LOAD, attr));
  if (btf_ < 0) error_ = std::string("BTF: ") + strerror(errno) + "\n" + log.data();
  for (size_t i = 0; i < object.programs.size() && error_.empty(); i++) load(object, i, btf);
}

LoadedObject::~LoadedObject() {
  for (int fd : maps_) close(fd);
  for (int fd : programs_) close(fd);
  if (btf_ >= 0) close(btf_);
}

void write_initial_value(int map, const mir::MapDecl& decl) {
  const uint32_t key = 0;
  const std::string bytes = mir::initial_value(decl);
  bpf_attr attr{};
  attr.map_fd = static_cast<uint32_t>(map);
  attr.key = reinterpret_cast<uintptr_t>(&key);
  attr.value = reinterpret_cast<uintptr_t>(bytes.data());
  EXPECT_EQ(bpf_call(BPF_MAP_UPDATE_ELEM, attr), 0) << strerror(errno);
}

void LoadedObject::create_maps(const bpf::Object& object) {
  for (const mir::MapDecl& map : object.interface.maps) {
    bpf_attr attr{};
    attr.map_type = mir::kernel_number(map.kind);
    bool is_ring = map.kind == mir::MapKind::ring;
    attr.key_size = is_ring ? 0 : map.key_size;
    attr.value_size = is_ring ? 0 : map.value_size;
    attr.max_entries = map.max_entries;
    maps_.push_back(static_cast<int>(bpf_call(BPF_MAP_CREATE, attr)));
    value_sizes_.push_back(map.value_size);
    if (maps_.back() < 0) error_ = "map " + map.name + ": " + strerror(errno);
    if (map.has_initial_value()) write_initial_value(maps_.back(), map);
  }
}

void LoadedObject::load(const bpf::Object& object, size_t index, const bpf::ObjectBtf& btf) {
  const bpf::Program& program = object.programs[index];
  std::vector<bpf::Insn> insns = program.insns;
  for (const bpf::Relocation& relocation : program.relocations) {
    insns[relocation.insn].imm = maps_[relocation.map.index];
    insns[relocation.insn + 1].imm = static_cast<int32_t>(relocation.offset);
  }
  for (const bpf::KernelCall& call : program.kernel_calls) insns[call.insn].imm = number_of(call.function);
  bpf_attr attr{};
  attr.prog_type = mir::kernel_number(program.type);
  attr.insns = pointer(insns.data());
  attr.insn_cnt = static_cast<uint32_t>(insns.size());
  attr.license = pointer("GPL");
  attr.prog_btf_fd = static_cast<uint32_t>(btf_);
  attr.func_info = pointer(btf.programs[index].func_info.data());
  attr.func_info_cnt = static_cast<uint32_t>(btf.programs[index].func_info.size() / 8);
  attr.func_info_rec_size = 8;
  attr.line_info = pointer(btf.programs[index].line_info.data());
  attr.line_info_cnt = static_cast<uint32_t>(btf.programs[index].line_info.size() / 16);
  attr.line_info_rec_size = 16;
  long fd = bpf_call(BPF_PROG_LOAD, attr);
  std::vector<char> log;
  if (fd < 0) {  // again, to hear why
    log.resize(1 << 24);
    attr.log_buf = pointer(log.data());
    attr.log_size = static_cast<uint32_t>(log.size());
    attr.log_level = 1;
    fd = bpf_call(BPF_PROG_LOAD, attr);
  }
  note_answer(object, index, fd, log.empty() ? "" : log.data());
  if (fd < 0) {
    std::string tail = log.data();
    if (tail.size() > 6000) tail = "...\n" + tail.substr(tail.size() - 6000);
    error_ = "program " + program.name + ": " + strerror(errno) + "\n" + tail;
    return;
  }
  programs_.push_back(static_cast<int>(fd));
}

bool LoadedObject::run(size_t program, uint32_t& result) {
  uint64_t args[8] = {};
  bpf_attr attr{};
  attr.test.prog_fd = static_cast<uint32_t>(programs_[program]);
  attr.test.ctx_in = pointer(args);
  attr.test.ctx_size_in = sizeof args;
  if (bpf_call(BPF_PROG_TEST_RUN, attr) != 0) {
    error_ = std::string("test run: ") + strerror(errno);
    return false;
  }
  result = attr.test.retval;
  return true;
}

std::vector<uint8_t> LoadedObject::read(mir::MapId map, uint32_t index) const {
  std::vector<uint8_t> value(value_sizes_[map.index]);
  bpf_attr attr{};
  attr.map_fd = static_cast<uint32_t>(maps_[map.index]);
  attr.key = pointer(&index);
  attr.value = pointer(value.data());
  EXPECT_EQ(bpf_call(BPF_MAP_LOOKUP_ELEM, attr), 0) << strerror(errno);
  return value;
}

void LoadedObject::write(mir::MapId map, uint32_t index, const std::vector<uint8_t>& value) {
  bpf_attr attr{};
  attr.map_fd = static_cast<uint32_t>(maps_[map.index]);
  attr.key = pointer(&index);
  attr.value = pointer(value.data());
  EXPECT_EQ(bpf_call(BPF_MAP_UPDATE_ELEM, attr), 0) << strerror(errno);
}

uint64_t LoadedObject::read_u64(mir::MapId map, size_t offset) const {
  std::vector<uint8_t> value = read(map);
  uint64_t word = 0;
  memcpy(&word, value.data() + offset, sizeof word);
  return word;
}

bpf::Object compile(mir::Module module, bpf::BackendOptions options) {
  options.validate = true;
  Diagnostics diagnostics;
  lir::Module lir = bpf::select(std::move(module), options);
  bool fine = bpf::allocate(lir, options, diagnostics);
  EXPECT_TRUE(fine) << (diagnostics.all().empty() ? "" : diagnostics.all()[0].message);
  return bpf::emit(std::move(lir));
}

}  // namespace shrike::test
