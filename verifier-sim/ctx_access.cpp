// Sizes are those of x86-64: struct pt_regs has 168 bytes; a perf_event context adds two 64-bit fields.
#include "verifier-sim/ctx_access.h"

#include "verifier-sim/packet_access.h"

namespace shrike::sim {
namespace {

constexpr int64_t pt_regs_size = 168;
constexpr int64_t perf_event_size = pt_regs_size + 16;
constexpr int64_t raw_arguments_size = 12 * 8;
constexpr int64_t event_record_limit = 8192;

}  // namespace

std::optional<bool> may_access_ctx(const Profile& profile, ProgramType type, int64_t offset, unsigned size, bool writes) {
  if (type == ProgramType::kprobe && writes && profile.version >= Version{6, 18}) return std::nullopt;
  if (type == ProgramType::socket_filter) return may_access_packet_ctx(profile, offset, size, writes);
  bool aligned = offset % size == 0;
  // The kernel's test of an event's offset is unsigned and lets negative ones pass.
  if (type == ProgramType::tracepoint && !writes && offset < 0) return aligned;
  if (writes || offset < 0) return false;
  switch (type) {
    case ProgramType::kprobe: return offset + size <= pt_regs_size && aligned;
    case ProgramType::tracepoint: return offset >= 8 && offset + size <= event_record_limit && aligned;
    case ProgramType::perf_event:
      if (offset >= perf_event_size || !aligned) return false;
      if (offset < pt_regs_size) return size == 8;
      if (offset % 8 == 0) return true;
      return std::nullopt;
    case ProgramType::raw_tracepoint: return offset < raw_arguments_size && aligned;
    case ProgramType::tracing:
      if (offset >= raw_arguments_size || !aligned) return false;
      return true;  // what is there is the function's affair: object_access
    default: return std::nullopt;
  }
}

}  // namespace shrike::sim
