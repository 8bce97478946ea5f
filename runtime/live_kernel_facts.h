// KernelFacts of the kernel we run on. Every answer is fetched when it is asked for the first time: a script without
// wildcards and types reads next to nothing.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "frontend/kernel_facts.h"
#include "runtime/debug_types.h"
#include "runtime/elf_symbols.h"
#include "runtime/loaded_types.h"
#include "runtime/static_probes.h"
#include "runtime/symbol_options.h"
#include "runtime/tracefs.h"

namespace shrike {

class LiveKernelFacts final : public KernelFacts {
 public:
  // Absolute paths are those that process `pid`, of -p, sees; 0: ours.
  explicit LiveKernelFacts(Tracefs& tracefs, DebugDirectories debug = {}, uint64_t pid = 0);
  ~LiveKernelFacts() override;

  Answer<std::vector<ProbeTarget>> match_tracepoints(std::string_view category, std::string_view event) override;
  Answer<TracepointFormat> tracepoint_format(std::string_view category, std::string_view event) override;
  Answer<std::vector<ProbeTarget>> match_raw_tracepoints(std::string_view module, std::string_view event) override;
  Answer<std::vector<ProbeTarget>> match_kernel_functions(std::string_view module, std::string_view function) override;
  CodePlace code_place(const std::string& file, uint64_t function, uint64_t offset) override;
  Answer<std::vector<ProbeTarget>> match_user_functions(std::string_view path, std::string_view symbol) override;
  Answer<std::vector<ProbeTarget>> match_user_files(std::string_view path) override;
  Answer<std::vector<ProbeTarget>> match_cpp_functions(std::string_view path, std::string_view name) override;
  Answer<std::vector<ProbeTarget>> match_source_line(std::string_view path, std::string_view file, uint64_t line,
                                                     uint64_t column) override;
  Answer<std::vector<StaticProbe>> match_static_probes(std::string_view path, uint64_t pid, std::string_view provider,
                                                       std::string_view name) override;
  Answer<UserFunction> user_function(const ProbeTarget& function, mir::TypePool& types) override;
  const mir::RecordLayout* define_user_record(const mir::Type* record, mir::TypePool& types) override;
  Answer<const Btf*> btf() override;
  Answer<const Btf*> types_of(std::string_view target) override;
  const Btf* find_module_types(const std::function<bool(const Btf&)>& has) override;
  std::vector<std::string> modules_with(const std::function<bool(const Btf&)>& has) override;
  Answer<std::vector<ProbeTarget>> match_program_functions(uint64_t id, std::string_view function) override;
  Answer<bool> may_call(std::string_view kfunc, mir::ProgramType program) override;
  Answer<uint64_t> kernel_address(std::string_view symbol) override;
  Answer<std::pair<int64_t, uint32_t>> user_symbol(std::string_view path, uint64_t offset, std::string_view symbol) override;
  std::optional<PidNamespace> pid_namespace() override;
  Answer<uint64_t> cgroup_id(std::string_view path) override;
  std::optional<std::string> ip_address(std::string_view text) override;
  uint32_t possible_cpus() override;

 private:
  // The first question about a file is answered on the way through its symbols, from the second on they are kept.
  struct FileFunctions {
    uint32_t questions = 0;
    std::vector<ElfSymbol> symbols;
  };

  const std::vector<std::string>& files(std::string_view path);
  ElfStatus each_function_of(const std::string& file, const std::function<bool(const ElfSymbol&)>& f, std::string& why);
  Answer<std::vector<ProbeTarget>> match_functions(std::string_view path, const std::function<bool(const std::string&)>& matches,
                                                   bool is_first_enough);

  Tracefs& tracefs_;
  DebugDirectories debug_;
  uint64_t pid_;
  LoadedTypes types_;
  std::map<std::string, std::unique_ptr<DebugTypes>> debug_types_;      // by file
  std::map<std::string, StaticProbes> static_probes_;                   // by file: several attach points may ask about one
  std::map<std::string, Answer<uint64_t>> kernel_addresses_;            // the list of symbols is long
  std::map<std::string, std::vector<std::string>, std::less<>> files_;  // by what a script wrote
  std::map<std::string, FileFunctions> functions_;                      // by file
  uint32_t possible_cpus_ = 0;
};

}  // namespace shrike
