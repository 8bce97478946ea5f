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

// The module's text after one pass, validated.
std::string after(std::string_view pass, std::string_view text, KernelLimits limits = {});

// Expects the lines of `expected` in `text`, in this order, other lines between them allowed. Names of values in
// `expected` (`%n`) stand for any number, the same wherever the name comes again. A line behind `!` must not be anywhere.
void expect_lines(const std::string& text, std::string_view expected);

}  // namespace shrike::passes
