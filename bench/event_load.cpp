// event_load EVENTS FOLDER: what bench/events traces. Reads, opens and calls a function so many times; then leaves the file
// `done` in the folder and waits for `go`, at most ten seconds, while the tracer's counters are read.
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

extern "C" [[gnu::noinline]] long step(long n) {
  asm volatile("" : "+r"(n));
  return n;
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const long events = strtol(argv[1], nullptr, 10);
  const std::string folder = argv[2];
  const int zeros = open("/dev/zero", O_RDONLY);
  char bytes[64];
  long sum = 0;
  for (long i = 0; i < events; i++) {
    sum += read(zeros, bytes, 1 + static_cast<size_t>(i) % sizeof bytes);
    const int file = open("/dev/null", O_RDONLY);
    close(file);
    sum += step(i);
  }
  close(open((folder + "/done").c_str(), O_WRONLY | O_CREAT, 0644));
  for (int i = 0; i < 1000 && access((folder + "/go").c_str(), F_OK) != 0; i++) usleep(10000);
  return sum < 0;
}
