// `shrike check -f json`: a line a program and kernel, in the shape of the trace's own lines ({"type": T, "data": D}).
#include "runtime/explain_reject.h"
#include "runtime/json_text.h"
#include "runtime/judge.h"

namespace shrike {

namespace {

void add_place(JsonWriter& json, const AnswerLine& answer, const SourceMap& sources) {
  const Span span = span_of(answer.program.lines, answer.insn);
  if (!span.is_known()) return;
  const Location at = sources.locate(span.begin);
  json.open('{', "place");
  json.text("file", at.file);
  json.number("line", at.line);
  json.number("column", at.column);
  json.text("text", sources.text(span));
  json.close('}');
}

void add_reason(JsonWriter& json, const AnswerLine& answer, const SourceMap& sources) {
  if (answer.reason.empty()) return;
  json.text("reason", answer.reason);
  json.number("instruction", answer.insn);
  add_place(json, answer, sources);
}

// One line: {"type": TYPE, "data": {"program": NAME, ...}}, the rest by `add`.
template <class Add>
std::string line_of(std::string_view type, const AnswerLine& answer, Add&& add) {
  std::string out;
  JsonWriter json(out);
  json.open('{');
  json.text("type", type);
  json.open('{', "data");
  json.text("program", answer.program.name);
  add(json);
  json.close('}');
  json.close('}');
  return out + "\n";
}

}  // namespace

std::string json_of_verdict(const AnswerLine& answer, const SourceMap& sources) {
  return line_of("verdict", answer, [&](JsonWriter& json) {
    json.text("kernel", answer.kernel);
    json.text("verdict", word_of(answer.verdict.answer));
    json.number("instructions", answer.program.input.insns.size());
    json.number("walked", answer.verdict.processed);
    json.number("states", answer.verdict.peak_states);
    json.number("stack", answer.verdict.stack_depth);
    if (!answer.verdict.assumed.empty()) json.text("assumed", answer.verdict.assumed);
    if (answer.verdict.answer == sim::Answer::reject) json.text("class", sim::name_of(answer.verdict.reject_class));
    if (answer.verdict.answer != sim::Answer::accept) add_reason(json, answer, sources);
  });
}

std::string json_of_minimum(const AnswerLine& answer, const SourceMap& sources) {
  return line_of("minimum", answer, [&](JsonWriter& json) {
    if (!answer.kernel.empty()) json.text("kernel", answer.kernel);
    json.text("verdict", answer.kernel.empty() ? word_of(answer.verdict.answer) : "accepted");
    add_reason(json, answer, sources);
  });
}

}  // namespace shrike
