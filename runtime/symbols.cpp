// Joins a symbol, its offset and its module to the text that stacks and ksym()/usym() show.
#include "runtime/symbols.h"

#include "runtime/symbols_kernel.h"
#include "runtime/symbols_user.h"
#include "runtime/value_text.h"

namespace shrike {

Symbols::Symbols(bool demangle) : demangle_(demangle) {}
Symbols::~Symbols() = default;

UserSymbols& Symbols::user() {
  if (user_ == nullptr) user_ = std::make_unique<UserSymbols>(demangle_);
  return *user_;
}

void Symbols::append_kernel(std::string& out, uint64_t address, SymbolForm form) {
  if (kernel_ == nullptr) kernel_ = std::make_unique<KernelSymbols>();
  KernelSymbol symbol = kernel_->find(address);
  if (symbol.name.empty()) {
    out.append("0x"), append_hex(out, address);
    return;
  }
  out.append(symbol.name);
  if (form == SymbolForm::name) return;
  out.push_back('+'), append_decimal(out, symbol.offset, false);
}

void Symbols::append_user(std::string& out, uint32_t pid, uint64_t address, SymbolForm form) {
  UserSymbol symbol = user().find(pid, address);
  if (symbol.name.empty()) {
    out.append("0x"), append_hex(out, address);
  } else {
    out.append(symbol.name);
    if (form != SymbolForm::name) out.push_back('+'), append_decimal(out, symbol.offset, false);
  }
  if (form == SymbolForm::module) out.append(" (").append(symbol.module.empty() ? "[unknown]" : symbol.module).append(")");
}

void Symbols::remember_process(uint32_t pid) {
  user().remember(pid);
}

void Symbols::watch_processes() {
  user().watch();
}

bool Symbols::are_kernel_symbols_hidden() const {
  return kernel_ != nullptr && kernel_->is_hidden();
}

}  // namespace shrike
