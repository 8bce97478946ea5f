// C layouts against the C compiler: structs and unions by chance, nested, with bit-fields, arrays, enums, packed, aligned
// and #pragma pack, laid out by both; sizes and the place of every field must agree. Where a bit-field is, a program finds
// out by setting it to ones. The seed is fixed, so that a failure comes back.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <random>
#include <sstream>

#include "frontend/c_layout.h"
#include "frontend/parser.h"
#include "tests/support/fixture_facts.h"

namespace shrike {
namespace {

constexpr int record_count = 400;

class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  std::string definitions() {
    std::string out =
        "enum small { SMALL = 3 };\nenum big { BIG = -1 };\ntypedef unsigned long long u64_odd "
        "__attribute__((aligned(4)));\ntypedef int vector[3];\n";
    for (int i = 0; i < record_count; i++) out += record(i);
    return out;
  }

 private:
  int below(int n) { return static_cast<int>(random_() % static_cast<uint32_t>(n)); }
  bool one_in(int n) { return below(n) == 0; }

  std::string scalar() {
    static const char* const types[] = {
        "char",  "unsigned char", "short",    "unsigned short", "int",     "unsigned int", "long", "unsigned long long",
        "_Bool", "enum small",    "enum big", "void *",         "u64_odd", "double"};
    return types[below(14)];
  }
  std::string attribute() {
    switch (below(12)) {
      case 0: return " __attribute__((packed))";
      case 1: return " __attribute__((aligned(" + std::to_string(1 << below(5)) + ")))";
      case 2: return one_in(2) ? " __attribute__((packed, aligned(4)))" : "";
      default: return "";
    }
  }
  std::string member(int id, int depth) {
    std::string name = "m" + std::to_string(next_++);
    if (one_in(4)) return bit_field(name);
    if (depth < 2 && one_in(8))
      return (one_in(3) ? "union {\n" : "struct {\n") + members(id, depth + 1) + "}" + attribute() +
             (one_in(2) ? ";\n" : " " + name + ";\n");
    if (id > 0 && one_in(6)) {
      int other = below(id);
      return (is_union_[static_cast<size_t>(other)] ? "union r" : "struct r") + std::to_string(other) + " " + name + ";\n";
    }
    std::string dimensions;
    if (one_in(5)) dimensions = "[" + std::to_string(1 + below(4)) + "]";
    if (one_in(12)) dimensions += "[sizeof(int) / 2 + SMALL]";
    if (one_in(15)) return "int (*" + name + ")(int, char *)" + ";\n";
    return (one_in(10) ? std::string("vector") : scalar()) + " " + name + dimensions + attribute() + ";\n";
  }
  std::string bit_field(const std::string& name) {
    static const std::pair<const char*, int> types[] = {
        {"unsigned char", 8}, {"unsigned short", 16}, {"unsigned int", 32}, {"unsigned long", 64}, {"int", 32}};
    auto [type, bits] = types[below(5)];
    if (one_in(10)) return std::string(type) + " : " + std::to_string(one_in(2) ? 0 : 1 + below(bits)) + ";\n";
    return std::string(type) + " " + name + " : " + std::to_string(1 + below(bits < 56 ? bits : 56)) + ";\n";
  }
  std::string members(int id, int depth) {
    std::string out;
    for (int i = 1 + below(6); i > 0; i--) out += member(id, depth);
    return out;
  }
  std::string record(int id) {
    bool is_union = one_in(6);
    is_union_.push_back(is_union);
    std::string body =
        std::string(is_union ? "union r" : "struct r") + std::to_string(id) + " {\n" + members(id, 0) + "}" + attribute() + ";\n";
    if (one_in(12)) return "#pragma pack(push, " + std::to_string(1 << below(3)) + ")\n" + body + "#pragma pack(pop)\n";
    return body;
  }

  std::mt19937 random_;
  int next_ = 0;
  std::vector<bool> is_union_;
};

std::string run(const std::string& command) {
  std::string out;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return out;
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0;) out.append(buffer, n);
  return pclose(pipe) == 0 ? out : "";
}

void write(const std::string& path, const std::string& text) {
  FILE* file = fopen(path.c_str(), "w");
  ASSERT_NE(file, nullptr);
  fwrite(text.data(), 1, text.size(), file);
  fclose(file);
}

// The C program that tells the same of every record and field as ours() does.
std::string program_for(const std::string& definitions, const std::vector<const mir::RecordLayout*>& layouts) {
  std::string out = "#include <stddef.h>\n#include <stdio.h>\n#include <string.h>\n" + definitions + "int main(void) {\n";
  for (const mir::RecordLayout* layout : layouts) {
    const std::string type = (layout->is_union ? "union " : "struct ") + layout->name;
    out += "{ static " + type + " r; printf(\"" + layout->name + " %zu\\n\", sizeof r);\n";
    for (const mir::RecordField& field : layout->fields) {
      if (field.bit_size == 0) {
        out += "printf(\"" + field.name + " %zu\\n\", offsetof(" + type + ", " + field.name + ") * 8);\n";
        continue;
      }
      out += "memset(&r, 0, sizeof r); r." + field.name +
             " = -1; { unsigned i = 0, n = 0; for (unsigned b = 0; b < sizeof r * 8; b++) "
             "if (((unsigned char *)&r)[b / 8] >> b % 8 & 1) { if (n++ == 0) i = b; } printf(\"" +
             field.name + " %u:%u\\n\", i, n); }\n";
    }
    out += "}\n";
  }
  return out + "return 0; }\n";
}

std::string ours(const std::vector<const mir::RecordLayout*>& layouts) {
  std::string out;
  for (const mir::RecordLayout* layout : layouts) {
    out += layout->name + " " + std::to_string(layout->size) + "\n";
    for (const mir::RecordField& field : layout->fields) {
      out += field.name + " " + std::to_string(field.offset * 8 + field.bit_offset);
      if (field.bit_size != 0) out += ":" + std::to_string(field.bit_size);
      out += "\n";
    }
  }
  return out;
}

TEST(LayoutOracle, AgreesWithTheCompiler) {
  const char* seed = getenv("SHRIKE_LAYOUT_SEED");
  std::string definitions = Generator(seed == nullptr ? 20 : static_cast<uint32_t>(atoi(seed))).definitions();
  SourceMap sources;
  uint32_t begin = sources.add("t.bt", definitions + "begin { }\n");
  Arena arena;
  Diagnostics diagnostics;
  ast::Program program = parse(sources, begin, {}, arena, diagnostics);
  mir::TypePool types;
  FixtureFacts facts;
  CTypes c_types(program, types, facts);
  c_types.define_own(diagnostics);
  std::string messages;
  for (const Diagnostic& diagnostic : diagnostics.all()) messages += render(diagnostic, sources, {});
  ASSERT_EQ(messages, "");
  std::vector<const mir::RecordLayout*> layouts;
  for (const mir::RecordLayout* layout : types.defined_records())
    if (layout->name.starts_with("r")) layouts.push_back(layout);
  ASSERT_EQ(layouts.size(), size_t{record_count});

  char folder[] = "/tmp/shrike-layout-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string base = std::string(folder) + "/layout";
  write(base + ".c", program_for(definitions, layouts));
  const std::string theirs = run("gcc -w -o " + base + " " + base + ".c && " + base);
  ASSERT_EQ(system((std::string("rm -r ") + folder).c_str()), 0);
  ASSERT_FALSE(theirs.empty()) << "gcc did not compile the definitions";
  std::istringstream a(ours(layouts)), b(theirs);
  std::string mine, its, record;
  int differences = 0;
  while (std::getline(a, mine) && std::getline(b, its) && differences < 5) {
    if (mine[0] == 'r') record = mine;
    if (mine == its) continue;
    differences++;
    std::string name = record.substr(0, record.find(' '));
    size_t at = definitions.find(" " + name + " {");
    ADD_FAILURE() << "in " << name << ": ours `" << mine << "`, the compiler's `" << its << "`\n"
                  << definitions.substr(at, definitions.find("\nstruct r", at) - at);
  }
}

}  // namespace
}  // namespace shrike
