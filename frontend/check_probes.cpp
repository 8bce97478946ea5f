// Attach points to bodies: places that mean the same to a body share it, and so one program.
#include <algorithm>
#include <iterator>

#include "frontend/ast_walk.h"
#include "frontend/checker.h"
#include "frontend/config.h"
#include "frontend/modes.h"

namespace shrike {

namespace {

// What of its attach point a body asks for by name.
struct BodyUses {
  bool args = false;
  bool retval = false;
  bool retval_parts = false;  // fields of it, or what it points to
  bool numbered_args = false;
  bool probe = false;
  bool comptime = false;
  bool uaddr = false;
};

// Probe types that bpftrace has and the table does not.
bool is_known_elsewhere(std::string_view provider) {
  return provider == "asyncwatchpoint";
}

BodyUses uses_of(const ast::Probe& probe) {
  BodyUses uses;
  ast::Visitor visitor;
  auto is_retval = [](const ast::Expr* expr) {
    const auto* ident = expr->as<ast::Ident>();
    return ident != nullptr && ident->name == "retval";
  };
  visitor.on_expr = [&](const ast::Expr& expr) {
    if (const auto* field = expr.as<ast::Field>()) uses.retval_parts |= is_retval(field->object);
    if (const auto* index = expr.as<ast::Index>()) uses.retval_parts |= is_retval(index->object);
    if (const auto* unary = expr.as<ast::Unary>())
      uses.retval_parts |= unary->op == ast::UnaryOp::dereference && is_retval(unary->operand);
    if (const auto* ident = expr.as<ast::Ident>()) {
      uses.args |= ident->name == "args";
      uses.retval |= ident->name == "retval";
      uses.numbered_args |= argument_number(ident->name).has_value();
      uses.probe |= ident->name == "probe";
    }
    uses.comptime |= expr.as<ast::Comptime>() != nullptr;
    if (const auto* call = expr.as<ast::Call>()) {
      uses.probe |= call->name == "probe";
      uses.uaddr |= call->name == "uaddr";
    }
  };
  ast::walk(probe.predicate, visitor);
  ast::walk(probe.body, visitor);
  return uses;
}

// A program of these may be told by the kernel at which of its places it runs.
bool has_cookies(const ProbeRow& row) {
  return row.program == mir::ProgramType::kprobe || row.program == mir::ProgramType::tracepoint;
}

// What a wildcard for the type of probe stands for. Most types have no such place, and nothing is said of them.
std::vector<FoundPlaces> find_of_types(const ast::AttachPoint& written, const CheckedProgram& program) {
  const CheckOptions& options = program.options;
  const bool has_path = !written.parts.empty() && written.parts.front().find('/') != std::string_view::npos;
  std::vector<FoundPlaces> out;
  for (const ProbeRow* row : match_probes(written.provider, has_path || options.pid != 0)) {
    if (!runs(*row, written, options)) continue;
    Diagnostics unheard;
    FoundPlaces found{row, resolve_attach_point(written, *row, *program.facts, "ignore", options, unheard)};
    const bool is_kprobe = row->kind == mir::ProbeKind::kprobe || row->kind == mir::ProbeKind::kretprobe;
    if (is_kprobe && found.places.size() == 1 && !found.places.front().function.empty())
      found.places = expand_pattern(found.places.front(), *program.facts, "ignore", unheard);
    if (!found.places.empty()) out.push_back(std::move(found));
  }
  return out;
}

// Of few places each has a program of its own, in which `probe` is a constant that comparisons go by.
constexpr size_t few_places = 4;

}  // namespace

// A wildcard that is one of several ways to write a probe is there for kernels that have what it matches
// (`kprobe:f, kprobe:f.constprop.*`): that this one has not is no error.
std::string_view Checker::when_missing(const ast::Probe& probe, const ast::AttachPoint& point) const {
  std::string_view wanted = program_.config.missing_probes;
  bool is_alternative = probe.attach_points.size() > 1 && is_wildcard(point.text);
  return is_alternative && wanted == "error" ? "warn" : wanted;
}

std::vector<FoundPlaces> Checker::find_places(const ast::Probe& probe, bool wants_names, size_t& trials) {
  std::vector<FoundPlaces> out;
  for (const ast::AttachPoint& written : probe.attach_points) {
    const ProbeRow* row = find_probe(written.provider);
    if (row == nullptr && is_known_elsewhere(written.provider)) {
      report(Diag::probe_not_supported, written.span, {std::string(written.provider)});
      continue;
    }
    if (row == nullptr && is_wildcard(written.provider)) {
      std::vector<FoundPlaces> found = find_of_types(written, program_);
      const std::string_view wanted = when_missing(probe, written);
      if (found.empty() && wanted != "ignore")
        report(wanted == "warn" ? Diag::no_such_probe_warning : Diag::no_such_probe, written.span, {std::string(written.text)});
      std::move(found.begin(), found.end(), std::back_inserter(out));
      continue;
    }
    if (row == nullptr) {
      Diagnostic& said = report(Diag::unknown_probe, written.span, {std::string(written.provider)});
      if (std::string_view near = nearest_name(written.provider, probe_names()); !near.empty())
        said.with_hint("did you mean `" + std::string(near) + "`?");
      continue;
    }
    if (!runs(*row, written, program_.options)) continue;
    if (is_trial(row->kind)) trials++;
    std::vector<mir::AttachPoint> places =
        resolve_attach_point(written, *row, *program_.facts, when_missing(probe, written), program_.options, final_);
    for (mir::AttachPoint& place : places) place.is_alternative = place.is_pattern && probe.attach_points.size() > 1;
    if (wants_names && places.size() == 1 && places.front().is_pattern)
      places = expand_pattern(places.front(), *program_.facts, program_.config.missing_probes, final_);
    out.push_back({row, std::move(places)});
  }
  return out;
}

// A script pins all that it has, or nothing.
void Checker::find_pins() {
  auto is_pinned = [](const mir::AttachPoint& point) { return point.kind == mir::ProbeKind::iter && !point.target.empty(); };
  for (const CheckedBody& body : program_.bodies)
    for (const mir::AttachPoint& point : body.points) program_.is_pinned |= is_pinned(point);
  if (!program_.is_pinned) return;
  for (const CheckedBody& body : program_.bodies)
    for (const mir::AttachPoint& point : body.points)
      if (!is_pinned(point)) final_.report(Diag::not_when_pinned, point.span, {"`" + point.name + "`"});
}

void Checker::resolve_probes() {
  size_t total = 0, trials = 0;
  for (const ast::Probe& probe : program_.ast->probes) {
    BodyUses uses = uses_of(probe);
    std::vector<FoundPlaces> found = find_places(probe, uses.probe, trials);
    size_t first = program_.bodies.size();
    size_t count = 0;
    for (const FoundPlaces& some : found) count += has_cookies(*some.row) ? some.places.size() : 0;
    bool are_many = count > few_places && !uses.comptime;
    for (FoundPlaces& some : found) {
      const ProbeRow* row = some.row;
      bool names_places = uses.probe && are_many && has_cookies(*row);
      for (mir::AttachPoint& place : some.places) {
        total++;
        // A tracing program is loaded for one function.
        bool is_typed_return = row->kind == mir::ProbeKind::uretprobe && uses.retval_parts;
        bool is_own = (uses.probe && !names_places) || uses.args || uses.uaddr || is_typed_return ||
                      row->program == mir::ProgramType::tracing;
        bool wants_arguments = uses.args || is_typed_return || (row->kind == mir::ProbeKind::usdt && uses.numbered_args) ||
                               (row->kind == mir::ProbeKind::fexit && uses.retval);
        ProbeContext context = context_of(place, *row, *program_.facts, wants_arguments, program_.types);
        auto same =
            std::find_if(program_.bodies.begin() + static_cast<long>(first), program_.bodies.end(), [&](const CheckedBody& body) {
              return body.context.row == row && body.context.space == context.space &&
                     body.context.static_arguments == context.static_arguments;
            });
        if (!is_own && same != program_.bodies.end()) {
          same->points.push_back(std::move(place));
          continue;
        }
        CheckedBody body;
        body.probe = &probe;
        body.context = std::move(context);
        body.points.push_back(std::move(place));
        body.names_places = names_places;
        program_.bodies.push_back(std::move(body));
      }
    }
  }
  find_pins();
  if (total > program_.config.max_probes) check_probe_count(total, program_.config, final_);
  else if (program_.bodies.size() > program_.config.max_bpf_progs)
    report(Diag::too_many_programs, {}, {std::to_string(program_.bodies.size()), std::to_string(program_.config.max_bpf_progs)})
        .with_hint("raise `max_bpf_progs` in the config block; bodies that do not use `args` share one program");
  if (!final_.has_errors()) report_nothing_run(*program_.ast, program_.options.mode, total, trials, final_);
}

}  // namespace shrike
