// One walk over the tables for each of the two forms.
#include "tests/meta/reference.h"

#include <vector>

#include "frontend/builtins.h"
#include "frontend/function_rows.h"
#include "frontend/functions.h"
#include "frontend/probes.h"

namespace shrike::meta {
namespace {

struct Area {
  const char* title;
  std::span<const FunctionRow> rows;
};

std::vector<Area> areas() {
  return {{"Output and control", output_functions()},
          {"Maps", map_functions()},
          {"Memory and addresses", memory_functions()},
          {"Network", network_functions()},
          {"Strings", string_functions()},
          {"Processes and names", process_functions()},
          {"Types, while compiling", type_functions()},
          {"Symbols, stacks, time and the rest", value_functions()}};
}

std::string name_of(const BuiltinRow& row) {
  return row.name == "argN" ? "arg0, arg1, ..." : row.name == "sargN" ? "sarg0, sarg1, ..." : std::string(row.name);
}

// Where a builtin may be used; empty: everywhere.
std::string probes_with(uint32_t uses) {
  if (uses == 0) return "";
  std::string with, without;
  size_t count_without = 0;
  for (std::string_view name : probe_names()) {
    bool has_it = (find_probe(name)->uses & uses) != 0;
    std::string& list = has_it ? with : without;
    list += (list.empty() ? "" : ", ") + std::string(name);
    count_without += has_it ? 0 : 1;
  }
  return count_without < probe_names().size() / 4 ? "all but " + without : with;
}

// What would end a cell or be markup.
std::string cell(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '|' || c == '<' || c == '_' || c == '*') out += '\\';
    out += c;
  }
  return out;
}

std::string code(std::string_view text) {
  return "`" + std::string(text) + "`";
}

std::string call(std::string_view name, std::string_view params) {
  return std::string(name) + "(" + std::string(params) + ")";
}

std::string row(std::initializer_list<std::string> cells) {
  std::string out = "|";
  for (const std::string& text : cells) out += " " + text + " |";
  return out + "\n";
}

// Text of a line of mdoc: no macro begins it, no backslash escapes.
std::string mdoc(std::string_view text) {
  std::string out = text.starts_with('.') || text.starts_with('\'') ? "\\&" : "";
  for (char c : text) {
    if (c == '\\') out += "\\e";
    else if (c == '"') out += "\\(dq";
    else out += c;
  }
  return out;
}

// Parameters as arguments of a macro, each in quotes.
std::string mdoc_params(std::string_view params) {
  std::string out;
  while (!params.empty()) {
    size_t comma = params.find(", ");
    out += " \"" + mdoc(params.substr(0, comma)) + "\"";
    params = comma == std::string_view::npos ? std::string_view() : params.substr(comma + 2);
  }
  return out;
}

std::string item(std::string_view macro, std::string_view name, std::string_view params, std::string_view doc) {
  return ".It " + std::string(macro) + " " + mdoc(name) + mdoc_params(params) + "\n" + mdoc(doc) + "\n";
}

constexpr const char* list_begin = ".Bl -tag -width Ds -compact\n";
constexpr const char* list_end = ".El\n";

}  // namespace

std::string reference_page() {
  std::string out =
      "# Reference\n\n"
      "What the tables of the language hold. `scripts/reference` writes this page from them; edit the rows, not the page.\n"
      "The manual, [shrike(8)](shrike.8), tells how it all goes together.\n\n"
      "## Probes\n\n| probe | also written | meaning |\n|---|---|---|\n";
  for (std::string_view name : probe_names()) {
    const ProbeRow& probe = *find_probe(name);
    std::string written = probe.syntax.empty() ? std::string(name) : std::string(name) + ":" + std::string(probe.syntax);
    out += row({code(written), cell(probe.aliases), cell(probe.doc)});
  }
  out +=
      "\n## Builtins\n\nA builtin may be written as a call without arguments.\n\n| builtin | where | meaning |\n|---|---|---|\n";
  for (const BuiltinRow* builtin : all_builtins()) {
    std::string where = probes_with(builtin->needs);
    out += row({code(name_of(*builtin)), where.empty() ? "everywhere" : where, cell(builtin->doc)});
  }
  out += "\n## Functions\n";
  for (const Area& area : areas()) {
    out += "\n### " + std::string(area.title) + "\n\n| function | meaning |\n|---|---|\n";
    for (const FunctionRow& function : area.rows)
      out += row({code(call(function.name, function.params)),
                  cell(function.doc) + (function.is_unsafe ? " (only with `--unsafe`)" : "")});
  }
  out += "\n## Aggregations\n\nAssigned to a map: `@m[key] = count()`.\n\n| aggregation | meaning |\n|---|---|\n";
  for (const AggregationRow& aggregation : all_aggregations())
    out += row({code(call(aggregation.name, aggregation.params)), cell(aggregation.doc)});
  return out;
}

std::string manual_lists() {
  std::string out(".Ss Builtins\nA builtin may be written as a call without arguments.\n.Pp\n");
  out += list_begin;
  for (const BuiltinRow* builtin : all_builtins()) {
    std::string name = builtin->name == "argN"    ? "arg0 No ... Va argN"
                       : builtin->name == "sargN" ? "sarg0 No ... Va sargN"
                                                  : std::string(builtin->name);
    out += ".It Va " + name + "\n" + mdoc(builtin->doc) + "\n";
  }
  out += list_end;
  for (const Area& area : areas()) {
    out += ".Ss Functions: " + mdoc(area.title) + "\n" + list_begin;
    for (const FunctionRow& function : area.rows)
      out += item("Fn", function.name, function.params,
                  std::string(function.doc) + (function.is_unsafe ? " (only with --unsafe)" : ""));
    out += list_end;
  }
  out += ".Ss Aggregations\nAssigned to a map.\nThey are kept per processor and lose nothing under contention.\n.Pp\n";
  out += list_begin;
  for (const AggregationRow& aggregation : all_aggregations())
    out += item("Fn", aggregation.name, aggregation.params, aggregation.doc);
  return out + list_end;
}

}  // namespace shrike::meta
