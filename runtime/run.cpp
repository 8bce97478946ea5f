// From options to exit status: reads the program, compiles it, and traces; or lists, or tells about the system.
//
// Privileges are checked before a script is compiled, unless it is only to be shown: what the user must fix first is
// told first.
#include "runtime/run.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "frontend/format_script.h"
#include "frontend/parser.h"
#include "runtime/child.h"
#include "runtime/compile.h"
#include "runtime/files.h"
#include "runtime/glob.h"
#include "runtime/info.h"
#include "runtime/interrupt.h"
#include "runtime/judge.h"
#include "runtime/judge_loads.h"
#include "runtime/kfuncs.h"
#include "runtime/list_probes.h"
#include "runtime/live_kernel_facts.h"
#include "runtime/machine.h"
#include "runtime/object_programs.h"
#include "runtime/privileges.h"
#include "runtime/session.h"

namespace shrike {

namespace {

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<size_t>(written));
  }
}

void print_out(std::string_view text) {
  write_all(STDOUT_FILENO, text);
}

void print_error(std::string_view text) {
  write_all(STDERR_FILENO, text);
}

std::optional<Source> read_source(const Options& options, Messages& messages) {
  if (options.program) return Source{SourceKind::script, messages.sources.add("stdin", *options.program)};
  bool is_stdin = options.file == "-";
  FileText file = is_stdin ? read_all(STDIN_FILENO) : read_file(options.file.c_str());
  if (file.error != 0) {
    messages.diagnostics.report(Diag::cannot_read_file, {}, {options.file, describe_errno(file.error)});
    return std::nullopt;
  }
  Source source;
  if (options.file.ends_with(".mir") || !options.run_pass.empty()) source.kind = SourceKind::mir;
  if (options.file.ends_with(".lir")) source.kind = SourceKind::lir;
  source.begin = messages.sources.add(is_stdin ? "stdin" : options.file, std::move(file.text));
  return source;
}

// BPFTRACE_MAX_STRLEN=200 sets max_strlen; these others are no configuration variables of the language.
std::map<std::string, std::string> config_environment() {
  constexpr std::string_view prefix = "BPFTRACE_";
  constexpr std::string_view others[] = {"btf", "kernel_build", "kernel_source", "vmlinux", "color", "objcopy"};
  std::map<std::string, std::string> out;
  for (char** entry = environ; *entry != nullptr; entry++) {
    std::string_view text = *entry;
    size_t equals = text.find('=');
    if (!text.starts_with(prefix) || equals == std::string_view::npos) continue;
    std::string name(text.substr(prefix.size(), equals - prefix.size()));
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (std::find(std::begin(others), std::end(others), name) == std::end(others)) out[name] = text.substr(equals + 1);
  }
  return out;
}

CompileOptions compile_options(const Options& options) {
  CompileOptions out{options, {}, print_out, nullptr, print_error};
  out.check.positionals = options.positionals;
  out.check.named = options.named;
  out.check.environment = config_environment();
  out.check.pid = options.pid;  // -c limits no probes by itself, as in bpftrace
  out.check.unsafe = options.unsafe;
  out.check.runtime_warnings = options.runtime_warnings;
  const bool runs = options.action == Action::run && !options.emit && options.emit_elf.empty() && options.emit_llvm.empty();
  out.check.is_alone = runs && options.command.empty() && options.pid == 0;
  bool looks_only = options.action == Action::list || options.action == Action::check;
  out.check.mode = looks_only && options.mode == Mode::trace ? Mode::all : options.mode;
  return out;
}

SessionOptions session_options(const Options& options, const Config& config) {
  SessionOptions out;
  out.config = config;
  out.pid = options.pid;
  out.dry_run = options.dry_run;
  out.hidden_features = options.hidden_features;
  out.mode = options.mode;
  out.load.license = config.license;
  out.load.log_size = config.log_size;
  if (options.verbose || options.shows_verifier_log)
    out.load.on_log = [](std::string_view program, const std::string& log) {
      print_error("verifier log of `" + std::string(program) + "`:\n" + log + "\n");
    };
  if (options.verbose || options.shows_loading) out.load.on_step = [](const std::string& line) { print_error(line + "\n"); };
  if (const char* file = getenv("SHRIKE_JUDGE_LOADS"); file != nullptr && *file != '\0')
    out.load.on_answer = judge_loads_into(file);
  out.output.format = options.format;
  out.output.buffering = options.buffering;
  out.output.quiet = options.quiet;
  out.output.is_colored = is_stderr_colored;
  out.output.unsafe = options.unsafe;
  out.output.symbols = {config.cpp_demangle, config.show_debug_info, options.debug};
  out.output.max_cat_bytes = config.max_cat_bytes;
  out.output.str_trunc_trailer = config.str_trunc_trailer;
  if (getenv("__BPFTRACE_NOTIFY_PROBES_ATTACHED") != nullptr) out.notify_line = "__BPFTRACE_NOTIFY_PROBES_ATTACHED";
  return out;
}

bool write_file(const std::string& path, std::string_view text, Messages& messages) {
  int error = write_file_at(AT_FDCWD, path.c_str(), text, O_CREAT | O_TRUNC);
  if (error != 0) messages.diagnostics.report(Diag::cannot_write_file, {}, {path, describe_errno(error)});
  return error == 0;
}

bool write_report(const Options& options, const Report& report, Messages& messages) {
  const std::string text = report.json(options.program ? "stdin" : options.file);
  if (options.report != "-") return write_file(options.report, text, messages);
  print_out(text);
  return true;
}

// --emit and its kind only look at the program; nothing of it reaches the kernel.
bool only_shows(const Options& options) {
  bool stops_early = !options.stop_after.empty() && options.stop_after != load_stage;
  return options.emit.has_value() || !options.emit_elf.empty() || !options.emit_llvm.empty() || stops_early ||
         !options.run_pass.empty() || options.action == Action::list || options.action == Action::check;
}

bool open_output_file(const Options& options, Fd& file, Messages& messages) {
  if (options.output_file.empty()) return true;
  file = Fd(open(options.output_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (file.is_open()) return true;
  messages.diagnostics.report(Diag::cannot_write_file, {}, {options.output_file, describe_errno(errno)});
  return false;
}

// `shrike check`.
int check_programs(const std::vector<JudgedProgram>& programs, const std::vector<sim::Profile>& kernels, const Options& options,
                   Messages& messages) {
  Diagnostics& diagnostics = messages.diagnostics;
  const AnswerOutput output{print_out, options.format == OutputFormat::json ? &messages.sources : nullptr};
  if (options.min_kernel) return judge_minimum(programs, output, diagnostics);
  if (options.verifier_log) judge_log(programs, kernels, messages.sources, print_out);
  return judge(programs, kernels, output, diagnostics);
}

int check_object(const std::string& bytes, const Options& options, Messages& messages) {
  const std::vector<JudgedProgram> programs = object_programs(options.file, bytes, messages.sources, messages.diagnostics);
  const std::vector<sim::Profile> kernels = chosen_kernels(options.kernels, messages.diagnostics);
  return messages.diagnostics.has_errors() ? 1 : check_programs(programs, kernels, options, messages);
}

void give_target(const CodeTarget& target, CompileOptions& compiling) {
  compiling.isa_level = target.isa_level;
  compiling.has_number_iterators = [has = target.has_iterators] { return has; };
}

// A script that is compiled already, for newer kernels, too. What is to be said of it has been said.
bpf::Object compiled_for(const CodeTarget& target, const Source& source, const SourceMap& sources, CompileOptions compiling,
                         KernelFacts& facts) {
  Messages unheard{.sources = sources, .diagnostics = {}};
  give_target(target, compiling);
  compiling.report = nullptr;
  compiling.clock = nullptr;
  std::optional<Compiled> compiled = compile(source, compiling, facts, unheard);
  CHECK(compiled.has_value(), "what compiles for one kernel does for the next");
  return std::move(compiled->object);
}

int trace(const Options& options, Messages& messages, StartClock& clock) {
  bool is_traced = !only_shows(options);
  if (is_traced && !check_privileges(messages.diagnostics)) return 1;
  std::optional<Source> source = read_source(options, messages);
  if (!source) return 1;
  clock.lap("read the script");
  if (options.action == Action::check && is_elf(messages.sources.file_text(source->begin)))
    return check_object(std::string(messages.sources.file_text(source->begin)), options, messages);
  Fd file;
  if (is_traced && !open_output_file(options, file, messages)) return 1;
  if (is_traced) ignore_closed_pipes();
  Child child;
  bool has_child = is_traced && !options.command.empty() && options.stop_after != load_stage;
  if (has_child) catch_interrupts();  // from here on somebody must see to the child
  if (has_child && !child.start(options.command, messages.diagnostics)) return 1;

  Tracefs tracefs;
  LiveKernelFacts facts(tracefs, options.debug, options.pid);
  CompileOptions compiling = compile_options(options);
  compiling.clock = &clock;
  KernelFunctionNumbers kernel_functions([&facts] { return facts.types_of("").value; });
  std::vector<sim::Profile> judging;
  std::vector<CodeTarget> targets;
  if (options.action == Action::check) {
    judging = options.min_kernel ? sim::all_profiles() : chosen_kernels(options.kernels, messages.diagnostics);
    if (messages.diagnostics.has_errors()) return 1;
    targets = code_targets(judging);
    give_target(targets.front(), compiling);
  } else {
    compiling.isa_level = isa_level_of(running_kernel_version());
    compiling.has_number_iterators = [&] {
      return may_use_iterators(running_kernel_version()) && kernel_functions.of(mir::HelperId::iter_num_new).has_value();
    };
  }
  if (options.isa) compiling.isa_level = *options.isa;
  const SourceMap untouched = options.action == Action::check ? messages.sources : SourceMap();
  Report report;
  if (!options.report.empty()) compiling.report = &report;
  std::optional<Pattern> wanted;
  if (options.probe_filter) {
    wanted.emplace(*options.probe_filter);
    if (!wanted->why_not().empty()) {
      messages.diagnostics.report(Diag::bad_option_value, {}, {*options.probe_filter, "--probe-filter", "a regular expression"})
          .with_hint(wanted->why_not());
      return 1;
    }
    compiling.check.is_wanted = [&](std::string_view name) { return wanted->is_in(name); };
  }
  if (!options.run_pass.empty()) return compile_one_pass(*source, compiling, messages) ? 0 : 1;
  std::optional<Compiled> compiled = compile(*source, compiling, facts, messages);
  // What is loaded is reported then, with the verifier's part.
  bool is_reported_now = report.is_finished() && (!compiled || only_shows(options));
  if (is_reported_now && !write_report(options, report, messages)) return 1;
  if (!compiled) return messages.diagnostics.has_errors() ? 1 : 0;
  std::vector<mir::AttachPoint>& probes = compiled->object.interface.probes;
  if (options.action == Action::list || !only_shows(options)) {
    expand_patterns(probes, facts, compiled->config, messages.diagnostics);
    clock.lap("expand wildcards");
    if (messages.diagnostics.has_errors()) return 1;
  }
  if (options.action == Action::list) {
    for (const mir::AttachPoint& probe : probes) list_probe(probe, facts, {options.verbose, print_out});
    return 0;
  }
  if (options.action == Action::check) {
    if (options.isa || source->kind == SourceKind::lir)
      return check_programs(judged_programs(compiled->object), judging, options, messages);
    std::vector<bpf::Object> objects;
    objects.push_back(std::move(compiled->object));
    for (size_t i = 1; i < targets.size(); i++) objects.push_back(compiled_for(targets[i], *source, untouched, compiling, facts));
    return check_programs(judged_programs(targets, objects), judging, options, messages);
  }
  if (options.emit == Emit::elf) {
    std::vector<uint8_t> bytes = bpf::write_elf(compiled->object, messages.sources);
    print_out({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    return 0;
  }
  if (!options.emit_elf.empty()) {
    std::vector<uint8_t> bytes = bpf::write_elf(compiled->object, messages.sources);
    if (!write_file(options.emit_elf, {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, messages)) return 1;
  }
  if (!options.emit_llvm.empty() && !write_file(options.emit_llvm, compiled->llvm, messages)) return 1;
  if (only_shows(options)) return 0;

  messages.show();  // warnings of the compiler, before the trace
  SessionOptions session = session_options(options, compiled->config);
  if (source->kind == SourceKind::lir) session.load.code_by = CodeBy::user;
  if (!options.report.empty()) {
    session.load.on_statistics = [&](size_t program, const std::string& log) { report.add_statistics(program, log); };
    session.load.on_loaded = [&] { write_report(options, report, messages); };
  }
  session.suggest = [&](const mir::AttachPoint& nowhere) { return suggest_place(nowhere, facts); };
  session.load.kernel_types = [&](std::string_view target) { return facts.types_of(target).value; };
  session.load.kernel_function = [&](mir::HelperId function) { return kernel_functions.of(function); };
  if (options.stop_after == load_stage)
    return load(compiled->object, messages.sources, session.load, messages.diagnostics) ? 0 : 1;
  if (has_child) session.child = &child;
  session.load.clock = &clock;
  session.ends_process = !has_child;
  if (file.is_open()) session.output.out_fd = file.get();
  return run_session(compiled->object, session, tracefs, messages);
}

// --fmt
int format_script_file(const Options& options, Messages& messages) {
  std::optional<Source> source = read_source(options, messages);
  if (!source) return 1;
  messages.hide_warnings = true;  // they are about running it
  Arena arena;
  ast::Program program = parse(messages.sources, source->begin, {options.positionals}, arena, messages.diagnostics);
  if (messages.diagnostics.has_errors()) return 1;
  print_out(format_script(program, messages.sources.file_text(source->begin), source->begin));
  return 0;
}

// What -l was given is a script if there is such a file, else a pattern.
bool lists_script(const Options& options) {
  struct stat status{};
  return options.program || (stat(options.pattern.c_str(), &status) == 0 && S_ISREG(status.st_mode));
}

int list(const Options& options, Messages& messages, StartClock& clock) {
  if (lists_script(options)) {
    Options script = options;
    script.file = options.pattern;
    return trace(script, messages, clock);
  }
  Tracefs tracefs;
  LiveKernelFacts facts(tracefs, options.debug, options.pid);
  bool is_empty = true;
  std::string text;
  ListOptions listing{options.verbose, [&](std::string_view line) {
                        is_empty = false;
                        text += line;
                        if (text.size() > 60000) {
                          print_out(text);
                          text.clear();
                        }
                      }};
  listing.pid = options.pid;
  bool is_done = list_probes(options.pattern, tracefs, facts, listing, messages.diagnostics);
  print_out(text);
  if (is_done && is_empty) messages.diagnostics.report(Diag::nothing_listed, {}, {options.pattern});
  return is_done ? 0 : 1;
}

}  // namespace

int run(const Options& options, Messages& messages, StartClock& clock) {
  switch (options.action) {
    case Action::help: print_out(help_text()); return 0;
    case Action::version: print_out("shrike v0.1.0\n"); return 0;
    case Action::info: {
      Tracefs tracefs;
      print_out(describe_system(tracefs));
      return 0;
    }
    case Action::list: return list(options, messages, clock);
    case Action::format: return format_script_file(options, messages);
    case Action::check:
    case Action::run: return trace(options, messages, clock);
  }
  UNREACHABLE("unknown action");
}

}  // namespace shrike
