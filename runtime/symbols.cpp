// Joins a symbol, its offset and its module to the text that stacks and ksym()/usym() show.
#include "runtime/symbols.h"

#include "runtime/symbols_kernel.h"
#include "runtime/symbols_user.h"
#include "runtime/value_text.h"

namespace shrike {

namespace {

void append_symbol(std::string& out, const UserSymbol& symbol, uint64_t address, SymbolForm form) {
  if (symbol.name.empty()) {
    out.append("0x"), append_hex(out, address);
  } else {
    out.append(symbol.name);
    if (form != SymbolForm::name) out.push_back('+'), append_decimal(out, symbol.offset, false);
  }
  if (form == SymbolForm::module) out.append(" (").append(symbol.module.empty() ? "[unknown]" : symbol.module).append(")");
}

void append_line(std::string& out, const SourceFrame& frame) {
  if (frame.file.empty()) return;
  out.append(" @").append(frame.file).push_back(':');
  append_decimal(out, static_cast<uint64_t>(frame.line), false);
}

}  // namespace

Symbols::Symbols(const SymbolOptions& options) : options_(options) {}
Symbols::~Symbols() = default;

UserSymbols& Symbols::user() {
  if (user_ == nullptr) user_ = std::make_unique<UserSymbols>(options_);
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
  // The kernel itself is no module: its symbols stand alone, as in 0.17.
  if (form == SymbolForm::module && !symbol.module.empty()) out.append(" (").append(symbol.module).append(")");
}

void Symbols::append_user(std::string& out, uint32_t pid, uint64_t address, SymbolForm form) {
  append_symbol(out, user().find(pid, address, false), address, form);
}

void Symbols::append_user_frame(std::string& out, std::string_view before, uint32_t pid, uint64_t address, SymbolForm form,
                                bool is_return) {
  UserSymbol symbol = user().find(pid, address, is_return);
  for (size_t i = 0; i + 1 < symbol.lines.size(); i++) {
    out.append(before).append("[inlined] ").append(symbol.lines[i].function);
    append_line(out, symbol.lines[i]);
    out.push_back('\n');
  }
  out.append(before);
  append_symbol(out, symbol, address, form);
  if (!symbol.lines.empty()) append_line(out, symbol.lines.back());
  out.push_back('\n');
}

void Symbols::remember_process(uint32_t pid) {
  user().remember(pid);
}

void Symbols::watch_processes() {
  user().watch();
}

void Symbols::wait_for_present_processes() const {
  if (user_ != nullptr) user_->wait_for_present();
}

bool Symbols::are_kernel_symbols_hidden() const {
  return kernel_ != nullptr && kernel_->is_hidden();
}

}  // namespace shrike
