// What a command line asks for, done: the whole program behind main.
#pragma once

#include "runtime/messages.h"
#include "runtime/options.h"
#include "runtime/start_clock.h"

namespace shrike {

// The exit status. Messages are left for the caller to show.
int run(const Options& options, Messages& messages, StartClock& clock);

}  // namespace shrike
