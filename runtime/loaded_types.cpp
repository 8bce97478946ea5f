// Files below /sys/kernel/btf, and what bpf(2) hands out of programs.
#include "runtime/loaded_types.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <system_error>

#include "mir/btf.h"
#include "runtime/bpf_programs.h"
#include "runtime/btf_file.h"

namespace shrike {

struct LoadedTypes::Types {
  BtfFile file;
  std::vector<uint8_t> bytes;  // of a BPF program
  std::optional<Btf> view;
  Lookup status = Lookup::unreadable;
  std::string why;

  Answer<const Btf*> answer() const {
    if (!view) return {status, nullptr, why};
    return {Lookup::found, &*view, ""};
  }
};

LoadedTypes::LoadedTypes() = default;
LoadedTypes::~LoadedTypes() = default;

Answer<const Btf*> LoadedTypes::kernel() {
  if (!kernel_) {
    kernel_ = std::make_unique<Types>();
    kernel_->file.open();
    kernel_->why = kernel_->file.why();
    if (kernel_->why.empty()) {
      kernel_->view = Btf::open(kernel_->file.bytes());
      if (!kernel_->view) kernel_->why = "the kernel's type information is not in a form that is understood";
    }
  }
  return kernel_->answer();
}

const std::vector<std::string>& LoadedTypes::module_names() {
  if (are_names_read_) return module_names_;
  are_names_read_ = true;
  // Modules belong to the running kernel, and not to another's types.
  if (getenv("BPFTRACE_BTF") != nullptr) return module_names_;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/kernel/btf", error))
    if (std::string name = entry.path().filename().string(); name != "vmlinux") module_names_.push_back(std::move(name));
  std::sort(module_names_.begin(), module_names_.end());
  return module_names_;
}

LoadedTypes::Types& LoadedTypes::module(const std::string& name) {
  auto [known, is_new] = others_.try_emplace(name);
  if (!is_new) return *known->second;
  known->second = std::make_unique<Types>();
  Types& types = *known->second;
  const std::vector<std::string>& names = module_names();
  const Btf* base = kernel().value;
  if (base == nullptr || !std::binary_search(names.begin(), names.end(), name)) {
    std::error_code error;
    types.status = Lookup::missing;
    types.why = std::filesystem::exists("/sys/module/" + name, error)
                    ? "module `" + name + "` has no types that this kernel keeps (CONFIG_DEBUG_INFO_BTF_MODULES)"
                    : "no module `" + name + "` is loaded";
    return types;
  }
  types.file.open(("/sys/kernel/btf/" + name).c_str());
  types.why = types.file.why();
  if (types.why.empty()) types.view = Btf::open_module(types.file.bytes(), name, *base);
  if (types.why.empty() && !types.view) types.why = "the types of module `" + name + "` are not in a form that is understood";
  return types;
}

Answer<const Btf*> LoadedTypes::of(std::string_view target) {
  if (target.empty() || target == "vmlinux") return kernel();
  const std::optional<uint32_t> id = traced_program(target);
  if (!id) return module(std::string(target)).answer();
  auto [known, is_new] = others_.try_emplace(std::string(target));
  if (is_new) {
    known->second = std::make_unique<Types>();
    Types& types = *known->second;
    types.bytes = program_types(*id);
    types.view = Btf::open(types.bytes);
    types.status = Lookup::missing;
    types.why = "BPF program " + std::to_string(*id) + " has gone, or was loaded without types";
  }
  return known->second->answer();
}

std::vector<std::string> LoadedTypes::modules_with(const std::function<bool(const Btf&)>& has) {
  std::vector<std::string> out;
  for (const std::string& name : module_names())
    if (const Types& types = module(name); types.view && has(*types.view)) out.push_back(name);
  return out;
}

const Btf* LoadedTypes::find_module(const std::function<bool(const Btf&)>& has) {
  for (const std::string& name : module_names())
    if (const Types& types = module(name); types.view && has(*types.view)) return &*types.view;
  return nullptr;
}

}  // namespace shrike
