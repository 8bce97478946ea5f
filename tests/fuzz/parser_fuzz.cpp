// libFuzzer target: any bytes as a script. The parser must end with a tree or messages, both of which must print.
#include <cstddef>
#include <cstdint>

#include "frontend/parser.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  shrike::SourceMap sources;
  uint32_t begin = sources.add("fuzz.bt", std::string(reinterpret_cast<const char*>(bytes), size));
  shrike::Arena arena;
  shrike::Diagnostics diagnostics;
  shrike::ast::Program program = shrike::parse(sources, begin, {{"1", "two"}}, arena, diagnostics);
  std::string text = shrike::print(program, sources);
  for (const shrike::Diagnostic& diagnostic : diagnostics.all()) text += shrike::render(diagnostic, sources, {});
  return text.empty() ? 1 : 0;
}
