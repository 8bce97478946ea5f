// Reading and writing of the recorded forms; see programs.h.
#include "tests/verdicts/programs.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <sstream>

namespace shrike::sim::test {
namespace {

bool names_map(const bpf::Insn& insn) {
  return insn.opcode == bpf::ld_imm64 && (insn.src() == bpf::pseudo::map_fd || insn.src() == bpf::pseudo::map_value);
}

bool same_shape(const MapShape& a, const MapShape& b) {
  return a.type == b.type && a.key_size == b.key_size && a.value_size == b.value_size && a.max_entries == b.max_entries;
}

int32_t number_after(std::string_view word, char mark) {
  size_t at = word.find(mark);
  int32_t value = 0;
  if (at != std::string_view::npos) std::from_chars(word.data() + at + 1, word.data() + word.size(), value);
  return value;
}

bpf::Insn parse_insn(std::string_view word) {
  unsigned bytes = 0;
  std::from_chars(word.data(), word.data() + 4, bytes, 16);
  return {static_cast<uint8_t>(bytes >> 8), static_cast<uint8_t>(bytes), static_cast<int16_t>(number_after(word, '@')),
          number_after(word, '=')};
}

std::string print_insn(const bpf::Insn& insn) {
  char bytes[8];
  snprintf(bytes, sizeof bytes, "%02x%02x", insn.opcode, insn.regs);
  std::string word = bytes;
  if (insn.offset) word += "@" + std::to_string(insn.offset);
  if (insn.imm) word += "=" + std::to_string(insn.imm);
  return word;
}

// Map references of the text are by index into all maps; a program gets those it names.
void take_maps(ProgramInput& input, const std::vector<MapShape>& maps) {
  std::vector<uint32_t> taken;
  for (uint32_t i = 0; i < input.insns.size(); i++) {
    bpf::Insn& insn = input.insns[i];
    if (insn.opcode != bpf::ld_imm64) continue;
    if (names_map(insn) && static_cast<size_t>(insn.imm) < maps.size()) {
      auto index = static_cast<uint32_t>(insn.imm);
      auto found = std::find(taken.begin(), taken.end(), index);
      input.references.push_back({i, static_cast<uint32_t>(found - taken.begin())});
      if (found == taken.end()) {
        taken.push_back(index);
        input.maps.push_back(maps[index]);
      }
      insn.imm = 0;
    }
    i++;
  }
}

}  // namespace

std::vector<RecordedProgram> parse_programs(const std::string& text) {
  std::vector<MapShape> maps;
  std::vector<RecordedProgram> programs;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string name;
    unsigned type = 0;
    words >> name;
    if (name == "map") {
      MapShape shape;
      words >> shape.name >> type >> shape.key_size >> shape.value_size >> shape.max_entries;
      shape.type = static_cast<MapType>(type);
      shape.name = "map" + shape.name;
      maps.push_back(shape);
      continue;
    }
    RecordedProgram program;
    program.name = name;
    words >> type;
    program.input.type = static_cast<ProgramType>(type);
    for (std::string word; words >> word;) program.input.insns.push_back(parse_insn(word));
    take_maps(program.input, maps);
    programs.push_back(std::move(program));
  }
  return programs;
}

std::string print_programs(const std::vector<RecordedProgram>& programs) {
  std::vector<MapShape> maps;
  std::string out;
  for (const RecordedProgram& program : programs) {
    std::vector<bpf::Insn> insns = program.input.insns;
    for (const MapReference& reference : program.input.references) {
      const MapShape& shape = program.input.maps[reference.map];
      auto found = std::find_if(maps.begin(), maps.end(), [&](const MapShape& other) { return same_shape(shape, other); });
      insns[reference.insn].imm = static_cast<int32_t>(found - maps.begin());
      if (found == maps.end()) maps.push_back(shape);
    }
    out += program.name + " " + std::to_string(static_cast<unsigned>(program.input.type));
    for (const bpf::Insn& insn : insns) out += " " + print_insn(insn);
    out += "\n";
  }
  std::string shapes;
  for (size_t i = 0; i < maps.size(); i++) {
    shapes += "map " + std::to_string(i) + " " + std::to_string(static_cast<unsigned>(maps[i].type));
    for (uint32_t number : {maps[i].key_size, maps[i].value_size, maps[i].max_entries}) shapes += " " + std::to_string(number);
    shapes += "\n";
  }
  return shapes + out;
}

std::map<std::string, RecordedVerdict> parse_verdicts(const std::string& text) {
  std::map<std::string, RecordedVerdict> verdicts;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string name, outcome;
    words >> name >> outcome;
    RecordedVerdict& verdict = verdicts[name];
    verdict.accepted = outcome == "ok";
    if (verdict.accepted) words >> verdict.processed;
    else words >> verdict.reject_class;
    verdict.error = static_cast<int>(strtol(outcome.c_str(), nullptr, 10));
  }
  return verdicts;
}

std::string print_verdict(const std::string& name, const RecordedVerdict& verdict) {
  if (verdict.accepted) return name + " ok " + std::to_string(verdict.processed) + "\n";
  return name + " " + std::to_string(verdict.error) + " " + verdict.reject_class + "\n";
}

std::optional<Profile> profile_of_record(const std::string& kernel) {
  std::optional<Profile> profile = find_profile(kernel == "6.5" ? "6.6" : kernel);
  if (kernel == "6.5") profile->isa = 3;
  // How the recorded kernels were built and started.
  if (profile) profile->overrides_returns = false;
  if (kernel == "6.18") profile->writes_user_memory = false;
  return profile;
}

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace shrike::sim::test
