// What the kernel keeps, found by its number or through an iterator: tasks, sockets, files, functions that programs may call.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

using KernelObjects = LiveTest;

// A socket that listens on the loopback interface, and the number that the kernel says it gave it.
class Listener {
 public:
  Listener() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(socket_, 1), 0);
    EXPECT_EQ(getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~Listener() { close(socket_); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  std::string port() const { return std::to_string(port_); }
  std::string cookie() const {
    uint64_t cookie = 0;
    socklen_t size = sizeof cookie;
    EXPECT_EQ(getsockopt(socket_, SOL_SOCKET, SO_COOKIE, &cookie, &size), 0);
    return std::to_string(cookie);
  }

 private:
  int socket_;
  uint16_t port_ = 0;
};

TEST_F(KernelObjects, NamesOfProcessesByNumber) {
  const Process workload({SHRIKE_WORKLOAD, "pid", "wait"}, {.hold_stdin = true});
  const std::string pid = std::to_string(workload.pid());
  const Result t =
      shrike({"-e",
              R"(begin { $n = comm($1); print((comm(pid) == comm, $n, comm(tid), comm(1) == str($2))); @[comm($1)] = 1;
                                      print((comm(0), comm(-1), comm(1 + 16777216), comm(4194304 * 3 + $1)));
                                      if (comm($1) == "workload") { print("compared"); } })",
              pid, read_file("/proc/1/comm").substr(0, read_file("/proc/1/comm").find('\n'))});
  EXPECT_EQ(t.status, 0) << t.err;
  EXPECT_EQ(count_lines(t.out, "(true, workload, shrike, true)"), 1u) << t.out << t.err;
  EXPECT_EQ(count_lines(t.out, "(, , , )"), 1u) << t.out;
  EXPECT_EQ(count_lines(t.out, "compared"), 1u) << t.out;
  EXPECT_EQ(number_of(t.out, "@[workload]"), 1) << t.out;
}

TEST_F(KernelObjects, NamesOfEveryProcessThatThereIs) {
  const Result t = shrike_script(
      "iter:task /ctx->task->comm != comm(ctx->task->pid)/ { @wrong[ctx->task->comm] = count(); }"
      "iter:task { @right = count(); }");
  EXPECT_EQ(count_text(t.out, "@wrong["), 0u) << t.out << t.err;
  EXPECT_GT(number_of(t.out, "@right"), 3) << t.out;
}

TEST_F(KernelObjects, CookieOfASocket) {
  const Listener listener;
  const std::string cookie = listener.cookie();
  const Result t = shrike_script("iter:tcp /ctx->sk_common->skc_num == " + listener.port() +
                                 R"(/ { printf("cookie %lu\n", socket_cookie(ctx->sk_common)); })");
  EXPECT_EQ(count_lines(t.out, "cookie " + cookie), 1u) << t.out << t.err << cookie;
}

TEST_F(KernelObjects, CookieIsMadeWhereThereWasNone) {
  const Listener listener;
  const Result t = shrike_script("iter:tcp /ctx->sk_common->skc_num == " + listener.port() +
                                 R"(/ { printf("cookie %lu\n", socket_cookie(ctx->sk_common)); })");
  EXPECT_EQ(count_lines(t.out, "cookie " + listener.cookie()), 1u) << t.out << t.err;
  EXPECT_EQ(count_lines(t.out, "cookie 0"), 0u) << t.out;
}

TEST_F(KernelObjects, PathsOfTheFilesOfAProcess) {
  const Process workload({SHRIKE_WORKLOAD, "pid", "wait"}, {.hold_stdin = true});
  const std::string pid = std::to_string(workload.pid());
  const Result t = shrike({"-p", pid, "-e", R"(iter:task_file { printf("%d is %s\n", ctx->fd, path(ctx->file->f_path)); })"});
  const Result listed = run({"ls", "/proc/" + pid + "/fd"}, {}, patience_ms);
  for (const std::string_view fd : split_lines(listed.out)) {
    const Result target = run({"readlink", "/proc/" + pid + "/fd/" + std::string(fd)}, {}, patience_ms);
    EXPECT_EQ(count_lines(t.out, std::string(fd) + " is " + target.out.substr(0, target.out.find('\n'))), 1u)
        << target.out << t.out << t.err;
  }
}

TEST_F(KernelObjects, FunctionsThatProgramsMayCall) {
  const Result t = shrike_script(R"(begin { print((kfunc_allowed("vfs_read"), kfunc_allowed("no_such_function"))); }
                                    iter:task { print(("iter", kfunc_allowed("bpf_task_acquire"))); exit(); })");
  EXPECT_EQ(count_lines(t.out, "(false, false)"), 1u) << t.out << t.err;
  EXPECT_EQ(count_lines(t.out, "(iter, true)"), 1u) << t.out << t.err;
}

}  // namespace
}  // namespace shrike::testing
