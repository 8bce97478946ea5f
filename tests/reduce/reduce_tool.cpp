// reduce FILE.bt|FILE.mir COMMAND [ARGUMENT...]: shrinks the file to a small one on which the command ends with the same exit
// status, which must not be 0. `{}` among the arguments stands for the file tried; without one it is the last argument. Writes
// FILE.small.bt or FILE.small.mir. A command that ends with 1 for many reasons should look for the one that matters:
//   reduce case.mir sh -c 'shrike --stop-after=load "$0" 2>&1 | grep -q "invalid access" && exit 9'
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "tests/reduce/reducer.h"
#include "tests/support/process.h"

namespace shrike::test {
namespace {

constexpr int patience_ms = 60000;

int status_on(const std::string& path, const std::vector<std::string>& command) {
  std::vector<std::string> args;
  bool has_path = false;
  for (const std::string& word : command) {
    has_path |= word == "{}";
    args.push_back(word == "{}" ? path : word);
  }
  if (!has_path) args.push_back(path);
  const testing::Result result = testing::run(args, {}, patience_ms);
  return result.timed_out ? -1 : result.status;
}

int reduce_file(const std::string& path, const std::vector<std::string>& command) {
  const size_t dot = path.rfind('.');
  const std::string ending = dot == std::string::npos ? "" : path.substr(dot);
  if (ending != ".bt" && ending != ".mir") {
    fprintf(stderr, "reduce: `%s` is neither a .bt nor a .mir file\n", path.c_str());
    return 2;
  }
  const std::string small = path.substr(0, dot) + ".small" + ending;
  auto status_of = [&](const std::string& text) {
    std::ofstream(small, std::ios::trunc) << text;
    return status_on(small, command);
  };
  const std::string text = testing::read_file(path);
  const int wanted = status_of(text);
  if (wanted == 0) {
    fprintf(stderr, "reduce: the command does not fail on `%s`\n", path.c_str());
    return 2;
  }
  ReduceOptions options;
  options.kind = ending == ".mir" ? CaseKind::mir : CaseKind::script;
  options.fails = [&](const std::string& smaller) { return status_of(smaller) == wanted; };
  const Reduced reduced = reduce(text, options);
  std::ofstream(small, std::ios::trunc) << reduced.text;
  printf("%s: %zu bytes of %zu, status %d, %u runs of the command\n", small.c_str(), reduced.text.size(), text.size(), wanted,
         reduced.checks);
  return 0;
}

}  // namespace
}  // namespace shrike::test

int main(int argc, char** argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: reduce FILE.bt|FILE.mir COMMAND [ARGUMENT...]\n");
    return 2;
  }
  return shrike::test::reduce_file(argv[1], {argv + 2, argv + argc});
}
