// Names for addresses: the kernel's, this process's own, those of a process that has exited; control groups and users.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "runtime/binary_symbols.h"
#include "runtime/host_names.h"
#include "runtime/mapping_watch.h"
#include "runtime/symbols.h"
#include "runtime/symbols_kernel.h"
#include "tests/runtime/output_trace.h"

namespace shrike {
namespace symbols_test {

// Global, so that it has a symbol with a C++ name.
[[gnu::noinline]] int known_function(int value) {
  asm volatile("" : "+r"(value));
  return value * 3;
}

}  // namespace symbols_test

namespace {

uint64_t known_address() {
  return reinterpret_cast<uint64_t>(&symbols_test::known_function);
}

std::string user_text(Symbols& symbols, uint64_t address, SymbolForm form, pid_t pid = getpid()) {
  std::string out;
  symbols.append_user(out, static_cast<uint32_t>(pid), address, form);
  return out;
}

TEST(OutputSymbols, KallsymsText) {
  const KernelSymbols symbols(
      "0000000000001000 A fixed_percpu_data\n"
      "ffffffff81000000 T __pi_text\n"
      "ffffffff81000000 T _text\n"
      "ffffffff81000100 t second\n"
      "ffffffffc0000000 t in_module\t[mod]\n"
      "ffffffff81000200 T third\n");
  EXPECT_EQ(symbols.size(), 5u);
  EXPECT_EQ(symbols.find(0xffffffff81000000).name, "_text");
  EXPECT_EQ(symbols.find(0xffffffff810000ff).offset, 0xffu);
  EXPECT_EQ(symbols.find(0xffffffff81000100).name, "second");
  EXPECT_EQ(symbols.find(0xffffffff81000234).name, "third");  // though the file is not sorted
  EXPECT_EQ(symbols.find(0xffffffffc0000010).name, "in_module");
  EXPECT_EQ(symbols.find(0xffffffffc0000010).module, "mod");
  EXPECT_TRUE(symbols.find(0xffffffffb0000000).name.empty());  // in the gap
  EXPECT_TRUE(symbols.find(0xffffffff80000000).name.empty());
  EXPECT_TRUE(symbols.find(0x1000).name.empty());
}

TEST(OutputSymbols, HiddenKallsymsAreNoticed) {
  EXPECT_TRUE(KernelSymbols("0000000000000000 T _text\n0000000000000000 t x\n").is_hidden());
  EXPECT_FALSE(KernelSymbols("").is_hidden());
}

TEST(OutputSymbols, TheRunningKernel) {
  FILE* kallsyms = fopen("/proc/kallsyms", "r");
  ASSERT_NE(kallsyms, nullptr);
  unsigned long address = 0, found = 0;
  char type = 0, name[512];
  while (found == 0 && fscanf(kallsyms, "%lx %c %511[^\n]\n", &address, &type, name) == 3)
    if (std::string_view(name) == "vfs_read") found = address;
  fclose(kallsyms);
  if (found == 0) GTEST_SKIP() << "kernel symbols are hidden from this user";
  Trace trace;
  std::string bytes = bytes_of(2) + bytes_of(found + 5) + bytes_of(0x1234);
  EXPECT_EQ(trace.show(mir::EventKind::print_value, "", {{"kstack_t[2]", bytes}}), "\n        vfs_read+5\n        0x1234\n\n");
  EXPECT_EQ(trace.show(mir::EventKind::print_value, "", {{"ksym_t", bytes_of(found)}}), "vfs_read\n");
  char perf[64];
  snprintf(perf, sizeof perf, "\n\t%lx vfs_read+5\n\n", found + 5);
  EXPECT_EQ(trace.show(mir::EventKind::print_value, "", {{"kstack_t[1,perf]", bytes_of(1) + bytes_of(found + 5)}}), perf);
}

// Frames of a program that this very kernel compiled, which has a name in kallsyms as those of modules do.
TEST(OutputSymbols, KernelModules) {
  FILE* kallsyms = fopen("/proc/kallsyms", "r");
  ASSERT_NE(kallsyms, nullptr);
  unsigned long address = 0, found = 0;
  char type = 0, line[512], name[512] = "", module[512] = "";
  while (found == 0 && fgets(line, sizeof line, kallsyms) != nullptr)
    if (sscanf(line, "%lx %c %511s [%511[^]]]", &address, &type, name, module) == 4 && address != 0) found = address;
  fclose(kallsyms);
  if (found == 0) GTEST_SKIP() << "no modules and no BPF programs, or their symbols are hidden from this user";
  Symbols symbols({});
  std::string text;
  symbols.append_kernel(text, found + 1, SymbolForm::module);
  EXPECT_TRUE(text.ends_with("+1 (" + std::string(module) + ")")) << text;
  text.clear();
  symbols.append_kernel(text, found + 1, SymbolForm::offset);
  EXPECT_TRUE(text.ends_with("+1")) << text;
}

TEST(OutputSymbols, NamesOfCppFunctions) {
  const std::pair<const char*, const char*> names[] = {
      {"f(int)", "f"},
      {"ns::Class::f(void (*)(int)) const", "ns::Class::f"},
      {"long ns::twice<long>(ns::Box<long>, int)", "ns::twice<long>"},
      {"void ns::each<void (*)(int)>(void (*)(int))", "ns::each<void (*)(int)>"},
      {"a::(anonymous namespace)::f(a::Bits)", "a::(anonymous namespace)::f"},
      {"A::operator()(int) const", "A::operator()"},
      {"operator<(A const&, A const&)", "operator<"},
      {"A::operator new(unsigned long)", "A::operator new"},
      {"my_operator(int)", "my_operator"},
      {"typeinfo for A", "A"},
      {"plain", "plain"},
  };
  for (const auto& [whole, bare] : names) EXPECT_EQ(cpp_function_name(whole), bare);
}

TEST(OutputSymbols, OwnFunctions) {
  EXPECT_EQ(symbols_test::known_function(2), 6);
  Symbols symbols({});
  EXPECT_EQ(user_text(symbols, known_address(), SymbolForm::name), "shrike::symbols_test::known_function(int)");
  EXPECT_EQ(user_text(symbols, known_address() + 1, SymbolForm::offset), "shrike::symbols_test::known_function(int)+1");
  char self[4096];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self);
  ASSERT_GT(length, 0);
  EXPECT_EQ(user_text(symbols, known_address() + 1, SymbolForm::module),
            "shrike::symbols_test::known_function(int)+1 (" + std::string(self, static_cast<size_t>(length)) + ")");
  EXPECT_EQ(user_text(symbols, 0x10, SymbolForm::offset), "0x10");
  Symbols plain({.demangle = false});
  EXPECT_EQ(user_text(plain, known_address(), SymbolForm::name), "_ZN6shrike12symbols_test14known_functionEi");
}

TEST(OutputSymbols, SharedLibraries) {
  Symbols symbols({});
  std::string name = user_text(symbols, reinterpret_cast<uint64_t>(&getppid), SymbolForm::name);
  EXPECT_EQ(name, "getppid");
}

TEST(OutputSymbols, ARememberedProcessKeepsItsNames) {
  pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  Symbols symbols({});
  symbols.remember_process(static_cast<uint32_t>(child));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_EQ(user_text(symbols, known_address(), SymbolForm::name, child), "shrike::symbols_test::known_function(int)");
  Symbols too_late({});
  EXPECT_EQ(user_text(too_late, known_address(), SymbolForm::name, child).substr(0, 2), "0x");
}

TEST(OutputSymbols, AProcessThatWasThereBeforeKeepsItsNames) {
  pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  if (!MappingWatch().is_watching()) GTEST_SKIP() << "this user may not watch the system's processes";
  Symbols symbols({});
  symbols.watch_processes();
  symbols.wait_for_present_processes();
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_EQ(user_text(symbols, known_address(), SymbolForm::name, child), "shrike::symbols_test::known_function(int)");
}

TEST(OutputSymbols, AWatchedProcessNeedNotBeSeenAlive) {
  MappingWatch watch;
  if (!watch.is_watching()) GTEST_SKIP() << "this user may not watch the system's processes";
  uint64_t* shared = static_cast<uint64_t*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  pid_t child = fork();
  if (child == 0) {
    int fd = open("/proc/self/exe", O_RDONLY);
    shared[0] = reinterpret_cast<uint64_t>(mmap(nullptr, 8192, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 4096));
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  struct stat status;
  ASSERT_EQ(stat("/proc/self/exe", &status), 0);
  Mapping mapping;
  ASSERT_TRUE(watch.find(static_cast<uint32_t>(child), shared[0] + 5000, mapping));
  EXPECT_EQ(mapping.begin, shared[0]);
  EXPECT_EQ(mapping.end, shared[0] + 8192);
  EXPECT_EQ(mapping.offset, 4096u);
  EXPECT_EQ(mapping.file.inode, status.st_ino);
  EXPECT_FALSE(watch.find(static_cast<uint32_t>(child), 0x1000, mapping));
  EXPECT_EQ(watch.parent_of(static_cast<uint32_t>(child)), static_cast<uint32_t>(getpid()));
  munmap(shared, 4096);
}

TEST(OutputSymbols, AForkedProcessHasItsParentsNames) {
  Symbols symbols({});
  symbols.watch_processes();
  if (!MappingWatch().is_watching()) GTEST_SKIP() << "this user may not watch the system's processes";
  pid_t child = fork();
  if (child == 0) _exit(0);
  waitpid(child, nullptr, 0);
  EXPECT_EQ(user_text(symbols, known_address(), SymbolForm::name, child), "shrike::symbols_test::known_function(int)");
}

TEST(OutputSymbols, Users) {
  char path[] = "/tmp/shrike_passwd_XXXXXX";
  int fd = mkstemp(path);
  ASSERT_GE(fd, 0);
  dprintf(fd, "root:x:0:0::/:/bin/sh\nbad line\nann:x:1000:1000:A,,,:/:/bin/sh\ntwin:x:1000:1:::\n");
  close(fd);
  HostNames names(path);
  std::string out;
  for (uint64_t uid : {0, 1000, 1001}) names.append_user(out, uid), out.push_back(' ');
  unlink(path);
  EXPECT_EQ(out, "root ann 1001 ");
}

TEST(OutputSymbols, ControlGroups) {
  HostNames names;
  std::string none, all, filtered;
  names.append_cgroup(none, UINT64_MAX, "");
  EXPECT_EQ(none, "");
  struct stat status;
  const char* root = "/sys/fs/cgroup/unified";
  std::string prefix = "unified:/";
  if (stat(root, &status) != 0 && stat("/sys/fs/cgroup/cgroup.procs", &status) == 0) root = "/sys/fs/cgroup";
  if (stat(root, &status) != 0) GTEST_SKIP() << "no version 2 control groups here";
  names.append_cgroup(all, status.st_ino, "");
  EXPECT_EQ(all.substr(0, prefix.size()), prefix);
  names.append_cgroup(filtered, status.st_ino, "uni*");
  EXPECT_EQ(filtered, "unified:/");
}

// Its file is opened while the process ends, at any moment between two questions.
TEST(OutputSymbols, AProcessThatIsEnding) {
  for (int round = 0; round < 400; round++) {
    int go[2];
    ASSERT_EQ(pipe2(go, O_CLOEXEC), 0);
    const pid_t pid = fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      char byte = 0;
      close(go[1]);
      _exit(read(go[0], &byte, 1) == 0 ? 0 : 1);
    }
    close(go[0]);
    Symbols symbols{SymbolOptions{}};
    symbols.remember_process(static_cast<uint32_t>(pid));
    close(go[1]);
    for (volatile int wait = 0; wait < round * 100;) wait = wait + 1;
    EXPECT_EQ(user_text(symbols, known_address(), SymbolForm::name, pid), "shrike::symbols_test::known_function(int)") << round;
    waitpid(pid, nullptr, 0);
  }
}

}  // namespace
}  // namespace shrike
