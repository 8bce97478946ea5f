// The ELF file through the tools it is for.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>

#include "mir/text.h"
#include "tests/backend/kernel_fixture.h"
#include "tests/backend/mir_programs.h"
#include "tests/backend/random_mir.h"

namespace shrike {
namespace {

std::string output_of(const std::string& command) {
  std::string text;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  char buffer[4096];
  while (size_t n = pipe ? fread(buffer, 1, sizeof buffer, pipe) : 0) text.append(buffer, n);
  if (pipe) pclose(pipe);
  return text;
}

bool has_tool(const std::string& name) {
  return !output_of("command -v " + name).empty();
}

struct TemporaryFile {
  std::string path = "/tmp/shrike_elf_XXXXXX";
  explicit TemporaryFile(const std::vector<uint8_t>& bytes) {
    int fd = mkstemp(path.data());
    EXPECT_EQ(write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    close(fd);
  }
  ~TemporaryFile() { unlink(path.c_str()); }
};

bpf::Object sample_object() {
  test::MirProgram program;
  mir::Builder& b = program.builder;
  mir::MapDecl ring;
  ring.name = ".ring";
  ring.role = mir::MapRole::ring;
  ring.kind = mir::MapKind::ring;
  ring.max_entries = 4096;
  program.module.interface.maps.add(ring);
  mir::MapDecl hash;
  hash.name = "@by name";
  hash.key_size = 16;
  hash.value_size = 8;
  hash.max_entries = 10;
  mir::MapId by_name = program.module.interface.maps.add(hash);
  mir::FunctionId callback = test::MirProgram::add_function(program.module, "element of @by name", mir::FunctionKind::for_each);
  {
    mir::Builder c(program.module, callback, mir::BlockId(uint32_t{0}));
    for (mir::Region region : {mir::Region::map_handle, mir::Region::key, mir::Region::map, mir::Region::stack})
      c.add_param(c.block(), {region, false});
    c.store(mir::MemWidth::u64, c.map_value_addr(program.results, 8), c.constant(1), 0);
    c.ret(c.constant(0));
  }
  b.set_span({1, 6});
  b.call(mir::HelperId::for_each_map_elem, {b.constant(0), b.constant(0)}, by_name, callback);
  b.store(mir::MemWidth::u64, b.map_value_addr(program.results, 16), b.constant(3), 0);
  b.ret(b.constant(0));
  return test::compile(std::move(program.module));
}

SourceMap sample_sources() {
  SourceMap sources;
  sources.add("sample.bt", "begin { exit(); }\n");
  return sources;
}

TEST(Elf, ObjdumpReadsEveryInstruction) {
  if (!has_tool("llvm-objdump-19")) GTEST_SKIP() << "llvm-objdump-19 is not installed";
  TemporaryFile file(bpf::write_elf(sample_object(), sample_sources()));
  std::string listing = output_of("llvm-objdump-19 -d -r " + file.path);
  EXPECT_NE(listing.find("<main>:"), std::string::npos) << listing;
  EXPECT_NE(listing.find("<element_of__by_name>:"), std::string::npos) << listing;
  EXPECT_NE(listing.find("R_BPF_64_64\tat_by_name"), std::string::npos) << listing;
  EXPECT_EQ(listing.find("<unknown>"), std::string::npos) << listing;
}

TEST(Elf, BpftoolReadsTypesAndLinksTheFile) {
  if (!has_tool("bpftool")) GTEST_SKIP() << "bpftool is not installed";
  TemporaryFile file(bpf::write_elf(sample_object(), sample_sources()));
  std::string types = output_of("bpftool btf dump file " + file.path);
  EXPECT_NE(types.find("FUNC 'main'"), std::string::npos) << types;
  EXPECT_NE(types.find("DATASEC '.maps'"), std::string::npos) << types;
  EXPECT_EQ(output_of("bpftool gen object " + file.path + ".linked " + file.path), "");
  unlink((file.path + ".linked").c_str());
}

// libbpf creates the maps, relocates the callback and loads; a bpffs of its own holds the pins while it lasts.
TEST(Elf, LibbpfLoadsTheProgram) {
  NEEDS_BPF();
  if (!has_tool("bpftool") || !has_tool("unshare")) GTEST_SKIP() << "bpftool or unshare is not installed";
  TemporaryFile file(bpf::write_elf(sample_object(), sample_sources()));
  std::string script =
      "mount -t bpf bpf /sys/fs/bpf && bpftool prog loadall " + file.path +
      " /sys/fs/bpf/shrike_elf && ls /sys/fs/bpf/shrike_elf && bpftool prog dump xlated pinned /sys/fs/bpf/shrike_elf/main";
  std::string listing = output_of("unshare -m sh -c '" + script + "'");
  EXPECT_NE(listing.find("main\n"), std::string::npos) << listing;
  EXPECT_NE(listing.find("begin { exit(); }"), std::string::npos) << "no source line in " << listing;
}

// libbpf finds the iterator's functions in the kernel's types and compares their declarations.
TEST(Elf, LibbpfLoadsAProgramWithIterators) {
  NEEDS_BPF();
  if (!has_tool("bpftool") || !has_tool("unshare")) GTEST_SKIP() << "bpftool or unshare is not installed";
  if (!test::has_number_iterators()) GTEST_SKIP() << "this kernel has no iterators over numbers";
  test::RandomProgram program = test::random_program(7, {.statements = 60, .iterators = true});
  const std::string text = mir::print(program.base.module, {});
  ASSERT_NE(text.find("iter_num_next"), std::string::npos) << text;
  SourceMap sources;
  const uint32_t begin = sources.add("random.mir", text);
  Diagnostics diagnostics;
  TemporaryFile file(bpf::write_elf(test::compile(mir::parse(text, begin, diagnostics)), sources));
  const std::string script = "mount -t bpf bpf /sys/fs/bpf && bpftool prog loadall " + file.path +
                             " /sys/fs/bpf/shrike_elf && bpftool prog dump xlated pinned /sys/fs/bpf/shrike_elf/main";
  const std::string listing = output_of("unshare -m sh -c '" + script + "'");
  EXPECT_NE(listing.find("bpf_iter_num_next"), std::string::npos) << listing;
}

}  // namespace
}  // namespace shrike
