// The kernels known by default: a file each in kernels/, which says in what it differs from the next newer one. The build
// lists the files (kernel_files.inc), so that to add a kernel is to add a file. Differences are measured (tests/verdicts) or
// taken from the version matrix of docs/verifier.md; where a date of a deduction is in doubt the older, weaker behaviour is
// chosen: a false reject is a nuisance, a false accept a lie.
#include <algorithm>

#include "verifier-sim/profile.h"

namespace shrike::sim {
namespace {

struct KernelRow {
  std::string_view name;
  Version version;
  std::string_view newer;  // the kernel that this one is told by; empty: by the defaults of Profile
  void (*differs)(Profile& p);
};

constexpr KernelRow rows[] = {
#define KERNEL(name, major, minor, newer, ...) {name, {major, minor}, newer, []([[maybe_unused]] Profile& p) { __VA_ARGS__ }},
#include "verifier-sim/kernel_files.inc"
#undef KERNEL
};

constexpr const KernelRow* row_named(std::string_view name) {
  for (const KernelRow& row : rows) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

// Every chain of newer kernels ends at the defaults.
static_assert(std::all_of(std::begin(rows), std::end(rows), [](const KernelRow& row) {
  const KernelRow* newer = row_named(row.newer);
  return row.newer.empty() || (newer != nullptr && newer->version > row.version);
}));

Profile profile_of(const KernelRow& row) {
  Profile p;
  if (const KernelRow* newer = row_named(row.newer)) p = profile_of(*newer);
  row.differs(p);
  p.name = row.name;
  p.version = row.version;
  return p;
}

}  // namespace

Profile profile_6_1() {
  return *find_profile("6.1");
}
Profile profile_6_12() {
  return *find_profile("6.12");
}
Profile profile_6_18() {
  return *find_profile("6.18");
}

std::vector<Profile> all_profiles() {
  std::vector<Profile> all;
  for (const KernelRow& row : rows) all.push_back(profile_of(row));
  std::sort(all.begin(), all.end(), [](const Profile& a, const Profile& b) { return a.version < b.version; });
  return all;
}

std::optional<Profile> find_profile(std::string_view name) {
  const KernelRow* row = row_named(name);
  return row == nullptr ? std::nullopt : std::optional(profile_of(*row));
}

}  // namespace shrike::sim
