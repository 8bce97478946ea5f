// Reads the tables, builds each case's command line, judges its result; see cases.h.
#include "tests/qemu/cases.h"

#include <dirent.h>
#include <fnmatch.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>

#include "tests/qemu/guest.h"
#include "tests/support/script_cases.h"

namespace shrike::testing {
namespace {

constexpr const char* case_limit_s = "30";

Case without_expectations(const ScriptCase& script) {
  Case one;
  one.name = script.name;
  one.options = script.options;
  one.arguments = script.arguments;
  one.script = script.text;
  return one;
}

bool parse_directive(std::string_view line, Case* one) {
  const size_t space = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, space);
  const std::string rest(line.substr(std::min(space + 1, line.size())));
  const auto expect = [&](Expectation::Kind kind, std::string text, int number = 0) {
    one->expected.push_back({kind, std::move(text), number});
    return true;
  };
  if (word == "on") return !(one->kernels = rest).empty();
  if (word == "run") return !(one->workload = "/bin/workload " + rest).empty();
  if (word == "with") return !(one->workload = rest).empty();
  if (word == "module") return !(one->module = rest).empty();
  if (word == "then") return !(one->then = rest).empty();
  if (word == "beside") return !(one->beside = rest).empty();
  if (word == "out") return expect(Expectation::line, rest);
  if (word == "like") return expect(Expectation::like, rest);
  if (word == "absent") return expect(Expectation::absent, rest);
  if (word == "err") return expect(Expectation::err, rest);
  if (word == "status") return expect(Expectation::status, {}, atoi(rest.c_str()));
  if (word != "lines") return false;
  const size_t number_end = std::min(rest.find(' '), rest.size());
  return expect(Expectation::lines_like, rest.substr(std::min(number_end + 1, rest.size())), atoi(rest.c_str()));
}

bool line_is_like(const std::string& line, const std::string& pattern) {
  return fnmatch(pattern.c_str(), line.c_str(), 0) == 0;
}

std::string complaint(const Expectation& wanted, const Result& result) {
  const std::vector<std::string> lines = split_lines(result.out);
  const auto is_like = [&](const std::string& line) { return line_is_like(line, wanted.text); };
  switch (wanted.kind) {
    case Expectation::line:
      if (std::find(lines.begin(), lines.end(), wanted.text) == lines.end()) return "no line of stdout is: " + wanted.text;
      break;
    case Expectation::like:
      if (std::none_of(lines.begin(), lines.end(), is_like)) return "no line of stdout is like: " + wanted.text;
      break;
    case Expectation::lines_like:
      if (const auto n = std::count_if(lines.begin(), lines.end(), is_like); n != wanted.number) {
        return std::to_string(n) + " lines instead of " + std::to_string(wanted.number) + " are like: " + wanted.text;
      }
      break;
    case Expectation::absent:
      if (result.out.find(wanted.text) != std::string::npos) return "stdout should not contain: " + wanted.text;
      break;
    case Expectation::err:
      if (result.err.find(wanted.text) == std::string::npos) return "stderr does not contain: " + wanted.text;
      break;
    case Expectation::status: break;
  }
  return {};
}

}  // namespace

std::vector<Case> read_cases(const std::string& path) {
  std::vector<Case> cases;
  for (const ScriptCase& script : read_script_cases(path)) {
    cases.push_back(without_expectations(script));
    for (const ScriptCase::Section& section : script.sections) {
      EXPECT_TRUE(parse_directive(section.mark, &cases.back())) << path << ": " << section.mark;
      EXPECT_EQ(section.text.find_first_not_of('\n'), std::string::npos)
          << path << ": neither script nor directive: " << section.text;
    }
  }
  EXPECT_FALSE(cases.empty()) << path;
  return cases;
}

std::vector<Case> example_cases() {
  std::vector<Case> cases;
  DIR* const folder = opendir(SHRIKE_SOURCE_DIR "/examples");
  while (const dirent* entry = folder ? readdir(folder) : nullptr) {
    const std::string name = entry->d_name;
    if (!name.ends_with(".bt")) continue;
    Case one;
    one.name = "load_example_" + name.substr(0, name.size() - 3);
    one.options = {"--dry-run"};
    one.arguments = {"100"};
    one.script = read_file(SHRIKE_SOURCE_DIR "/examples/" + name);
    cases.push_back(std::move(one));
  }
  if (folder) closedir(folder);
  EXPECT_GE(cases.size(), 10u);
  std::sort(cases.begin(), cases.end(), [](const Case& a, const Case& b) { return a.name < b.name; });
  return cases;
}

std::vector<Case> compat_cases() {
  std::vector<Case> cases;
  for (const ScriptCase& script : read_script_cases(SHRIKE_SOURCE_DIR "/tests/compat/scripts.txt")) {
    cases.push_back(without_expectations(script));
    cases.back().name = "load_compat_" + script.name;
    cases.back().options.emplace_back("--dry-run");
  }
  EXPECT_GE(cases.size(), 120u);
  return cases;
}

bool runs_on(const Case& one, std::string_view version, const std::vector<std::string>& modules) {
  if (!one.module.empty() && std::find(modules.begin(), modules.end(), one.module + ".ko") == modules.end()) return false;
  const std::vector<std::string> prefixes = split_words(one.kernels);
  const auto fits = [&](const std::string& prefix) { return version.starts_with(prefix + "."); };
  return prefixes.empty() || std::any_of(prefixes.begin(), prefixes.end(), fits);
}

std::string command_of(const Case& one) {
  std::string command;
  if (!one.module.empty()) command = "[ -e /sys/module/" + one.module + " ] || insmod /modules/" + one.module + ".ko || exit 1; ";
  const std::string limited = std::string("timeout -s KILL ") + case_limit_s + " /bin/shrike";
  if (!one.beside.empty()) {
    // Emptied first: the shell in the background may open it only after it has been looked at.
    command += ": >/tmp/beside; " + limited + " -e " + shell_quoted(one.beside) +
               " >>/tmp/beside 2>&1 & beside=$!; trap 'kill $beside' EXIT; ";
    command += "until busybox grep -q Attached /tmp/beside || ! kill -0 $beside; do sleep 0.1; done; ";
  } else if (one.then.empty()) {
    command += "exec ";
  }
  command += limited;
  for (const std::string& option : one.options) command += " " + shell_quoted(option);
  if (!one.workload.empty()) command += " -c " + shell_quoted(one.workload);
  const auto lists = [](const std::string& option) { return option.starts_with("-l"); };
  const bool is_search = std::any_of(one.options.begin(), one.options.end(), lists);
  command += (is_search ? " " : " -e ") + shell_quoted(one.script.substr(0, one.script.find_last_not_of('\n') + 1));
  for (const std::string& argument : one.arguments) command += " " + shell_quoted(argument);
  if (!one.then.empty()) command += " || exit $?; " + one.then;
  return command;
}

std::string judge(const Case& one, const Result& result) {
  if (result.timed_out) return std::string("did not end in ") + case_limit_s + " s";
  int status = 0;
  for (const Expectation& wanted : one.expected) {
    if (wanted.kind == Expectation::status) status = wanted.number;
  }
  if (result.status != status) return "status " + std::to_string(result.status) + " instead of " + std::to_string(status);
  for (const Expectation& wanted : one.expected) {
    if (std::string said = complaint(wanted, result); !said.empty()) return said;
  }
  return {};
}

}  // namespace shrike::testing
