// The order of events is bpftrace's (reference section 6). Two deviations, both for the reader's clock: probes are given back
// after the final maps are printed, because that takes tens of milliseconds (before `end` they are stopped, see
// mir::stops_by_flag); and probes are not attached at all when begin already called exit().
#include "runtime/session.h"

#include <bpf/bpf.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <map>
#include <utility>

#include "runtime/attach.h"
#include "runtime/attach_bulk.h"
#include "runtime/files.h"
#include "runtime/interrupt.h"
#include "runtime/machine.h"
#include "runtime/packets.h"
#include "runtime/ring.h"
#include "runtime/trials.h"

namespace shrike {

namespace {

uint64_t clock_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000u + static_cast<uint64_t>(now.tv_nsec);
}

// Read between two readings of boot time, whose middle it is compared with.
uint64_t tai_offset_ns() {
  uint64_t before = clock_ns(CLOCK_BOOTTIME);
  uint64_t tai = clock_ns(CLOCK_TAI);
  return tai - (before + (clock_ns(CLOCK_BOOTTIME) - before) / 2);
}

std::vector<int> descriptors(const std::vector<Fd>& fds) {
  std::vector<int> out;
  for (const Fd& fd : fds) out.push_back(fd.get());
  return out;
}

// The globals map of the programs, shared memory with them. Absent in programs without one (hand-written .lir).
class Globals {
 public:
  ~Globals() {
    if (bytes_ != nullptr) munmap(bytes_, size_);
  }
  int open(int fd, uint32_t size) {
    void* bytes = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (bytes == MAP_FAILED) return errno;
    size_ = size;
    bytes_ = static_cast<uint8_t*>(bytes);
    return 0;
  }
  bool is_open() const { return bytes_ != nullptr; }
  uint64_t get(uint32_t offset) const {
    return bytes_ == nullptr || offset >= size_ ? 0 : __atomic_load_n(word(offset), __ATOMIC_ACQUIRE);
  }
  void set(uint32_t offset, uint64_t value) {
    if (bytes_ != nullptr) __atomic_store_n(word(offset), value, __ATOMIC_RELEASE);
  }

 private:
  uint64_t* word(uint32_t offset) const { return reinterpret_cast<uint64_t*>(bytes_ + offset); }
  uint8_t* bytes_ = nullptr;
  uint32_t size_ = 0;
};

class Session {
 public:
  Session(const bpf::Object& object, LoadedObject loaded, const SessionOptions& options, Tracefs& tracefs, Messages& messages)
      : object_(object),
        loaded_(std::move(loaded)),
        options_(options),
        tracefs_(tracefs),
        messages_(messages),
        maps_(object.interface, descriptors(loaded_.maps)),
        output_(object.interface, messages.sources, maps_, options.output) {}

  int run();

 private:
  int trace();
  bool prepare();
  bool run_programs(mir::ProbeKind kind);
  bool run_on_signals();
  bool attach_all();
  std::vector<const mir::AttachPoint*> places_of(uint32_t program) const;
  bool attach_together(const mir::AttachPoint& first, const AttachContext& context);
  bool attach_pair(const LoadedPair& pair);
  bool load_again(uint32_t program, uint32_t attach_type);
  bool is_one_of_many(const mir::AttachPoint& probe);
  bool attach_alone(const mir::AttachPoint& probe, AttachContext& context);
  bool watch_target();
  bool start();
  bool is_out_of_memory(size_t map) const;
  bool run_iterators();
  void run_trials();
  bool wait_for_events();
  void read_ring();
  void unwatch(uint64_t address);
  void drain();
  uint64_t lost_records(mir::EventRank rank) const;
  void report_losses();
  void stop_programs();
  void finish();
  bool has(mir::ProbeKind kind) const;
  bool has_events() const;
  void lap(std::string_view stage) {
    if (options_.load.clock != nullptr) options_.load.clock->lap(stage);
  }
  void show_times() {
    if (options_.load.clock != nullptr) options_.load.clock->show();
  }
  bool is_over() const { return is_exiting_ || globals_.get(mir::globals::exit_code) != 0 || output_.is_closed(); }

  const bpf::Object& object_;
  LoadedObject loaded_;
  const SessionOptions& options_;
  Tracefs& tracefs_;
  Messages& messages_;
  KernelMaps maps_;
  Output output_;
  Globals globals_;
  Ring ring_;
  int ring_fd_ = -1;
  std::optional<Packets> packets_;  // of skboutput()
  int user_signal_ = -1;
  Fd target_;  // pidfd of -c or -p
  Links links_;
  std::map<uint64_t, Links> watched_;  // by address: unwatch() gives them back one by one
  size_t left_out_ = 0;                // places that could not be attached and were not missed
  bool is_exiting_ = false;
  int exit_code_ = 0;
  uint64_t lost_ = 0;
  bool is_lost_control_told_ = false;
  std::map<uint32_t, uint32_t> left_to_try_;  // by where a probe is written: its places that have not been refused
  std::vector<uint64_t> refused_told_;        // by MapId: updates refused by a full map when that was last said
  bool is_exit_read_ = false;                 // what programs sent after exit() is not shown
  bool is_ending_ = false;                    // what `end` sends is
};

bool Session::has(mir::ProbeKind kind) const {
  for (const mir::AttachPoint& probe : object_.interface.probes)
    if (probe.kind == kind) return true;
  return false;
}

bool Session::has_events() const {
  if (options_.mode != Mode::trace) return false;
  for (const mir::AttachPoint& probe : object_.interface.probes)
    if (probe.kind != mir::ProbeKind::begin && probe.kind != mir::ProbeKind::end && probe.kind != mir::ProbeKind::iter)
      return true;
  return false;
}

bool Session::prepare() {
  const mir::Interface& interface = object_.interface;
  mir::MapId globals = find_map(interface, mir::MapRole::globals);
  int error = globals.is_valid() ? globals_.open(loaded_.maps[globals.index].get(), interface.maps[globals].value_size) : 0;
  mir::MapId ring = find_map(interface, mir::MapRole::ring);
  if (error == 0 && ring.is_valid()) {
    ring_fd_ = loaded_.maps[ring.index].get();
    error = ring_.open(ring_fd_, interface.maps[ring].max_entries);
  }
  mir::MapId packets = find_map(interface, mir::MapRole::packets);
  if (error == 0 && packets.is_valid()) {
    packets_.emplace(interface, [this](const std::string& text) { output_.warning(text); });
    error = packets_->open(loaded_.maps[packets.index].get(), options_.config.perf_rb_pages);
  }
  if (error != 0) messages_.diagnostics.report(Diag::map_not_mapped, {}, {describe_errno(error)});
  uint32_t target = options_.child != nullptr ? static_cast<uint32_t>(options_.child->pid()) : options_.pid;
  globals_.set(mir::globals::target_pid, target);
  globals_.set(mir::globals::start_ns, clock_ns(CLOCK_BOOTTIME));
  globals_.set(mir::globals::tai_offset, tai_offset_ns());
  if (find_map(interface, mir::MapRole::pages).is_valid()) globals_.set(mir::globals::processors, possible_cpu_count());
  return error == 0;
}

bool Session::run_programs(mir::ProbeKind kind) {
  for (const mir::AttachPoint& probe : object_.interface.probes) {
    if (probe.kind != kind) continue;
    LIBBPF_OPTS(bpf_test_run_opts, run);
    if (bpf_prog_test_run_opts(program_fd(loaded_, object_, probe.program), &run) == 0) continue;
    messages_.diagnostics.report(Diag::probe_not_run, probe.span, {probe.name, describe_errno(errno)})
        .with_hint("begin and end need Linux 5.10 or later");
    return false;
  }
  return true;
}

std::vector<const mir::AttachPoint*> Session::places_of(uint32_t program) const {
  std::vector<const mir::AttachPoint*> places;
  for (const mir::AttachPoint& probe : object_.interface.probes)
    if (object_.program_of[probe.program.index] == program) places.push_back(&probe);
  return places;
}

bool Session::load_again(uint32_t program, uint32_t attach_type) {
  return shrike::load_again(object_, program, attach_type, messages_.sources, options_.load, loaded_, messages_.diagnostics);
}

bool Session::attach_pair(const LoadedPair& pair) {
  std::vector<const mir::AttachPoint*> entries = places_of(pair.of.entry);
  if (!attach_session(entries, pair.program.get(), links_)) return false;
  if (options_.load.on_step)
    for (const mir::AttachPoint* probe : entries)
      options_.load.on_step("attached `" + probe->name + "` and its return, one of " + std::to_string(entries.size()) +
                            " in a session");
  return true;
}

// All places of a program that is loaded for it; false where the kernel does not do that, and the program is loaded anew.
bool Session::attach_together(const mir::AttachPoint& first, const AttachContext& context) {
  std::vector<const mir::AttachPoint*> places = places_of(object_.program_of[first.program.index]);
  if (!attach_bulk(places, program_fd(loaded_, object_, first.program), context, links_)) return false;
  if (options_.load.on_step)
    for (const mir::AttachPoint* probe : places)
      options_.load.on_step("attached `" + probe->name + "`, one of " + std::to_string(places.size()) + " in bulk");
  return true;
}

// Of a wildcard's places those that cannot be attached are left out as long as others can.
bool Session::is_one_of_many(const mir::AttachPoint& probe) {
  const auto& probes = object_.interface.probes;
  uint32_t& left = left_to_try_.try_emplace(probe.span.begin, 0).first->second;
  if (left == 0)
    left = static_cast<uint32_t>(
        std::count_if(probes.begin(), probes.end(), [&](const auto& other) { return other.span == probe.span; }));
  return --left != 0;
}

bool Session::attach_alone(const mir::AttachPoint& probe, AttachContext& context) {
  Links& links = probe.kind == mir::ProbeKind::watchpoint ? watched_[probe.address] : links_;
  AttachResult error = attach(probe, program_fd(loaded_, object_, probe.program), context, links);
  if (!error && options_.load.on_step) options_.load.on_step("attached `" + probe.name + "`");
  if (!error) return true;
  const std::string& missing = options_.config.missing_probes;
  bool is_tolerated = error->is_missing && (missing != "error" || is_one_of_many(probe));
  left_out_ += is_tolerated ? 1 : 0;
  if (is_tolerated && missing == "ignore") return true;
  Diag row = is_tolerated ? Diag::probe_skipped : Diag::probe_not_attached;
  messages_.diagnostics.report(row, probe.span, {probe.name, error->reason}).with_hint(error->hint);
  return is_tolerated;
}

// `self` programs, once for each signal that came.
bool Session::run_on_signals() {
  uint64_t count = 0;
  if (read(user_signal_, &count, sizeof count) != sizeof count) return true;
  for (uint64_t i = 0; i < count; i++)
    if (!run_programs(mir::ProbeKind::self)) return false;
  return true;
}

bool Session::attach_all() {
  AttachContext context{tracefs_, options_.suggest,
                        options_.child != nullptr ? static_cast<uint32_t>(options_.child->pid()) : options_.pid,
                        options_.dry_run};
  std::vector<bool> is_attached(loaded_.programs.size());  // in bulk
  std::vector<const LoadedPair*> pair_of(loaded_.programs.size());
  for (const LoadedPair& pair : loaded_.pairs) pair_of[pair.of.entry] = pair_of[pair.of.exit] = &pair;
  for (uint32_t i : attach_order(object_.interface.probes)) {
    const mir::AttachPoint& probe = object_.interface.probes[i];
    uint32_t program = object_.program_of[probe.program.index];
    if (is_attached[program]) continue;
    if (const LoadedPair* pair = std::exchange(pair_of[program], nullptr)) {
      auto [entry, exit] = pair->of;
      pair_of[entry] = pair_of[exit] = nullptr;
      is_attached[entry] = is_attached[exit] = attach_pair(*pair);
      if (is_attached[program]) continue;
      if (!load_again(entry, loaded_.attach_types[entry]) || !load_again(exit, loaded_.attach_types[exit])) return false;
    }
    if (loaded_.attach_types[program] != 0) {
      is_attached[program] = attach_together(probe, context);
      if (is_attached[program]) continue;
      if (!load_again(program, 0)) return false;
    }
    if (!attach_alone(probe, context)) return false;
  }
  return true;
}

bool Session::watch_target() {
  pid_t pid = options_.child != nullptr ? options_.child->pid() : static_cast<pid_t>(options_.pid);
  if (pid == 0) return true;
  target_ = open_pidfd(pid);
  if (target_.is_open()) return true;
  if (errno == ESRCH) messages_.diagnostics.report(Diag::no_such_process, {}, {std::to_string(pid)});
  else messages_.diagnostics.report(Diag::process_not_watched, {}, {std::to_string(pid), describe_errno(errno)});
  return false;
}

// Up to the first event: false after errors.
bool Session::start() {
  // Without probes nothing takes long enough to be interrupted by more than its death.
  if (has_events() || has(mir::ProbeKind::iter)) catch_interrupts();
  if (has(mir::ProbeKind::self)) user_signal_ = catch_user_signal();
  if (!prepare() || !watch_target()) return false;
  lap("map memory");
  if (!run_programs(mir::ProbeKind::begin)) return false;
  lap("run begin");
  if (!options_.dry_run && globals_.get(mir::globals::exit_code) != 0) is_exiting_ = true;
  if (options_.child != nullptr) options_.child->await_ready();
  if (!is_exiting_ && !attach_all()) {
    links_.unpin();
    return false;
  }
  lap("attach");
  messages_.show();
  if (options_.dry_run) return true;
  if (options_.child != nullptr && !is_exiting_) {
    if (!options_.child->release(messages_.diagnostics)) return false;
    output_.remember_process(static_cast<uint32_t>(options_.child->pid()));
  } else if (options_.pid != 0) {
    output_.remember_process(options_.pid);
  }
  output_.wait_for_present_processes();
  if (options_.mode != Mode::trace) return true;
  output_.attached(object_.interface.probes.size() - left_out_);
  for (const std::string& path : links_.pins()) output_.pinned(path);
  if (options_.notify_line) output_.line(*options_.notify_line);
  return true;
}

// One pass over what the ring holds; records that arrive meanwhile wait for the next, so that a script that traces our
// own writes cannot keep us here. What they print is held until output_.flush().
void Session::read_ring() {
  output_.hold();
  ring_.drain([this](std::span<const uint8_t> record) {
    if (is_exit_read_ && !is_ending_) return;
    RecordResult result = output_.record(record);
    if (result.is_exit && !is_exit_read_) exit_code_ = result.exit_code;
    is_exit_read_ |= result.is_exit;
    is_exiting_ |= result.is_exit;
    for (uint64_t address : result.unwatched) unwatch(address);
  });
  if (packets_) output_.lost_events(packets_->drain());
  report_losses();
}

void Session::unwatch(uint64_t address) {
  auto known = watched_.find(address);
  if (known != watched_.end()) return known->second.close();  // once more does no harm: it may take a while until it is read
  char text[64];
  snprintf(text, sizeof text, "unwatch(0x%" PRIx64 "): nothing is watched there", address);
  output_.warning(text);
}

void Session::drain() {
  read_ring();
  output_.flush();
}

uint64_t Session::lost_records(mir::EventRank rank) const {
  uint64_t sum = 0;
  for (uint32_t slot = 0; slot < mir::globals::loss_slots; slot++)
    sum += globals_.get(mir::globals::losses + slot * mir::globals::loss_slot_bytes + 8 * static_cast<uint32_t>(rank));
  return sum;
}

// Of a map that could have all its memory from the start. A tseries that needs pages even then cannot.
std::string hint_of_more_memory(const mir::MapDecl& map) {
  const bool is_per_cpu = map.value->is_aggregate();
  if (is_per_cpu && mir::has_pages(*map.value, map.is_keyed, mir::MapKind::lru_percpu_hash)) return "";
  const char* kind = is_per_cpu ? "percpulruhash" : "lruhash";
  return "; `let " + map.name + " = " + kind + "(N)` has its memory from the start";
}

void Session::report_losses() {
  uint64_t lost = lost_records(mir::EventRank::data) + lost_records(mir::EventRank::error);
  uint64_t lost_control = lost_records(mir::EventRank::control);
  if (lost + lost_control > lost_) output_.lost_events(lost + lost_control - lost_);
  lost_ = lost + lost_control;
  if (lost_control != 0 && !is_lost_control_told_)
    output_.warning("some calls of print(), clear() or zero() were lost: the trace made more of them than could be read");
  is_lost_control_told_ |= lost_control != 0;
  const auto& maps = object_.interface.maps;
  refused_told_.resize(maps.size());
  for (size_t i = 0; i < maps.size(); i++) {
    if (maps[mir::MapId(i)].role != mir::MapRole::user) continue;
    const uint64_t refusals = globals_.get(mir::globals::map_refusals(mir::MapId(i)));
    if (refusals == 0 || refused_told_[i] != 0) continue;
    refused_told_[i] = refusals;
    const std::string& name = maps[mir::MapId(i)].name;
    if (!is_out_of_memory(i))
      output_.warning("Map full: `" + name + "` takes no new keys; raise max_map_keys or declare it larger");
    else
      output_.warning("No memory: the kernel had none at hand for new keys of `" + name + "`" +
                      hint_of_more_memory(maps[mir::MapId(i)]));
  }
}

// Of the last insertion that the map refused.
bool Session::is_out_of_memory(size_t map) const {
  return static_cast<int64_t>(globals_.get(mir::globals::map_error(mir::MapId(static_cast<uint32_t>(map))))) == -ENOMEM;
}

// Each object of every iterator, once. Programs stop where the ring is half full.
bool Session::run_iterators() {
  for (const Fd& iterator : links_.iterators()) {
    char text[1024];  // programs write none
    while (!is_over() && !is_interrupted()) {
      ssize_t got = read(iterator.get(), text, sizeof text);
      int error = got < 0 ? errno : 0;
      drain();
      if (got == 0) break;
      if (error == 0 || error == EAGAIN || error == EINTR) continue;
      messages_.diagnostics.report(Diag::iterator_not_read, {}, {describe_errno(error)});
      return false;
    }
  }
  return true;
}

// Each test and benchmark; exit() ends only its own run.
void Session::run_trials() {
  TrialHost host{object_, loaded_, maps_, output_, options_.output, messages_, [this](Output* output) {
                   int status = 0;
                   ring_.drain([&](std::span<const uint8_t> record) {
                     if (output == nullptr) return;
                     RecordResult result = output->record(record);
                     if (result.is_exit) status = result.exit_code;
                   });
                   globals_.set(mir::globals::exit_code, 0);
                   return status;
                 }};
  drain();
  if (options_.mode == Mode::test) run_tests(host);
  else run_benchmarks(host);
}

// False when epoll itself fails, which only a lack of descriptors can cause.
bool Session::wait_for_events() {
  Fd poll(epoll_create1(EPOLL_CLOEXEC));
  int interrupt = catch_interrupts();
  bool is_watching = poll.is_open();
  for (int fd : {interrupt, ring_fd_, target_.get(), user_signal_, packets_ ? packets_->fd() : -1}) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    if (fd >= 0 && epoll_ctl(poll.get(), EPOLL_CTL_ADD, fd, &event) != 0) is_watching = false;
  }
  if (!is_watching) {
    messages_.diagnostics.report(Diag::cannot_wait, {}, {describe_errno(errno)});
    return false;
  }
  drain();
  lap("begin to wait");
  show_times();
  while (!is_over() && !is_interrupted()) {
    epoll_event events[4];
    int count = epoll_wait(poll.get(), events, 4, -1);
    bool is_target_gone = false;
    for (int i = 0; i < count; i++) {
      is_target_gone |= target_.is_open() && events[i].data.fd == target_.get();
      if (events[i].data.fd == user_signal_ && !run_on_signals()) return false;
    }
    drain();
    if (is_target_gone) break;
  }
  return true;
}

// When it returns no program of a probe runs any more, nor will.
void Session::stop_programs() {
  globals_.set(mir::globals::stopped, 1);
  links_.close_unstoppable();
  bool has_links = links_.count() != 0 || !watched_.empty();
  bool are_stopped = !has_links || (globals_.is_open() && await_running_programs());
  if (are_stopped) return;
  links_.close();
  for (auto& [address, links] : watched_) links.close();
}

void Session::finish() {
  show_times();
  if (has(mir::ProbeKind::end)) {
    stop_programs();
    drain();
    is_ending_ = true;
    run_programs(mir::ProbeKind::end);
  }
  read_ring();
  if (lost_ != 0) output_.warning("Total lost event count: " + std::to_string(lost_));
  for (size_t i = 0; i < refused_told_.size(); i++) {
    if (object_.interface.maps[mir::MapId(i)].role != mir::MapRole::user) continue;
    const uint64_t refusals = globals_.get(mir::globals::map_refusals(mir::MapId(i)));
    if (refusals == refused_told_[i]) continue;
    const std::string& name = object_.interface.maps[mir::MapId(i)].name;
    const char* const why = is_out_of_memory(i) ? "for want of memory" : "because it was full";
    output_.warning("Total updates of `" + name + "` refused " + why + ": " + std::to_string(refusals));
  }
  if (options_.config.print_maps_on_exit) output_.print_all_maps();
  output_.flush();
}

int Session::run() {
  int status = trace();
  // What there is to say is said before the kernel takes its time.
  messages_.show();
  if (options_.ends_process) output_.write_everything();
  links_.release();
  // Mappings, maps and programs need no undoing one by one: the kernel takes them back with the process.
  if (options_.ends_process) _exit(status);
  return status;
}

int Session::trace() {
  if (!start()) return 1;
  if (options_.dry_run) {
    show_times();
    return 0;
  }
  if (options_.mode != Mode::trace && !is_exiting_) run_trials();
  if (!is_exiting_ && !run_iterators()) return 1;
  if (has_events() && !is_exiting_ && !wait_for_events()) return 1;
  finish();
  uint64_t code = globals_.get(mir::globals::exit_code);
  if (messages_.diagnostics.has_errors()) return 1;
  return code != 0 ? static_cast<int>((code - 1) & 0xff) : exit_code_ & 0xff;
}

}  // namespace

int run_session(const bpf::Object& object, const SessionOptions& options, Tracefs& tracefs, Messages& messages) {
  LoadOptions loading = options.load;
  uint32_t pid = options.child != nullptr ? static_cast<uint32_t>(options.child->pid()) : options.pid;
  loading.attach_types = bulk_attach_types(object, pid, options.hidden_features);
  // What a report says is said of each program.
  if (!loading.on_statistics) loading.pairs = find_kprobe_pairs(object, options.hidden_features);
  std::optional<LoadedObject> loaded = load(object, messages.sources, loading, messages.diagnostics);
  if (!loaded) return 1;
  Session session(object, std::move(*loaded), options, tracefs, messages);
  return session.run();
}

}  // namespace shrike
