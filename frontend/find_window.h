// Looks for a short text, or the end of a longer one, in another: a window of a few words moves along the haystack and is
// compared whole. Of what is too long to be walked by the verifier, a callback of bpf_loop goes through a chunk a round.
#pragma once

#include <string>
#include <vector>

#include "frontend/texts.h"

namespace shrike {

inline constexpr uint32_t window_words = 2;  // with more, verifiers no longer tell that the rounds end alike

// The last bytes that came: the newest is the lowest of the first word.
using Window = std::vector<mir::ValueId>;

// A needle as a window has it behind its last byte, as far as it fits, and which bits are its (no value: all).
struct ShortNeedle {
  Window wanted, mask;
  mir::ValueId length;  // in the window
};

ShortNeedle known_needle(Lower& l, const std::string& text);
ShortNeedle read_needle(Lower& l, const Text& text);  // walked by the verifier
// Where the haystack first has what of the needle is in a window; the rest of the needle would be before it.
mir::ValueId find_short(Lower& l, const Text& haystack, const ShortNeedle& needle, bool may_be_empty);

}  // namespace shrike
