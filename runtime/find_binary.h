// Names of programs and libraries to paths: what a user writes in `uprobe:bash:readline`, `uprobe:libc:malloc`, -c ls.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace shrike {

// A program by path or through PATH; empty if there is none that can be executed.
std::string find_executable(std::string_view name);

// A library by name: "c", "libc", "libc.so.6"; from the loader's cache, then the usual directories. Empty if not found.
std::string find_library(std::string_view name);

// The files that the first part of a uprobe means: a path, a glob over paths, a member of an archive ("x.apk!/lib/y.so", which
// is not looked for before it is read), a program in PATH, a library. A glob without
// a slash is one over the libraries that the loader knows if it starts with `lib`, else over the programs in PATH. Links are
// followed, so that one file has one name.
std::vector<std::string> find_binaries(std::string_view name);
// What process `pid` finds at an absolute path: the path, or one below /proc/PID/root if its mounts lead elsewhere than ours.
std::string path_seen_by(uint64_t pid, const std::string& path);

}  // namespace shrike
