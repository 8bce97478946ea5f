// The table of messages, and rendering in bpftrace's form so that editors and harnesses that read its errors read ours.
#include "mir/base/diagnostic.h"

#include <algorithm>
#include <array>

namespace shrike {

namespace {

constexpr DiagRow rows[] = {
#define DIAG(id, severity, text) {#id, Severity::severity, text},
#include "mir/base/diagnostics.def"
#undef DIAG
};

// Things that messages count: behind a one they lose their s.
constexpr std::string_view counted_things[] = {" arguments", " conversions", " probes", " programs", " bytes"};

size_t plural_behind(std::string_view text) {
  for (std::string_view things : counted_things)
    if (text.starts_with(things)) return things.size();
  return 0;
}

std::string substitute(std::string_view text, std::initializer_list<std::string> args) {
  std::string out;
  const std::string* arg = args.begin();
  for (size_t i = 0; i < text.size(); i++) {
    if (text[i] == '{' && i + 1 < text.size() && text[i + 1] == '}') {
      i++;
      if (arg == args.end()) continue;
      out += *arg;
      const size_t things = *arg == "1" ? plural_behind(text.substr(i + 1)) : 0;
      if (things != 0) out += text.substr(i + 1, things - 1);
      i += things;
      arg++;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string expand_tabs(std::string_view line) {
  std::string out;
  for (char c : line) {
    if (c == '\t') out += "    ";
    else out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out;
}

size_t shown_width(std::string_view line, size_t bytes) {
  return expand_tabs(line.substr(0, std::min(bytes, line.size()))).size();
}

// Lines longer than this (minified or generated scripts) are shown as a window around the span.
constexpr size_t widest_line = 200;

void render_block(std::string& out, Span span, std::string_view kind, std::string_view text, const SourceMap& sources,
                  std::string_view color) {
  std::string_view reset = color.empty() ? "" : "\033[0m";
  Location from = sources.locate(span.begin);
  if (!span.is_known() || from.file.empty()) {
    out.append(color).append(kind).append(": ").append(text).append(reset).append("\n");
    return;
  }
  Location to = sources.locate(span.end - 1);
  out.append(color).append(from.file).append(":").append(std::to_string(from.line));
  if (to.line != from.line) {
    out.append("-").append(std::to_string(to.line));
  } else {
    out.append(":")
        .append(std::to_string(from.column))
        .append("-")
        .append(std::to_string(to.column + 1));  // one past the end, as bpftrace counts
  }
  out.append(": ").append(kind).append(": ").append(text).append(reset).append("\n");

  std::string_view line = sources.line_at(span.begin);
  size_t begin = shown_width(line, from.column - 1);
  size_t end = to.line == from.line ? shown_width(line, to.column) : shown_width(line, line.size());
  std::string shown = expand_tabs(line);
  if (shown.size() > widest_line) {
    size_t start = begin > widest_line / 2 ? begin - widest_line / 2 : 0;
    shown = shown.substr(start, widest_line);
    begin -= start;
    end = std::min(end - start, widest_line);
  }
  out.append(shown).append("\n");
  out.append(begin, ' ').append(std::max<size_t>(end > begin ? end - begin : 0, 1), '~').append("\n");
}

// Insertions, deletions, substitutions and swaps of neighbours.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before_last(b.size() + 1);
  std::vector<size_t> last(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); j++) row[j] = j;
  for (size_t i = 1; i <= a.size(); i++) {
    before_last.swap(last);
    last.swap(row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); j++) {
      size_t substitution = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, substitution});
      bool is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (is_swap) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row[b.size()];
}

}  // namespace

const DiagRow& row_of(Diag id) {
  return rows[static_cast<size_t>(id)];
}

size_t diag_count() {
  return std::size(rows);
}

Diagnostic& Diagnostics::report(Diag id, Span span, std::initializer_list<std::string> args) {
  const DiagRow& row = row_of(id);
  if (row.severity == Severity::error) errors_++;
  return all_.emplace_back(Diagnostic{id, span, substitute(row.text, args), {}, {}});
}

void Diagnostics::add(Diagnostic diagnostic) {
  if (row_of(diagnostic.id).severity == Severity::error) errors_++;
  all_.push_back(std::move(diagnostic));
}

std::string render(const Diagnostic& diagnostic, const SourceMap& sources, RenderOptions options) {
  bool is_error = row_of(diagnostic.id).severity == Severity::error;
  std::string_view color = !options.color ? "" : is_error ? "\033[31m" : "\033[33m";
  std::string out;
  render_block(out, diagnostic.span, is_error ? "ERROR" : "WARNING", diagnostic.message, sources, color);
  for (Span from = sources.included_from(diagnostic.span.begin); from.is_known(); from = sources.included_from(from.begin))
    render_block(out, from, "NOTE", "in a file included from here", sources, "");
  for (Span from = sources.use_at(diagnostic.span.begin); from.is_known(); from = sources.use_at(from.begin))
    render_block(out, from, "NOTE", "expanded from here", sources, "");
  for (const Label& label : diagnostic.labels) render_block(out, label.span, "NOTE", label.text, sources, "");
  if (!diagnostic.hint.empty()) out.append("HINT: ").append(diagnostic.hint).append("\n");
  return out;
}

std::string_view nearest_name(std::string_view name, const std::vector<std::string_view>& candidates) {
  std::string_view best;
  size_t best_distance = std::max<size_t>(1, name.size() / 3) + 1;
  if (name.size() <= 2) return {};  // anything is near to one letter
  for (std::string_view candidate : candidates) {
    if (candidate == name) continue;
    if (candidate.size() > name.size() + 3 || name.size() > candidate.size() + 3) continue;
    size_t distance = edit_distance(name, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace shrike
