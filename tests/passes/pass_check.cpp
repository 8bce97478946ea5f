// See pass_check.h.
#include "tests/passes/pass_check.h"

#include <gtest/gtest.h>

#include <cctype>
#include <map>

#include "mir/text.h"

namespace shrike::passes {

namespace {

using Names = std::map<std::string, std::string>;

std::string word_at(std::string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() && (isalnum(static_cast<unsigned char>(text[end])) || text[end] == '_')) end++;
  return std::string(text.substr(at, end - at));
}

bool matches(std::string_view line, std::string_view pattern, Names& names) {
  Names bound = names;
  size_t l = 0, p = 0;
  while (p < pattern.size()) {
    if (l >= line.size() || line[l] != pattern[p]) return false;
    l++, p++;
    if (pattern[p - 1] != '%') continue;
    std::string name = word_at(pattern, p), value = word_at(line, l);
    auto [known, is_new] = bound.try_emplace(name, value);
    if (!is_new && known->second != value) return false;
    p += name.size(), l += value.size();
  }
  if (l != line.size()) return false;
  names = bound;
  return true;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

}  // namespace

mir::Module parse_mir(std::string_view text) {
  Diagnostics diagnostics;
  mir::Module module = mir::parse(text, 1, diagnostics);
  if (diagnostics.has_errors()) {
    SourceMap sources;
    sources.add("test", std::string(text));
    CHECK(false, render(diagnostics.all().front(), sources, {}));
  }
  return module;
}

std::string program(std::string_view body) {
  return "fn \"t\" program kprobe {\n" + std::string(body) + "}\n";
}

std::string with_map(std::string_view body) {
  return "interface {\n  map @m user hash keyed key int64 value int64 bytes 8 8 entries 10\n}\n" + program(body);
}

std::string two_maps(std::string_view kind) {
  return "map @m user " + std::string(kind) + "\nmap @n user " + std::string(hash_of_words) +
         "\nmap @.globals globals array bytes 4 1144 entries 1 constants \"\\x05\\x00\\x00\\x00\\x00\\x00\\x00\\x00\"\n";
}

std::string after(std::string_view pass, std::string_view text, KernelLimits limits) {
  mir::Module module = parse_mir(text);
  Diagnostics diagnostics;
  PipelineOptions options{.limits = limits, .validate = true};
  EXPECT_TRUE(run_pass(pass, module, options, diagnostics)) << pass;
  return mir::print(module, {});
}

void expect_lines(const std::string& text, std::string_view expected) {
  std::vector<std::string_view> lines = lines_of(text);
  Names names;
  size_t next = 0;
  for (std::string_view pattern : lines_of(expected)) {
    if (pattern.front() == '!') {
      pattern.remove_prefix(1);
      for (std::string_view line : lines) {
        Names ignored = names;
        EXPECT_FALSE(matches(line, pattern, ignored)) << "unwanted line: " << line << "\nin\n" << text;
      }
      continue;
    }
    while (next < lines.size() && !matches(lines[next], pattern, names)) next++;
    ASSERT_LT(next, lines.size()) << "missing line: " << pattern << "\nin\n" << text;
    next++;
  }
}

}  // namespace shrike::passes
