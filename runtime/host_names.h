// Names the machine has for numbers: users (from /etc/passwd, read directly because a static binary has no NSS) and
// control groups (directories whose inode is the group's id). Each is read when first asked for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace shrike {

class HostNames {
 public:
  explicit HostNames(std::string passwd_path = "/etc/passwd") : passwd_path_(std::move(passwd_path)) {}

  // The user's name; the number if there is none.
  void append_user(std::string& out, uint64_t uid);
  // `unified:/a/b,cpu:/a` for every hierarchy that has the group and whose name matches `filter` (wildcards; empty: all).
  void append_cgroup(std::string& out, uint64_t id, std::string_view filter);

 private:
  struct Hierarchy {
    std::string name;  // controllers; "unified" for version 2
    std::string mount;
  };
  struct GroupPath {
    std::string hierarchy, path;
  };
  void read_users();
  void read_hierarchies();

  std::string passwd_path_;
  bool has_users_ = false, has_hierarchies_ = false;
  std::unordered_map<uint64_t, std::string> users_;
  std::vector<Hierarchy> hierarchies_;
  std::unordered_map<uint64_t, std::vector<GroupPath>> groups_;
};

}  // namespace shrike
