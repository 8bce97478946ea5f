// Tests and benchmarks: the programs of `test` and `bench` probes, run by BPF_PROG_TEST_RUN as often as it takes. A test passes
// if its program told of no error and did not exit with another status than 0. What a benchmark's run takes is the kernel's own
// account of its programs (Linux 5.8), or, where that is not given, the time of the calls.
//
// Needs loaded programs and what a session has; attaches nothing and ends no trace.
#pragma once

#include <functional>

#include "backend-bpf/object.h"
#include "runtime/load.h"
#include "runtime/messages.h"
#include "runtime/output.h"

namespace shrike {

struct TrialHost {
  const bpf::Object& object;
  const LoadedObject& loaded;
  KernelMaps& maps;
  Output& output;
  const OutputOptions& options;
  Messages& messages;
  std::function<int(Output*)> drain;  // hands what is in the ring to an output, or to none; the status of an exit() in it
};

// What went wrong is an error in host.messages: a program that could not be run, or, after all of them, tests that failed.
void run_tests(const TrialHost& host);
void run_benchmarks(const TrialHost& host);

}  // namespace shrike
