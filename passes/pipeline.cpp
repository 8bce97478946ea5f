// Runs the rows of passes.def. Each run is one PassScope: it times the pass, prints after it when asked and, in
// validating runs, checks what the pass promised; a broken promise is a bug of ours and aborts with both texts.
#include "passes/pipeline.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "mir/obligations.h"
#include "mir/text.h"
#include "mir/validate.h"
#include "passes/frames.h"
#include "passes/passes.h"

namespace shrike::passes {

namespace {

enum class Property : uint8_t { nothing, no_aggregate_ops, accesses_checked, stack_fits };

struct PassRow {
  std::string_view id;          // as in C++ and in the `until` column of opcodes.def
  std::array<char, 24> dashed;  // as users write it
  int level;
  Property establishes;
  void (*run)(mir::Module&, PassContext&);

  std::string_view text() const { return {dashed.data(), id.size()}; }
};

constexpr std::array<char, 24> with_dashes(std::string_view id) {
  std::array<char, 24> text{};
  for (size_t i = 0; i < id.size(); i++) text[i] = id[i] == '_' ? '-' : id[i];
  return text;
}

constexpr PassRow pass_rows[] = {
#define PASS(name, level, establishes) {#name, with_dashes(#name), level, Property::establishes, name},
#include "passes/passes.def"
#undef PASS
};

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Empty if the property holds, else what breaks it.
std::string broken(Property property, const mir::Module& module, const KernelLimits& limits) {
  switch (property) {
    case Property::nothing: return {};
    case Property::no_aggregate_ops:
      for (const mir::Function& function : module.functions)
        for (const mir::Block& block : function.blocks)
          for (const mir::Inst& inst : block.insts)
            if (inst.op == mir::Opcode::agg_update) return "agg_update left in function \"" + function.name + "\"";
      return {};
    case Property::accesses_checked:
      for (uint32_t f = 0; f < module.functions.size(); f++) {
        const mir::Function& function = module.functions[mir::FunctionId(f)];
        std::vector<mir::Obligation> missing = mir::unproved(module, mir::FunctionId(f));
        if (!missing.empty()) return "function \"" + function.name + "\": not proved: " + text_of(missing.front(), function);
      }
      return {};
    case Property::stack_fits:
      for (uint32_t f = 0; f < module.functions.size(); f++)
        if (deepest_chain(module, frame_bytes(module), 0, mir::FunctionId(f)).bytes > limits.stack_bytes)
          return "frames of \"" + module.functions[mir::FunctionId(f)].name + "\" and its callbacks exceed the stack";
      return {};
  }
  UNREACHABLE("property without a check");
}

struct PipelineState {
  std::vector<std::string_view> finished;
  std::vector<Property> established;
};

class PassScope {
 public:
  PassScope(const PassRow& row, mir::Module& module, const PipelineOptions& options, PipelineState& state)
      : row_(row), module_(module), options_(options), state_(state) {
    if (options.validate) before_ = mir::print(module, {});
    start_ = std::chrono::steady_clock::now();
  }
  // After a pass that reported errors only its time counts: the module is given up.
  void finish(bool failed) {
    auto spent = std::chrono::steady_clock::now() - start_;
    if (options_.times) {
      auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(spent).count();
      options_.times->push_back({row_.text(), static_cast<uint64_t>(nanoseconds)});
    }
    if (options_.on_done) options_.on_done(row_.text(), module_);
    if (options_.on_print && (contains(options_.print_after, row_.text()) || contains(options_.print_after, "all")))
      options_.on_print(row_.text(), mir::print(module_, {}));
    state_.finished.push_back(row_.id);
    // What passes of the caller's choice left undone is told at their end.
    if (row_.establishes != Property::nothing && options_.passes.empty()) state_.established.push_back(row_.establishes);
    if (options_.validate && !failed) check();
  }

 private:
  void check() const {
    std::string after = mir::print(module_, {});
    for (const mir::Violation& violation : mir::validate(module_, state_.finished)) fail(violation.message, after);
    for (Property property : state_.established) {
      std::string reason = broken(property, module_, options_.limits);
      if (!reason.empty()) fail(reason, after);
    }
    Diagnostics parse_errors;
    mir::Module parsed = mir::parse(after, 1, parse_errors);
    if (parse_errors.has_errors()) fail("its text does not parse: " + parse_errors.all().front().message, after);
    std::string again = mir::print(parsed, {});
    if (again != after) fail("parse(print(module)) is another module:\n" + again, after);
  }
  [[noreturn]] void fail(const std::string& reason, const std::string& after) const {
    std::string pass(row_.text());
    check_failed(__FILE__, __LINE__, "module is valid after the pass",
                 "pass " + pass + ": " + reason + "\n--- before " + pass + "\n" + before_ + "--- after " + pass + "\n" + after +
                     "--- pass " + pass + ": " + reason);
  }

  const PassRow& row_;
  mir::Module& module_;
  const PipelineOptions& options_;
  PipelineState& state_;
  std::string before_;
  std::chrono::steady_clock::time_point start_;
};

bool run_row(const PassRow& row, mir::Module& module, const PipelineOptions& options, Diagnostics& diagnostics,
             PipelineState& state) {
  PassScope scope(row, module, options, state);
  PassContext context{options.limits, diagnostics, options.bounds, {}};
  if (row.level >= 1 && options.admits)
    context.admits = [&](const std::string& function) { return options.admits(row.text(), function); };
  size_t errors_before = diagnostics.all().size();
  row.run(module, context);
  bool failed = diagnostics.has_errors() && diagnostics.all().size() > errors_before;
  scope.finish(failed);
  return !failed;
}

const PassRow* find_row(std::string_view name) {
  for (const PassRow& row : pass_rows)
    if (row.text() == name) return &row;
  return nullptr;
}

std::vector<const PassRow*> chosen_rows(const PipelineOptions& options) {
  std::vector<const PassRow*> out;
  for (const std::string& name : options.passes) {
    out.push_back(find_row(name));
    CHECK(out.back() != nullptr, "there is no pass " + name);
  }
  if (options.passes.empty())
    for (const PassRow& row : pass_rows) out.push_back(&row);
  return out;
}

// The pass that makes a property hold; the one that establishes it may only look whether it does.
std::string_view maker_of(Property property) {
  return property == Property::stack_fits         ? "spill-to-scratch"
         : property == Property::accesses_checked ? "clamp-bounds"
                                                  : "expand-aggregates";
}

// Whether the backend and the verifier can take what passes of the caller's choice made; else reports what is missing.
bool is_finished(const mir::Module& module, const PipelineOptions& options, const PipelineState& state,
                 Diagnostics& diagnostics) {
  for (Property property : {Property::no_aggregate_ops, Property::accesses_checked, Property::stack_fits}) {
    std::string reason = broken(property, module, options.limits);
    if (reason.empty()) continue;
    diagnostics.report(Diag::passes_unfinished, {}, {reason}).with_hint("`" + std::string(maker_of(property)) + "` sees to that");
    return false;
  }
  for (const mir::Violation& violation : mir::validate(module, state.finished)) {
    diagnostics.report(Diag::passes_unfinished, {}, {violation.message});
    return false;
  }
  return true;
}

}  // namespace

bool run_pipeline(mir::Module& module, const PipelineOptions& options, Diagnostics& diagnostics) {
  PipelineState state;
  for (const PassRow* row : chosen_rows(options)) {
    if (row->level >= 1 && contains(options.skip, row->text())) continue;
    if (!run_row(*row, module, options, diagnostics, state)) return false;
    // A pass that runs several times is stopped after its first run: what it does is what the reader asked to see.
    if (row->text() == options.stop_after) return true;
  }
  return options.passes.empty() || is_finished(module, options, state, diagnostics);
}

bool run_pass(std::string_view name, mir::Module& module, const PipelineOptions& options, Diagnostics& diagnostics) {
  const PassRow* row = find_row(name);
  PipelineState state;
  return row != nullptr && run_row(*row, module, options, diagnostics, state);
}

bool is_optional(std::string_view pass) {
  const PassRow* row = find_row(pass);
  return row != nullptr && row->level >= 1;
}

std::vector<std::string_view> pass_names() {
  std::vector<std::string_view> names;
  for (const PassRow& row : pass_rows)
    if (std::find(names.begin(), names.end(), row.text()) == names.end()) names.push_back(row.text());
  return names;
}

}  // namespace shrike::passes
