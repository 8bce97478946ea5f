// Packs the initial file system, starts QEMU and reads the results off its second serial port; see guest.h.
#include "tests/qemu/guest.h"

#include <dirent.h>
#include <gtest/gtest.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/judged_loads.h"

namespace shrike::testing {

void Initramfs::add(const std::string& path, unsigned mode, std::string_view bytes) {
  const std::string name = path.starts_with('/') ? path.substr(1) : path;
  char header[111];
  snprintf(header, sizeof header, "070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X", ++entries_, mode, 0u, 0u, 1u,
           0u, bytes.size(), 0u, 0u, 0u, 0u, name.size() + 1, 0u);
  const auto pad = [&] { bytes_.append((4 - bytes_.size() % 4) % 4, '\0'); };
  bytes_ += header;
  bytes_ += name;
  bytes_ += '\0';
  pad();
  bytes_ += bytes;
  pad();
}

void Initramfs::add_folder(const std::string& path) {
  if (path.empty() || path == "/" || folders_[path]) return;
  folders_[path] = true;
  add_parents(path);
  add(path, 0040755, {});
}

void Initramfs::add_parents(const std::string& path) {
  if (const size_t slash = path.rfind('/'); slash != std::string::npos) add_folder(path.substr(0, slash));
}

void Initramfs::add_file(const std::string& path, std::string_view bytes, bool executable) {
  add_parents(path);
  add(path, executable ? 0100755 : 0100644, bytes);
}

void Initramfs::add_link(const std::string& path, const std::string& target) {
  add_parents(path);
  add(path, 0120777, target);
}

bool Initramfs::add_copy(const std::string& source, const std::string& path) {
  const std::string bytes = read_file(source);
  if (bytes.empty()) return false;
  add_file(path.empty() ? source : path, bytes, true);
  return true;
}

std::string Initramfs::archive() const {
  Initramfs whole = *this;
  whole.add("TRAILER!!!", 0, {});
  return whole.bytes_;
}

std::string shell_quoted(std::string_view text) {
  return "'" + replace_all(std::string(text), "'", "'\\''") + "'";
}

namespace {

// no_timer_check: on a busy machine the emulated timer may seem to stand still while the kernel tries it.
constexpr const char* kernel_parameters =
    "console=ttyS0 panic=-1 quiet mitigations=off preempt=full rcupdate.rcu_expedited=1 no_timer_check";

const char* const kernels_folder = SHRIKE_SOURCE_DIR "/build/kernels/";

// The shared libraries that a program asks for, as ldd tells them.
std::vector<std::string> libraries_of(const std::string& program) {
  std::vector<std::string> paths;
  for (const std::string& line : split_lines(run({"ldd", program}, {}, 10000).out)) {
    const size_t first = line.find('/');
    if (first != std::string::npos) paths.push_back(line.substr(first, line.find(' ', first) - first));
  }
  return paths;
}

// Where the guest's loader finds it: what the build made may lie below a folder that the guest mounts something on.
std::string place_of(const std::string& library) {
  const bool is_of_system = library.starts_with("/lib") || library.starts_with("/usr/lib");
  return is_of_system ? library : "/lib/x86_64-linux-gnu/" + library.substr(library.rfind('/') + 1);
}

Initramfs file_system(const std::vector<GuestCase>& cases) {
  Initramfs files;
  for (const char* folder : {"/proc", "/sys", "/dev", "/tmp", "/root", "/cases"}) files.add_folder(folder);
  files.add_file("/init", read_file(SHRIKE_SOURCE_DIR "/tests/qemu/init"), true);
  EXPECT_TRUE(files.add_copy("/bin/busybox")) << "scripts/install-test-deps installs it";
  for (const char* tool : {"sh", "cat", "echo", "hexdump", "insmod", "ip", "kill", "losetup", "mount", "poweroff", "sleep",
                           "stty", "timeout", "touch", "true", "wc"}) {
    files.add_link(std::string("/bin/") + tool, "busybox");
  }
  EXPECT_TRUE(files.add_copy(shrike_binary(), "/bin/shrike"));
  EXPECT_TRUE(files.add_copy(SHRIKE_WORKLOAD, "/bin/workload"));
  EXPECT_TRUE(files.add_copy(SHRIKE_DEBUGGED, "/bin/debugged"));
  for (const char* program : {SHRIKE_WORKLOAD, SHRIKE_DEBUGGED})
    for (const std::string& library : libraries_of(program)) EXPECT_TRUE(files.add_copy(library, place_of(library))) << library;
  files.add_file("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
  for (size_t i = 0; i < cases.size(); ++i) {
    char order[24];
    snprintf(order, sizeof order, "%04zu-", i);
    files.add_file("/cases/" + (order + cases[i].name), cases[i].command + "\n");
  }
  return files;
}

void read_results(std::string_view text, GuestRun* run) {
  while (text.starts_with("=== ")) {
    char name[256];
    int status = 0;
    size_t out_size = 0;
    size_t err_size = 0;
    double started = 0;
    double ended = 0;
    const size_t line_end = text.find('\n');
    if (line_end == std::string_view::npos) return;
    const std::string line(text.substr(0, line_end));
    if (sscanf(line.c_str(), "=== %255s %d %zu %zu %lf %lf", name, &status, &out_size, &err_size, &started, &ended) != 6) return;
    text.remove_prefix(line_end + 1);
    if (text.size() < out_size + err_size) return;  // cut by a crash
    if (std::string_view(name) == "end") {
      run->ended = true;
      return;
    }
    Result& result = run->results[name];
    run->seconds[name] = ended - started;
    result.status = status;
    result.timed_out = status == 137 || status == 143;  // killed by the guest's timeout
    result.out = std::string(text.substr(0, out_size));
    result.err = std::string(text.substr(out_size, err_size));
    text.remove_prefix(out_size + err_size);
  }
}

}  // namespace

std::string kernel_of(const std::string& series) {
  std::string found;
  DIR* const folder = opendir(kernels_folder);
  while (const dirent* entry = folder ? readdir(folder) : nullptr) {
    const std::string name = entry->d_name;
    if (name.starts_with(series + ".") && access(image_of(name).c_str(), R_OK) == 0) found = name;
  }
  if (folder) closedir(folder);
  if (found.empty())
    fprintf(stderr, "SKIPPED, not passed: no Linux %s in %s; tests/qemu/fetch-kernels gets it\n", series.c_str(), kernels_folder);
  return found;
}

std::string image_of(const std::string& version) {
  return kernels_folder + version + "/vmlinuz";
}

std::string folder_of(const std::string& image) {
  return image.substr(0, image.rfind('/') + 1);
}

std::vector<std::string> modules_beside(const std::string& image) {
  std::vector<std::string> names;
  DIR* const folder = opendir(folder_of(image).c_str());
  while (const dirent* entry = folder ? readdir(folder) : nullptr)
    if (std::string_view(entry->d_name).ends_with(".ko")) names.emplace_back(entry->d_name);
  if (folder) closedir(folder);
  return names;
}

std::string name_of_series(const ::testing::TestParamInfo<const char*>& kernel) {
  return "Linux_" + replace_all(kernel.param, ".", "_");
}

std::vector<GuestFile> program_with_libraries(const std::string& path) {
  std::vector<GuestFile> files = {{path, read_file(path), true}};
  for (const std::string& library : libraries_of(path)) files.push_back({library, read_file(library), true});
  return files;
}

GuestRun run_in_guest(const std::string& kernel, const std::vector<GuestCase>& cases, int timeout_ms,
                      const std::vector<GuestFile>& files) {
  GuestRun guest;
  Initramfs file_tree = file_system(cases);
  for (const GuestFile& file : files) file_tree.add_file(file.path, file.bytes, file.executable);
  for (const std::string& name : modules_beside(kernel)) file_tree.add_copy(folder_of(kernel) + name, "/modules/" + name);
  const TemporaryFile archive(file_tree.archive());
  const TemporaryFile results("");
  // Both processors in one thread: emulated side by side, one may go on with code that the other has just patched (tracepoints
  // are switched on in running code), and the kernel dies of a breakpoint that is no longer there.
  const Result qemu = run({"qemu-system-x86_64",
                           "-accel",
                           "tcg,thread=single",
                           "-cpu",
                           "max",
                           "-smp",
                           "2",
                           "-m",
                           "1G",
                           "-display",
                           "none",
                           "-no-reboot",
                           "-nic",
                           "none",
                           "-kernel",
                           kernel,
                           "-initrd",
                           archive.path(),
                           "-append",
                           kernel_parameters,
                           "-serial",
                           "stdio",
                           "-serial",
                           "file:" + results.path()},
                          {}, timeout_ms);
  read_results(read_file(results.path()), &guest);
  expect_agreement(guest.results["judged"].out);
  guest.console = qemu.out + qemu.err;
  if (qemu.timed_out) guest.console += "(the guest did not end in time)\n";
  return guest;
}

}  // namespace shrike::testing
