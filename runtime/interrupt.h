// SIGINT and SIGTERM as a descriptor. The first asks for an orderly end; the second ends the process at once, even
// while it is stuck in a write. The kernel then detaches what was attached.
#pragma once

namespace shrike {

// Installs the handlers, the first time. Gives the descriptor that becomes readable at the first signal, or -1.
int catch_interrupts();
bool is_interrupted();
// A closed stdout is an error of write, not a death without results.
void ignore_closed_pipes();

}  // namespace shrike
