// The command line by Boost.Program_options. Its exceptions end here; this is the only file compiled with them.
//
// Everything after `--` is taken away first: those are the script's own arguments. Two habits of bpftrace are kept by
// hand: `-kk` is refused with advice, and options may follow positional arguments.
#include "runtime/options.h"

#include <boost/program_options.hpp>
#include <charconv>

namespace shrike {

namespace {

namespace po = boost::program_options;

constexpr uint32_t max_pid = 0x400000;  // PID_MAX_LIMIT of 64-bit kernels

void report_bad_value(Diagnostics& diagnostics, const std::string& option, const std::string& value,
                      const std::string& expected) {
  diagnostics.report(Diag::bad_option_value, {}, {value, option, expected});
}

const po::options_description& known_options() {
  static const po::options_description* const options = [] {
    auto* table = new po::options_description;
    auto text = [] { return po::value<std::string>(); };
    auto texts = [] { return po::value<std::vector<std::string>>(); };
    // clang-format off
    table->add_options()
      ("program,e", text())("list,l", "")("cmd,c", text())("pid,p", text())("output,o", text())("format,f", text())
      ("buffering,B", text())("quiet,q", "")("verbose,v", "")("warnings,k", "")("no-warnings", "")("unsafe", "")
      ("dry-run", "")("fmt", "")("info", "")("version,V", "")("help,h", "")("debug,d", texts())("emit", text())("emit-elf", text())
      ("emit-llvm", text())
      ("print-after", texts())("stop-after", text())("skip", texts())("run-pass", text())("time-passes", "")("time-start", "")
      ("regalloc", text())("kernel", text())("min-kernel", "")("log", "")("debuginfo", text())("include-dir,I", texts())("include", texts())
      // Accepted because harnesses and habits pass them; they have no effect here.
      ("btf,b", "")("no-feature", text())("verify-llvm-ir", "")
      ("usdt-file-activation", "")("dwarf-pid", texts())
      ("arguments", texts());
    // clang-format on
    return table;
  }();
  return *options;
}

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
constexpr EmitRow emits[] = {{"ast", Emit::ast}, {"checked", Emit::checked}, {"mir", Emit::mir}, {"llvm", Emit::llvm},
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

bool take_output_choices(const po::variables_map& given, Options& out, Diagnostics& diagnostics) {
  if (given.count("format")) {
    std::string value = given["format"].as<std::string>();
    if (value == "json") out.format = OutputFormat::json;
    else if (value != "text") {
      report_bad_value(diagnostics, "-f", value, "text or json");
      return false;
    }
  }
  if (given.count("buffering")) {
    std::string value = given["buffering"].as<std::string>();
    if (value == "full") out.buffering = Buffering::full;
    else if (value == "none") out.buffering = Buffering::none;
    else if (value != "line") {
      report_bad_value(diagnostics, "-B", value, "line, full or none");
      return false;
    }
  }
  return true;
}

bool take_pid(const po::variables_map& given, Options& out, Diagnostics& diagnostics) {
  if (!given.count("pid")) return true;
  const std::string& value = given["pid"].as<std::string>();
  auto read = std::from_chars(value.data(), value.data() + value.size(), out.pid);
  bool is_good = read.ec == std::errc() && read.ptr == value.data() + value.size() && out.pid > 0 && out.pid <= max_pid;
  if (!is_good) report_bad_value(diagnostics, "-p", value, "a process id from 1 to " + std::to_string(max_pid));
  return is_good;
}

bool check_conflicts(const po::variables_map& given, Diagnostics& diagnostics) {
  struct Pair {
    const char *a, *a_shown, *b, *b_shown;
  };
  constexpr Pair pairs[] = {{"pid", "-p", "cmd", "-c"},
                            {"warnings", "-k", "no-warnings", "--no-warnings"},
                            {"kernel", "--kernel", "min-kernel", "--min-kernel"},
                            {"log", "--log", "min-kernel", "--min-kernel"}};
  for (const Pair& pair : pairs) {
    if (!given.count(pair.a) || !given.count(pair.b)) continue;
    diagnostics.report(Diag::conflicting_options, {}, {pair.a_shown, pair.b_shown});
    return false;
  }
  return true;
}

// The first argument is the file, unless -e gave the program; -l takes it as what to list.
void take_arguments(const po::variables_map& given, Options& out) {
  std::vector<std::string> arguments;
  if (given.count("arguments")) arguments = given["arguments"].as<std::vector<std::string>>();
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

// "DIR:DIR", and behind them those that are searched anyway.
std::vector<std::string> split_paths(std::string_view text, const std::vector<std::string>& usual) {
  std::vector<std::string> out;
  while (!text.empty()) {
    size_t colon = text.find(':');
    if (colon != 0) out.emplace_back(text.substr(0, colon));
    text.remove_prefix(colon == std::string_view::npos ? text.size() : colon + 1);
  }
  out.insert(out.end(), usual.begin(), usual.end());
  return out;
}

std::optional<Options> options_from(const po::variables_map& given, Options out, Diagnostics& diagnostics) {
  auto text = [&](const char* name) { return given.count(name) ? given[name].as<std::string>() : std::string(); };
  auto texts = [&](const char* name) {
    return given.count(name) ? given[name].as<std::vector<std::string>>() : std::vector<std::string>();
  };
  if (given.count("help")) out.action = Action::help;
  else if (given.count("version")) out.action = Action::version;
  else if (given.count("info")) out.action = Action::info;
  else if (given.count("fmt")) out.action = Action::format;
  else if (given.count("list")) out.action = Action::list;
  if (given.count("program")) out.program = text("program");
  out.command = text("cmd");
  out.output_file = text("output");
  out.debug.paths = split_paths(text("debuginfo"), out.debug.paths);
  out.quiet = given.count("quiet");
  out.verbose = given.count("verbose");
  out.runtime_warnings = given.count("warnings");
  out.hide_warnings = given.count("no-warnings");
  out.unsafe = given.count("unsafe");
  out.dry_run = given.count("dry-run");
  out.emit_elf = text("emit-elf");
  out.emit_llvm = text("emit-llvm");
  out.print_after = texts("print-after");
  out.stop_after = text("stop-after");
  out.include_folders = texts("include-dir");
  out.first_headers = texts("include");
  out.skip = texts("skip");
  out.run_pass = text("run-pass");
  out.time_passes = given.count("time-passes");
  out.time_start = given.count("time-start");
  if (given.count("regalloc")) {
    out.spill_everything = text("regalloc") == "spill-everything";
    if (!out.spill_everything) {
      report_bad_value(diagnostics, "--regalloc", text("regalloc"), "spill-everything");
      return std::nullopt;
    }
  }
  take_arguments(given, out);
  if (given.count("kernel")) out.kernels = text("kernel");
  out.min_kernel = given.count("min-kernel") != 0;
  out.verifier_log = given.count("log") != 0;

  if (!check_conflicts(given, diagnostics) || !take_pid(given, out, diagnostics)) return std::nullopt;
  if (!take_output_choices(given, out, diagnostics)) return std::nullopt;
  if (given.count("emit") && !take_emit(text("emit"), out, diagnostics)) return std::nullopt;
  for (const std::string& stage : texts("debug"))
    if (!take_stage(stage, out, diagnostics)) return std::nullopt;
  if (given.count("cmd") && out.command.find_first_not_of(" \t\n") == std::string::npos) {
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

// Boost names an option with or without dashes, by its long name; the user sees the spelling of --help.
std::string as_shown(std::string name) {
  name.erase(0, name.find_first_not_of('-'));
  const po::option_description* option = known_options().find_nothrow(name, false);
  if (option != nullptr) return option->canonical_display_name(po::command_line_style::allow_dash_for_short);
  return name.size() == 1 ? "-" + name : "--" + name;
}

void report_unknown(const std::string& name, Diagnostics& diagnostics) {
  std::string typed = name.substr(0, name.find('='));
  std::vector<std::string> spellings;
  for (const auto& option : known_options().options())
    if (option->long_name() != "arguments") spellings.push_back("--" + option->long_name());
  std::vector<std::string_view> candidates(spellings.begin(), spellings.end());
  Diagnostic& report = diagnostics.report(Diag::unknown_option, {}, {typed});
  std::string_view near = typed.starts_with("--") ? nearest_name(typed, candidates) : std::string_view();
  report.with_hint(near.empty() ? "`shrike --help` lists the options" : "did you mean `" + std::string(near) + "`?");
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

  try {
    po::positional_options_description arguments;
    arguments.add("arguments", -1);
    constexpr int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    po::variables_map given;
    po::store(po::command_line_parser(std::vector<std::string>(args.begin(), separator))
                  .options(known_options())
                  .positional(arguments)
                  .style(style)
                  .run(),
              given);
    return options_from(given, std::move(out), diagnostics);
  } catch (const po::unknown_option& error) {
    report_unknown(error.get_option_name(), diagnostics);
  } catch (const po::multiple_occurrences& error) {
    diagnostics.report(Diag::repeated_option, {}, {as_shown(error.get_option_name())});
  } catch (const po::invalid_command_line_syntax& error) {
    bool has_extra = error.kind() == po::invalid_syntax::extra_parameter;
    diagnostics.report(has_extra ? Diag::option_takes_no_value : Diag::option_needs_value, {},
                       {as_shown(error.get_option_name())});
  } catch (const std::exception& error) {
    diagnostics.report(Diag::bad_command_line, {}, {error.what()});
  }
  return std::nullopt;
}

}  // namespace shrike
