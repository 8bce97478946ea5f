// The command line by Boost.Program_options. Its exceptions end here; this is the only file compiled with them.
//
// Everything after `--` is taken away first: those are the script's own arguments. Two habits of bpftrace are kept by
// hand: `-kk` is refused with advice, and options may follow positional arguments.
#include "runtime/options.h"

#include <boost/program_options.hpp>
#include <charconv>
#include <span>

#include "runtime/attach_bulk.h"

namespace shrike {

namespace {

namespace po = boost::program_options;

constexpr uint32_t max_pid = 0x400000;  // PID_MAX_LIMIT of 64-bit kernels

void report_bad_value(Diagnostics& diagnostics, const std::string& option, const std::string& value,
                      const std::string& expected) {
  diagnostics.report(Diag::bad_option_value, {}, {value, option, expected});
}

enum class Takes { nothing, text, texts };

struct OptionRow {
  std::string_view name;
  char letter;  // 0: none
  Takes takes;
};

// clang-format off
constexpr OptionRow option_rows[] = {
    {"program", 'e', Takes::text},      {"list", 'l', Takes::nothing},       {"cmd", 'c', Takes::text},
    {"pid", 'p', Takes::text},          {"output", 'o', Takes::text},        {"format", 'f', Takes::text},
    {"buffering", 'B', Takes::text},    {"quiet", 'q', Takes::nothing},      {"verbose", 'v', Takes::nothing},
    {"warnings", 'k', Takes::nothing},  {"no-warnings", 0, Takes::nothing},  {"unsafe", 0, Takes::nothing},
    {"dry-run", 0, Takes::nothing},     {"fmt", 0, Takes::nothing},          {"info", 0, Takes::nothing},
    {"version", 'V', Takes::nothing},   {"help", 'h', Takes::nothing},       {"debug", 'd', Takes::texts},
    {"emit", 0, Takes::text},           {"emit-elf", 0, Takes::text},        {"emit-llvm", 0, Takes::text},
    {"print-after", 0, Takes::texts},   {"stop-after", 0, Takes::text},      {"skip", 0, Takes::texts},
    {"run-pass", 0, Takes::text},       {"time-passes", 0, Takes::nothing},  {"time-start", 0, Takes::nothing},
    {"regalloc", 0, Takes::text},       {"kernel", 0, Takes::text},          {"min-kernel", 0, Takes::nothing},
    {"log", 0, Takes::nothing},         {"debuginfo", 0, Takes::text},       {"include-dir", 'I', Takes::texts},
    {"include", 0, Takes::texts},       {"report", 0, Takes::text},          {"mode", 0, Takes::text},
    {"test", 0, Takes::nothing},        {"bench", 0, Takes::nothing},        {"probe-filter", 0, Takes::text},
    {"passes", 0, Takes::text},         {"pass-limit", 0, Takes::text},      {"no-feature", 0, Takes::text},
    {"isa", 0, Takes::text},
    // Accepted because harnesses and habits pass them; they have no effect here.
    {"btf", 'b', Takes::nothing},       {"verify-llvm-ir", 0, Takes::nothing},
    {"usdt-file-activation", 0, Takes::nothing},                             {"dwarf-pid", 0, Takes::texts},
};
// clang-format on

constexpr const char* arguments_name = "arguments";

// What Boost is told of a row costs it a stream of the standard library, so it is told only rows that WORDS may mean.
bool may_mean(const std::vector<std::string>& words, const OptionRow& row) {
  for (std::string_view word : words) {
    if (word.size() < 2 || word[0] != '-') continue;
    if (word[1] != '-') {
      if (row.letter != 0 && word.find(row.letter, 1) != std::string_view::npos) return true;
    } else if (word.substr(2, word.find('=') - 2) == row.name) {
      return true;
    }
  }
  return false;
}

po::options_description describe_options(const std::vector<std::string>& words) {
  po::options_description table;
  for (const OptionRow& row : option_rows) {
    if (!may_mean(words, row)) continue;
    std::string names(row.name);
    if (row.letter != 0) names += {',', row.letter};
    if (row.takes == Takes::nothing) table.add_options()(names.c_str(), "");
    else if (row.takes == Takes::text) table.add_options()(names.c_str(), po::value<std::string>());
    else table.add_options()(names.c_str(), po::value<std::vector<std::string>>());
  }
  table.add_options()(arguments_name, po::value<std::vector<std::string>>());
  return table;
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

bool take_mode(const po::variables_map& given, Options& out, Diagnostics& diagnostics) {
  std::string mode = given.count("mode") ? given["mode"].as<std::string>() : "";
  if (given.count("test") || mode == "test") out.mode = Mode::test;
  else if (given.count("bench") || mode == "bench") out.mode = Mode::bench;
  else if (mode == "format") out.action = Action::format;
  else if (given.count("mode")) {
    report_bad_value(diagnostics, "--mode", mode, "test, bench or format");
    return false;
  }
  if (given.count("probe-filter")) out.probe_filter = given["probe-filter"].as<std::string>();
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

bool take_features(const po::variables_map& given, Options& out, Diagnostics& diagnostics) {
  const std::span<const std::string_view> known = bulk_features();
  if (!given.count("no-feature")) return true;
  out.hidden_features = given["no-feature"].as<std::string>();
  std::string_view rest = out.hidden_features;
  for (bool is_last = false; !is_last;) {
    size_t comma = std::min(rest.find(','), rest.size());
    is_last = comma == rest.size();
    std::string_view name = rest.substr(0, comma);
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      report_bad_value(diagnostics, "--no-feature", std::string(name), "kprobe_multi, uprobe_multi or kprobe_session");
      return false;
    }
    rest.remove_prefix(is_last ? comma : comma + 1);
  }
  return true;
}

bool take_passes(const po::variables_map& given, Options& out, Diagnostics& diagnostics) {
  if (given.count("pass-limit")) {
    const std::string& value = given["pass-limit"].as<std::string>();
    uint32_t limit = 0;
    auto read = std::from_chars(value.data(), value.data() + value.size(), limit);
    if (read.ec != std::errc() || read.ptr != value.data() + value.size()) {
      report_bad_value(diagnostics, "--pass-limit", value, "a number of applications of passes");
      return false;
    }
    out.pass_limit = limit;
  }
  if (!given.count("passes")) return true;
  std::string_view rest = given["passes"].as<std::string>();
  for (bool is_last = false; !is_last;) {
    size_t comma = std::min(rest.find(','), rest.size());
    is_last = comma == rest.size();
    out.passes.emplace_back(rest.substr(0, comma));
    rest.remove_prefix(comma + !is_last);
  }
  return true;
}

bool check_conflicts(const po::variables_map& given, Diagnostics& diagnostics) {
  struct Pair {
    const char *a, *a_shown, *b, *b_shown;
  };
  constexpr Pair pairs[] = {{"pid", "-p", "cmd", "-c"},
                            {"warnings", "-k", "no-warnings", "--no-warnings"},
                            {"test", "--test", "bench", "--bench"},
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
  if (given.count(arguments_name)) arguments = given[arguments_name].as<std::vector<std::string>>();
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
  if (!take_mode(given, out, diagnostics)) return std::nullopt;
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
  out.report = text("report");
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
  if (given.count("isa")) {
    const std::string level = text("isa");
    if (level.size() != 1 || level[0] < '1' || level[0] > '4') {
      report_bad_value(diagnostics, "--isa", level, "1, 2, 3 or 4");
      return std::nullopt;
    }
    out.isa = level[0] - '0';
  }
  take_arguments(given, out);
  if (given.count("kernel")) out.kernels = text("kernel");
  out.min_kernel = given.count("min-kernel") != 0;
  out.verifier_log = given.count("log") != 0;

  if (!check_conflicts(given, diagnostics) || !take_pid(given, out, diagnostics)) return std::nullopt;
  if (!take_output_choices(given, out, diagnostics) || !take_passes(given, out, diagnostics) ||
      !take_features(given, out, diagnostics))
    return std::nullopt;
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
  for (const OptionRow& row : option_rows)
    if (row.name == name && row.letter != 0) return {'-', row.letter};
  return name.size() == 1 ? "-" + name : "--" + name;
}

void report_unknown(const std::string& name, Diagnostics& diagnostics) {
  std::string typed = name.substr(0, name.find('='));
  std::vector<std::string> spellings;
  for (const OptionRow& row : option_rows) spellings.push_back("--" + std::string(row.name));
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
    arguments.add(arguments_name, -1);
    const std::vector<std::string> words(args.begin(), separator);
    const po::options_description table = describe_options(words);
    constexpr int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    po::variables_map given;
    po::store(po::command_line_parser(words).options(table).positional(arguments).style(style).run(), given);
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
