// Scripts to MIR: the shape of what is generated, and that all of it is valid.
#include <gtest/gtest.h>

#include "mir/text.h"
#include "mir/validate.h"
#include "tests/support/checked_script.h"

namespace shrike {
namespace {

std::string lowered(const std::string& text, const CheckOptions& options = {}) {
  CheckedScript script(text, options);
  std::string errors;
  for (const Diagnostic& diagnostic : script.diagnostics.all()) errors += render(diagnostic, script.sources, {});
  if (script.program == nullptr) return errors;
  mir::Module module = lower(*script.program);
  for (const mir::Violation& violation : mir::validate(module)) errors += violation.message + "\n";
  return mir::print(module, {}) + errors;
}

size_t count(const std::string& text, std::string_view part) {
  size_t n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) n++;
  return n;
}

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST(Lower, ScalarCounterIsOneAtomicAdd) {
  std::string text = lowered("begin { @x++; }");
  EXPECT_HAS(text, "atomic_add.u64");
  EXPECT_EQ(count(text, "map_lookup_elem"), 0u) << text;
}

TEST(Lower, AFlagStopsTracepointsAndKprobesWhereThereIsAnEnd) {
  const std::string places =
      "tracepoint:app:open, kprobe:do_work, kretprobe:do_work, uprobe:/bin/app:work, interval:s:1 { @++; }";
  EXPECT_EQ(count(lowered(places), "running"), 0u);
  EXPECT_EQ(count(lowered(places + " end { }"), "^running:"), 3u) << lowered(places + " end { }");
}

TEST(Lower, KeyedCounterInsertsOnceAndAddsToTheQuickerOne) {
  std::string text = lowered("begin { @x[comm]++; }");
  EXPECT_EQ(count(text, "call map_lookup_elem"), 2u) << text;
  EXPECT_EQ(count(text, "call map_update_elem"), 1u) << text;
  EXPECT_EQ(count(text, "atomic_add.u64"), 3u) << text;  // found, somebody was quicker, full
}

TEST(Lower, OldValueIsFetchedOnlyWhereWanted) {
  EXPECT_EQ(count(lowered("begin { @x++; }"), "atomic_fetch_add"), 0u);
  EXPECT_EQ(count(lowered("begin { print(@x++); }"), "atomic_fetch_add"), 1u);
}

TEST(Lower, PrintfWritesStraightIntoTheRing) {
  std::string text = lowered("tracepoint:syscalls:sys_enter_write { printf(\"%s %d\\n\", str(args.buf), pid); }");
  EXPECT_HAS(text, "call ringbuf_reserve");
  EXPECT_HAS(text, "call probe_read_user_str");
  EXPECT_EQ(count(text, "slot $"), 1u) << text;  // the byte that tells a cut string; no copy of the string
}

TEST(Lower, RecordsHaveNothingThatIsTheSameInEachOfThem) {
  std::string text = lowered("begin { printf(\"%s %d %s\\n\", \"TIME\", pid, probe); }");
  EXPECT_HAS(text, "(string[5] @16, uint64 @8, string[6] @21) size 16 constants \"TIME\\x00begin\\x00\"");
  EXPECT_EQ(count(text, "store."), 2u) << text;  // the event and the process
}

TEST(Lower, StatementsThatPrintInARowShareARecord) {
  std::string text = lowered("begin { time(); printf(\"%d\\n\", pid); print(tid); }");
  EXPECT_EQ(count(text, "call ringbuf_reserve"), 1u) << text;
  EXPECT_HAS(text, "event 0 time \"%H:%M:%S\\n\" () size 8 then 1\n");
  EXPECT_HAS(text, "event 1 printf \"%d\\n\" (uint64 @8) size 16 then 2\n");
  EXPECT_HAS(text, "event 2 print_value \"\" (uint64 @8) size 16\n");
  for (const char* body : {
           "printf(\"a\"); @ = 1; printf(\"b\");",                          // something between them
           "printf(\"a\"); if (pid > 1) { printf(\"b\"); }",                // not always
           "print(1); print(@++);",                                         // an effect
           "print(1); print({ $x = 1; $x });",                              // and what may have one
           "print(comm); print(str(curtask, 256)); clear(@c); @c[1] = 1;",  // too much for the reserve
           "print(1); print(delete(@b, 1)); @b[1] = 1;",                    // an effect too
           "print(1); errorf(\"not in the data's rank\");",                 // another part of the ring
       }) {
    text = lowered(std::string("begin { ") + body + " }");
    EXPECT_EQ(count(text, "call ringbuf_reserve"), 2u) << body << text;
  }
}

TEST(Lower, WhatControlsTheTraceSharesTheRecordOfWhatIsPrinted) {
  std::string text = lowered("begin { @a = 1; printf(\"%d\", pid); print(@a, 5); clear(@a); exit(3); }");
  EXPECT_EQ(count(text, "call ringbuf_reserve"), 1u) << text;
  EXPECT_HAS(text, "event 0 printf \"%d\" (uint64 @8) size 16 then 1\n");
  EXPECT_HAS(text,
             "event 1 print_map \"\" (int64 @8, int64 @16) size 8 constants "
             "\"\\x05\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\" then 2 map @a\n");
  EXPECT_HAS(text, "event 2 clear \"\" () size 8 then 3 map @a\n");
  EXPECT_HAS(text, "event 3 exit \"\" (int64 @8) size 8 constants \"\\x03");
  EXPECT_EQ(count(text, "call ringbuf_query"), 0u) << "it may use the reserve: " << text;
}

TEST(Lower, DataLeavesRoomOnlyWhereOthersMayNeedIt) {
  EXPECT_EQ(count(lowered("begin { printf(\"%d\", pid); }"), "call ringbuf_query"), 0u);
  for (const char* other : {"exit();", "print(@m);", "clear(@m);", "zero(@m);", "errorf(\"e\");"})
    EXPECT_EQ(
        count(lowered(std::string("begin { @m[1] = 1; printf(\"%d\", pid); } end { ") + other + " }"), "call ringbuf_query"),
        std::string(other).starts_with("errorf") ? 2u : 1u)
        << other;
}

TEST(Lower, LiteralComparisonHasNoBranches) {
  std::string text = lowered("begin { $a = comm == \"bash\"; print($a); }");
  EXPECT_EQ(count(text, "load.u32"), 1u) << text;
  EXPECT_EQ(count(text, "load.u8"), 1u) << text;
}

TEST(Lower, KnownConditionsAreConstants) {
  EXPECT_EQ(count(lowered("begin { if (1 + 1 == 2) { print(1); } }"), " eq "), 0u);
}

TEST(Lower, VariablesAreValues) {
  EXPECT_EQ(count(lowered("begin { $a = pid; if ($a > 5) { $a = 3; } print($a); }"), "slot $"), 0u);
}

TEST(Lower, VariablesSharedWithALoopBodyLiveInMemory) {
  std::string text = lowered("begin { $s = 0; for $i : 0..10 { $s += $i; } print($s); }");
  EXPECT_HAS(text, "slot $captured");
  EXPECT_HAS(text, "call loop(");
}

TEST(Lower, ReturnInALoopBodyLeavesTheProbe) {
  std::string text = lowered("begin { for $i : 0..10 { if ($i == 3) { return; } } print(1); }");
  EXPECT_HAS(text, "^left");
}

TEST(Lower, DivisionByAVariableIsGuarded) {
  std::string text = lowered("begin { $z = pid; print(10 / $z); print(10 / 3); }");
  EXPECT_EQ(count(text, "runtime_error"), 1u) << text;
}

TEST(Lower, KeysAndValuesThatAreAlwaysTheSameAreConstantsOfTheGlobals) {
  std::string text = lowered("begin { @[\"k\"] = \"v\"; @[\"k\"] = \"w\"; @n[1] = 2; }");
  EXPECT_HAS(text, "constants \"v");
  EXPECT_EQ(count(text, "slot"), 0u) << "the stack holds none of them: " << text;
  EXPECT_EQ(count(text, "\\x00k"), 1u) << "equal ones are one: " << text;
}

TEST(Lower, RefusalsOfStatementsInARowAreCountedOnce) {
  std::string text = lowered("begin { @[1] = 1; @[2] = 2; @[3] = 3; }");
  EXPECT_EQ(count(text, "branch "), 1u) << text;
  EXPECT_EQ(count(text, "shr_u"), 3u) << text;
  EXPECT_EQ(count(text, "= or "), 2u) << "so that the error is known: " << text;
  text = lowered("begin { @[1] = 1; if (pid > 1) { @[2] = 2; } @[3] = 3; }");
  EXPECT_EQ(count(text, "^full"), 3u * 2) << text;
}

TEST(Lower, MapsThatOneEventFillsWithInterruptsOffAreMadeWhole) {
  const auto is_whole = [](const std::string& script) { return lowered(script).find(" preallocated") != std::string::npos; };
  EXPECT_TRUE(is_whole("interval:s:1 { @[1] = count(); @[2] = count(); }"));
  EXPECT_TRUE(is_whole("interval:s:1 { @[1] = 1; @[2] = 2; }"));
  EXPECT_TRUE(is_whole("interval:s:1 { for $i : 0..9 { @[$i] = 1; } }"));
  EXPECT_FALSE(is_whole("interval:s:1 { @a[1] = count(); @b[1] = count(); }"));
  EXPECT_FALSE(is_whole("begin { @[1] = 1; @[2] = 2; }"));
  EXPECT_FALSE(is_whole("config = { max_map_keys=4000000; } interval:s:1 { @[1] = 1; @[2] = 2; }")) << "too large for it";
  EXPECT_FALSE(is_whole("config = { max_strlen=65536; } interval:s:1 { @[str(curtask)] = 1; @[comm] = 2; }")) << "keys count";
}

// The kernel seldom has memory at hand for big values of each processor's own; what is made with its map needs none.
TEST(Lower, LongSeriesHavePagesWhereTheirValuesAreMadeWhenInserted) {
  const auto pages_of = [](const std::string& update, const std::string& before = "") {
    const std::string text = lowered(before + "interval:s:1 { " + update + " }");
    const size_t at = text.find("map @.pages_a");
    return at == std::string::npos ? "" : text.substr(at, text.find('\n', at) - at);
  };
  EXPECT_EQ(pages_of("@a[pid] = tseries(1, 1s, 40);"), "");
  EXPECT_EQ(pages_of("@a[pid] = tseries(1, 1s, 41);"), "map @.pages_a pages hash bytes 16 984 entries 4096");
  EXPECT_EQ(pages_of("@a[pid] = tseries(1, 1s, 1000);"), "map @.pages_a pages hash bytes 16 1848 entries 53248");
  EXPECT_EQ(pages_of("@a = tseries(1, 1s, 1024);"), "") << "an array's";
  EXPECT_EQ(pages_of("@a = tseries(1, 1s, 1025);"), "map @.pages_a pages hash bytes 16 1896 entries 13");
  EXPECT_EQ(pages_of("@a[pid] = tseries(1, 1s, 1024);", "let @a = percpulruhash(9);\n"), "") << "it forgets keys by itself";
  const std::string whole = "map @.pages_a pages hash bytes 16 1848 entries 117 preallocated";
  EXPECT_EQ(pages_of("@a[1] = tseries(1, 1s, 1000); @a[2] = tseries(1, 1s, 1000);", "let @a = percpuhash(9);\n"), whole);
}

TEST(Lower, PidFilterOnlyWhereAttachingCannotFilter) {
  CheckOptions options;
  options.pid = 42;
  EXPECT_HAS(lowered("tracepoint:app:open { @ = count(); }", options), "^filtered");
  EXPECT_EQ(count(lowered("uprobe:/bin/app:main { @ = count(); }", options), "^filtered"), 0u);
}

// Everything the language has, through the validator: a form that lowers to broken MIR fails here.
TEST(Lower, EveryFormIsValid) {
  const char* scripts[] = {
      "begin { @a[1, \"x\"] = (1, \"abc\", (2, true)); print(@a[1, \"x\"].1); $t = @a[1, \"x\"]; print($t.2.0); }",
      "begin { @s = \"abc\"; @s = comm; if (@s == comm) { print(@s); } delete(@s); }",
      "begin { $i = 0; while ($i < 5) { $i++; if ($i == 2) { continue; } if ($i == 4) { break; } } print($i); }",
      "begin { unroll(3) { @x += 2; } @x -= 1; @x *= 2; @x <<= 1; $y = @x; $y /= 3; $y %= 2; $y ^= 1; print($y); }",
      "begin { @c[1] = count(); @m[1] = max(5); @v[1] = avg(3); if (@c[1] > 0 && @m[1] < 9 || @v[1] == 3) { print(@c[1]); } }",
      "begin { @m[1] = 2; for ($kv : @m) { for $i : 0..$kv.0 { @n[$kv.1, $i] = 1; break; } print($kv); } print(len(@m)); }",
      "begin { $a = pid ? \"yes\" : \"no\"; printf(\"%s %s\\n\", $a, pid > 1 ? comm : \"none\"); print(0 ?: 5); }",
      "tracepoint:app:open { @[args.name, args.size] = hist(args.flags); printf(\"%s\\n\", str(args.where)); @k = kstack; "
      "@u[ustack(5)] = count(); }",
      "uprobe:/bin/app:main { printf(\"%d %s %r\\n\", arg0, str(arg1, arg2), buf(arg3, 16)); @[func] = count(); "
      "print(reg(\"sp\")); @a[usym(arg0)] = 1; }",
      "uretprobe:/bin/app:main { @ = lhist(retval, 0, 100, 10); }",
      "kprobe:do_work { @[ksym(arg0)] = sum(arg1); @b[kstack(3), comm] = stats(arg2); }",
      "begin { printf(\"%s %s %d\\n\", ntop(0x0100007f), strftime(\"%H\", nsecs), bswap((uint16)1)); time(); "
      "cat(\"/proc/%d/comm\", pid); }",
      "begin { if (strncmp(comm, \"ba\", 2) == 0 || strcontains(comm, \"sh\")) { exit(3); } print(rand % 10); print(elapsed); "
      "print(username); }",
      "struct p { int x; char name[8]; struct p *next; int bits : 5; }; uprobe:/bin/app:main { $p = (struct p *)arg0; "
      "print($p->next->x); print($p->name); print($p->bits); print(*(uint32*)arg1); }",
      "struct a { int v[4]; }; uprobe:/bin/app:main { $a = (struct a *)arg0; print($a->v[1]); print($a->v[arg1]); "
      "print(((int32*)arg0)[3]); }",
      "begin { $s = str_concat(comm, \"a\"); print((strlen($s), strstr($s, comm), memcmp($s, comm, 16))); assert(pid, $s); }",
      "begin { print((strerror(pid), signal_name(pid), syscall_name(pid), ntop(pton(\"::1\")), macaddr(pid))); debugf(\"%d\", "
      "1); "
      "print((pid(init), tid(curr_ns), nsecs(sw_tai), cgroup_path(cgroupid(\"/sys/fs/cgroup/app\"), \"u*\"))); }",
      "begin { @m[1] = \"a\"; @c[1] = sum(2); if (find(@m, 1, $m) && find(@c, 1, $c)) { print(($m, $c)); } }",
      "begin { @x[1] = 1; if (has_key(@x, 1)) { delete(@x, 1); } clear(@x); zero(@x); print(@x, 5, 2); }",
      "tracepoint:syscalls:sys_enter_write { join((uint64)args.buf); } end { print(@); } interval:s:1 { @ = nsecs(monotonic); }",
      "begin { @e[tid] = nsecs; $d = nsecs - @e[tid]; @h = hist($d); let $z : uint8 = 200; print($z); let $w; $w = 1; print($w); "
      "}",
      "begin { $s = \"hello\"; print($s[1]); @arr[0] = buf(\"abc\"); print(@arr[0]); { let $q = 1; print($q); } print(-pid); "
      "print(~1); print(!pid); }",
      "begin { $r = (a=1, b=\"xy\", c=(d=2, e=(3, 4))); print($r); print($r.c.e.1); @r[$r] = $r; @r[(a=5, b=\"longer\", c=(d=1, "
      "e=(1, 1)))] = $r; print(@r[$r].b); }",
      "begin { $x = if (pid > 1) { $y = 5; $y + 1 } else if (pid == 1) { 7 } else { 8 }; $s = if (pid) { \"a\" } else { \"bcd\" "
      "}; print($x); print($s); }",
  };
  for (const char* script : scripts) {
    for (bool warns : {false, true}) {
      CheckOptions options;
      options.runtime_warnings = warns;
      std::string text = lowered(script, options);
      EXPECT_EQ(count(text, "invariant"), 0u) << script << "\n" << text;
      EXPECT_EQ(count(text, "ERROR"), 0u) << script << "\n" << text;
    }
  }
}

// Not all that max_strlen allows, to be cut behind it.
TEST(Lower, WhatAFunctionReturnsIsReadAtItsPlace) {
  for (const char* argument : {"$p", "$p, 100"}) {
    const std::string text =
        lowered("fn text($p : uint64) : string { return str(" + std::string(argument) + "); } begin { @ = text(pid); }");
    const std::string function = text.substr(text.find("fn \"text\""));
    EXPECT_EQ(count(function, "call probe_read_kernel_str"), 1u) << text;
    EXPECT_EQ(count(function, "copy") + count(function, "slot $value"), 0u) << text;
    EXPECT_HAS(function, "constant 64");
  }
  // Known to end earlier, or only when it runs.
  const std::string limited =
      lowered("fn text($p : uint64, $n : uint64) : string { return str($p, $n); } begin { @ = text(pid, 9); }");
  EXPECT_HAS(limited, "slot $value 1024");
}

}  // namespace
}  // namespace shrike
