// Looks for a short text, or the end of a longer one, in another: a window of a few words moves along the haystack and is
// compared whole. Of what is too long to be walked by the verifier, a callback of bpf_loop goes through a chunk a round.
#pragma once

#include <string>

#include "frontend/texts.h"

namespace shrike {

inline constexpr uint32_t window_words = 2;  // with more, verifiers no longer tell that the rounds end alike

// Where the haystack first has the end of the needle, less as many bytes; the rest would be before it. -1: nowhere.
struct EndFound {
  mir::ValueId at;
  bool is_whole;  // there is no rest
};
EndFound find_end_of(Lower& l, const Text& haystack, const std::string& needle);
// The same for a needle that is known when the program runs; both are walked by the verifier. Its end has up to 8 * window_words
// bytes.
mir::ValueId walk_to_end_of(Lower& l, const Text& haystack, const Text& needle);

}  // namespace shrike
