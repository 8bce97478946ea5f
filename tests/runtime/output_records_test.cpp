// Records other than printf and maps: commands, files, time, messages; what goes to stderr; when bytes are written.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "mir/base/diagnostic.h"
#include "tests/runtime/output_trace.h"

namespace shrike {
namespace {

using mir::EventKind;

TEST(OutputRecords, TimeIsFormattedWhenPrinted) {
  Trace trace;
  std::string text = trace.show(EventKind::time, "%H:%M:%S\n");
  EXPECT_EQ(text.size(), 9u) << text;
  EXPECT_EQ(trace.show(EventKind::time, "now"), "now");
}

TEST(OutputRecords, JoinEndsAtTheFirstEmptyString) {
  Trace trace;
  Datum words{"string[8][4]", text("ls", 8).bytes + text("-l", 8).bytes + text("", 8).bytes + text("x", 8).bytes};
  EXPECT_EQ(trace.show(EventKind::join, " ", {number("uint64", 32), words}), "ls -l\n");
  EXPECT_EQ(trace.show(EventKind::join, ", ", {number("uint64", 32), words}), "ls, -l\n");
}

TEST(OutputRecords, JoinShowsWhatWasRead) {
  Trace trace;
  Datum words{"string[8][4]", text("ls", 8).bytes + text("-l", 8).bytes + text("old", 8).bytes + text("older", 8).bytes};
  EXPECT_EQ(trace.show(EventKind::join, " ", {number("uint64", 16), words}), "ls -l\n");
  EXPECT_EQ(trace.show(EventKind::join, " ", {number("uint64", 0), words}), "\n");
  EXPECT_EQ(trace.show(EventKind::join, " ", {number("uint64", 1024), words}), "ls -l old older\n");
}

TEST(OutputRecords, SystemKeepsItsPlaceInTheOutput) {
  Trace trace({.buffering = Buffering::full, .unsafe = true});
  mir::EventId line = trace.add_event(EventKind::printf, "line\n", {}),
               command = trace.add_event(EventKind::system, "echo command", {});
  trace.output().record(trace.record_of(line, {}));
  EXPECT_EQ(trace.out(), "");
  trace.output().record(trace.record_of(command, {}));
  EXPECT_EQ(trace.out(), "line\ncommand\n");
}

TEST(OutputRecords, SystemRunsOnlyWhenAllowed) {
  Trace unsafe({.unsafe = true});
  EXPECT_EQ(unsafe.show(EventKind::system, "echo %s %d; exit 3", {text("n"), number("int64", 5)}), "n 5\n");
  Trace safe;
  EXPECT_EQ(safe.show(EventKind::system, "echo no"), "");
  EXPECT_EQ(safe.err(), "WARNING: system() is not run without --unsafe: echo no\n");
}

TEST(OutputRecords, CatShowsTheBeginningOfAFile) {
  Trace trace({.max_cat_bytes = 3});
  EXPECT_EQ(trace.show(EventKind::cat, "/proc/sys/kernel/%s", {text("ostype")}), "Lin");
  EXPECT_EQ(trace.show(EventKind::cat, "/nonexistent"), "");
  EXPECT_EQ(trace.err(), "ERROR: failed to open file '/nonexistent': No such file or directory\n");
}

TEST(OutputRecords, ExitTellsItsCode) {
  Trace trace;
  mir::EventId id = trace.add_event(EventKind::exit, "", {number("int64", 7)});
  RecordResult result = trace.output().record(trace.record_of(id, {number("int64", 7)}));
  EXPECT_TRUE(result.is_exit);
  EXPECT_EQ(result.exit_code, 7);
}

TEST(OutputRecords, MessagesPointIntoTheSource) {
  struct Case {
    EventKind kind;
    Diag row;
    const char* text;  // one final newline is dropped
    const char* expected;
  };
  const Case cases[] = {
      {EventKind::errorf, Diag::script_error, "bad %d\n", "bad 4"},
      {EventKind::warnf, Diag::script_warning, "odd %d", "odd 4"},
      {EventKind::runtime_error, Diag::runtime_warning, "division by zero", "division by zero"},
  };
  for (const Case& c : cases) {
    Trace trace;
    uint32_t begin = trace.sources.add("stdin", "begin { errorf(\"x\"); }");
    EXPECT_EQ(trace.show(c.kind, c.text, {number("int64", 4)}, {begin + 8, begin + 19}), "");
    std::string severity = row_of(c.row).severity == Severity::error ? "ERROR" : "WARNING";
    EXPECT_EQ(trace.err(), "stdin:1:9-20: " + severity + ": " + c.expected + "\nbegin { errorf(\"x\"); }\n        ~~~~~~~~~~~\n");
  }
}

TEST(OutputRecords, CountsGoToStderr) {
  Trace trace;
  trace.output().attached(1);
  trace.output().attached(2);
  trace.output().lost_events(0);
  trace.output().lost_events(5);
  EXPECT_EQ(trace.err(), "Attached 1 probe\nAttached 2 probes\nLost 5 events\n");
  EXPECT_EQ(trace.out(), "");
  Trace quiet({.quiet = true});
  quiet.output().attached(1);
  quiet.output().lost_events(1);
  EXPECT_EQ(quiet.err(), "Lost 1 events\n");
}

TEST(OutputRecords, MalformedRecordsAreDroppedAloud) {
  Trace trace;
  mir::EventId id = trace.add_event(EventKind::printf, "%d\n", {number("int64", 1)});
  std::vector<uint8_t> record = trace.record_of(id, {number("int64", 1)});
  record.resize(8);
  trace.output().record(record);
  record[0] = 99;
  trace.output().record(record);
  trace.output().record({});
  EXPECT_EQ(trace.out(), "");
  EXPECT_EQ(trace.err(),
            "WARNING: dropped a malformed record of 8 bytes\nWARNING: dropped a malformed record of 8 bytes\n"
            "WARNING: dropped a malformed record of 0 bytes\n");
}

// What has reached the other end of a pipe after some calls.
class OutputPipe : public ::testing::Test {
 protected:
  OutputPipe() {
    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) abort();
    signal(SIGPIPE, SIG_IGN);
  }
  ~OutputPipe() override {
    close(ends[0]);
    close(ends[1]);
  }
  Output& start(Buffering buffering) {
    output = std::make_unique<Output>(program, sources, maps, OutputOptions{.buffering = buffering, .out_fd = ends[1]});
    return *output;
  }
  mir::EventId add_text(std::string text) { return program.events.add({.format = std::move(text)}); }
  void print(mir::EventId id) {
    uint8_t record[8] = {static_cast<uint8_t>(id.index)};
    output->record(record);
  }
  std::string arrived() {
    char bytes[4096];
    ssize_t got = read(ends[0], bytes, sizeof bytes);
    return got > 0 ? std::string(bytes, static_cast<size_t>(got)) : "";
  }

  int ends[2];
  mir::Interface program;
  SourceMap sources;
  MemoryMaps maps;
  std::unique_ptr<Output> output;
};

TEST_F(OutputPipe, LineBufferingWritesAtTheEndOfALine) {
  mir::EventId part = add_text("part "), line = add_text("line\n");
  start(Buffering::line);
  print(part);
  EXPECT_EQ(arrived(), "");
  print(line);
  EXPECT_EQ(arrived(), "part line\n");
  output->hold();
  print(line);
  EXPECT_EQ(arrived(), "");
  print(part);
  output->flush();
  EXPECT_EQ(arrived(), "line\npart ");
}

TEST_F(OutputPipe, NoBufferingWritesEveryRecord) {
  mir::EventId part = add_text("part ");
  start(Buffering::none);
  print(part);
  EXPECT_EQ(arrived(), "part ");
}

TEST_F(OutputPipe, FullBufferingWaitsForTheEnd) {
  mir::EventId line = add_text("line\n");
  start(Buffering::full);
  print(line);
  output->flush();
  EXPECT_EQ(arrived(), "");
  output.reset();
  EXPECT_EQ(arrived(), "line\n");
}

TEST_F(OutputPipe, AReaderThatWentAwaySilences) {
  mir::EventId line = add_text("line\n");
  start(Buffering::line);
  EXPECT_FALSE(output->is_closed());
  close(ends[0]);
  print(line);
  EXPECT_TRUE(output->is_closed());
  print(line);
}

}  // namespace
}  // namespace shrike
