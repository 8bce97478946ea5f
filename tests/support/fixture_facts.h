// KernelFacts for tests: a small machine that is the same everywhere. Has two tracepoints of category `app` (open and close)
// and one of `syscalls`, one raw tracepoint without types, functions `do_work`, `do_rest` and a lock, binary /bin/app with
// symbols `main` and `work` (whose arguments are known: `count` and `real`) and the static probe app:start, four CPUs, and no
// BTF.
#pragma once

#include <algorithm>

#include "frontend/kernel_facts.h"

namespace shrike {

class FixtureFacts : public KernelFacts {
 public:
  int symbol_questions = 0;    // how often the symbols of files were asked for
  int function_questions = 0;  // and the kernel's functions

  Answer<std::vector<ProbeTarget>> match_tracepoints(std::string_view category, std::string_view event) override {
    if (category == "locked") return {Lookup::unreadable, {}, "tracefs cannot be read"};
    return match({{"app", "close"}, {"app", "open"}, {"syscalls", "sys_enter_write"}}, category, event);
  }
  Answer<TracepointFormat> tracepoint_format(std::string_view category, std::string_view) override {
    TracepointFormat format;
    if (category == "app") {
      format.fields = {{"name", "char", 8, 16, 16, true, false},
                       {"size", "int", 24, 4, 0, true, false},
                       {"flags", "u8", 28, 1, 0, false, false},
                       {"where", "__data_loc char[]", 32, 4, 0, true, true},
                       {"owner", "struct task *", 40, 8, 0, false, false}};
      format.size = 48;
    } else {
      format.fields = {{"fd", "unsigned int", 16, 8, 0, false, false}, {"buf", "const char *", 24, 8, 0, false, false}};
      format.size = 32;
    }
    return {Lookup::found, format, ""};
  }
  Answer<std::vector<ProbeTarget>> match_raw_tracepoints(std::string_view module, std::string_view event) override {
    return match({{"", "app_open"}, {"driver", "driver_open"}}, module, event);
  }
  Answer<std::vector<ProbeTarget>> match_program_functions(uint64_t, std::string_view) override { return {}; }
  Answer<const Btf*> types_of(std::string_view) override { return btf(); }
  std::vector<std::string> modules_with(const std::function<bool(const Btf&)>&) override { return {}; }
  Answer<std::vector<ProbeTarget>> match_kernel_functions(std::string_view module, std::string_view function) override {
    std::string where(module);
    function_questions++;
    return match({{where, "_raw_spin_lock"}, {where, "do_rest"}, {where, "do_work"}}, module, function);
  }
  // Every instruction is 4 bytes, every function 64.
  CodePlace code_place(const std::string&, uint64_t, uint64_t offset) override {
    if (offset >= 64) return {CodePlace::Kind::outside, "work", offset, 0, 64};
    bool begins = offset % 4 == 0;
    return {begins ? CodePlace::Kind::begins : CodePlace::Kind::inside, "work", offset, offset & ~3ul, (offset & ~3ul) + 4};
  }
  Answer<std::vector<ProbeTarget>> match_user_functions(std::string_view path, std::string_view symbol) override {
    symbol_questions++;
    return match({{"/bin/app", "main", 0x100}, {"/bin/app", "work", 0x200}}, path, symbol);
  }
  Answer<std::vector<ProbeTarget>> match_user_files(std::string_view path) override {
    if (path == "app") return {Lookup::found, {{"/bin/app", "", 0}}, ""};
    if (path == "nowhere") return {Lookup::missing, {}, "there is no such file"};
    return {Lookup::found, {{std::string(path), "", 0}}, ""};
  }
  Answer<std::vector<ProbeTarget>> match_cpp_functions(std::string_view path, std::string_view name) override {
    return match({{"/bin/app", "app::run(int)", 0x400}}, path, name);
  }
  Answer<std::vector<ProbeTarget>> match_source_line(std::string_view path, std::string_view file, uint64_t line,
                                                     uint64_t) override {
    if (path != "/bin/app" || file != "app.c" || line != 7) return {Lookup::missing, {}, "the next line with code is 7"};
    return {Lookup::found, {{"/bin/app", "", 0x210}, {"/bin/app", "", 0x310}}, ""};
  }
  Answer<std::vector<StaticProbe>> match_static_probes(std::string_view path, uint64_t, std::string_view provider,
                                                       std::string_view name) override {
    StaticArgument in_register{.place = StaticArgument::Place::in_register, .size = 4, .is_signed = true, .base = "di"};
    StaticArgument real{.text = "8f@%xmm0"};
    Answer<std::vector<StaticProbe>> answer;
    if (path == "/bin/app" && fits("app", provider) && fits("start", name))
      answer = {Lookup::found, {{"/bin/app", "app", "start", 0x300, 0, {in_register, real}}}, ""};
    return answer;
  }
  Answer<UserFunction> user_function(const ProbeTarget& function, mir::TypePool& types) override {
    if (function.function != "work") return {Lookup::missing, {}, "there is no debug information"};
    UserPlace first{UserPlace::Kind::in_registers, {"di", ""}, 0, false, ""};
    UserPlace real{.why = "it is in a floating-point register"};
    UserFunction work{{{"count", "int", types.integer(4, true), first}, {"real", "double", types.none(), real}}, {}};
    return {Lookup::found, work, ""};
  }
  const mir::RecordLayout* define_user_record(const mir::Type*, mir::TypePool&) override { return nullptr; }
  const Btf* find_module_types(const std::function<bool(const Btf&)>&) override { return nullptr; }
  Answer<const Btf*> btf() override { return {Lookup::missing, nullptr, "this machine has no BTF"}; }
  Answer<uint64_t> kernel_address(std::string_view symbol) override {
    if (symbol == "jiffies") return {Lookup::found, 0xffffffff81000000u, ""};
    return {Lookup::missing, 0, ""};
  }
  Answer<std::pair<int64_t, uint32_t>> user_symbol(std::string_view, uint64_t, std::string_view symbol) override {
    if (symbol == "counter") return {Lookup::found, {0x4000, 4}, ""};
    return {Lookup::missing, {}, ""};
  }
  std::optional<PidNamespace> pid_namespace() override { return std::nullopt; }
  Answer<uint64_t> cgroup_id(std::string_view path) override {
    if (path == "/sys/fs/cgroup/app") return {Lookup::found, 42, ""};
    return {Lookup::missing, 0, "No such file or directory"};
  }
  std::optional<std::string> ip_address(std::string_view text) override {
    return text == "::1" ? std::optional(std::string(15, '\0') + "\1") : std::nullopt;
  }
  Answer<bool> may_call(std::string_view kfunc, mir::ProgramType program) override {
    if (kfunc == "locked") return {Lookup::unreadable, false, "the kernel does not say"};
    return {Lookup::found, kfunc == "open_to_all" || program == mir::ProgramType::tracing, ""};
  }
  uint32_t possible_cpus() override { return 4; }

 private:
  static bool fits(std::string_view name, std::string_view pattern) {
    if (pattern.ends_with('*')) return name.starts_with(pattern.substr(0, pattern.size() - 1));
    return name == pattern;
  }
  static Answer<std::vector<ProbeTarget>> match(const std::vector<ProbeTarget>& all, std::string_view target,
                                                std::string_view function) {
    std::vector<ProbeTarget> found;
    for (const ProbeTarget& candidate : all)
      if (fits(candidate.target, target) && fits(candidate.function, function)) found.push_back(candidate);
    Lookup status = found.empty() ? Lookup::missing : Lookup::found;
    return {status, std::move(found), ""};
  }
};

}  // namespace shrike
