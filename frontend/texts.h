// What functions on strings work on: bytes that can be loaded, and how many of them may belong to the text.
//
// Texts are walked by loops with a constant bound, whose every round the verifier follows. It keeps no more than 8192 branches in
// mind, those of loops before among them, so that long texts, and what comes when many have been walked, are read in chunks by
// callbacks of bpf_loop, which it follows once. Those get the addresses as numbers, in a frame that all such work of a function
// shares.
#pragma once

#include <cstdint>

#include "frontend/lower.h"

namespace shrike {

inline constexpr uint32_t text_chunk = 64;
inline constexpr uint32_t text_frame_bytes = 80;

// Whether loops of so many branches in all may be walked; they count from then on.
bool may_walk(Lower& l, uint32_t branches);

struct Text {
  mir::ValueId pointer;
  uint32_t size = 0;        // bytes that may be loaded
  uint32_t most_chars = 0;  // of them belong to the text when there is no NUL
  mir::ValueId length;      // where reading it told
};

bool is_byte(const mir::Type* type);
bool is_text(const mir::Type* type);  // strings, and what looks like one: arrays of bytes and pointers to bytes
// Bytes of the text with its NUL, at most.
uint32_t capacity_of(const mir::Type* type, uint64_t max_strlen);
// Is the text read from where it is? Others have their bytes with them.
bool is_elsewhere(const mir::Type* type);

Text text_of(Lower& l, const ast::Expr* expr);
mir::ValueId byte_at(Lower& l, mir::ValueId pointer, mir::ValueId index);
// The verifier comes to the end of a loop once for each round that may be the last. Forgetting which one it was lets it walk
// on from there once.
mir::ValueId forget_round(Lower& l, mir::ValueId index);
// The index of the NUL; most_chars if there is none.
mir::ValueId length_of(Lower& l, const Text& text);

// Up to a chunk of bytes from an address, which is a number; zeros behind them.
mir::ValueId chunk_at(Lower& l, const char* name, mir::ValueId address, mir::ValueId bytes, uint32_t chunk = text_chunk);

// The first chunks of two runs of bytes that differ, or of which the left one has a NUL if that ends both. Zeros, with `offset`
// at the end, if there are none.
struct ChunkPair {
  mir::ValueId offset, left, right;
};
ChunkPair deciding_chunks(Lower& l, mir::ValueId left, mir::ValueId right, uint32_t count, bool stops_at_nul);

// Where the haystack first has the needle; -1 if it does not.
mir::ValueId find_text(Lower& l, const ast::Expr* haystack, const ast::Expr* needle);

}  // namespace shrike
