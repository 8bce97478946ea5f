// Names for addresses, kernel and user, and the only object that callers see of both. Nothing is read before the first
// address asks for it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/symbol_options.h"

namespace shrike {

enum class SymbolForm : uint8_t {
  name,    // sym; what ksym() and usym() show
  offset,  // sym+12; a frame of a stack
  module,  // sym+12 (file), or of the kernel's modules sym+12 (module); a frame in perf mode
};

class KernelSymbols;
class UserSymbols;

class Symbols {
 public:
  explicit Symbols(const SymbolOptions& options);
  ~Symbols();
  Symbols(const Symbols&) = delete;
  Symbols& operator=(const Symbols&) = delete;

  // An address without a name is shown as 0x…; in the module form of user addresses `0x… ([unknown])` or with its file.
  void append_kernel(std::string& out, uint64_t address, SymbolForm form);
  void append_user(std::string& out, uint32_t pid, uint64_t address, SymbolForm form);
  // A frame of a user stack, on a line of its own behind `before`: with source lines wanted, each inlined function has its own
  // line before it. `is_return`: the address is where a call returns to.
  void append_user_frame(std::string& out, std::string_view before, uint32_t pid, uint64_t address, SymbolForm form,
                         bool is_return);

  // Reads a process's memory map now; see Output::remember_process.
  void remember_process(uint32_t pid);
  // For programs that show user addresses: learns of processes too short-lived for /proc.
  void watch_processes();
  // Until it knows those that were there before.
  void wait_for_present_processes() const;
  // True once kernel symbols were wanted but are hidden (kptr_restrict), to be told once.
  bool are_kernel_symbols_hidden() const;

 private:
  UserSymbols& user();

  SymbolOptions options_;
  std::unique_ptr<KernelSymbols> kernel_;
  std::unique_ptr<UserSymbols> user_;
};

}  // namespace shrike
