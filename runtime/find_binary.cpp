// Looks where the shell and the dynamic loader would look.
#include "runtime/find_binary.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "runtime/files.h"
#include "runtime/glob.h"
#include "runtime/privileges.h"

namespace shrike {

namespace {

bool is_regular_file(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

std::string real_path(const std::string& path) {
  char resolved[PATH_MAX];
  return realpath(path.c_str(), resolved) != nullptr ? resolved : path;
}

// "libc.so.6" for c, libc, libc.so and libc.so.6.
bool names_library(std::string_view soname, std::string_view name) {
  if (soname == name) return true;
  std::string stem = name.starts_with("lib") ? std::string(name) : "lib" + std::string(name);
  if (stem.find(".so") == std::string::npos) stem += ".so";
  return soname.starts_with(stem) && (soname.size() == stem.size() || soname[stem.size()] == '.');
}

// /etc/ld.so.cache, new format (the only one glibc writes since 2.32; before, it followed the old one in the same file):
// 20 bytes of magic, u32 entries, u32 string bytes, 5 u32, then entries {i32 flags, u32 name, u32 path, u32 os, u64 hwcap}.
// Strings are offsets from the magic. Calls `take` with the name and path of each library that this machine's programs can
// load, until it says false.
template <class Take>
void each_cached_library(Take take) {
  constexpr std::string_view magic = "glibc-ld.so.cache1.1";
  constexpr size_t header_bytes = 48, entry_bytes = 24;
  constexpr uint32_t elf_libc6 = 3, abi_mask = 0xff00, abi_x86_64 = 0x0300;
  std::string text = read_file("/etc/ld.so.cache").text;
  size_t start = text.find(magic);
  if (start == std::string::npos) return;
  std::string_view cache = std::string_view(text).substr(start);
  auto word = [&](size_t at) {
    uint32_t value = 0;
    if (at + 4 <= cache.size()) memcpy(&value, cache.data() + at, 4);
    return value;
  };
  auto string = [&](uint32_t at) { return at < cache.size() ? std::string_view(cache.data() + at) : std::string_view(); };
  uint32_t entries = word(magic.size());
  for (uint32_t i = 0; i < entries && header_bytes + (i + 1) * entry_bytes <= cache.size(); i++) {
    size_t at = header_bytes + i * entry_bytes;
    uint32_t flags = word(at);
#ifdef __x86_64__
    if ((flags & 0xff) != elf_libc6 || (flags & abi_mask) != abi_x86_64) continue;
#else
    if ((flags & 0xff) != elf_libc6) continue;
#endif
    if (!take(string(word(at + 4)), string(word(at + 8)))) return;
  }
}

std::string find_in_loader_cache(std::string_view name) {
  std::string found;
  each_cached_library([&](std::string_view soname, std::string_view path) {
    if (names_library(soname, name)) found = path;
    return found.empty();
  });
  return found;
}

// Calls `take` with each directory of PATH, until it says false.
template <class Take>
void each_program_directory(Take take) {
  const char* variable = getenv("PATH");
  std::string_view directories = variable != nullptr ? variable : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  while (!directories.empty()) {
    size_t colon = directories.find(':');
    std::string directory(directories.substr(0, colon));
    directories.remove_prefix(colon == std::string_view::npos ? directories.size() : colon + 1);
    if (!take(directory.empty() ? "." : directory)) return;
  }
}

// Links to one file would have it probed several times.
std::vector<std::string> distinct(std::vector<std::string> paths) {
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  return paths;
}

void add_regular_files(const std::string& pattern, bool is_executable, std::vector<std::string>& out) {
  glob_t found{};
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    for (size_t i = 0; i < found.gl_pathc; i++)
      if (is_regular_file(found.gl_pathv[i]) && (!is_executable || may_access(AT_FDCWD, found.gl_pathv[i], X_OK)))
        out.push_back(real_path(found.gl_pathv[i]));
  }
  globfree(&found);
}

// `libss*` means libssl.so.3, by its name up to `.so` or all of it.
std::vector<std::string> find_libraries(std::string_view pattern) {
  Glob glob(pattern);
  std::vector<std::string> out;
  each_cached_library([&](std::string_view soname, std::string_view path) {
    bool is_wanted = glob.matches(soname) || glob.matches(soname.substr(0, soname.find(".so")));
    if (is_wanted && is_regular_file(std::string(path))) out.push_back(real_path(std::string(path)));
    return true;
  });
  return distinct(std::move(out));
}

std::vector<std::string> find_executables(std::string_view pattern) {
  std::vector<std::string> out;
  each_program_directory([&](const std::string& directory) {
    add_regular_files(directory + "/" + std::string(pattern), true, out);
    return true;
  });
  return distinct(std::move(out));
}

}  // namespace

std::string find_executable(std::string_view name) {
  std::string path(name);
  if (name.find('/') != std::string_view::npos) return is_regular_file(path) && may_access(AT_FDCWD, path, X_OK) ? path : "";
  std::string found;
  each_program_directory([&](const std::string& directory) {
    std::string candidate = directory + "/" + path;
    if (is_regular_file(candidate) && may_access(AT_FDCWD, candidate, X_OK)) found = std::move(candidate);
    return found.empty();
  });
  return found;
}

std::string find_library(std::string_view name) {
  std::string cached = find_in_loader_cache(name);
  if (!cached.empty()) return cached;
  std::string stem = name.starts_with("lib") ? std::string(name) : "lib" + std::string(name);
  if (stem.find(".so") == std::string::npos) stem += ".so";
  for (const char* directory : {"/lib/x86_64-linux-gnu/", "/usr/lib/x86_64-linux-gnu/", "/lib/aarch64-linux-gnu/", "/lib64/",
                                "/usr/lib64/", "/lib/", "/usr/lib/", "/usr/local/lib/"}) {
    glob_t found{};
    std::string path;
    if (::glob((directory + stem + "*").c_str(), 0, nullptr, &found) == 0 && found.gl_pathc > 0) path = found.gl_pathv[0];
    globfree(&found);
    if (!path.empty() && is_regular_file(path)) return path;
  }
  return {};
}

std::vector<std::string> find_binaries(std::string_view name) {
  std::vector<std::string> out;
  bool is_path = name.find('/') != std::string_view::npos;
  if (is_path && is_glob(name)) {
    add_regular_files(std::string(name), false, out);
    return distinct(std::move(out));
  }
  if (is_glob(name)) return name.starts_with("lib") ? find_libraries(name) : find_executables(name);
  std::string path(name);
  if (is_path) {
    size_t member = name.find("!/");
    if (is_regular_file(path)) out.push_back(real_path(path));
    else if (member != std::string_view::npos && is_regular_file(path.substr(0, member)))
      out.push_back(real_path(path.substr(0, member)) + path.substr(member));
    return out;
  }
  path = find_executable(name);
  if (path.empty()) path = find_library(name);
  if (!path.empty()) out.push_back(real_path(path));
  return out;
}

std::string path_seen_by(uint64_t pid, const std::string& path) {
  std::string rooted = "/proc/" + std::to_string(pid) + "/root" + path;
  struct stat ours{}, theirs{};
  if (stat(rooted.c_str(), &theirs) != 0) return path;
  bool is_same = stat(path.c_str(), &ours) == 0 && ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
  return is_same ? path : rooted;
}

}  // namespace shrike
