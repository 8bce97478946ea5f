// See compiled_scripts.h.
#include "tests/support/compiled_scripts.h"

#include "backend-bpf/backend.h"
#include "passes/pipeline.h"
#include "tests/support/checked_script.h"

namespace shrike {

std::optional<bpf::Object> compiled(const std::string& text, const std::vector<std::string>& positionals, bool has_iterators) {
  CheckOptions options;
  options.positionals = positionals;
  options.unsafe = true;
  CheckedScript script(text, options);
  if (script.program == nullptr) return std::nullopt;
  mir::Module module = lower(*script.program);
  Diagnostics diagnostics;
  passes::PipelineOptions passes;
  passes.limits.has_number_iterators = [=] { return has_iterators; };
  if (!run_pipeline(module, passes, diagnostics)) return std::nullopt;
  bpf::BackendOptions backend;
  lir::Module machine = bpf::select(std::move(module), backend);
  if (!bpf::allocate(machine, backend, diagnostics)) return std::nullopt;
  return bpf::emit(std::move(machine));
}

std::vector<testing::ScriptCase> scripts_with_contexts() {
  static constexpr std::pair<const char*, const char*> texts[] = {
      {"tracepoint_fields",
       "tracepoint:app:open { @[args.name, args.size] = hist(args.flags); printf(\"%s\\n\", str(args.where)); @k = kstack; "
       "@u[ustack(5)] = count(); }"},
      {"uprobe_arguments",
       "uprobe:/bin/app:main { printf(\"%d %s %r\\n\", arg0, str(arg1, arg2), buf(arg3, 16)); @[func] = count(); "
       "print(reg(\"sp\")); @a[usym(arg0)] = 1; }"},
      {"uretprobe_value",
       "uretprobe:/bin/app:main { @ = lhist(retval, 0, 100, 10); @s = stats(retval); @m[comm] = max(retval); }"},
      {"kprobe_arguments", "kprobe:do_work { @[ksym(arg0)] = sum(arg1); @b[kstack(3), comm] = avg(arg2); @t[tid] = nsecs; }"},
      {"kretprobe_latency",
       "kretprobe:do_work /@t[tid]/ { @ns[comm] = hist(nsecs - @t[tid]); delete(@t[tid]); } kprobe:do_work { @t[tid] = nsecs; }"},
      {"join_and_stacks",
       "tracepoint:syscalls:sys_enter_write { join((uint64)args.buf); } profile:hz:99 { @[kstack, ustack] = count(); }"},
      {"loops_in_loops",
       "uprobe:/bin/app:main { @m[arg0] = 2; for ($kv : @m) { for $i : 0..$kv.0 { @n[$kv.1, $i] = 1; break; } } }"},
  };
  std::vector<testing::ScriptCase> scripts;
  for (auto [name, text] : texts) {
    scripts.emplace_back();
    scripts.back().name = name;
    scripts.back().text = text;
  }
  return scripts;
}

}  // namespace shrike
