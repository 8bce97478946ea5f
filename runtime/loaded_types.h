// Types of the running kernel, of its modules and of loaded BPF programs. Each is read when it is asked for.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/kernel_facts.h"

namespace shrike {

class LoadedTypes {
 public:
  LoadedTypes();
  ~LoadedTypes();

  Answer<const Btf*> kernel();
  Answer<const Btf*> of(std::string_view target);  // see KernelFacts::types_of
  std::vector<std::string> modules_with(const std::function<bool(const Btf&)>& has);
  const Btf* find_module(const std::function<bool(const Btf&)>& has);

 private:
  struct Types;
  Types& module(const std::string& name);
  const std::vector<std::string>& module_names();

  std::unique_ptr<Types> kernel_;
  std::map<std::string, std::unique_ptr<Types>, std::less<>> others_;  // by target
  std::vector<std::string> module_names_;
  bool are_names_read_ = false;
};

}  // namespace shrike
