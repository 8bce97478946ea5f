// Where the instructions of a BPF object file come from: the line records of .BTF.ext, whose texts become files of the
// SourceMap, so that messages about C read like those about scripts.
#pragma once

#include <map>
#include <vector>

#include "mir/base/source.h"
#include "runtime/object_file.h"

namespace shrike {

// By the first instruction of each piece.
std::map<InsnPlace, Span> read_object_lines(const ObjectFile& file, SourceMap& sources);

}  // namespace shrike
