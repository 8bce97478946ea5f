// bpftrace's language to MIR: the only header other folders include besides parser.h and kernel_facts.h.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "frontend/ast.h"
#include "frontend/kernel_facts.h"
#include "mir/base/diagnostic.h"
#include "mir/module.h"

namespace shrike {

inline constexpr uint32_t longest_string = 65536;  // with its NUL

// Configuration variables of the language, by their bpftrace names. One row each in frontend/config.def.
struct Config {
  uint64_t max_map_keys = 4096;
  uint64_t max_strlen = 1024;  // 1 to longest_string
  uint64_t max_probes = 1024;
  uint64_t max_bpf_progs = 1024;
  uint64_t max_cat_bytes = 10240;
  uint64_t on_stack_limit = 32;
  uint64_t log_size = 1000000;
  uint64_t perf_rb_pages = 0;  // 0: sized by the runtime
  bool print_maps_on_exit = true;
  bool cpp_demangle = true;
  bool show_debug_info = false;
  std::string str_trunc_trailer = "..";
  std::string missing_probes = "error";  // error, warn, ignore
  std::string stack_mode = "bpftrace";   // bpftrace, perf, raw, build_id
  std::string license = "GPL";
  std::string cache_user_symbols = "PER_PID";
  bool lazy_symbolication = true;
  // enable, warn, error: may the script use what bpftrace may still change?
  std::string unstable_tseries = "warn";
  std::string unstable_import_statement = "error";
  std::string unstable_typeinfo = "error";
  std::string unstable_dw_ustack = "warn";
};

// What is wanted of a script: tests and benchmarks leave everything else alone but begin and end; all is for looking at it.
enum class Mode : uint8_t { trace, test, bench, all };

struct CheckOptions {
  std::vector<std::string> positionals;            // $1..
  std::map<std::string, std::string> named;        // after --: getopt
  std::map<std::string, std::string> environment;  // BPFTRACE_* variables, names without the prefix, lower case
  uint64_t pid = 0;                                // -p; 0: no filter
  bool unsafe = false;
  bool runtime_warnings = false;  // -k
  bool is_alone = false;          // there is no process that `cpid` could be
  Mode mode = Mode::trace;
  std::function<bool(std::string_view)> is_wanted;  // --probe-filter, asked about each test and benchmark; empty: all are
};

class CheckedProgram;  // frontend/checked.h

struct CheckedProgramDeleter {
  void operator()(CheckedProgram*) const;
};
using CheckedProgramPtr = std::unique_ptr<CheckedProgram, CheckedProgramDeleter>;

// Resolves names, expands attach points, types every expression. Null after errors. `program` must outlive the result.
CheckedProgramPtr check(const ast::Program& program, KernelFacts& facts, const CheckOptions& options, Diagnostics& diagnostics);
const Config& config_of(const CheckedProgram& program);
// Do the arguments ask which named arguments the script has (`-- --help`), and what are they?
bool wants_option_help(const CheckedProgram& program);
std::string option_help(const CheckedProgram& program);
// --emit=checked
std::string print(const CheckedProgram& program, const SourceMap& sources);
// SSA with high operations; every instruction has a span.
mir::Module lower(const CheckedProgram& program);
// Puts the places that patterns (mir::AttachPoint::is_pattern) stand for in their stead, for attaching or listing them. Of
// `config` missing_probes and max_probes count; errors as of check().
void expand_patterns(std::vector<mir::AttachPoint>& probes, KernelFacts& facts, const Config& config, Diagnostics& diagnostics);
// For a place whose function its file lacks (mir::nowhere): the likeliest that was meant, as a hint.
std::string suggest_place(const mir::AttachPoint& nowhere, KernelFacts& facts);

}  // namespace shrike
