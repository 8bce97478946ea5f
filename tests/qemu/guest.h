// A kernel booted in QEMU with an initial file system of our making, that runs a list of cases and tells what came of each.
// Needs qemu-system-x86_64 and a static busybox; KVM is not asked for, so that it runs inside any virtual machine. The guest's
// side is the script `init`. Judging the results is left to the caller.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/process.h"

namespace shrike::testing {

// A cpio archive in the form that Linux unpacks at boot.
class Initramfs {
 public:
  void add_folder(const std::string& path);
  void add_file(const std::string& path, std::string_view bytes, bool executable = false);
  void add_link(const std::string& path, const std::string& target);
  // A file of this machine under the same path, or another; false if it cannot be read.
  bool add_copy(const std::string& source, const std::string& path = {});
  std::string archive() const;

 private:
  void add_parents(const std::string& path);
  void add(const std::string& path, unsigned mode, std::string_view bytes);

  std::map<std::string, bool> folders_;
  std::string bytes_;
  unsigned entries_ = 0;
};

struct GuestCase {
  std::string name;     // no spaces
  std::string command;  // for sh
};

struct GuestRun {
  std::map<std::string, Result> results;  // by the case's name; the cases after a crash are absent
  std::map<std::string, double> seconds;  // that each took
  bool ended = false;                     // the guest came to the end of its list
  std::string console;                    // kernel messages
};

struct GuestFile {
  std::string path;  // in the guest
  std::string bytes;
  bool executable = false;
};

// The newest kernel of a series such as 6.12 that is in build/kernels; empty, and said on stderr, if there is none.
std::string kernel_of(const std::string& series);
std::string image_of(const std::string& version);
// The folder of a kernel's image, with a slash at its end, and the modules in it, which the guest has in /modules.
std::string folder_of(const std::string& image);
std::vector<std::string> modules_beside(const std::string& image);
// `Linux_6_12`, the name of a parametrised test.
std::string name_of_series(const ::testing::TestParamInfo<const char*>& kernel);

// A program of this machine for the guest, with the libraries it asks for.
std::vector<GuestFile> program_with_libraries(const std::string& path);

// Boots `kernel` with shrike and the workload of this build, and `files`, and runs the cases one after the other.
GuestRun run_in_guest(const std::string& kernel, const std::vector<GuestCase>& cases, int timeout_ms,
                      const std::vector<GuestFile>& files = {});

// `'it'\''s'`
std::string shell_quoted(std::string_view text);

}  // namespace shrike::testing
