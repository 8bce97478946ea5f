// Both files are megabytes of text: they are read once per question, line by line, and nothing of them is kept.
#include "runtime/kernel_functions.h"

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "runtime/glob.h"

namespace shrike {

namespace {

std::string_view take_line(std::string_view& text) {
  size_t newline = text.find('\n');
  std::string_view line = text.substr(0, newline);
  text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
  return line;
}

struct KernelSymbol {
  uint64_t address = 0;
  char type = '?';
  std::string_view name;
  std::string_view module;
};

// "ffffffff81000000 T name\t[module]"
KernelSymbol parse_symbol(std::string_view line) {
  KernelSymbol out;
  auto read = std::from_chars(line.data(), line.data() + line.size(), out.address, 16);
  size_t at = static_cast<size_t>(read.ptr - line.data());
  if (read.ec != std::errc() || at + 3 >= line.size()) return {};
  out.type = line[at + 1];
  std::string_view rest = line.substr(at + 3);
  size_t open = rest.find('[');
  if (open != std::string_view::npos) out.module = rest.substr(open + 1, rest.find(']', open) - open - 1);
  out.name = rest.substr(0, rest.find_first_of(" \t"));
  return out;
}

void add_if_matching(std::vector<ProbeTarget>& out, ProbeTarget target, const Glob& module, const Glob& function) {
  if (target.function.find('.') != std::string::npos || !function.matches(target.function)) return;
  if (!module.matches(target.target.empty() ? "vmlinux" : target.target)) return;
  out.push_back(std::move(target));
}

}  // namespace

ProbeTarget parse_filter_function(std::string_view line) {
  ProbeTarget out;
  size_t space = line.find(' ');
  out.function = line.substr(0, space);
  size_t open = line.find('[');
  if (open != std::string_view::npos) out.target = line.substr(open + 1, line.find(']', open) - open - 1);
  return out;
}

Answer<std::vector<ProbeTarget>> list_kernel_functions(Tracefs& tracefs, std::string_view module, std::string_view function) {
  Answer<std::vector<ProbeTarget>> answer;
  Glob module_glob(module.empty() ? "*" : module), function_glob(function);
  FileText file = tracefs.read("available_filter_functions");
  std::string_view text = file.text;
  if (file.error == 0) {
    while (!text.empty()) add_if_matching(answer.value, parse_filter_function(take_line(text)), module_glob, function_glob);
  } else {
    file = read_file("/proc/kallsyms");
    if (file.error != 0) return {Lookup::unreadable, {}, "/proc/kallsyms cannot be read: " + describe_errno(file.error)};
    text = file.text;
    while (!text.empty()) {
      KernelSymbol symbol = parse_symbol(take_line(text));
      if (symbol.type == 't' || symbol.type == 'T')
        add_if_matching(answer.value, {std::string(symbol.module), std::string(symbol.name), 0}, module_glob, function_glob);
    }
  }
  auto key = [](const ProbeTarget& target) { return std::tie(target.target, target.function); };
  std::sort(answer.value.begin(), answer.value.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
  auto same = [&](const auto& a, const auto& b) { return key(a) == key(b); };
  answer.value.erase(std::unique(answer.value.begin(), answer.value.end(), same), answer.value.end());
  answer.status = answer.value.empty() ? Lookup::missing : Lookup::found;
  return answer;
}

Answer<uint64_t> find_kernel_symbol(std::string_view name) {
  FileText file = read_file("/proc/kallsyms");
  if (file.error != 0) return {Lookup::unreadable, 0, "/proc/kallsyms cannot be read: " + describe_errno(file.error)};
  std::string_view text = file.text;
  while (!text.empty()) {
    KernelSymbol symbol = parse_symbol(take_line(text));
    if (symbol.name != name) continue;
    if (symbol.address == 0)
      return {Lookup::unreadable, 0, "the kernel hides its addresses; run as root, see `sysctl kernel.kptr_restrict`"};
    return {Lookup::found, symbol.address, ""};
  }
  return {Lookup::missing, 0, ""};
}

}  // namespace shrike
