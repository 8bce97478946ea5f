// What the live tests trace: a program that does a known number of things, in the order of its arguments, and ends.
//   workload VERB [NUMBER…] VERB …
// Verbs are rows of the table below. Each function named target_* is a place for a uprobe: not inlined, called exactly as
// often as asked, with arguments that the caller chooses. Loops make no other system call between the ones they count.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct Inner {
  int16_t small;
  uint8_t bytes[6];
};

struct Outer {
  int32_t first;
  uint64_t second;
  char name[16];
  Inner inner;
  Outer* next;
};

extern "C" {
extern int target_number;
int target_number = 20266;
__attribute__((noinline, used)) long target_add(long a, long b) {
  return a + b;
}
__attribute__((noinline, used)) int target_negative(int a) {
  return -a;
}
__attribute__((noinline, used)) long target_text(const char* text) {
  return text[0];
}
__attribute__((noinline, used)) long target_bytes(const void* bytes, long size) {
  return size + (bytes != nullptr);
}
__attribute__((noinline, used)) long target_list(char** words) {
  return words[0] != nullptr;
}
__attribute__((noinline, used)) long target_outer(Outer* outer) {
  return outer->first;
}
__attribute__((noinline, used)) long target_six(long a, long b, long c, long d, long e, long f) {
  return a + b + c + d + e + f;
}
__attribute__((noinline, used)) long target_inner_frame(long a) {
  return target_add(a, 1);
}
__attribute__((noinline, used)) long target_outer_frame(long a) {
  return target_inner_frame(a) + 1;
}
__attribute__((noinline, used)) long target_deep(long depth) {
  return depth > 1 ? target_deep(depth - 1) + 1 : target_add(depth, 0);
}
}

namespace {

long sink = 0;

// Until stdin has something or ends. Leaves it unread: a read would count among the traced ones.
void wait_for_input(char**) {
  pollfd input{0, POLLIN, 0};
  poll(&input, 1, -1);
}

void read_zeros(char** arg) {  // read TIMES BYTES
  static char buffer[1 << 16];
  const int fd = open("/dev/zero", O_RDONLY);
  for (long i = 0; i < atol(arg[0]); ++i) sink += read(fd, buffer, static_cast<size_t>(atol(arg[1])));
  close(fd);
}

void write_null(char** arg) {  // write TIMES BYTES
  static char buffer[1 << 16];
  const int fd = open("/dev/null", O_WRONLY);
  for (long i = 0; i < atol(arg[0]); ++i) sink += write(fd, buffer, static_cast<size_t>(atol(arg[1])));
  close(fd);
}

void open_files(char** arg) {  // open TIMES PATH
  for (long i = 0; i < atol(arg[0]); ++i) {
    const int fd = open(arg[1], O_RDONLY);
    if (fd >= 0) close(fd);
  }
}

void ask_parent(char** arg) {  // getppid TIMES
  for (long i = atol(arg[0]); i > 0; --i) sink += syscall(SYS_getppid);
}

void add(char** arg) {  // add TIMES A B
  const long a = atol(arg[1]);
  const long b = atol(arg[2]);
  for (long i = atol(arg[0]); i > 0; --i) sink += target_add(a, b);
}

void negate(char** arg) {
  sink += target_negative(atoi(arg[0]));
}  // negate A
void say(char** arg) {
  sink += target_text(arg[0]);
}  // text TEXT

void say_long(char** arg) {  // long_text CHARACTERS: 0000000,0000001,...
  const size_t size = strtoul(arg[0], nullptr, 10);
  char* text = static_cast<char*>(malloc(size + 9));
  for (size_t i = 0; i < size; i += 8) snprintf(text + i, 9, "%07zu,", (i / 8) % 10000000);
  text[size] = '\0';
  sink += target_text(text);
  free(text);
}

void give_bytes(char**) {  // bytes: 0 1 2 … 0xff
  static unsigned char bytes[256];
  for (int i = 0; i < 256; ++i) bytes[i] = static_cast<unsigned char>(i);
  sink += target_bytes(bytes, sizeof bytes);
}

void give_list(char**) {
  static char* words[] = {const_cast<char*>("alpha"), const_cast<char*>("beta"), const_cast<char*>("gamma"), nullptr};
  sink += target_list(words);
}

void give_outer(char**) {
  static Outer second = {-2, 0xffffffffffffffffu, "second", {-20, {6, 5, 4, 3, 2, 1}}, nullptr};
  static Outer first = {-1, 1ul << 40, "first", {-10, {1, 2, 3, 4, 5, 255}}, &second};
  sink += target_outer(&first);
}

void give_six(char**) {
  sink += target_six(1, 2, 3, 4, 5, 6);
}
void nest(char** arg) {
  sink += target_outer_frame(atol(arg[0]));
}  // frames A

void descend(char** arg) {
  sink += target_deep(atol(arg[0]));
}  // deep FRAMES

void* tell_numbers(void* name) {
  prctl(PR_SET_NAME, name, 0, 0, 0);
  sink += target_add(gettid(), getpid());
  return nullptr;
}

void run_thread(char** arg) {  // thread NAME: a second one, which gives target_add its number and that of the process
  pthread_t thread{};
  if (pthread_create(&thread, nullptr, tell_numbers, arg[0]) != 0) exit(1);
  pthread_join(thread, nullptr);
}

void touch_pages(char** arg) {  // fault PAGES: each is touched for the first time
  const size_t size = static_cast<size_t>(atol(arg[0])) * 4096;
  char* pages = static_cast<char*>(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (pages == MAP_FAILED) _exit(1);
  madvise(pages, size, MADV_NOHUGEPAGE);
  for (size_t at = 0; at < size; at += 4096) pages[at] = 1;
  munmap(pages, size);
}

void write_disk(char** arg) {  // disk BLOCKS PATH: 4096 bytes each, past the page cache where the file system can
  void* block = nullptr;
  if (posix_memalign(&block, 4096, 4096) != 0) _exit(1);
  memset(block, 'x', 4096);
  int fd = open(arg[1], O_WRONLY | O_CREAT | O_TRUNC | O_DIRECT, 0600);
  if (fd < 0) fd = open(arg[1], O_WRONLY | O_CREAT | O_TRUNC, 0600);
  for (long i = 0; i < atol(arg[0]); ++i) sink += write(fd, block, 4096);
  fsync(fd);
  close(fd);
  unlink(arg[1]);
  free(block);
}

__attribute__((noinline, used)) void target_spin(long milliseconds) {
  timespec start{};
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &start);
  do {
    for (int i = 0; i < 10000; ++i) sink += i;
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < milliseconds);
}
void spin(char** arg) {
  target_spin(atol(arg[0]));
}  // spin MILLISECONDS

void rest(char** arg) {
  usleep(static_cast<useconds_t>(atol(arg[0]) * 1000));
}  // sleep MILLISECONDS
void rename_self(char** arg) {
  prctl(PR_SET_NAME, arg[0], 0, 0, 0);
}  // name COMM

void fork_children(char** arg) {  // fork TIMES: children that end at once, one after the other
  for (long i = 0; i < atol(arg[0]); ++i) {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, nullptr, 0);
  }
}

void say_texts(char** arg) {  // texts PROCESSES TIMES: at once, each its own text of 390 bytes
  for (long i = 0; i < atol(arg[0]); ++i) {
    if (fork() != 0) continue;
    char text[391];
    memset(text, static_cast<int>('a' + i), sizeof text - 1);
    text[sizeof text - 1] = 0;
    for (long n = 0; n < atol(arg[1]); ++n) sink += target_text(text);
    _exit(0);
  }
  while (wait(nullptr) > 0) {}
}

void run_program(char** arg) {  // exec TIMES PATH: runs PATH without arguments
  for (long i = 0; i < atol(arg[0]); ++i) {
    const pid_t child = fork();
    if (child == 0) {
      execl(arg[1], arg[1], static_cast<char*>(nullptr));
      _exit(127);
    }
    waitpid(child, nullptr, 0);
  }
}

void say_pid(char**) {
  char text[32];
  const int n = snprintf(text, sizeof text, "pid %d\n", getpid());
  sink += write(1, text, static_cast<size_t>(n));
}

void linger(char**) {  // says that all is done, and lives until it is killed
  sink += write(1, "done\n", 5);
  pause();
}

void leave(char** arg) {
  _exit(atoi(arg[0]));
}  // exit STATUS

// At an address that is known before the program runs.
void touch_fixed(char** arg) {  // fixed TIMES: writes a word, and reads it, so often
  void* const place = reinterpret_cast<void*>(0x10000000);
  if (mmap(place, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != place) exit(1);
  volatile long* const word = static_cast<volatile long*>(place);
  for (long i = atol(arg[0]); i > 0; --i) {
    *word = i;
    sink += *word;
  }
}

void send_datagrams(char** arg) {  // datagrams TIMES: 12 bytes each, over the loopback interface to itself
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  auto* const to = reinterpret_cast<sockaddr*>(&address);
  if (bind(fd, to, size) != 0 || getsockname(fd, to, &size) != 0) exit(1);
  for (long i = atol(arg[0]); i > 0; --i) {
    if (sendto(fd, "hello shrike", 12, 0, to, size) != 12) exit(1);
  }
  close(fd);
}

// archived ARCHIVE OFFSET TIMES: calls target_negative so often where ARCHIVE, which has a copy of this program at OFFSET, is
// mapped.
void call_archived(char** arg) {
  const auto address = reinterpret_cast<uintptr_t>(&target_negative);
  FILE* const maps = fopen("/proc/self/maps", "r");
  unsigned long begin = 0, end = 0, offset = 0;
  for (char line[512]; fgets(line, sizeof line, maps) != nullptr;)
    if (sscanf(line, "%lx-%lx %*s %lx", &begin, &end, &offset) == 3 && address >= begin && address < end) break;
  fclose(maps);
  const int fd = open(arg[0], O_RDONLY);
  void* const copy = mmap(nullptr, end - begin, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, strtol(arg[1], nullptr, 10) + offset);
  if (copy == MAP_FAILED) exit(1);
  auto* const function = reinterpret_cast<int (*)(int)>(reinterpret_cast<uintptr_t>(copy) + (address - begin));
  for (long i = atol(arg[2]); i > 0; --i) sink += function(static_cast<int>(i));
}

// Runs the command that is the rest of the line, silently, and prints the most memory it had, in kilobytes. A process begins with
// the memory of the one that starts it: this one has little.
void measure_peak(char** command) {
  const pid_t pid = fork();
  if (pid == 0) {
    const int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    execv(command[0], command);
    _exit(127);
  }
  int status = 0;
  struct rusage usage = {};
  wait4(pid, &status, 0, &usage);
  printf("%ld\n", usage.ru_maxrss);
  exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

struct Verb {
  const char* name;
  int arguments;
  void (*run)(char** arg);
};

constexpr Verb verbs[] = {
    {"wait", 0, wait_for_input}, {"read", 2, read_zeros},
    {"write", 2, write_null},    {"open", 2, open_files},
    {"getppid", 1, ask_parent},  {"add", 3, add},
    {"negate", 1, negate},       {"text", 1, say},
    {"bytes", 0, give_bytes},    {"list", 0, give_list},
    {"outer", 0, give_outer},    {"six", 0, give_six},
    {"frames", 1, nest},         {"fault", 1, touch_pages},
    {"disk", 2, write_disk},     {"spin", 1, spin},
    {"sleep", 1, rest},          {"name", 1, rename_self},
    {"fork", 1, fork_children},  {"exec", 2, run_program},
    {"pid", 0, say_pid},         {"linger", 0, linger},
    {"exit", 1, leave},          {"texts", 2, say_texts},
    {"fixed", 1, touch_fixed},   {"datagrams", 1, send_datagrams},
    {"peak", 1, measure_peak},   {"archived", 3, call_archived},
    {"long_text", 1, say_long},  {"deep", 1, descend},
    {"thread", 1, run_thread},
};

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc;) {
    const Verb* verb = nullptr;
    for (const Verb& row : verbs) {
      if (strcmp(row.name, argv[i]) == 0) verb = &row;
    }
    if (!verb || i + verb->arguments >= argc) {
      fprintf(stderr, "workload: unknown verb, or too few numbers: %s\n", argv[i]);
      return 2;
    }
    verb->run(argv + i + 1);
    i += 1 + verb->arguments;
  }
  return 0;
}
