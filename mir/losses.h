// Events that programs have to give up, told to the user as those that found no room in the ring are.
#pragma once

#include "mir/build.h"

namespace shrike::mir {

// Counts one as a record of data; the slot of any CPU does, this is rare. Nothing where the module has no globals.
void count_lost(Builder& builder);

}  // namespace shrike::mir
