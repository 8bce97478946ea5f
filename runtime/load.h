// bpf::Object into the kernel: creates its maps, patches their descriptors into the programs, loads the programs.
//
// Nothing stays loaded after an error. Needs privileges (privileges.h tells what is missing before this fails).
// Does not attach or run anything.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend-bpf/object.h"
#include "mir/base/diagnostic.h"
#include "runtime/explain_reject.h"
#include "runtime/fd.h"
#include "runtime/kprobe_pairs.h"
#include "runtime/start_clock.h"

namespace shrike {

class Btf;

// Two programs of the object that are one in the kernel.
struct LoadedPair {
  ProgramPair of;
  Fd program;
};

struct LoadedObject {
  std::vector<Fd> maps;                // by MapId::index
  std::vector<Fd> programs;            // by position in Object::programs; closed if it is half of a pair
  std::vector<uint32_t> attach_types;  // of the programs, see LoadOptions
  std::vector<LoadedPair> pairs;
};

// What the kernel said of one program.
struct LoadAnswer {
  const bpf::Object& object;
  size_t program;          // its position in the object
  int fd;                  // negative: refused
  const std::string& log;  // of a refused program; empty if the verifier was never reached
};

struct LoadOptions {
  std::string license = "GPL";
  CodeBy code_by = CodeBy::compiler;
  size_t log_size = 1000000;  // bytes asked of the verifier
  // Given: every program is loaded with the verifier's log, which is handed over (-v, -d verifier).
  std::function<void(std::string_view program, const std::string& log)> on_log;
  // Given: every program is loaded with the verifier's statistics, whose text is handed over.
  std::function<void(size_t program, const std::string& text)> on_statistics;
  // Given: told what the kernel said of each program (judge_loads.h).
  std::function<void(const LoadAnswer&)> on_answer;
  std::function<void()> on_loaded;  // told when all programs are loaded
  // Given: told of every map, program and place of attachment, one line each (-v, -d libbpf).
  std::function<void(const std::string& line)> on_step;
  std::vector<uint32_t> attach_types;  // by program: what it is to be attached as, 0 for single events; may be empty
  std::vector<ProgramPair> pairs;      // to be loaded as one, where the kernel takes it
  // The kernel's types, asked for pairs and for programs that are loaded for one function of it; null if there are none.
  // By the target of its attach point; `` is the kernel.
  std::function<const Btf*(std::string_view target)> kernel_types;
  // The number of a function of the kernel in its types; nothing where it has none of that name.
  std::function<std::optional<uint32_t>(mir::HelperId)> kernel_function;
  StartClock* clock = nullptr;  // told of the stages, if given
};

std::optional<LoadedObject> load(const bpf::Object& object, const SourceMap& sources, const LoadOptions& options,
                                 Diagnostics& diagnostics);

// Once more, for another way to attach it, what the kernel did not attach as it was loaded.
bool load_again(const bpf::Object& object, uint32_t program, uint32_t attach_type, const SourceMap& sources,
                const LoadOptions& options, LoadedObject& loaded, Diagnostics& diagnostics);

// The descriptor of the program that `function` was compiled to.
int program_fd(const LoadedObject& loaded, const bpf::Object& object, mir::FunctionId function);
// The first map of that role, or an invalid id.
mir::MapId find_map(const mir::Interface& interface, mir::MapRole role);

}  // namespace shrike
