// Parses /etc/passwd and mountinfo; walks cgroup file systems for an inode number.
#include "runtime/host_names.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "runtime/files.h"
#include "runtime/value_text.h"

namespace shrike {

namespace {

// Calls `visit` with each line of `text`, without its newline.
template <class Visit>
void for_each_line(std::string_view text, Visit visit) {
  for (size_t at = 0; at < text.size();) {
    size_t stop = std::min(text.find('\n', at), text.size());
    visit(text.substr(at, stop - at));
    at = stop + 1;
  }
}

std::string_view field_of(std::string_view line, size_t index, char separator) {
  for (; index > 0; index--) {
    size_t at = line.find(separator);
    if (at == std::string_view::npos) return {};
    line.remove_prefix(at + 1);
  }
  return line.substr(0, line.find(separator));
}

// Depth first below the open directory, which is closed. `path` is relative to the mount and grows; true once found.
bool find_directory(int fd, uint64_t inode, std::string& path) {
  DIR* directory = fdopendir(fd);
  if (directory == nullptr) {
    close(fd);
    return false;
  }
  bool is_found = false;
  while (dirent* entry = is_found ? nullptr : readdir(directory)) {
    std::string_view name = entry->d_name;
    if (entry->d_type != DT_DIR || name == "." || name == "..") continue;
    size_t length = path.size();
    path.append("/").append(name);
    struct stat status;
    if (fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_ino == inode) {
      is_found = true;
      break;
    }
    int inner = openat(dirfd(directory), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    is_found = inner >= 0 && find_directory(inner, inode, path);
    if (!is_found) path.resize(length);
  }
  closedir(directory);
  return is_found;
}

}  // namespace

void HostNames::read_users() {
  has_users_ = true;
  std::string text = read_file(passwd_path_.c_str()).text;
  for_each_line(text, [&](std::string_view line) {
    std::string_view number = field_of(line, 2, ':');
    uint64_t uid = 0;
    auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), uid);
    if (error == std::errc() && end == number.data() + number.size()) users_.try_emplace(uid, field_of(line, 0, ':'));
  });
}

void HostNames::append_user(std::string& out, uint64_t uid) {
  if (!has_users_) read_users();
  auto found = users_.find(uid);
  if (found != users_.end()) {
    out.append(found->second);
  } else {
    append_decimal(out, uid, false);
  }
}

// Lines of mountinfo end in ` - type source options`; a version 1 hierarchy is named by its mount directory, as its
// controllers are among many options.
void HostNames::read_hierarchies() {
  has_hierarchies_ = true;
  std::string text = read_file("/proc/self/mountinfo").text;
  for_each_line(text, [&](std::string_view line) {
    size_t dash = line.find(" - ");
    if (dash == std::string_view::npos) return;
    std::string_view type = field_of(line.substr(dash + 3), 0, ' ');
    std::string mount(field_of(line, 4, ' '));
    if (type == "cgroup2") {
      hierarchies_.insert(hierarchies_.begin(), {"unified", mount});
    } else if (type == "cgroup") {
      hierarchies_.push_back({mount.substr(mount.rfind('/') + 1), mount});
    }
  });
  auto version_1 = std::find_if(hierarchies_.begin(), hierarchies_.end(), [](const Hierarchy& h) { return h.name != "unified"; });
  std::sort(version_1, hierarchies_.end(), [](const Hierarchy& a, const Hierarchy& b) { return a.name < b.name; });
}

void HostNames::append_cgroup(std::string& out, uint64_t id, std::string_view filter) {
  if (!has_hierarchies_) read_hierarchies();
  auto [found, is_new] = groups_.try_emplace(id);
  if (is_new) {
    for (const Hierarchy& hierarchy : hierarchies_) {
      struct stat status;
      int fd = open(hierarchy.mount.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      if (fd < 0) continue;
      std::string path;
      if (fstat(fd, &status) == 0 && status.st_ino == id) {
        found->second.push_back({hierarchy.name, "/"});
        close(fd);
      } else if (find_directory(fd, id, path)) {
        found->second.push_back({hierarchy.name, path});
      }
    }
  }
  std::string pattern(filter);
  bool is_first = true;
  for (const GroupPath& group : found->second) {
    if (!pattern.empty() && fnmatch(pattern.c_str(), group.hierarchy.c_str(), 0) != 0) continue;
    if (!is_first) out.push_back(',');
    is_first = false;
    out.append(group.hierarchy).append(":").append(group.path);
  }
}

}  // namespace shrike
