// Folders are listed once, when a script turns out to include something.
#include "runtime/header_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>

#include "runtime/files.h"
#include "runtime/privileges.h"

namespace shrike {

namespace {

std::string environment(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? "" : value;
}

bool is_folder(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

std::optional<HeaderFile> read_header(const std::string& path, Origin origin, size_t place) {
  Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status{};
  if (!fd.is_open() || fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  FileText file = read_all(fd.get(), static_cast<size_t>(status.st_size));
  if (file.error != 0) return std::nullopt;
  std::string identity = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
  return HeaderFile{path, std::move(identity), std::move(file.text), origin, place};
}

}  // namespace

void HeaderFiles::list_places() {
  if (!places_.empty()) return;
  auto add = [this](std::string folder, Origin origin) { places_.push_back({std::move(folder), origin}); };
  for (const std::string& folder : own_) add(folder, Origin::user_header);
  auto add_all = [&](const std::string& list, Origin origin) {
    for (size_t begin = 0; begin < list.size();) {
      size_t end = std::min(list.find(':', begin), list.size());
      // An empty entry is the current folder, as for a compiler.
      add(end == begin ? "." : list.substr(begin, end - begin), origin);
      begin = end + 1;
    }
  };
  add_all(environment("CPATH"), Origin::user_header);
  add_all(environment("C_INCLUDE_PATH"), Origin::system_header);

  utsname name{};
  uname(&name);
  std::string modules = std::string("/lib/modules/") + name.release;
  std::string build = environment("BPFTRACE_KERNEL_BUILD");
  std::string source = environment("BPFTRACE_KERNEL_SOURCE");
  if (build.empty()) build = source.empty() ? modules + "/build" : source;
  if (source.empty()) source = is_folder(modules + "/source") && build == modules + "/build" ? modules + "/source" : build;
  std::vector<std::string> roots = {source};
  if (build != source) roots.push_back(build);
  for (const std::string& root : roots) {
    if (!is_folder(root)) continue;
    for (const char* folder : {"/arch/x86/include", "/arch/x86/include/generated", "/include", "/arch/x86/include/uapi",
                               "/arch/x86/include/generated/uapi", "/include/uapi", "/include/generated/uapi"})
      if (is_folder(root + folder)) add(root + folder, Origin::kernel_header);
  }
  for (const char* folder : {"/usr/local/include", "/usr/include/x86_64-linux-gnu", "/usr/include"})
    add(folder, Origin::system_header);
}

std::optional<HeaderFile> HeaderFiles::find(std::string_view path, bool is_quoted, std::string_view includer, size_t after) {
  std::string name(path);
  if (path.starts_with('/')) return read_header(name, Origin::user_header, 0);
  if (is_quoted) {
    size_t slash = includer.rfind('/');
    std::string beside = slash == std::string_view::npos ? name : std::string(includer.substr(0, slash + 1)) + name;
    if (auto found = read_header(beside, Origin::user_header, 0)) return found;
  }
  list_places();
  for (size_t i = after; i < places_.size(); i++)
    if (auto found = read_header(places_[i].folder + "/" + name, places_[i].origin, i + 1)) return found;
  return std::nullopt;
}

bool HeaderFiles::has_btf() {
  std::string path = environment("BPFTRACE_BTF");
  return may_access(AT_FDCWD, path.empty() ? "/sys/kernel/btf/vmlinux" : path, R_OK);
}

}  // namespace shrike
