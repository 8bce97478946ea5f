// Every message of the checker, at its span. One row each: a script, the message, the text it underlines.
#include <gtest/gtest.h>

#include "tests/support/checked_script.h"

namespace shrike {
namespace {

struct Case {
  Diag id;
  const char* script;
  const char* underlined;  // empty: the message has no place in the script
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << row_of(c.id).name << " in " << c.script;
}

class CheckMessage : public testing::TestWithParam<Case> {};

TEST_P(CheckMessage, IsGivenAtItsSpan) {
  const Case& c = GetParam();
  CheckedScript script(c.script);
  std::string all;
  for (const Diagnostic& diagnostic : script.diagnostics.all()) all += render(diagnostic, script.sources, {});
  auto found = std::find_if(script.diagnostics.all().begin(), script.diagnostics.all().end(),
                            [&](const Diagnostic& d) { return d.id == c.id; });
  ASSERT_NE(found, script.diagnostics.all().end()) << all;
  EXPECT_EQ(script.sources.text(found->span), c.underlined) << all;
  EXPECT_EQ(script.diagnostics.all().size(), 1u) << all;
  EXPECT_EQ(script.program == nullptr, row_of(c.id).severity == Severity::error);
}

const Case cases[] = {
    {Diag::unknown_config, "config = { max_strlem = 10 } begin { }", "max_strlem"},
    {Diag::bad_config_value, "config = { missing_probes = sometimes } begin { }", "sometimes"},
    {Diag::retired_config, "config = { unstable_macro = enable } begin { }", "unstable_macro"},
    {Diag::retired_config, "config = { lazy_symbolication = false } begin { }", "lazy_symbolication"},
    {Diag::period_too_short, "interval:5 { exit(); }", "interval:5"},
    {Diag::option_conflict, "begin { $a = getopt(\"a\", 1); $b = getopt(\"a\", 2); }", "getopt(\"a\", 2)"},
    {Diag::unknown_probe, "trcepoint:app:open { }", "trcepoint:app:open"},
    {Diag::probe_not_supported, "asyncwatchpoint:0x10:8:w { }", "asyncwatchpoint:0x10:8:w"},
    {Diag::no_such_probe, "uprobe:/bin/app:cpp:\"other::*\" { }", "uprobe:/bin/app:cpp:\"other::*\""},
    {Diag::no_such_probe, "uprobe:/bin/app@app.c:8 { }", "uprobe:/bin/app@app.c:8"},
    {Diag::bad_attach_point, "uprobe:/bin/app@app.c:main { }", "uprobe:/bin/app@app.c:main"},
    {Diag::bad_attach_point, "uprobe:@app.c:7 { }", "uprobe:@app.c:7"},
    {Diag::bad_attach_point, "uretprobe:/bin/app@app.c:7 { }", "uretprobe:/bin/app@app.c:7"},
    {Diag::no_arguments, "uprobe:/bin/app@app.c:7 { print(args); }", "args"},
    {Diag::no_arguments, "uprobe:/bin/app@app.c:7 { print(args.b); print(args.a); $x = args; }", "args"},  // said once
    {Diag::cannot_look_up_kfunc, "begin { print(kfunc_allowed(\"locked\")); }", "kfunc_allowed(\"locked\")"},
    {Diag::not_in_this_version, "begin { @ = dw_ustack(raw); }", "dw_ustack(raw)"},
    {Diag::runs_programs_itself, "fentry:migrate_disable { }", "fentry:migrate_disable"},
    {Diag::traces_a_lock, "kprobe:_raw_spin_lock { }", "kprobe:_raw_spin_lock"},
    {Diag::bad_watchpoint, "watchpoint:0x11:8:w { }", "watchpoint:0x11:8:w"},
    {Diag::cannot_look_up_probe, "fentry:do_work { }", "fentry:do_work"},
    {Diag::function_taken, "fn str($a: int64) { } begin { }", "fn str($a: int64)"},
    {Diag::redefined, "fn f() { } fn f($a: int64) { } begin { }", "fn f($a: int64)"},
    {Diag::recursive_function, "fn f() { f(); } begin { f(); }", "f"},
    {Diag::recursive_function, "fn f() { if (1) { g(); } } fn g() { f(); } begin { f(); }", "f"},
    {Diag::bad_parameter, "fn f($a) { } begin { f(1); }", "$a"},
    {Diag::bad_parameter, "fn f(@a: int64) { } begin { f(1); }", "@a: int64"},
    {Diag::repeated_parameter, "fn f($a: int8, $a: int8) { } begin { f(1, 2); }", "$a: int8"},
    {Diag::too_many_parameters, "fn f($a: bool, $b: bool, $c: bool, $d: bool, $e: bool, $f: bool) { } begin { }",
     "fn f($a: bool, $b: bool, $c: bool, $d: bool, $e: bool, $f: bool)"},
    {Diag::bad_parameter_type, "fn f($a: void) { } begin { }", "void"},
    {Diag::argument_mismatch, "fn f($a: int64) { } begin { f(\"x\"); }", "\"x\""},
    {Diag::argument_mismatch, "fn f($a: string[4]) { } begin { f(5); }", "5"},
    {Diag::argument_mismatch, "fn f($a: int32 *) { } begin { f(5); }", "5"},
    {Diag::argument_mismatch, "fn f($a: int32 *) { } begin { f((int64 *)5); }", "(int64 *)5"},
    {Diag::argument_mismatch, "fn f($a: int64) { } begin { f((int64 *)5); }", "(int64 *)5"},
    {Diag::wrong_argument_count, "fn f($a: int64) { } begin { f(); }", "f()"},
    {Diag::return_mismatch, "fn f() : int64 { return \"x\"; } begin { f(); }", "\"x\""},
    {Diag::return_mismatch, "fn f() { return 1; } begin { f(); }", "1"},
    {Diag::return_without_value, "fn f() : int64 { return; } begin { f(); }", "return"},
    {Diag::not_in_function, "fn f() { print(arg0); } kprobe:do_work { f(); }", "arg0"},
    {Diag::not_in_function, "fn f() { print(kstack(3)); } kprobe:do_work { f(); }", "kstack(3)"},
    {Diag::not_in_function, "fn f() { print(reg(\"ip\")); } kprobe:do_work { f(); }", "reg(\"ip\")"},
    {Diag::not_in_function, "fn f() { print(probe); } kprobe:do_work { f(); }", "probe"},
    {Diag::not_in_function, "fn f() { print(uaddr(\"x\")); } kprobe:do_work { f(); }", "uaddr(\"x\")"},
    {Diag::not_in_for_body, "kprobe:do_work { for $i : 0..2 { print(reg(\"ip\")); } }", "reg(\"ip\")"},
    {Diag::function_without_call, "fn f() : int64 { return 1; } begin { print(f); }", "f"},
    {Diag::bad_attach_point, "tracepoint:app { }", "tracepoint:app"},
    {Diag::bad_attach_point, "interval:s:fast { }", "interval:s:fast"},
    {Diag::bad_attach_point, "interval:days:1 { }", "interval:days:1"},
    {Diag::inside_instruction, "uprobe:/bin/app:work+6 { }", "uprobe:/bin/app:work+6"},
    {Diag::outside_function, "uprobe:/bin/app:work+64 { }", "uprobe:/bin/app:work+64"},
    {Diag::bad_attach_point, "kretprobe:do_work+4 { }", "kretprobe:do_work+4"},
    {Diag::bad_attach_point, "uprobe:work { }", "uprobe:work"},
    {Diag::cannot_look_up_probe, "tracepoint:locked:open { }", "tracepoint:locked:open"},
    {Diag::no_such_probe, "tracepoint:app:opne { }", "tracepoint:app:opne"},
    {Diag::no_such_probe, "uprobe:/bin/app:wrk* { }", "uprobe:/bin/app:wrk*"},
    {Diag::no_such_probe_warning, "config = { missing_probes = warn } begin { } tracepoint:app:opne { }", "tracepoint:app:opne"},
    {Diag::needs_unsafe, "begin { system(\"ls\"); }", "system(\"ls\")"},
    {Diag::needs_unsafe, "kprobe:0xffffffff81000000 { }", "kprobe:0xffffffff81000000"},
    {Diag::zero_period, "interval:s:0 { }", "interval:s:0"},
    {Diag::zero_period, "software:faults:0 { }", "software:faults:0"},
    {Diag::unknown_perf_event, "software:page-fault:1 { }", "software:page-fault:1"},
    {Diag::too_many_probes, "config = { max_probes = 1 } tracepoint:app:* { }", ""},
    {Diag::too_many_programs, "config = { max_bpf_progs = 1 } tracepoint:app:* { print(probe); }", ""},
    {Diag::no_such_probe_warning, "tracepoint:app:zz*, begin { }", "tracepoint:app:zz*"},
    {Diag::nothing_to_attach, "config = { missing_probes = ignore } tracepoint:app:opne { }", ""},
    {Diag::unknown_map_kind, "let @m = heap(10); begin { @m[1] = 1; }", "heap"},
    {Diag::bad_map_size, "let @m = hash(0); begin { @m[1] = 1; }", "let @m = hash(0)"},
    {Diag::unused_variable, "begin { let $a = 5; }", "$a"},
    {Diag::unassigned_variable, "begin { let $a: int64; print($a); }", "$a"},
    {Diag::undefined_variable, "begin { let $a; print($a); }", "$a"},
    {Diag::discarded_value, "begin { nsecs + 1; }", "nsecs + 1"},
    {Diag::discarded_value, "begin { strlen(\"x\"); }", "strlen(\"x\")"},
    {Diag::deprecated_while, "begin { $a = 1; while ($a < 5) { $a++; } }", "while"},
    {Diag::missing_positional, "begin { print($1 + $1); }", "$1"},
    {Diag::mixed_signs, "begin { $a = (int64)nsecs; print($a * nsecs); }", "*"},
    {Diag::unknown_type, "fn f($b: thing_t) : int64 { $b = -1; return 1; } begin { f(1); }", "thing_t"},
    {Diag::map_redeclared, "let @m = hash(10); let @m = hash(10); begin { @m[1] = 1; }", "let @m = hash(10)"},
    {Diag::unused_map, "let @m = hash(10); begin { }", "let @m = hash(10)"},
    {Diag::wrong_map_kind, "let @m = hash(10); begin { @m[1] = count(); }", "@m[1]"},
    {Diag::wrong_map_kind, "let @m = percpuhash(10); begin { @m[1] = 1; }", "@m[1]"},
    {Diag::wrong_map_kind, "let @m = percpulruhash(10); begin { @m[1] = tseries(1, 1s, 1025); }", "@m[1]"},
    {Diag::undefined_map, "begin { print(@m[1]); }", "@m[1]"},
    {Diag::undefined_variable, "begin { print($x); }", "$x"},
    {Diag::shadowed_variable, "begin { let $x = 1; if (1) { let $x = 2; print($x); } print($x); }", "$x"},
    {Diag::unknown_identifier, "begin { print(nsec); }", "nsec"},
    {Diag::value_called, "begin { print(cpu(1)); }", "cpu(1)"},
    {Diag::unknown_function, "begin { prinft(\"a\"); }", "prinft"},
    {Diag::function_without_call, "begin { $a = strftime; }", "strftime"},
    {Diag::wrong_argument_count, "begin { clear(); }", "clear()"},
    {Diag::wrong_argument_count, "begin { @a = sum(); }", "sum()"},
    {Diag::aggregation_not_assigned, "begin { print(count()); }", "count()"},
    {Diag::aggregate_modified, "begin { @a = count(); @a += 1; }", "@a += 1"},
    {Diag::key_on_scalar_map, "begin { @a = 1; @a[1] = 1; }", "@a[1]"},
    {Diag::key_missing, "begin { @a[1] = 1; @a = 1; }", "@a"},
    {Diag::key_mismatch, "begin { @a[1] = 1; @a[\"x\"] = 1; }", "\"x\""},
    {Diag::bad_key_type, "begin { @a[print(1)] = 1; }", "print(1)"},
    {Diag::bad_key_type, "begin { @a[()] = 1; }", "()"},
    {Diag::expected_map, "begin { $a = 1; clear($a); }", "$a"},
    {Diag::loop_over_scalar, "begin { @a = 1; for ($k : @a) { } }", "@a"},
    {Diag::type_mismatch, "begin { @a = 1; @a = \"x\"; }", "\"x\""},
    {Diag::type_mismatch, "begin { $a = 1; $a = (1, 2); }", "(1, 2)"},
    {Diag::cannot_store, "begin { @h = hist(1); $a = (1, @h); }", "@h"},
    {Diag::no_value, "begin { $a = printf(\"x\"); }", "printf(\"x\")"},
    {Diag::not_a_condition, "begin { if (\"x\") { } }", "\"x\""},
    {Diag::not_in_loop, "begin { break; }", "break"},
    {Diag::bad_unroll, "begin { unroll(101) { } }", "101"},
    {Diag::expected_integer, "begin { exit(\"x\"); }", "\"x\""},
    {Diag::expected_constant, "begin { $n = 3; unroll($n) { } }", "$n"},
    {Diag::expected_string_literal, "begin { printf(comm); }", "comm"},
    {Diag::operand_not_integer, "begin { $a = -\"x\"; }", "\"x\""},
    {Diag::operands_not_integers, "begin { $a = 1 + (1, 2); }", "1 + (1, 2)"},
    {Diag::division_by_zero, "begin { $a = pid / 0; }", "0"},
    {Diag::mixed_signs, "begin { $a = (int64)pid; if (nsecs > $a) { } }", ">"},
    {Diag::does_not_fit, "begin { let $a: uint8 = 256; $b = $a; }", "256"},
    {Diag::percpu_pointer, "struct s { int __percpu *p; }; begin { $s = (struct s *)0; $v = *$s->p; }", "$s->p"},
    {Diag::branches_differ, "begin { $a = pid ? 1 : (1, 2); }", "pid ? 1 : (1, 2)"},
    {Diag::bad_cast, "begin { $a = (int32)(1, 2); }", "(int32)(1, 2)"},
    {Diag::no_such_enumerator, "enum c { red, green }; begin { $a = (enum c)2; }", "2"},
    {Diag::not_comparable, "begin { $a = (1, 2) == \"x\"; }", "(1, 2) == \"x\""},
    {Diag::pointers_differ, "begin { $a = (int8 *)1 - (int16 *)1; }", "(int8 *)1 - (int16 *)1"},
    {Diag::unknown_type, "begin { $a = sizeof(thing_t); }", "thing_t"},
    {Diag::recursive_record, "struct a { struct a inner; }; begin { }", "struct a inner"},
    {Diag::unknown_field, "struct a { int x; }; begin { $a = (struct a *)0; print($a->y); }", "y"},
    {Diag::no_fields, "begin { $a = 1; print($a.x); }", "$a"},
    {Diag::not_dereferenceable, "begin { $a = 1; print(*$a); }", "$a"},
    {Diag::unstable_feature_refused, "begin { print(typeinfo(1)); }", "typeinfo(1)"},
    {Diag::unstable_feature, "config = { unstable_typeinfo = warn } begin { print(typeinfo(1)); }", "typeinfo(1)"},
    {Diag::redundant_cast, "begin { $x = (int64)pid; $y = (int64)$x; }", "(int64)$x"},
    {Diag::top_of_stats, "begin { @s[1] = stats(2); print(@s, 3); }", "3"},
    {Diag::for_debugging, "begin { debugf(\"x\"); }", "debugf(\"x\")"},
    {Diag::deprecated_builtin, "kprobe:do_work { print(sarg0); }", "sarg0"},
    {Diag::address_of, "begin { print(&(1 + 2)); }", "1 + 2"},
    {Diag::address_of_aggregate, "begin { @c = count(); print(&@c); }", "@c"},
    {Diag::not_indexable, "begin { $a = 1; print($a[0]); }", "$a"},
    {Diag::index_out_of_bounds, "struct a { int x[4]; }; begin { $a = (struct a *)0; print($a->x[4]); }", "4"},
    {Diag::not_a_tuple, "begin { $a = 1; print($a.0); }", "$a"},
    {Diag::tuple_index, "begin { $a = (1, 2); print($a.2); }", "2"},
    {Diag::unknown_argument, "tracepoint:app:open { print(args.sise); }", "sise"},
    {Diag::unknown_argument, "uprobe:/bin/app:work { print(args.cuont); }", "cuont"},
    {Diag::unreadable_argument, "uprobe:/bin/app:work { print(args.real); }", "real"},
    {Diag::no_arguments, "uprobe:/bin/app:main { print(args.count); }", "args"},
    {Diag::no_arguments, "uprobe:/bin/app:work+4 { print(args.count); }", "args"},
    {Diag::no_arguments, "uretprobe:/bin/app:main { print(retval->x); }", "retval"},
    {Diag::no_arguments, "rawtracepoint:app_open { print(args.x); }", "args"},
    {Diag::builtin_not_available, "begin { print(retval); }", "retval"},
    {Diag::not_in_for_body, "uprobe:/bin/app:main { @a[1] = 1; for ($k : @a) { print(arg0); } }", "arg0"},
    {Diag::bad_format, "begin { printf(\"%y\", 1); }", "\"%y\""},
    {Diag::format_argument_count, "begin { printf(\"%d %d\", 1); }", "\"%d %d\""},
    {Diag::format_argument_type, "begin { printf(\"%d\", \"x\"); }", "\"x\""},
    {Diag::bad_argument, "begin { print(str((1, 2))); }", "(1, 2)"},
    {Diag::compile_failed, "begin { fail(\"no\"); }", "fail(\"no\")"},
    {Diag::compile_failed, "begin { static_assert(1 == 2, \"no\"); }", "static_assert(1 == 2, \"no\")"},
    {Diag::out_of_range, "begin { @a = hist(1, 6); }", "6"},
    {Diag::no_btf, "begin { print(curtask.pid); }", "pid"},
    {Diag::no_such_cgroup, "begin { print(cgroupid(\"/none\")); }", "\"/none\""},
    {Diag::bad_address, "begin { print(pton(\"1.2.3\")); }", "\"1.2.3\""},
    {Diag::no_such_symbol, "begin { print(kaddr(\"jiffie\")); }", "\"jiffie\""},
    {Diag::out_of_range, "begin { @a = tseries(1, 0, 5); }", "0"},
    {Diag::out_of_range, "begin { @a = tseries(1, 1s, 1000001); }", "1000001"},
    {Diag::expected_constant, "begin { @a = tseries(1, pid, 5); }", "pid"},
    {Diag::bad_argument, "begin { @a = tseries(1, 1s, 5, \"median\"); }", "\"median\""},
    {Diag::operands_not_integers, "begin { @a = tseries(1, 1s, 5); print(@a + 0); }", "@a + 0"},
    {Diag::bad_lhist, "begin { @a = lhist(1, 10, 5, 1); }", "lhist(1, 10, 5, 1)"},
    {Diag::unknown_register, "uprobe:/bin/app:main { print(reg(\"axe\")); }", "\"axe\""},
    {Diag::repeated_field, "begin { $a = (x=1, x=2); }", "2"},
    {Diag::branches_differ, "begin { $a = if (pid) { 1 } else { (1, 2) }; }", "if (pid) { 1 } else { (1, 2) }"},
};

INSTANTIATE_TEST_SUITE_P(All, CheckMessage, testing::ValuesIn(cases));

CheckOptions unsafe() {
  CheckOptions options;
  options.unsafe = true;
  return options;
}

TEST(CheckMessages, UnknownSignal) {
  CheckedScript script("begin { signal(\"SIGKIL\"); }", unsafe());
  ASSERT_EQ(script.diagnostics.all().size(), 1u);
  EXPECT_EQ(script.diagnostics.all()[0].id, Diag::unknown_signal);
}

TEST(CheckMessages, EnvironmentValue) {
  CheckOptions options;
  options.environment["max_strlen"] = "many";
  CheckedScript script("begin { }", options);
  ASSERT_EQ(script.diagnostics.all().size(), 1u);
  EXPECT_EQ(script.diagnostics.all()[0].id, Diag::bad_environment_value);
}

TEST(CheckMessages, NamedArguments) {
  CheckOptions options;
  options.named["cuont"] = "5";
  CheckedScript unknown("begin { print(getopt(\"count\", 1)); }", options);
  ASSERT_EQ(unknown.diagnostics.all().size(), 1u);
  EXPECT_EQ(unknown.diagnostics.all()[0].id, Diag::unknown_named_argument);
  options.named = {{"count", "few"}};
  CheckedScript bad("begin { print(getopt(\"count\", 1)); }", options);
  ASSERT_EQ(bad.diagnostics.all().size(), 1u);
  EXPECT_EQ(bad.diagnostics.all()[0].id, Diag::bad_named_argument);
}

// Nobody is told who asks first, or has a command or process.
TEST(CheckMessages, CpidOfNobody) {
  CheckOptions options;
  EXPECT_TRUE(CheckedScript("begin { print(cpid); }", options).diagnostics.all().empty());
  options.is_alone = true;
  EXPECT_TRUE(CheckedScript("begin { if (has_cpid) { print(cpid); } }", options).diagnostics.all().empty());
  CheckedScript script("begin { print(cpid); print(cpid); }", options);
  ASSERT_EQ(script.diagnostics.all().size(), 1u);
  EXPECT_EQ(script.diagnostics.all()[0].id, Diag::no_cpid);
}

TEST(CheckMessages, StringLongerThanMaxStrlen) {
  CheckedScript script("begin { print(\"" + std::string(2000, 'x') + "\"); }");
  ASSERT_EQ(script.diagnostics.all().size(), 1u);
  EXPECT_EQ(script.diagnostics.all()[0].id, Diag::string_too_long);
}

TEST(CheckMessages, RecordNobodyKnows) {
  CheckedScript script("struct a { struct b inner; }; begin { }");
  ASSERT_EQ(script.diagnostics.all().size(), 1u);
  EXPECT_EQ(script.diagnostics.all()[0].id, Diag::unknown_record);
}

// Independent mistakes are told in one run, each once, also when several attach points share the body.
TEST(CheckMessages, SeveralMistakesAreTold) {
  CheckedScript script("tracepoint:app:* { print(args.sise); print($x); @a = \"b\"; @a = 1; }");
  ASSERT_EQ(script.diagnostics.all().size(), 3u);
  EXPECT_EQ(script.diagnostics.all()[0].hint, "did you mean `size`?");
  EXPECT_EQ(script.diagnostics.all()[2].labels.size(), 1u);
}

}  // namespace
}  // namespace shrike
