// CO-RE: the instructions of an object that depend on where the running kernel has its fields, set right as libbpf does.
#pragma once

#include <map>

#include "mir/btf.h"
#include "runtime/object_file.h"

namespace shrike {

// By instruction: the number that goes into it. Nothing in the entry: this kernel lacks what the instruction is for. What is
// not done (bit fields, comparisons of whole types) has no entry and stays as compiled.
using Relocations = std::map<InsnPlace, std::optional<uint32_t>>;
bool has_relocations(const ObjectFile& file);
Relocations read_relocations(const ObjectFile& file, const Btf& own, const Btf& kernel);

void relocate(bpf::Insn& insn, std::optional<uint32_t> value);

}  // namespace shrike
