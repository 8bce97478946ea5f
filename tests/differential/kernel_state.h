// All that programs leave behind in the kernel, as text to compare: every entry of every map, every record of the ring.
#pragma once

#include <string>

#include "mir/interface.h"
#include "tests/backend/kernel_fixture.h"

namespace shrike::test {

std::string kernel_state(const LoadedObject& loaded, const Table<mir::MapId, mir::MapDecl>& maps);

// Keeps this thread on one processor, so that two runs use the same part of per-CPU maps.
void stay_on_one_cpu();

}  // namespace shrike::test
