// Two programs are a pair if each function that has the one has the other, and none has a third: among several programs at one
// place the order of the script counts.
#include "runtime/kprobe_pairs.h"

#include <algorithm>
#include <string>
#include <unordered_map>

#include "runtime/attach_bulk.h"
#include "runtime/machine.h"

namespace shrike {

namespace {

constexpr uint32_t none = UINT32_MAX;
// A link of one function costs the kernel more than two events, and the more the more such links there are.
constexpr uint32_t fewest = 2;

struct Side {
  const mir::AttachPoint* probe = nullptr;
  uint32_t program = none;
};

struct Place {
  Side entry, exit;
};

class Pairs {
 public:
  explicit Pairs(const bpf::Object& object) : object_(object), halves_(object.programs.size()) {}

  std::vector<ProgramPair> find() {
    for (const mir::AttachPoint& probe : object_.interface.probes)
      if (probe.kind == mir::ProbeKind::kprobe || probe.kind == mir::ProbeKind::kretprobe) add(probe);
    for (const auto& [name, place] : places_) match(place);
    std::vector<ProgramPair> out;
    for (uint32_t program = 0; program < halves_.size(); program++) {
      const Half& half = halves_[program];
      if (!half.is_entry || !half.is_fit || half.other == none) continue;
      const Half& other = halves_[half.other];
      if (other.is_fit && other.other == program) out.push_back({program, half.other});
    }
    return out;
  }

 private:
  struct Half {
    uint32_t other = none;
    bool is_entry = false;
    bool is_fit = true;
    uint32_t places = 0;
  };

  void add(const mir::AttachPoint& probe) {
    uint32_t program = object_.program_of[probe.program.index];
    Half& half = halves_[program];
    half.places++;
    half.is_entry = probe.kind == mir::ProbeKind::kprobe;
    if (probe.function.empty() || probe.offset != 0) {
      half.is_fit = false;
      return;
    }
    Place& place = places_[probe.target + ":" + probe.function];
    Side& side = half.is_entry ? place.entry : place.exit;
    if (side.probe != nullptr) halves_[side.program].is_fit = half.is_fit = false;
    else side = {&probe, program};
  }

  // One cookie tells both sides which place it is.
  void match(const Place& place) {
    const Side &entry = place.entry, &exit = place.exit;
    if (entry.probe == nullptr || exit.probe == nullptr) {
      halves_[entry.probe == nullptr ? exit.program : entry.program].is_fit = false;
      return;
    }
    Half &first = halves_[entry.program], &second = halves_[exit.program];
    if (first.other == none) first.other = exit.program;
    if (second.other == none) second.other = entry.program;
    bool is_consistent = first.other == exit.program && second.other == entry.program;
    if (!is_consistent || entry.probe->cookie != exit.probe->cookie || first.places < fewest)
      first.is_fit = second.is_fit = false;
  }

  const bpf::Object& object_;
  std::vector<Half> halves_;  // by program
  std::unordered_map<std::string, Place> places_;
};

}  // namespace

std::vector<ProgramPair> find_kprobe_pairs(const bpf::Object& object, std::string_view hidden) {
  if (is_feature_hidden("kprobe_session", hidden) || running_kernel_version() < make_kernel_version(6, 10, 0)) return {};
  return Pairs(object).find();
}

}  // namespace shrike
