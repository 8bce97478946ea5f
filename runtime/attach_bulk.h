// Programs that have many places: one link of the kernel's attaches all of a file's uprobes (Linux 6.6) or all kprobes
// (5.18), where single events take a few system calls and a wait each.
//
// A program must be loaded for it, so what is attached in bulk is decided before loading. Nothing is asked of the kernel
// beforehand: one that refuses the link gets the program again, for single events.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "backend-bpf/object.h"
#include "runtime/attach.h"

namespace shrike {

// For each program of `object` what it is to be loaded for (BPF_TRACE_*_MULTI); 0: single events.
// `hidden`: names of kernel features (bulk_features) to do without, separated by commas.
std::vector<uint32_t> bulk_attach_types(const bpf::Object& object, uint32_t pid, std::string_view hidden);

// Attaches all `probes`, whose program is loaded for it. False, with nothing attached, if the kernel refuses any.
bool attach_bulk(const std::vector<const mir::AttachPoint*>& probes, int program, const AttachContext& context, Links& links);

// A program joined of a kprobe's and a kretprobe's (kprobe_pairs.h) is loaded for this and attached to the places of the kprobe.
// False, with nothing attached, if the kernel refuses any.
constexpr uint32_t session_attach_type = 56;  // BPF_TRACE_KPROBE_SESSION
bool attach_session(const std::vector<const mir::AttachPoint*>& entries, int program, Links& links);

// What --no-feature may name, and whether this kernel has it: found out by asking it.
std::span<const std::string_view> bulk_features();
bool has_bulk_link(std::string_view feature);
bool is_feature_hidden(std::string_view name, std::string_view hidden);
bool is_in_module(const mir::AttachPoint& probe);

}  // namespace shrike
