// A note holds three addresses (the instruction, .stapsdt.base and the semaphore, all as linked) and three strings: provider,
// name and arguments. An argument is SIZE@OPERAND, the operand in the syntax of the assembler.
#include "runtime/static_probes.h"

#include <gelf.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <set>

#include "runtime/elf_image.h"
#include "runtime/elf_symbols.h"
#include "runtime/files.h"
#include "runtime/find_binary.h"

namespace shrike {

namespace {

constexpr uint32_t note_type = 3;  // NT_STAPSDT
constexpr std::string_view owner("stapsdt\0", 8);

struct RegisterName {
  std::string name;  // as reg() takes it; empty: not an integer register
  bool is_second_byte = false;
};

// rax, eax, ax, al and ah are parts of one register, as are r8, r8d, r8w and r8b.
RegisterName register_of(std::string_view text) {
  if (text == "rip") return {"ip"};
  if (text.size() >= 2 && text[0] == 'r' && text[1] >= '0' && text[1] <= '9') {
    size_t end = text.find_first_not_of("0123456789", 1);
    std::string_view part = end == std::string_view::npos ? std::string_view() : text.substr(end);
    if (part.empty() || part == "d" || part == "w" || part == "b") return {std::string(text.substr(0, end))};
    return {};
  }
  bool is_wide = text.size() == 3 && (text[0] == 'r' || text[0] == 'e');
  if (is_wide) text.remove_prefix(1);
  for (std::string_view known : {"ax", "bx", "cx", "dx", "si", "di", "bp", "sp"}) {
    bool has_second_byte = known[1] == 'x';
    if (text == known) return {std::string(known)};
    if (is_wide) continue;
    if (has_second_byte && text.size() == 2 && text[0] == known[0] && text[1] == 'l') return {std::string(known)};
    if (has_second_byte && text.size() == 2 && text[0] == known[0] && text[1] == 'h') return {std::string(known), true};
    if (!has_second_byte && text.size() == 3 && text.starts_with(known) && text[2] == 'l') return {std::string(known)};
  }
  return {};
}

bool parse_number(std::string_view text, int64_t& value) {
  bool is_negative = text.starts_with('-');
  if (is_negative) text.remove_prefix(1);
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  }
  uint64_t magnitude = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), magnitude, base);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return false;
  value = static_cast<int64_t>(is_negative ? -magnitude : magnitude);
  return true;
}

// What the low `size` bytes of a constant mean.
int64_t narrowed(int64_t value, uint32_t size, bool is_signed) {
  if (size >= 8) return value;
  uint32_t unused = 64 - 8 * size;
  uint64_t shifted = static_cast<uint64_t>(value) << unused;
  return is_signed ? static_cast<int64_t>(shifted) >> unused : static_cast<int64_t>(shifted >> unused);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  for (;;) {
    size_t at = text.find(separator);
    out.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return out;
    text.remove_prefix(at + 1);
  }
}

// Numbers and symbols joined by + and -.
bool parse_displacement(std::string_view text, const std::function<std::optional<uint64_t>(std::string_view)>& address_of,
                        int64_t& sum, bool& has_symbol) {
  while (!text.empty()) {
    bool is_negative = text[0] == '-';
    if (is_negative || text[0] == '+') text.remove_prefix(1);
    size_t end = std::min(text.find_first_of("+-"), text.size());
    std::string_view term = text.substr(0, end);
    text.remove_prefix(end);
    int64_t value = 0;
    if (!parse_number(term, value)) {
      std::optional<uint64_t> address = address_of(term);
      if (!address) return false;
      value = static_cast<int64_t>(*address);
      has_symbol = true;
    }
    sum += is_negative ? -value : value;
  }
  return true;
}

// [displacement](base,index,scale), or an address.
bool parse_memory(std::string_view text, uint64_t instruction,
                  const std::function<std::optional<uint64_t>(std::string_view)>& address_of, StaticArgument& out) {
  size_t open = text.find('(');
  bool has_symbol = false;
  if (!parse_displacement(text.substr(0, open), address_of, out.constant, has_symbol)) return false;
  if (open == std::string_view::npos) return has_symbol;
  if (!text.ends_with(')')) return false;
  std::vector<std::string_view> parts = split(text.substr(open + 1, text.size() - open - 2), ',');
  auto take_register = [](std::string_view part, std::string& name) {
    if (part.empty()) return true;
    if (part[0] != '%') return false;
    name = register_of(part.substr(1)).name;
    return !name.empty();
  };
  if (parts.size() > 3 || !take_register(parts[0], out.base)) return false;
  if (parts.size() > 1 && !take_register(parts[1], out.index)) return false;
  int64_t scale = 1;
  if (parts.size() > 2 && (!parse_number(parts[2], scale) || (scale != 1 && scale != 2 && scale != 4 && scale != 8)))
    return false;
  out.scale = static_cast<uint32_t>(scale);
  // The register holds the address of the probe itself when it fires; the symbol is as far from there as it was linked.
  if (out.base == "ip" && has_symbol) out.constant -= static_cast<int64_t>(instruction);
  return out.base != "ip" || has_symbol;
}

// Arguments are separated by blanks, which an operand may hold between its parentheses.
std::vector<std::string_view> split_arguments(std::string_view text) {
  std::vector<std::string_view> out;
  size_t begin = 0;
  int depth = 0;
  for (size_t i = 0; i <= text.size(); i++) {
    if (i < text.size()) depth += text[i] == '(' ? 1 : text[i] == ')' ? -1 : 0;
    if (i < text.size() && (text[i] != ' ' || depth != 0)) continue;
    if (i > begin) out.push_back(text.substr(begin, i - begin));
    begin = i + 1;
  }
  return out;
}

class NoteReader {
 public:
  NoteReader(const std::string& path, const DebugDirectories& directories)
      : path_(path), directories_(directories), image_(path) {}

  StaticProbes read() {
    StaticProbes out;
    out.why = image_.why();
    if (!out.why.empty()) return out;
    if (gelf_getclass(image_.get()) != ELFCLASS64) {
      out.why = "it is not a 64-bit program";
      return out;
    }
    segments_ = loaded_segments(image_.get());
    base_ = section_address(image_.get(), ".stapsdt.base");
    Elf_Data* data = section_data(image_.get(), ".note.stapsdt");
    if (data == nullptr) return out;
    GElf_Nhdr note;
    size_t name = 0, descriptor = 0;
    for (size_t at = 0; (at = gelf_getnote(data, at, &note, &name, &descriptor)) > 0;) {
      const char* bytes = static_cast<const char*>(data->d_buf);
      if (note.n_type != note_type || std::string_view(bytes + name, note.n_namesz) != owner) continue;
      if (note.n_descsz > 24) take(bytes + descriptor, note.n_descsz, out);
    }
    return out;
  }

 private:
  void take(const char* bytes, size_t size, StaticProbes& out) {
    uint64_t addresses[3];
    std::memcpy(addresses, bytes, sizeof addresses);
    auto [instruction, base, semaphore] = addresses;
    // A file may have been moved after it was linked; the section tells by how much.
    uint64_t moved = base_ != 0 && base != 0 ? base_ - base : 0;
    std::vector<std::string_view> texts = split({bytes + sizeof addresses, size - sizeof addresses}, '\0');
    if (texts.size() < 3) return;
    StaticProbe probe;
    probe.path = path_;
    probe.provider = texts[0];
    probe.name = texts[1];
    probe.address = file_offset_of(segments_, instruction + moved);
    if (semaphore != 0) probe.semaphore = file_offset_of(segments_, semaphore + moved);
    auto address_of = [&](std::string_view symbol) -> std::optional<uint64_t> {
      std::optional<ElfSymbol> found = find_symbol(path_, directories_, symbol);
      return found ? std::optional(found->address) : std::nullopt;
    };
    for (std::string_view text : split_arguments(texts[2]))
      probe.arguments.push_back(parse_static_argument(text, instruction + moved, address_of));
    out.probes.push_back(std::move(probe));
  }

  const std::string& path_;
  const DebugDirectories& directories_;
  ElfImage image_;
  std::vector<ElfSegment> segments_;
  uint64_t base_ = 0;
};

}  // namespace

StaticArgument parse_static_argument(std::string_view text, uint64_t instruction,
                                     const std::function<std::optional<uint64_t>(std::string_view)>& address_of) {
  StaticArgument out;
  out.text = text;
  size_t at = text.find('@');
  if (at != std::string_view::npos) {
    int64_t size = 0;  // negative: signed. `8f` is a floating-point number.
    if (!parse_number(text.substr(0, at), size)) return out;
    out.is_signed = size < 0;
    out.size = static_cast<uint32_t>(size < 0 ? -size : size);
    if (out.size != 1 && out.size != 2 && out.size != 4 && out.size != 8) {
      out.size = 8;
      return out;
    }
    text.remove_prefix(at + 1);
  }
  if (text.starts_with('$')) {
    if (!parse_number(text.substr(1), out.constant)) return out;
    out.constant = narrowed(out.constant, out.size, out.is_signed);
    out.place = StaticArgument::Place::constant;
  } else if (text.starts_with('%') && text.find(':') == std::string_view::npos) {
    RegisterName found = register_of(text.substr(1));
    out.base = found.name;
    out.is_second_byte = found.is_second_byte;
    if (!out.base.empty()) out.place = StaticArgument::Place::in_register;
  } else if (text.find(':') == std::string_view::npos && parse_memory(text, instruction, address_of, out)) {
    out.place = StaticArgument::Place::memory;
  }
  return out;
}

StaticProbes read_static_probes(const std::string& path, const DebugDirectories& directories) {
  return NoteReader(path, directories).read();
}

std::vector<std::string> files_run_by(uint64_t pid) {
  std::string process = "/proc/" + std::to_string(pid);
  std::string maps = read_file((process + "/maps").c_str()).text;
  std::vector<std::string> out;
  std::set<std::string_view> seen;
  for (std::string_view line : split(maps, '\n')) {
    size_t slash = line.find('/'), space = line.find(' ');
    if (slash == std::string_view::npos || line.substr(space + 1, 4).find('x') == std::string_view::npos) continue;
    std::string_view path = line.substr(slash);
    if (path.ends_with(" (deleted)") || !seen.insert(path).second) continue;
    std::string seen_path = path_seen_by(pid, std::string(path));
    struct stat status{};
    if (stat(seen_path.c_str(), &status) == 0) out.push_back(std::move(seen_path));
  }
  return out;
}

std::vector<std::string> files_run() {
  std::vector<std::string> out;
  std::set<std::pair<dev_t, ino_t>> seen;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    std::string name = entry.path().filename();
    uint64_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ptr != name.data() + name.size()) continue;
    for (std::string& path : files_run_by(pid)) {
      struct stat status{};
      if (stat(path.c_str(), &status) == 0 && seen.emplace(status.st_dev, status.st_ino).second) out.push_back(std::move(path));
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace shrike
