// One table (config.def) drives names, old names, allowed words and storage. Keys are case-insensitive and may carry
// bpftrace's BPFTRACE_ prefix, in scripts as in the environment.
#include "frontend/config.h"

#include <algorithm>
#include <charconv>

namespace shrike {

namespace {

enum class ValueKind { number, length, flag, text };

struct ConfigRow {
  std::string_view name;
  ValueKind kind;
  std::string_view old_name;
  std::string_view words;  // allowed values, separated by bars; empty: any
};

constexpr ConfigRow rows[] = {
#define CONFIG(variable, kind, old, choice) {#variable, ValueKind::kind, old, choice},
#include "frontend/config.def"
#undef CONFIG
};

// What later versions of bpftrace dropped: scripts that still set them run as well without.
constexpr std::string_view retired[] = {"symbol_source",   "max_type_res_iterations", "unstable_addr",
                                        "unstable_import", "unstable_macro",          "unstable_map_decl"};

// Known, so that config() has it, but nothing depends on it.
constexpr std::string_view without_effect = "lazy_symbolication";
constexpr std::string_view why_without_effect =
    "addresses are named when they are printed; the symbols of a file are read at once when the first of its addresses is";

bool is_retired(std::string_view key) {
  return std::find(std::begin(retired), std::end(retired), key) != std::end(retired);
}

std::string normalize(std::string_view key) {
  std::string out;
  for (char c : key) out += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  if (out.starts_with("bpftrace_")) out.erase(0, 9);
  return out;
}

const ConfigRow* find_row(std::string_view key) {
  for (const ConfigRow& row : rows)
    if (row.name == key || (!row.old_name.empty() && row.old_name == key)) return &row;
  return nullptr;
}

bool has_word(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    size_t bar = words.find('|');
    if (words.substr(0, bar) == word) return true;
    words = bar == std::string_view::npos ? std::string_view() : words.substr(bar + 1);
  }
  return false;
}

bool store(uint64_t& field, std::string_view value, bool) {
  auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), field);
  return error == std::errc() && end == value.data() + value.size();
}

bool store(bool& field, std::string_view value, bool negated) {
  if (value != "true" && value != "false" && value != "1" && value != "0") return false;
  field = (value == "true" || value == "1") != negated;
  return true;
}

bool store(std::string& field, std::string_view value, bool) {
  field = value;
  return true;
}

bool assign(Config& config, const ConfigRow& row, std::string_view key, std::string_view value) {
  if (!row.words.empty() && !has_word(row.words, value)) return false;
  uint64_t length = 0;
  if (row.kind == ValueKind::length && (!store(length, value, false) || length < 1 || length > longest_string)) return false;
  bool negated = key.starts_with("no_");
#define CONFIG(variable, kind, old, choice) \
  if (row.name == #variable) return store(config.variable, value, negated);
#include "frontend/config.def"
#undef CONFIG
  return false;
}

std::string expected(const ConfigRow& row) {
  if (!row.words.empty()) {
    std::string list;
    for (char c : row.words) list += c == '|' ? std::string(", ") : std::string(1, c);
    return "one of " + list;
  }
  if (row.kind == ValueKind::length) return "a number from 1 to " + std::to_string(longest_string);
  return row.kind == ValueKind::number ? "a number" : row.kind == ValueKind::flag ? "true or false" : "a string";
}

}  // namespace

Config read_config(const ast::Program& program, const CheckOptions& options, Diagnostics& diagnostics) {
  Config config;
  for (const ast::ConfigEntry& entry : program.config) {
    std::string key = normalize(entry.key);
    const ConfigRow* row = find_row(key);
    if (row == nullptr && is_retired(key)) {
      diagnostics.report(Diag::retired_config, entry.key_span, {std::string(entry.key)});
    } else if (row == nullptr) {
      std::vector<std::string_view> names;
      for (const ConfigRow& candidate : rows) names.push_back(candidate.name);
      Diagnostic& report = diagnostics.report(Diag::unknown_config, entry.key_span, {std::string(entry.key)});
      if (std::string_view near = nearest_name(key, names); !near.empty())
        report.with_hint("did you mean `" + std::string(near) + "`?");
    } else if (!assign(config, *row, key, entry.value)) {
      diagnostics.report(Diag::bad_config_value, entry.value_span, {std::string(row->name), expected(*row)});
    } else if (row->name == without_effect) {
      diagnostics.report(Diag::retired_config, entry.key_span, {std::string(entry.key)})
          .with_hint(std::string(why_without_effect));
    }
  }
  for (const auto& [name, value] : options.environment) {
    std::string key = normalize(name);
    const ConfigRow* row = find_row(key);
    std::string shown = name;
    for (char& c : shown) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    if (row == nullptr && is_retired(key)) diagnostics.report(Diag::retired_config, {}, {"BPFTRACE_" + shown});
    if (row != nullptr && !assign(config, *row, key, value))
      diagnostics.report(Diag::bad_environment_value, {}, {shown, std::string(row->name), expected(*row)});
  }
  return config;
}

}  // namespace shrike
