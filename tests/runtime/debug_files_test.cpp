// Names, lines and inlined functions of programs whose debug information is inside, elsewhere, or packed; names of code that
// was compiled while running.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "runtime/binary_symbols.h"
#include "runtime/elf_symbols.h"
#include "runtime/perf_map.h"
#include "runtime/source_lines.h"
#include "runtime/symbols.h"

namespace shrike {
namespace {

const std::string debugged = SHRIKE_DEBUGGED;
const char* const measure_name = "debugged::measure(debugged::Shape*, int, char const*, unsigned char)";

// The nop in inlined_part(): its address as linked and its offset in the file.
ElfSymbol marker() {
  std::optional<ElfSymbol> found = find_symbol(debugged, {}, "debugged_in_inlined");
  if (!found) ADD_FAILURE() << "no marker";
  return found.value_or(ElfSymbol());
}

std::string name_in(const std::string& path, const DebugDirectories& directories, uint64_t file_offset) {
  ElfImage image(path);
  EXPECT_EQ(image.why(), "");
  return std::string(BinarySymbols(image, directories, true).find(file_offset).name);
}

std::string output_of(const std::string& command) {
  std::string out;
  FILE* pipe = popen(command.c_str(), "r");
  for (char line[4096]; pipe != nullptr && fgets(line, sizeof line, pipe) != nullptr;) out += line;
  if (pipe != nullptr) pclose(pipe);
  return out;
}

// As addr2line -Cfi prints it: function, then file:line, for each frame.
std::string lines_in(const std::string& path, uint64_t address) {
  SourceLines lines(std::make_unique<ElfImage>(path), {}, true);
  std::string out;
  for (const SourceFrame& frame : lines.find(address))
    out += frame.function + "\n" + frame.file + ":" + std::to_string(frame.line) + "\n";
  return out;
}

TEST(DebugFiles, NamesOfAStrippedProgram) {
  uint64_t at = marker().file_offset;
  EXPECT_EQ(name_in(debugged, {}, at), measure_name);
  EXPECT_EQ(name_in(debugged + "_split", {}, at), measure_name);
  EXPECT_EQ(name_in(debugged + "_mini", {}, at), measure_name);
}

TEST(DebugFiles, DirectoriesOfTheUser) {
  uint64_t at = marker().file_offset;
  EXPECT_NE(name_in(debugged + "_far", {}, at), measure_name);
  std::string folder = std::filesystem::path(debugged).parent_path() / "far";
  EXPECT_EQ(name_in(debugged + "_far", {{folder}}, at), measure_name);
}

TEST(DebugFiles, ByBuildId) {
  std::string id = ElfImage(debugged).build_id();
  ASSERT_GT(id.size(), 2u);
  std::string folder = std::filesystem::temp_directory_path() / ("shrike_debug_" + std::to_string(getpid()));
  std::filesystem::create_directories(folder + "/.build-id/" + id.substr(0, 2));
  std::string link = folder + "/.build-id/" + id.substr(0, 2) + "/" + id.substr(2) + ".debug";
  std::filesystem::create_symlink(debugged + ".debug", link);
  ElfImage image(debugged + "_mini");
  EXPECT_NE(image.with_section(".debug_info", {{folder}}), nullptr);
  // A file under this name that is of another build is not taken.
  std::filesystem::remove(link);
  std::filesystem::create_symlink(SHRIKE_WORKLOAD, link);
  ElfImage other(debugged + "_mini");
  EXPECT_EQ(other.debug_file({{folder}}), nullptr);
  std::filesystem::remove_all(folder);
}

TEST(DebugFiles, UprobesFindStrippedFunctions) {
  std::optional<ElfSymbol> full = find_symbol(debugged, {}, "_ZN8debugged4fireElPKc");
  std::optional<ElfSymbol> split = find_symbol(debugged + "_split", {}, "_ZN8debugged4fireElPKc");
  std::optional<ElfSymbol> mini = find_symbol(debugged + "_mini", {}, "_ZN8debugged4fireElPKc");
  ASSERT_TRUE(full && split && mini);
  EXPECT_EQ(split->file_offset, full->file_offset);
  EXPECT_EQ(mini->file_offset, full->file_offset);
}

TEST(DebugFiles, LinesAndInlinedFunctionsAsAddr2lineTells) {
  uint64_t address = marker().address;
  char command[512];
  snprintf(command, sizeof command, "addr2line -Cfie %s %lx", debugged.c_str(), address);
  std::string expected = output_of(command);
  ASSERT_NE(expected.find("debugged::inlined_part(long)\n"), std::string::npos) << expected;
  EXPECT_EQ(lines_in(debugged, address), expected);
  EXPECT_EQ(lines_in(debugged + "_split", address), expected);
  EXPECT_EQ(lines_in(debugged + "_mini", address), "");
  EXPECT_EQ(lines_in(debugged, 1), "");
}

TEST(DebugFiles, CodeCompiledWhileRunning) {
  void* code = mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  uint64_t address = reinterpret_cast<uint64_t>(code);
  std::string path = "/tmp/perf-" + std::to_string(getpid()) + ".map";
  char text[256];
  snprintf(text, sizeof text, "%lx 20 old_name\nnot a line\n%lx 20 LazyCompile:~hot script.js:1\n%lx 10 next\n", address, address,
           address + 0x20);
  std::ofstream(path) << text;
  auto shown = [&](Symbols& symbols, uint64_t at) {
    std::string out;
    symbols.append_user(out, static_cast<uint32_t>(getpid()), at, SymbolForm::offset);
    return out;
  };
  Symbols symbols({});
  EXPECT_EQ(shown(symbols, address + 4), "LazyCompile:~hot script.js:1+4");
  EXPECT_EQ(shown(symbols, address + 0x2f), "next+15");
  EXPECT_EQ(shown(symbols, address + 0x30).substr(0, 2), "0x");
  // The compiler goes on.
  std::ofstream(path, std::ios::app) << [&] {
    snprintf(text, sizeof text, "%lx 10 later\n", address + 0x30);
    return std::string(text);
  }();
  usleep(250'000);
  EXPECT_EQ(shown(symbols, address + 0x30), "later+0");
  unlink(path.c_str());
  munmap(code, 4096);
}

TEST(DebugFiles, APipeInPlaceOfACompilersMapDoesNotHangUs) {
  std::string path = "/tmp/perf-" + std::to_string(getpid()) + ".map";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  PerfMap map;
  EXPECT_EQ(map.find(static_cast<uint32_t>(getpid()), 4096).name, "");
  unlink(path.c_str());
}

}  // namespace
}  // namespace shrike
