// The list of stages. Each line of compile() is one; between them stands only what the command line may ask: to show
// what there is, or to stop.
#include "runtime/compile.h"

#include <time.h>

#include <algorithm>

#include "backend-bpf/backend.h"
#include "backend-bpf/lir_text.h"
#include "backend-bpf/llvm_text.h"
#include "frontend/expand_macros.h"
#include "frontend/imports.h"
#include "frontend/parser.h"
#include "mir/text.h"
#include "passes/pipeline.h"
#include "runtime/header_files.h"
#include "runtime/import_files.h"
#include "runtime/machine.h"

namespace shrike {

namespace {

#ifdef NDEBUG
constexpr bool validates = false;
#else
constexpr bool validates = true;
#endif

uint64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000u + static_cast<uint64_t>(now.tv_nsec);
}

using Times = std::vector<std::pair<std::string_view, uint64_t>>;

// What the command line wants to see of the stages, and how long they took.
class Viewer {
 public:
  explicit Viewer(const CompileOptions& options)
      : line_(options.command_line), clock_(options.clock), report_(options.report), show_(options.show), last_(now_ns()) {}

  // Shows a stage if asked. True if nothing is to happen after it.
  template <class Text>
  bool stage(Emit emit, Text&& text) const {
    bool is_last = line_.emit == emit;
    bool is_shown = is_last;
    for (Emit shown : line_.shown) is_shown |= shown == emit;
    if (is_shown) show_(text());
    return is_last;
  }
  template <class Text>
  bool is_last(std::string_view pass, Text&& text) const {
    if (line_.stop_after != pass) return false;
    show_(text());
    return true;
  }
  void lap(std::string_view stage) {
    uint64_t now = now_ns();
    add(stage, now - last_);
    mark(stage);
    last_ = now_ns();
  }
  std::function<void(std::string_view, const std::string&)> printer() const {
    if (line_.print_after.empty()) return nullptr;
    return [this](std::string_view pass, const std::string& text) { show_("# after " + std::string(pass) + "\n" + text); };
  }
  void add(std::string_view pass, uint64_t nanoseconds) {
    times_.push_back({pass, nanoseconds});
    if (report_ != nullptr) report_->add_time(pass, nanoseconds);
  }
  Report* report() const { return report_; }
  // What counts instructions after each pass or stage of that IR, for the report.
  template <class Module>
  std::function<void(std::string_view, const Module&)> counter() const {
    if (report_ == nullptr) return nullptr;
    return [report = report_](std::string_view pass, const Module& module) { report->add_size(pass, module); };
  }
  std::string times() const {
    std::string text;
    uint64_t total = 0;
    for (auto& [name, nanoseconds] : times_) {
      append_row(text, name, nanoseconds);
      total += nanoseconds;
    }
    append_row(text, "total", total);
    return text;
  }
  void mark(std::string_view stage) {
    if (clock_ != nullptr) clock_->lap(stage);
  }
  void restart() { last_ = now_ns(); }

 private:
  static void append_row(std::string& text, std::string_view name, uint64_t nanoseconds) {
    char row[96];
    snprintf(row, sizeof row, "%8.1f us  %.*s\n", static_cast<double>(nanoseconds) / 1000, static_cast<int>(name.size()),
             name.data());
    text += row;
  }

  const Options& line_;
  StartClock* clock_;
  Report* report_;
  const std::function<void(std::string_view)>& show_;
  uint64_t last_;
  Times times_;
};

passes::PipelineOptions pass_options(const CompileOptions& options, const Config& config, const Viewer& viewer) {
  const Options& line = options.command_line;
  passes::PipelineOptions out;
  out.limits.has_number_iterators = options.has_number_iterators;
  out.limits.on_stack_limit = static_cast<uint32_t>(config.on_stack_limit);
  out.limits.possible_cpus = possible_cpu_count;
  out.print_after = line.print_after;
  out.stop_after = line.stop_after;
  out.skip = line.skip;
  out.passes = line.passes;
  out.validate = validates;
  out.on_print = viewer.printer();
  out.on_done = viewer.counter<mir::Module>();
  if (viewer.report() != nullptr) out.bounds = &viewer.report()->bounds();
  return out;
}

bpf::BackendOptions backend_options(const CompileOptions& options, const Viewer& viewer, Times* times) {
  const Options& line = options.command_line;
  bpf::BackendOptions out;
  out.isa_level = options.isa_level;
  out.spill_everything = line.spill_everything;
  out.validate = validates;
  out.print_after = line.print_after;
  out.stop_after = line.stop_after;
  out.on_print = viewer.printer();
  out.times = times;
  out.on_done = viewer.counter<lir::Module>();
  return out;
}

// Of those below.
constexpr std::string_view optional_stages[] = {"peephole", "merge-tails"};

// Stages of the backend that --print-after and --stop-after know besides the passes.
constexpr std::string_view backend_stages[] = {"select",      "lower-block-params", "allocate-registers", "peephole",
                                               "merge-tails", "layout-frame",       "layout-blocks"};

bool is_known_pass(const std::string& name, const std::vector<std::string_view>& known, Diagnostics& diagnostics) {
  if (std::find(known.begin(), known.end(), name) != known.end()) return true;
  std::string_view near = nearest_name(name, known);
  diagnostics.report(Diag::unknown_pass, {}, {name})
      .with_hint(near.empty() ? "`--time-passes` shows their names" : "did you mean `" + std::string(near) + "`?");
  return false;
}

bool check_pass_names(const Options& line, Diagnostics& diagnostics) {
  std::vector<std::string> asked = line.print_after, asked_of_mir = line.passes;
  asked.insert(asked.end(), line.skip.begin(), line.skip.end());
  if (!line.stop_after.empty() && line.stop_after != load_stage) asked.push_back(line.stop_after);
  if (!line.run_pass.empty()) asked_of_mir.push_back(line.run_pass);
  if (asked.empty() && asked_of_mir.empty()) return true;
  std::vector<std::string_view> known = passes::pass_names();
  for (const std::string& name : asked_of_mir)
    if (!is_known_pass(name, known, diagnostics)) return false;
  known.insert(known.end(), std::begin(backend_stages), std::end(backend_stages));
  known.push_back("all");
  for (const std::string& name : asked)
    if (!is_known_pass(name, known, diagnostics)) return false;
  for (const std::string& name : line.skip) {
    const bool is_optional_stage =
        std::find(std::begin(optional_stages), std::end(optional_stages), name) != std::end(optional_stages);
    if (passes::is_optional(name) || is_optional_stage) continue;
    diagnostics.report(Diag::pass_not_optional, {}, {name})
        .with_hint("what it establishes is needed; `--passes` runs others instead");
    return false;
  }
  return true;
}

// --pass-limit and --skip: which optional passes may change which function. Told to the user one by one, so that halving the
// limit finds the change that breaks a program.
class PassChoice {
 public:
  explicit PassChoice(const CompileOptions& options) : line_(options.command_line), tell_(options.tell) {}

  // Nothing where everything may run.
  std::function<bool(std::string_view, const std::string&)> asker() {
    if (!line_.pass_limit && line_.skip.empty()) return nullptr;
    return [this](std::string_view pass, const std::string& function) { return admits(pass, function); };
  }

 private:
  bool admits(std::string_view pass, const std::string& function) {
    if (std::find(line_.skip.begin(), line_.skip.end(), pass) != line_.skip.end()) return false;
    if (!line_.pass_limit) return true;
    bool runs = count_++ < *line_.pass_limit;
    tell_(std::to_string(count_) + ": " + std::string(pass) + " on `" + function + "`" + (runs ? "" : ", left out") + "\n");
    return runs;
  }

  const Options& line_;
  const std::function<void(std::string_view)>& tell_;
  uint32_t count_ = 0;
};

// Script to MIR. Nothing after errors or the last stage.
std::optional<mir::Module> run_frontend(const Source& source, const CompileOptions& options, KernelFacts& facts,
                                        Messages& messages, Viewer& viewer, Config& config) {
  Arena arena;
  HeaderFiles headers(options.command_line.include_folders);
  ParseOptions parsing;
  parsing.positionals = options.check.positionals;
  parsing.headers = &headers;
  parsing.first_headers = options.command_line.first_headers;
  ast::Program program = parse(messages.sources, source.begin, parsing, arena, messages.diagnostics);
  ImportFiles files;
  merge_imports(program, source.begin, messages.sources, files, parsing, arena, messages.diagnostics);
  viewer.lap("parse");
  if (viewer.stage(Emit::ast, [&] { return print(program, messages.sources); }) || messages.diagnostics.has_errors()) return {};
  expand_macros(program, messages.sources, arena, messages.diagnostics);
  if (messages.diagnostics.has_errors()) return {};

  CheckedProgramPtr checked = check(program, facts, options.check, messages.diagnostics);
  viewer.lap("check");
  if (!checked || messages.diagnostics.has_errors()) return {};
  if (wants_option_help(*checked)) {
    options.show(option_help(*checked));
    return {};
  }
  config = config_of(*checked);
  if (viewer.stage(Emit::checked, [&] { return print(*checked, messages.sources); })) return {};

  mir::Module module = lower(*checked);
  viewer.lap("lower");
  if (options.report != nullptr) options.report->add_size("lower", module);
  return module;
}

// MIR to LIR over virtual registers; to LLVM IR text besides, where that is asked for.
std::optional<lir::Module> run_middle(mir::Module module, const CompileOptions& options, const Config& config, Messages& messages,
                                      Viewer& viewer, PassChoice& choice, std::string& llvm) {
  if (viewer.stage(Emit::mir, [&] { return mir::print(module, {&messages.sources}); })) return {};

  std::vector<passes::PassTime> times;
  passes::PipelineOptions pipeline = pass_options(options, config, viewer);
  pipeline.times = &times;
  pipeline.admits = choice.asker();
  if (!passes::run_pipeline(module, pipeline, messages.diagnostics)) return {};
  viewer.mark("passes");
  for (const passes::PassTime& time : times) viewer.add(time.pass, time.nanoseconds);
  for (std::string_view pass : passes::pass_names())
    if (viewer.is_last(pass, [&] { return mir::print(module, {&messages.sources}); })) return {};
  bpf::BackendOptions backend = backend_options(options, viewer, nullptr);
  auto llvm_text = [&] { return bpf::print_llvm(module, backend.isa_level); };
  if (viewer.stage(Emit::llvm, llvm_text)) return {};
  if (!options.command_line.emit_llvm.empty()) llvm = llvm_text();

  viewer.restart();
  lir::Module code = bpf::select(std::move(module), backend);
  viewer.lap("select");
  if (options.report != nullptr) options.report->add_size("select", code);
  return code;
}

}  // namespace

std::optional<Compiled> compile(const Source& source, const CompileOptions& options, KernelFacts& facts, Messages& messages) {
  if (!check_pass_names(options.command_line, messages.diagnostics)) return std::nullopt;
  Viewer viewer(options);
  PassChoice choice(options);
  Compiled out;
  std::string_view text = messages.sources.file_text(source.begin);
  std::optional<lir::Module> code;
  if (source.kind == SourceKind::lir) {
    code = lir::parse(text, source.begin, messages.diagnostics);
  } else {
    std::optional<mir::Module> module = source.kind == SourceKind::mir
                                            ? mir::parse(text, source.begin, messages.diagnostics)
                                            : run_frontend(source, options, facts, messages, viewer, out.config);
    if (!module || messages.diagnostics.has_errors()) return std::nullopt;
    code = run_middle(std::move(*module), options, out.config, messages, viewer, choice, out.llvm);
  }
  if (!code || messages.diagnostics.has_errors()) return std::nullopt;
  auto lir_text = [&] { return lir::print(*code, &messages.sources); };
  if (viewer.stage(Emit::lir, lir_text) || viewer.is_last("select", lir_text)) return std::nullopt;

  Times times;
  bpf::BackendOptions backend = backend_options(options, viewer, &times);
  backend.admits = choice.asker();
  if (!bpf::allocate(*code, backend, messages.diagnostics)) return std::nullopt;
  viewer.mark("allocate");
  for (auto& [stage, nanoseconds] : times) viewer.add(stage, nanoseconds);
  for (auto& [stage, nanoseconds] : times)
    if (viewer.is_last(stage, lir_text)) return std::nullopt;

  if (options.report != nullptr) options.report->add_code(*code);
  viewer.restart();
  out.object = bpf::emit(std::move(*code));
  viewer.lap("emit");
  if (options.report != nullptr) options.report->finish(out.object);
  if (options.command_line.time_passes) options.tell(viewer.times());
  if (viewer.stage(Emit::assembly, [&] { return bpf::print(out.object, &messages.sources); })) {
    if (options.clock != nullptr) options.clock->show();
    return std::nullopt;
  }
  return out;
}

bool compile_one_pass(const Source& source, const CompileOptions& options, Messages& messages) {
  if (!check_pass_names(options.command_line, messages.diagnostics)) return false;
  Viewer viewer(options);
  mir::Module module = mir::parse(messages.sources.file_text(source.begin), source.begin, messages.diagnostics);
  if (messages.diagnostics.has_errors()) return false;
  if (!passes::run_pass(options.command_line.run_pass, module, pass_options(options, {}, viewer), messages.diagnostics))
    return false;
  options.show(mir::print(module, {}));
  return true;
}

}  // namespace shrike
