// Reads ELF with libelf. A function outside the program's section (a callback) is appended to each program that names it, as
// emit.cpp does.
#include "tests/differential/llvm_object.h"

#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>

#include "backend-bpf/llvm_text.h"
#include "tests/support/process.h"

namespace shrike::test {

namespace {

constexpr const char* opt = "opt-19";
constexpr const char* llc = "llc-19";
constexpr int patience_ms = 60000;
constexpr uint32_t relocation_64 = 1;     // R_BPF_64_64: a ld_imm64
constexpr uint32_t relocation_call = 10;  // R_BPF_64_32: a call
constexpr uint8_t pseudo_map_fd = 1, pseudo_map_value = 2, pseudo_call = 1, pseudo_func = 4, pseudo_kernel_call = 2;

constexpr std::string_view kernel_prefix = "bpf_";  // of the kernel's functions

// A folder that goes with its files.
struct Folder {
  std::string path;
  Folder() {
    char pattern[] = "/tmp/shrike-llvm-XXXXXX";
    path = mkdtemp(pattern);
  }
  ~Folder() {
    for (const char* name : {"in.ll", "out.ll", "out.o"}) unlink((path + "/" + name).c_str());
    rmdir(path.c_str());
  }
};

struct Reference {
  uint32_t insn;  // within the function
  std::string symbol;
};
struct Piece {
  std::vector<bpf::Insn> insns;
  std::vector<Reference> references;
};

class ElfReader {
 public:
  explicit ElfReader(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    elf_version(EV_CURRENT);
    elf_ = elf_begin(fd_, ELF_C_READ, nullptr);
  }
  ~ElfReader() {
    elf_end(elf_);
    close(fd_);
  }
  ElfReader(const ElfReader&) = delete;
  ElfReader& operator=(const ElfReader&) = delete;

  // The functions by symbol.
  std::map<std::string, Piece> functions() {
    find_symbols();
    std::map<std::string, Piece> made;
    for (const Symbol& symbol : symbols_) {
      if (GELF_ST_TYPE(symbol.entry.st_info) != STT_FUNC) continue;
      Piece& piece = made[symbol.name];
      const Elf_Data* data = elf_getdata(elf_getscn(elf_, symbol.entry.st_shndx), nullptr);
      piece.insns.resize(symbol.entry.st_size / sizeof(bpf::Insn));
      memcpy(piece.insns.data(), static_cast<const char*>(data->d_buf) + symbol.entry.st_value, symbol.entry.st_size);
      add_references(symbol, piece);
    }
    return made;
  }

 private:
  struct Symbol {
    std::string name;
    GElf_Sym entry;
  };

  void find_symbols() {
    for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_, section)) != nullptr;) {
      GElf_Shdr header;
      gelf_getshdr(section, &header);
      if (header.sh_type != SHT_SYMTAB) continue;
      Elf_Data* data = elf_getdata(section, nullptr);
      for (size_t i = 0; i < header.sh_size / header.sh_entsize; i++) {
        Symbol& symbol = symbols_.emplace_back();
        gelf_getsym(data, static_cast<int>(i), &symbol.entry);
        symbol.name = elf_strptr(elf_, header.sh_link, symbol.entry.st_name);
      }
    }
  }

  void add_references(const Symbol& function, Piece& piece) {
    for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_, section)) != nullptr;) {
      GElf_Shdr header;
      gelf_getshdr(section, &header);
      if (header.sh_type != SHT_REL || header.sh_info != function.entry.st_shndx) continue;
      Elf_Data* data = elf_getdata(section, nullptr);
      for (size_t i = 0; i < header.sh_size / header.sh_entsize; i++) {
        GElf_Rel relocation;
        gelf_getrel(data, static_cast<int>(i), &relocation);
        uint64_t type = GELF_R_TYPE(relocation.r_info), end = function.entry.st_value + function.entry.st_size;
        if (type != relocation_64 && type != relocation_call) continue;
        if (relocation.r_offset < function.entry.st_value || relocation.r_offset >= end) continue;
        piece.references.push_back({static_cast<uint32_t>((relocation.r_offset - function.entry.st_value) / sizeof(bpf::Insn)),
                                    name_of(symbols_[GELF_R_SYM(relocation.r_info)], relocation, function)});
      }
    }
  }

  // A local function is named by its section and the place that the instruction holds.
  std::string name_of(const Symbol& symbol, const GElf_Rel& relocation, const Symbol& user) {
    if (GELF_ST_TYPE(symbol.entry.st_info) != STT_SECTION) return symbol.name;
    const Elf_Data* data = elf_getdata(elf_getscn(elf_, user.entry.st_shndx), nullptr);
    bpf::Insn insn;
    memcpy(&insn, static_cast<const char*>(data->d_buf) + relocation.r_offset, sizeof insn);
    bool is_call = GELF_R_TYPE(relocation.r_info) == relocation_call;
    int64_t place = is_call ? (int64_t{insn.imm} + 1) * 8 : insn.imm;
    for (const Symbol& other : symbols_)
      if (GELF_ST_TYPE(other.entry.st_info) == STT_FUNC && other.entry.st_shndx == symbol.entry.st_shndx &&
          other.entry.st_value == static_cast<uint64_t>(place))
        return other.name;
    return "";
  }

  int fd_;
  Elf* elf_ = nullptr;
  std::vector<Symbol> symbols_;
};

// The number behind a symbol of print_llvm; nothing if it is not of that kind.
std::optional<uint32_t> numbered(std::string_view symbol, std::string_view prefix) {
  if (!symbol.starts_with(prefix)) return std::nullopt;
  uint32_t number = 0;
  symbol.remove_prefix(prefix.size());
  std::from_chars(symbol.data(), symbol.data() + symbol.size(), number);
  return number;
}

void set_source(bpf::Insn& insn, uint8_t source) {
  insn.regs = bpf::make_regs(insn.dst(), source);
}

// Puts a program and the functions it names into one array of instructions.
class Linker {
 public:
  Linker(const std::map<std::string, Piece>& pieces, const mir::Module& module) : pieces_(pieces), module_(module) {}

  bpf::Program link(const mir::Function& function, uint32_t number) {
    program_ = {.name = function.name,
                .type = function.program,
                .insns = {},
                .relocations = {},
                .kernel_calls = {},
                .lines = {},
                .subprograms = {}};
    place(std::string(bpf::llvm_function_symbol) + std::to_string(number));
    for (size_t i = 0; i < order_.size(); i++) resolve(order_[i]);
    return std::move(program_);
  }

 private:
  void place(const std::string& symbol) {
    if (starts_.contains(symbol)) return;
    auto start = static_cast<uint32_t>(program_.insns.size());
    starts_[symbol] = start;
    order_.push_back(symbol);
    auto number = numbered(symbol, bpf::llvm_function_symbol);
    program_.subprograms.push_back({start, module_.functions[mir::FunctionId(*number)].name, 0});
    const Piece& piece = pieces_.at(symbol);
    program_.insns.insert(program_.insns.end(), piece.insns.begin(), piece.insns.end());
  }

  void resolve(const std::string& symbol) {
    uint32_t start = starts_[symbol];
    for (const Reference& reference : pieces_.at(symbol).references) {
      uint32_t at = start + reference.insn;
      if (auto map = numbered(reference.symbol, bpf::llvm_value_symbol)) {
        auto offset = static_cast<uint32_t>(program_.insns[at].imm);
        set_source(program_.insns[at], pseudo_map_value);
        program_.relocations.push_back({at, mir::MapId(*map), true, offset});
      } else if (auto handle = numbered(reference.symbol, bpf::llvm_map_symbol)) {
        set_source(program_.insns[at], pseudo_map_fd);
        program_.relocations.push_back({at, mir::MapId(*handle), false, 0});
      } else if (reference.symbol.starts_with(kernel_prefix)) {
        set_source(program_.insns[at], pseudo_kernel_call);
        program_.kernel_calls.push_back({at, *mir::find_helper(reference.symbol.substr(kernel_prefix.size()))});
      } else {
        place(reference.symbol);
        bool is_call = program_.insns[at].opcode == bpf::call_insn;
        set_source(program_.insns[at], is_call ? pseudo_call : pseudo_func);
        program_.insns[at].imm = static_cast<int32_t>(starts_[reference.symbol] - at - 1);
      }
    }
  }

  const std::map<std::string, Piece>& pieces_;
  const mir::Module& module_;
  bpf::Program program_;
  std::map<std::string, uint32_t> starts_;
  std::vector<std::string> order_;
};

bool run_tool(const std::vector<std::string>& words, std::string& error) {
  testing::Result result = testing::run(words, {}, patience_ms);
  if (result.status == 0) return true;
  error = words[0] + ": " + result.err.substr(0, 2000);
  return false;
}

}  // namespace

std::string missing_llvm() {
  for (const char* tool : {opt, llc})
    if (access((std::string("/usr/bin/") + tool).c_str(), X_OK) != 0) return std::string(tool) + " of the package llvm-19";
  return "";
}

namespace {

// Symbols of the module with that number among those compiled together.
std::string prefix_of(size_t number) {
  return "m" + std::to_string(number) + ".";
}

// One text of several: their symbols are their own, what is declared of LLVM's is declared once.
std::string joined(const std::vector<LlvmObject>& objects) {
  std::string out, declarations;
  for (size_t i = 0; i < objects.size(); i++) {
    std::istringstream lines(objects[i].text);
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("declare ") || line.starts_with("target ")) {
        if (i == 0) declarations += line + "\n";
        continue;
      }
      for (std::string_view symbol : {bpf::llvm_map_symbol, bpf::llvm_value_symbol, bpf::llvm_function_symbol}) {
        const std::string plain = "@" + std::string(symbol), own = "@" + prefix_of(i) + std::string(symbol);
        for (size_t at = line.find(plain); at != std::string::npos; at = line.find(plain, at + own.size()))
          line.replace(at, plain.size(), own);
      }
      out += line + "\n";
    }
  }
  return declarations + out;
}

// What belongs to one of the modules, by its plain symbols.
std::map<std::string, Piece> pieces_of(const std::map<std::string, Piece>& all, size_t number) {
  const std::string prefix = prefix_of(number);
  std::map<std::string, Piece> own;
  for (const auto& [symbol, piece] : all) {
    if (!symbol.starts_with(prefix)) continue;
    Piece& plain = own[symbol.substr(prefix.size())] = piece;
    for (Reference& reference : plain.references)
      if (reference.symbol.starts_with(prefix)) reference.symbol.erase(0, prefix.size());
  }
  return own;
}

bpf::Object linked(const mir::Module& module, const std::map<std::string, Piece>& pieces) {
  bpf::Object object;
  object.interface.maps = module.interface.maps;
  for (uint32_t f = 0; f < module.functions.size(); f++) {
    const mir::Function& function = module.functions[mir::FunctionId(f)];
    bool is_program = function.kind == mir::FunctionKind::program;
    object.program_of.push_back(is_program ? static_cast<uint32_t>(object.programs.size()) : UINT32_MAX);
    if (is_program) object.programs.push_back(Linker(pieces, module).link(function, f));
  }
  return object;
}

}  // namespace

std::vector<LlvmObject> compile_by_llvm(const std::vector<const mir::Module*>& modules, int isa_level) {
  std::vector<LlvmObject> made(modules.size());
  for (size_t i = 0; i < modules.size(); i++) made[i].text = bpf::print_llvm(*modules[i], isa_level);
  Folder folder;
  std::string in = folder.path + "/in.ll", out = folder.path + "/out.ll", file = folder.path + "/out.o", error;
  std::ofstream(in) << joined(made);
  std::string cpu = "-mcpu=v" + std::to_string(isa_level);
  const bool is_done = run_tool({opt, "-O2", "-S", in, "-o", out}, error) &&
                       run_tool({llc, "-march=bpf", cpu, "-filetype=obj", out, "-o", file}, error);
  if (!is_done && modules.size() > 1) {  // which one is it?
    for (size_t i = 0; i < modules.size(); i++) made[i] = compile_by_llvm(*modules[i], isa_level);
  } else if (!is_done) {
    made[0].error = error;
  } else {
    const std::map<std::string, Piece> pieces = ElfReader(file).functions();
    for (size_t i = 0; i < modules.size(); i++) made[i].object = linked(*modules[i], pieces_of(pieces, i));
  }
  return made;
}

LlvmObject compile_by_llvm(const mir::Module& module, int isa_level) {
  return std::move(compile_by_llvm(std::vector<const mir::Module*>{&module}, isa_level).front());
}

}  // namespace shrike::test
