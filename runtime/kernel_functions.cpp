// Both files are megabytes of text. Of kallsyms the names of functions are kept for the next pattern.
#include "runtime/kernel_functions.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <iterator>
#include <map>

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
  std::string_view name, module;
  bool is_function = false;
};

// "ffffffff81000000 T name\t[module]"
KernelSymbol parse_symbol(std::string_view line) {
  KernelSymbol out;
  auto read = std::from_chars(line.data(), line.data() + line.size(), out.address, 16);
  size_t at = static_cast<size_t>(read.ptr - line.data());
  if (read.ec != std::errc() || at + 3 >= line.size()) return {};
  out.is_function = (line[at + 1] | 0x20) == 't' || (line[at + 1] | 0x20) == 'w';
  std::string_view rest = line.substr(at + 3);
  out.name = rest.substr(0, rest.find_first_of(" \t"));
  if (size_t open = rest.find('['); open != std::string_view::npos) out.module = rest.substr(open + 1, rest.find(']') - open - 1);
  return out;
}

// The functions of kallsyms, one a line as in available_filter_functions: `name` or `name [module]`. The kernel takes tens
// of milliseconds to print that file, so it is read once for all patterns of a script, in pieces; what is kept is half of it.
struct FunctionLines {
  int error = 0;
  std::string text;
};

void append_function(std::string& out, std::string_view line) {
  size_t space = line.find(' ');
  if (space == std::string_view::npos || space + 3 >= line.size() || (line[space + 1] | 0x20) != 't') return;
  size_t begin = out.size();
  out.append(line.substr(space + 3)).push_back('\n');
  size_t tab = out.find('\t', begin);
  if (tab != std::string::npos) out[tab] = ' ';
}

// Hands over line by line until told to stop by false. 0 or errno.
template <class OnLine>
int read_kallsyms(OnLine&& on_line) {
  Fd fd(open("/proc/kallsyms", O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) return errno;
  std::string piece(64 * 1024, '\0');
  size_t kept = 0;  // of a line that goes on in the next piece
  for (ssize_t got; (got = read(fd.get(), piece.data() + kept, piece.size() - kept)) > 0;) {
    std::string_view rest(piece.data(), kept + static_cast<size_t>(got));
    for (size_t newline; (newline = rest.find('\n')) != std::string_view::npos; rest.remove_prefix(newline + 1))
      if (!on_line(rest.substr(0, newline))) return 0;
    kept = rest.size();
    std::copy(rest.begin(), rest.end(), piece.begin());
  }
  return 0;
}

FunctionLines read_function_lines() {
  FunctionLines out;
  out.text.reserve(16u << 20);  // untouched pages cost nothing
  out.error = read_kallsyms([&](std::string_view line) {
    append_function(out.text, line);
    return true;
  });
  return out;
}

// What stands before the first special character of a pattern; most lines are told by it.
std::string_view literal_prefix(std::string_view pattern) {
  return pattern.substr(0, pattern.find_first_of("*?["));
}

void add_if_matching(std::vector<ProbeTarget>& out, ProbeTarget target, const Glob& module, const Glob& function) {
  if (target.function.find('.') != std::string::npos || !function.matches(target.function)) return;
  if (!module.matches(target.target.empty() ? "vmlinux" : target.target)) return;
  out.push_back(std::move(target));
}

// A system call without parameters has two names at one address, of which ftrace lists the first. The other is added where
// it alone is meant.
void add_system_calls(std::vector<ProbeTarget>& found, std::string_view filter_functions, const Glob& module,
                      const Glob& function) {
  constexpr std::string_view listed = "__do_sys_", meant = "__x64_sys_";
  if (!module.matches("vmlinux")) return;
  std::vector<ProbeTarget> more;
  while (!filter_functions.empty()) {
    const std::string_view line = take_line(filter_functions);
    if (!line.starts_with(listed) || function.matches(line)) continue;
    std::string name = std::string(meant) + std::string(line.substr(listed.size()));
    if (!function.matches(name)) continue;
    auto is_same = [&](const ProbeTarget& other) { return other.function == name; };
    if (std::none_of(found.begin(), found.end(), is_same)) more.push_back({"", std::move(name)});
  }
  std::move(more.begin(), more.end(), std::back_inserter(found));
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
    add_system_calls(answer.value, file.text, module_glob, function_glob);
  } else {
    static const FunctionLines functions = read_function_lines();
    if (functions.error != 0)
      return {Lookup::unreadable, {}, "/proc/kallsyms cannot be read: " + describe_errno(functions.error)};
    text = functions.text;
    std::string_view prefix = literal_prefix(function);
    while (!text.empty()) {
      std::string_view line = take_line(text);
      if (line.starts_with(prefix)) add_if_matching(answer.value, parse_filter_function(line), module_glob, function_glob);
    }
  }
  auto key = [](const ProbeTarget& target) { return std::tie(target.target, target.function); };
  std::sort(answer.value.begin(), answer.value.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
  auto same = [&](const auto& a, const auto& b) { return key(a) == key(b); };
  // Only the first list has functions alone that can be probed.
  for (size_t i = 1; file.error == 0 && i < answer.value.size(); i++)
    if (same(answer.value[i - 1], answer.value[i])) answer.value[i - 1].is_ambiguous = answer.value[i].is_ambiguous = true;
  answer.value.erase(std::unique(answer.value.begin(), answer.value.end(), same), answer.value.end());
  answer.status = answer.value.empty() ? Lookup::missing : Lookup::found;
  return answer;
}

std::vector<uint64_t> find_kernel_functions(const std::vector<ProbeTarget>& functions) {
  struct Found {
    uint64_t address = 0;
    bool has_several = false;
  };
  auto module_of = [](const ProbeTarget& function) {
    return function.target == "vmlinux" ? std::string_view() : std::string_view(function.target);
  };
  std::map<std::pair<std::string_view, std::string_view>, Found> found;
  for (const ProbeTarget& function : functions) found[{function.function, module_of(function)}];
  read_kallsyms([&](std::string_view line) {
    KernelSymbol symbol = parse_symbol(line);
    auto wanted = found.find({symbol.name, symbol.module});
    if (wanted == found.end() || !symbol.is_function) return true;
    Found& place = wanted->second;
    place.has_several |= place.address != 0 && place.address != symbol.address;
    place.address = symbol.address;
    return true;
  });
  std::vector<uint64_t> addresses;
  for (const ProbeTarget& function : functions) {
    const Found& place = found[{function.function, module_of(function)}];
    if (place.address == 0 || place.has_several) return {};
    addresses.push_back(place.address);
  }
  return addresses;
}

std::vector<ProbeTarget> places_of_kernel_name(std::string_view name) {
  std::vector<ProbeTarget> places;
  read_kallsyms([&](std::string_view line) {
    KernelSymbol symbol = parse_symbol(line);
    if (symbol.name == name && symbol.is_function && symbol.address != 0)
      places.push_back({symbol.module.empty() ? "vmlinux" : std::string(symbol.module), std::string(name), symbol.address});
    return true;
  });
  return places;
}

Answer<uint64_t> find_kernel_symbol(std::string_view name) {
  KernelSymbol found;
  int error = read_kallsyms([&](std::string_view line) {
    if (line.find(name) == std::string_view::npos) return true;
    KernelSymbol symbol = parse_symbol(line);
    if (symbol.name == name) found = {symbol.address, name};
    return symbol.name != name;
  });
  if (error != 0) return {Lookup::unreadable, 0, "/proc/kallsyms cannot be read: " + describe_errno(error)};
  if (!found.name.empty() && found.address == 0)
    return {Lookup::unreadable, 0,
            "the kernel hides its addresses; run as root or with CAP_SYSLOG, see `sysctl kernel.kptr_restrict`"};
  if (!found.name.empty()) return {Lookup::found, found.address, ""};
  return {Lookup::missing, 0, ""};
}

}  // namespace shrike
