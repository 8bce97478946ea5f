// Runs passes on MIR text and checks lines of what comes out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mir/module.h"
#include "passes/pipeline.h"

namespace shrike::passes {

// Aborts the test run if the text is wrong: it is part of the test.
mir::Module parse_mir(std::string_view text);

// `body`, the lines of one program of type kprobe with the parameter %ctx, between its braces.
std::string program(std::string_view body);
// The same, with a map @m from int64 to int64.
std::string with_map(std::string_view body);

// What the tests of passes over maps begin with: of an interface the maps @m, of this kind, and @n, and constants of which the
// first word is 5; of a program the addresses %k of a key x and %o of a key y, which come from the context, a slot more, and
// %zero.
constexpr std::string_view hash_of_words = "hash keyed key int64 value int64 bytes 8 8 entries 4";
std::string two_maps(std::string_view kind = hash_of_words);
constexpr std::string_view two_keys = R"(
      slot $key 8 align 8
      slot $other 8 align 8
      slot $value 8 align 8
    ^entry(%ctx: ptr.ctx):
      %x: i64 = load.u64 %ctx, #0
      %y: i64 = load.u64 %ctx, #8
      %k: ptr.stack = slot_addr $key
      store.u64 %k, %x, #0
      %o: ptr.stack = slot_addr $other
      store.u64 %o, %y, #0
      %zero: i64 = constant 0
)";

// The module's text after one pass, validated.
std::string after(std::string_view pass, std::string_view text, KernelLimits limits = {});

// Expects the lines of `expected` in `text`, in this order, other lines between them allowed. Names of values in
// `expected` (`%n`) stand for any number, the same wherever the name comes again. A line behind `!` must not be anywhere.
void expect_lines(const std::string& text, std::string_view expected);

}  // namespace shrike::passes
