// The part of `debugged` that is a shared library, and whose static probe has a semaphore: the header wants one for every probe
// of a file, or for none.
#define _SDT_HAS_SEMAPHORES 1  // NOLINT(bugprone-reserved-identifier): the header chose the name
#include <sys/sdt.h>

extern "C" {
volatile unsigned short debugged_guarded_semaphore __attribute__((used, visibility("hidden"), section(".probes"))) = 0;
}

int guarded_semaphore() {
  return debugged_guarded_semaphore;
}

[[gnu::noipa]] bool fire_guarded(long round) {
  if (debugged_guarded_semaphore == 0) return false;
  DTRACE_PROBE1(debugged, guarded, round);
  return true;
}
