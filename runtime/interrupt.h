// SIGINT and SIGTERM as a descriptor. The first asks for an orderly end; the second ends the process at once, even
// while it is stuck in a write. The kernel then detaches what was attached.
#pragma once

namespace shrike {

// Installs the handlers, the first time. Gives the descriptor that becomes readable at the first signal, or -1.
int catch_interrupts();
bool is_interrupted();
// Catches SIGUSR1 from then on. Gives the descriptor that becomes readable at each, where an 8-byte count of them stands.
int catch_user_signal();
// A closed stdout is an error of write, not a death without results.
void ignore_closed_pipes();

}  // namespace shrike
