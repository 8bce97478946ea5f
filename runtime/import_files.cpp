// Checks and reads happen on one open descriptor, so that what was checked is what is read.
#include "runtime/import_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "runtime/files.h"

namespace shrike {

namespace {

using Problem = ImportResult::Problem;

std::string identity(const struct stat& status) {
  return std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

// Relative paths count from the importer's folder; a script from -e or standard input stands in the current one.
std::string path_from(std::string_view path, std::string_view importer) {
  size_t slash = importer.rfind('/');
  if (path.starts_with('/') || slash == std::string_view::npos) return std::string(path);
  return std::string(importer.substr(0, slash + 1)) + std::string(path);
}

ImportResult problem(Problem kind, const std::string& path, int error = 0) {
  ImportResult out;
  out.problem = kind;
  out.path = path;
  if (error != 0) out.reason = describe_errno(error);
  return out;
}

// Adds one script to `out`.
void read_script(const Fd& fd, const struct stat& status, const std::string& path, ImportResult& out) {
  FileText file = read_all(fd.get());
  if (file.error != 0) out = problem(Problem::unreadable, path, file.error);
  else out.files.push_back({path, identity(status), std::move(file.text)});
}

std::vector<std::string> scripts_in(const std::string& folder) {
  std::vector<std::string> names;
  DIR* const listing = opendir(folder.c_str());
  while (const dirent* entry = listing != nullptr ? readdir(listing) : nullptr) {
    std::string name = entry->d_name;
    if (name.ends_with(".bt")) names.push_back(std::move(name));
  }
  if (listing != nullptr) closedir(listing);
  std::sort(names.begin(), names.end());
  return names;
}

// False after a problem. A folder inside a folder is passed over: folders are not read recursively.
bool load_path(const std::string& path, bool is_inside_folder, ImportResult& out) {
  Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status{};
  if (!fd.is_open() || fstat(fd.get(), &status) != 0) {
    out = problem(Problem::unreadable, path, errno);
    return false;
  }
  bool is_folder = S_ISDIR(status.st_mode);
  if (is_folder && is_inside_folder) return true;
  if ((status.st_mode & S_IWOTH) != 0) {
    out = problem(Problem::writable_by_all, path);
    return false;
  }
  if (is_folder) {
    for (const std::string& name : scripts_in(path)) {
      std::string inside = path;
      if (!inside.ends_with('/')) inside += '/';
      inside += name;
      if (!load_path(inside, true, out)) return false;
    }
    return true;
  }
  if (!S_ISREG(status.st_mode) || !path.ends_with(".bt")) {
    out = problem(Problem::not_a_script, path);
    return false;
  }
  read_script(fd, status, path, out);
  return out.problem == Problem::none;
}

}  // namespace

std::string ImportFiles::identity_of(std::string_view script) {
  struct stat status{};
  return stat(std::string(script).c_str(), &status) == 0 ? identity(status) : std::string(script);
}

ImportResult ImportFiles::load(std::string_view path, std::string_view importer) {
  ImportResult out;
  load_path(path_from(path, importer), false, out);
  return out;
}

}  // namespace shrike
