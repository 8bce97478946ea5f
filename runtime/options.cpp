// What each option means. command_line takes the arguments apart.
//
// Everything after `--` is taken away first: those are the script's own arguments. Two habits of bpftrace are kept by
// hand: `-kk` is refused with advice, and options may follow positional arguments.
#include "runtime/options.h"

#include <charconv>

#include "runtime/command_line.h"

namespace shrike {

namespace {

constexpr uint32_t max_pid = 0x400000;  // PID_MAX_LIMIT of 64-bit kernels

void report_bad_value(Diagnostics& diagnostics, const std::string& option, const std::string& value,
                      const std::string& expected) {
  diagnostics.report(Diag::bad_option_value, {}, {value, option, expected});
}

// clang-format off
constexpr OptionRow known_options[] = {
    {"program", 'e', Takes::text}, {"list", 'l'}, {"cmd", 'c', Takes::text}, {"pid", 'p', Takes::text},
    {"output", 'o', Takes::text}, {"format", 'f', Takes::text}, {"buffering", 'B', Takes::text}, {"quiet", 'q'},
    {"verbose", 'v'}, {"warnings", 'k'}, {"no-warnings"}, {"unsafe"}, {"dry-run"}, {"fmt"}, {"info"}, {"version", 'V'}, {"help", 'h'},
    {"debug", 'd', Takes::texts}, {"emit", 0, Takes::text}, {"emit-elf", 0, Takes::text}, {"print-after", 0, Takes::texts},
    {"stop-after", 0, Takes::text}, {"skip", 0, Takes::texts}, {"run-pass", 0, Takes::text}, {"time-passes"}, {"time-start"},
    {"regalloc", 0, Takes::text}, {"kernel", 0, Takes::text},
    // Accepted because harnesses and habits pass them; they have no effect here.
    {"include-dir", 'I', Takes::texts}, {"include", 0, Takes::texts}, {"btf", 'b'}, {"no-feature", 0, Takes::text},
    {"verify-llvm-ir"}, {"debuginfo", 0, Takes::text}, {"usdt-file-activation"}, {"dwarf-pid", 0, Takes::texts},
};
// clang-format on

// "--name=value" and "--name" are for getopt; the others are positionals like those before `--`.
void take_script_arguments(std::vector<std::string>::const_iterator from, std::vector<std::string>::const_iterator to,
                           Options& out) {
  for (; from != to; ++from) {
    if (!from->starts_with("--") || from->size() == 2) {
      out.positionals.push_back(*from);
      continue;
    }
    size_t equals = from->find('=');
    out.named[from->substr(2, equals - 2)] = equals == std::string::npos ? "true" : from->substr(equals + 1);
  }
}

struct EmitRow {
  std::string_view name;
  Emit emit;
};
constexpr EmitRow emits[] = {{"ast", Emit::ast}, {"checked", Emit::checked}, {"mir", Emit::mir},
                             {"lir", Emit::lir}, {"asm", Emit::assembly},    {"elf", Emit::elf}};

bool take_emit(const std::string& value, Options& out, Diagnostics& diagnostics) {
  for (const EmitRow& row : emits)
    if (row.name == value) out.emit = row.emit;
  if (!out.emit) report_bad_value(diagnostics, "--emit", value, "ast, checked, mir, lir, asm or elf");
  return out.emit.has_value();
}

// bpftrace's stages, mapped to ours: what its LLVM IR before and after optimisation is to it, MIR and bytes are to us.
bool take_stage(const std::string& stage, Options& out, Diagnostics& diagnostics) {
  bool is_all = stage == "all";
  auto matches = [&](std::string_view name) { return is_all || stage == name; };
  bool is_known = is_all;
  auto show = [&](std::string_view name, Emit emit) {
    if (!matches(name)) return;
    out.shown.push_back(emit);
    is_known = true;
  };
  show("ast", Emit::ast);
  show("types", Emit::checked);
  show("codegen", Emit::mir);
  show("codegen-opt", Emit::lir);
  show("codegen-opt", Emit::assembly);
  if (matches("verifier")) out.shows_verifier_log = is_known = true;
  if (matches("libbpf")) out.shows_loading = is_known = true;
  if (!is_known) report_bad_value(diagnostics, "-d", stage, "ast, types, codegen, codegen-opt, libbpf, verifier or all");
  return is_known;
}

bool take_output_choices(const CommandLine& given, Options& out, Diagnostics& diagnostics) {
  if (given.has("format")) {
    std::string value = given.text("format");
    if (value == "json") out.format = OutputFormat::json;
    else if (value != "text") {
      report_bad_value(diagnostics, "-f", value, "text or json");
      return false;
    }
  }
  if (given.has("buffering")) {
    std::string value = given.text("buffering");
    if (value == "full") out.buffering = Buffering::full;
    else if (value == "none") out.buffering = Buffering::none;
    else if (value != "line") {
      report_bad_value(diagnostics, "-B", value, "line, full or none");
      return false;
    }
  }
  return true;
}

bool take_pid(const CommandLine& given, Options& out, Diagnostics& diagnostics) {
  if (!given.has("pid")) return true;
  std::string value = given.text("pid");
  auto read = std::from_chars(value.data(), value.data() + value.size(), out.pid);
  bool is_good = read.ec == std::errc() && read.ptr == value.data() + value.size() && out.pid > 0 && out.pid <= max_pid;
  if (!is_good) report_bad_value(diagnostics, "-p", value, "a process id from 1 to " + std::to_string(max_pid));
  return is_good;
}

bool check_conflicts(const CommandLine& given, Diagnostics& diagnostics) {
  struct Pair {
    const char *a, *a_shown, *b, *b_shown;
  };
  constexpr Pair pairs[] = {{"pid", "-p", "cmd", "-c"}, {"warnings", "-k", "no-warnings", "--no-warnings"}};
  for (const Pair& pair : pairs) {
    if (!given.has(pair.a) || !given.has(pair.b)) continue;
    diagnostics.report(Diag::conflicting_options, {}, {pair.a_shown, pair.b_shown});
    return false;
  }
  return true;
}

// The first argument is the file, unless -e gave the program; -l takes it as what to list.
void take_arguments(const CommandLine& given, Options& out) {
  const std::vector<std::string_view>& arguments = given.arguments();
  size_t next = 0;
  if (out.action == Action::run && !arguments.empty() && arguments[0] == "check") {
    out.action = Action::check;
    next = 1;
  }
  if (!out.program && next < arguments.size()) {
    std::string& target = out.action == Action::list ? out.pattern : out.file;
    target = arguments[next++];
  }
  out.positionals.insert(out.positionals.begin(), arguments.begin() + static_cast<ptrdiff_t>(next), arguments.end());
}

std::optional<Options> options_from(const CommandLine& given, Options out, Diagnostics& diagnostics) {
  if (given.has("help")) out.action = Action::help;
  else if (given.has("version")) out.action = Action::version;
  else if (given.has("info")) out.action = Action::info;
  else if (given.has("fmt")) out.action = Action::format;
  else if (given.has("list")) out.action = Action::list;
  if (given.has("program")) out.program = given.text("program");
  out.command = given.text("cmd");
  out.output_file = given.text("output");
  out.quiet = given.has("quiet");
  out.verbose = given.has("verbose");
  out.runtime_warnings = given.has("warnings");
  out.hide_warnings = given.has("no-warnings");
  out.unsafe = given.has("unsafe");
  out.dry_run = given.has("dry-run");
  out.emit_elf = given.text("emit-elf");
  out.print_after = given.texts("print-after");
  out.stop_after = given.text("stop-after");
  out.skip = given.texts("skip");
  out.run_pass = given.text("run-pass");
  out.time_passes = given.has("time-passes");
  out.time_start = given.has("time-start");
  if (given.has("regalloc")) {
    out.spill_everything = given.text("regalloc") == "spill-everything";
    if (!out.spill_everything) {
      report_bad_value(diagnostics, "--regalloc", given.text("regalloc"), "spill-everything");
      return std::nullopt;
    }
  }
  take_arguments(given, out);
  if (given.has("kernel")) out.kernels = given.text("kernel");

  if (!check_conflicts(given, diagnostics) || !take_pid(given, out, diagnostics)) return std::nullopt;
  if (!take_output_choices(given, out, diagnostics)) return std::nullopt;
  if (given.has("emit") && !take_emit(given.text("emit"), out, diagnostics)) return std::nullopt;
  for (const std::string& stage : given.texts("debug"))
    if (!take_stage(stage, out, diagnostics)) return std::nullopt;
  if (given.has("cmd") && out.command.find_first_not_of(" \t\n") == std::string::npos) {
    report_bad_value(diagnostics, "-c", out.command, "a command");
    return std::nullopt;
  }
  bool needs_program = out.action == Action::run || out.action == Action::check || out.action == Action::format;
  if (needs_program && !out.program && out.file.empty()) {
    diagnostics.report(Diag::no_script, {}).with_hint("`shrike -e 'program'` or `shrike FILE`; `shrike --help` tells the rest");
    return std::nullopt;
  }
  return out;
}

}  // namespace

std::optional<Options> parse_options(const std::vector<std::string>& args, Diagnostics& diagnostics) {
  Options out;
  auto separator = args.begin();
  for (; separator != args.end() && *separator != "--"; ++separator) {
    if (*separator != "-kk") continue;
    diagnostics.report(Diag::unknown_option, {}, {"-kk"}).with_hint("one `-k` reports everything");
    return std::nullopt;
  }
  if (separator != args.end()) take_script_arguments(separator + 1, args.end(), out);

  std::span<const std::string> ours(args.data(), static_cast<size_t>(separator - args.begin()));
  std::optional<CommandLine> given = CommandLine::parse(known_options, ours, diagnostics);
  if (!given) return std::nullopt;
  return options_from(*given, std::move(out), diagnostics);
}

}  // namespace shrike
