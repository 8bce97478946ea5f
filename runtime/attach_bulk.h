// Programs that have many places: one link of the kernel's attaches all of a file's uprobes (Linux 6.6) or all kprobes
// (5.18), where single events take a few system calls and a wait each.
//
// A program must be loaded for it, so what is attached in bulk is decided before loading. Nothing is asked of the kernel
// beforehand: one that refuses the link gets the program again, for single events.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "backend-bpf/object.h"
#include "runtime/attach.h"

namespace shrike {

// For each program of `object` what it is to be loaded for (BPF_TRACE_*_MULTI); 0: single events.
// `hidden`: names of kernel features to do without (kprobe_multi, uprobe_multi), separated by commas.
std::vector<uint32_t> bulk_attach_types(const bpf::Object& object, uint32_t pid, std::string_view hidden);

// Attaches all `probes`, whose program is loaded for it. False, with nothing attached, if the kernel refuses any.
bool attach_bulk(const std::vector<const mir::AttachPoint*>& probes, int program, const AttachContext& context, Links& links);

}  // namespace shrike
