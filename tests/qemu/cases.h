// The tables of cases: scripts, what runs beside them, and what is expected of each. The form is told at the top of cases.txt.
// Scripts of tests/compat and examples/ become cases that only load. Running them is guest.h's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/process.h"

namespace shrike::testing {

struct Expectation {
  enum Kind { line, like, lines_like, absent, err, status } kind;
  std::string text;
  int number = 0;
};

struct Case {
  std::string name;
  std::vector<std::string> options;
  std::vector<std::string> arguments;
  std::string script;
  std::string kernels;   // prefixes of versions, by spaces; empty: all
  std::string workload;  // a command; empty: none
  std::string module;    // that is inserted before; the case is left out where the kernel has come without it
  std::string then;      // a command that runs after it, to the same output; empty: none
  std::string beside;    // a script that another shrike traces meanwhile; empty: none
  std::vector<Expectation> expected;
};

// Cases of a table; a line that cannot be understood fails the running test.
std::vector<Case> read_cases(const std::string& path);
// Cases that only load, from examples/ and tests/compat/scripts.txt.
std::vector<Case> example_cases();
std::vector<Case> compat_cases();

// `modules`: the files of the kernel's modules that are at hand.
bool runs_on(const Case& one, std::string_view version, const std::vector<std::string>& modules);
std::string command_of(const Case& one);
// What is wrong with the result; empty: nothing.
std::string judge(const Case& one, const Result& result);

}  // namespace shrike::testing
