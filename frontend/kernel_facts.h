// What the compiler may ask about the machine the program is for. The runtime answers from the live kernel, each
// answer fetched only when asked; tests answer from fixtures. The frontend does no I/O of its own.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mir/interface.h"
#include "mir/type.h"

namespace shrike {

class Btf;  // mir/btf.h

struct TracepointField {
  std::string name;
  std::string type;  // as in the format file: "const char *", "char", "__data_loc char[]", "pid_t"
  uint32_t offset = 0;
  uint32_t size = 0;         // bytes, of the whole array for arrays
  uint32_t array_count = 0;  // 0: not an array
  bool is_signed = false;
  bool is_data_loc = false;
};

// Fields of one event, without the common_ ones. `size` is the end of the last field: the verifier's bound.
struct TracepointFormat {
  std::vector<TracepointField> fields;
  uint32_t size = 0;
};

// A place to attach to, found by matching an attach point's parts.
struct ProbeTarget {
  std::string target;         // category, module, path
  std::string function;       // event, function, symbol
  uint64_t address = 0;       // uprobe: file offset; kernel symbols: 0
  bool is_ambiguous = false;  // kernel functions: several that can be probed have this name
};

// Where a static probe (USDT) says that one of its arguments is when it fires.
struct StaticArgument {
  enum class Place : uint8_t { constant, in_register, memory, unknown };
  Place place = Place::unknown;
  uint32_t size = 8;
  bool is_signed = false;
  int64_t constant = 0;         // the value; memory: what is added to the registers
  std::string base, index;      // registers by the names reg() takes; empty: none
  uint32_t scale = 1;           // of the index: 1, 2, 4 or 8
  bool is_second_byte = false;  // %ah and its like
  std::string text;             // as written in the file

  bool operator==(const StaticArgument&) const = default;
};

// One place of a static probe; a probe may have several.
struct StaticProbe {
  std::string path, provider, name;
  uint64_t address = 0;    // file offset of its instruction
  uint64_t semaphore = 0;  // file offset of the count of those who watch it; 0: it has none
  std::vector<StaticArgument> arguments;
};

// Where a function of a program has one of its arguments when it is entered, or its result when it returns.
struct UserPlace {
  enum class Kind : uint8_t { in_registers, stack, elsewhere };
  Kind kind = Kind::elsewhere;
  std::array<std::string_view, 2> names;  // in_registers: of each 8 bytes, as reg() takes them; the second may be empty
  uint32_t offset = 0;                    // stack: bytes above the stack pointer
  bool is_reference = false;              // what is there is the address of the value
  std::string why;                        // elsewhere: what stands in the way

  bool operator==(const UserPlace&) const = default;
};

struct UserValue {
  std::string name;
  std::string spelled;  // its type as the source has it, for lists
  const mir::Type* type = nullptr;
  UserPlace place;
};

// A function as its program's debug information tells. Records that types name are laid out by define_user_record.
struct UserFunction {
  std::vector<UserValue> arguments;
  std::optional<UserValue> result;  // none: it returns nothing
};

// A pid namespace, by the file that stands for it.
struct PidNamespace {
  uint64_t device = 0, inode = 0;
};

// What is at some offset from the start of a program's function.
struct CodePlace {
  enum class Kind : uint8_t { begins, inside, outside, unknown };  // of an instruction, or the function
  Kind kind = Kind::unknown;
  std::string function;
  uint64_t offset = 0;          // that was asked about
  uint64_t begin = 0, end = 0;  // inside: of the instruction; outside: of the function
};

// The kernel's array of how far each processor's own variables are from where symbols and per-CPU pointers say.
inline constexpr std::string_view cpu_offsets = "__per_cpu_offset";

enum class Lookup { found, missing, unreadable };

template <class T>
struct Answer {
  Lookup status = Lookup::missing;
  T value{};
  std::string why;  // unreadable: what stands in the way and how to remove it, for the user
};

class KernelFacts {
 public:
  virtual ~KernelFacts() = default;

  // Tracepoints whose category and event match the globs (`*` and `?`, [..]); literal names are looked up directly,
  // without listing. Sorted. missing: nothing matches.
  virtual Answer<std::vector<ProbeTarget>> match_tracepoints(std::string_view category, std::string_view event) = 0;
  virtual Answer<TracepointFormat> tracepoint_format(std::string_view category, std::string_view event) = 0;
  // Names of raw tracepoints (without the btf_trace_ prefix), from BTF, by globs; target is the module, empty for the kernel's
  // own. An empty `module` is any, in that the modules' are looked for where the kernel has none.
  virtual Answer<std::vector<ProbeTarget>> match_raw_tracepoints(std::string_view module, std::string_view event) = 0;
  // Functions of loaded BPF programs, of program `id` or, for 0, of all; target is `bpf:ID`.
  virtual Answer<std::vector<ProbeTarget>> match_program_functions(uint64_t id, std::string_view function) = 0;
  // Kernel functions that can carry a kprobe. A literal name is not checked against any list: attaching tells.
  virtual Answer<std::vector<ProbeTarget>> match_kernel_functions(std::string_view module, std::string_view function) = 0;
  // Whether an instruction begins `offset` bytes after the function whose first instruction is at `function` in the file.
  virtual CodePlace code_place(const std::string& file, uint64_t function, uint64_t offset) = 0;
  // Symbols of a binary or library: `path` may be a bare name (searched in PATH, then as a library), `symbol` a glob,
  // or a literal name looked up directly. address is the file offset of the symbol's first instruction.
  virtual Answer<std::vector<ProbeTarget>> match_user_functions(std::string_view path, std::string_view symbol) = 0;
  // The files themselves, for places that need no symbol; they are not looked into.
  virtual Answer<std::vector<ProbeTarget>> match_user_files(std::string_view path) = 0;
  // Functions by the names that C++ gives them, with or without their parameters: `space::f*` and `space::f(int)`.
  virtual Answer<std::vector<ProbeTarget>> match_cpp_functions(std::string_view path, std::string_view name) = 0;

  // Code of one line of source, by the debug information of a binary or library: `file` is a path or the end of one, a column
  // of 0 any. One place for each function the line is in and each copy of it that was inlined. `why` may hint at other lines.
  virtual Answer<std::vector<ProbeTarget>> match_source_line(std::string_view path, std::string_view file, uint64_t line,
                                                             uint64_t column) = 0;

  // Static probes of a binary or library by globs over provider and name, in the order of the file. With a `pid` and no path,
  // those of all files the process runs.
  virtual Answer<std::vector<StaticProbe>> match_static_probes(std::string_view path, uint64_t pid, std::string_view provider,
                                                               std::string_view name) = 0;

  // Arguments and result of the function whose first instruction is at this offset in the file.
  virtual Answer<UserFunction> user_function(const ProbeTarget& function, mir::TypePool& types) = 0;
  // Lays out a record that user_function, or an earlier layout, named; null for any other.
  virtual const mir::RecordLayout* define_user_record(const mir::Type* record, mir::TypePool& types) = 0;

  // The kernel's types; null, with the reason in `why`, if the kernel has none.
  virtual Answer<const Btf*> btf() = 0;
  // Types of what functions and events are of: a loaded module, a BPF program as `bpf:ID`, or (empty, `vmlinux`) the kernel.
  virtual Answer<const Btf*> types_of(std::string_view target) = 0;
  // Loaded modules that have what is asked for, by name. Looks at all.
  virtual std::vector<std::string> modules_with(const std::function<bool(const Btf&)>& has) = 0;
  // Types of the first loaded module that has what is asked for; null if none has. Looks at modules one by one.
  virtual const Btf* find_module_types(const std::function<bool(const Btf&)>& has) = 0;
  // Whether programs of a type may call a function of the kernel (a kfunc). unreadable: the kernel was not willing to tell.
  virtual Answer<bool> may_call(std::string_view kfunc, mir::ProgramType program) = 0;
  // Address of a kernel symbol (kaddr).
  virtual Answer<uint64_t> kernel_address(std::string_view symbol) = 0;
  // How far a symbol of a binary lies behind the instruction at an offset in the file (uaddr), and its size, in bytes.
  virtual Answer<std::pair<int64_t, uint32_t>> user_symbol(std::string_view path, uint64_t offset, std::string_view symbol) = 0;

  // Ours, if it is another than the first; there process ids are those that the kernel keeps.
  virtual std::optional<PidNamespace> pid_namespace() = 0;
  // The id of a control group (version 2), by its folder.
  virtual Answer<uint64_t> cgroup_id(std::string_view path) = 0;
  // The 4 or 16 bytes of an IP address in the order of the network, as the C library reads it; nothing for other text.
  virtual std::optional<std::string> ip_address(std::string_view text) = 0;
  virtual uint32_t possible_cpus() = 0;
};

}  // namespace shrike
