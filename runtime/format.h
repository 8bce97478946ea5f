// printf formats, parsed once per event and applied to records.
//
// A conversion is %[-+ #0][width|*][.precision|.*][hh h l ll L j z t] and one of d i u o x X c s p r rx rh gr; `%%` is a
// percent sign, and anything else is text as it stands. The rules are bpftrace's:
//  - without a length modifier integers are cut to 32 bits, with hh to 8, with h to 16; l ll L j z t keep all 64;
//  - `*` takes its width or precision from an argument of its own, as in C; %s takes a value of any type and shows its default
//  text;
//  - %p of zero is `0`, %c of zero is nothing;
//  - %r shows printable ASCII as it is and other bytes as \xNN, %rx all bytes as \xNN, %rh as hex pairs with spaces;
//  - %gr shows the flags of an allocation by name.
// Departures from bpftrace 0.17: `%%` is one percent sign wherever it stands (0.17 prints two after the last conversion),
// and %p of zero (0.17: `(nil)`); both as in later versions.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mir/interface.h"
#include "runtime/value_text.h"

namespace shrike {

enum class FormatConversion : uint8_t {
  none,
  decimal,
  octal,
  hex,
  character,
  string,
  pointer,
  bytes,
  bytes_hex,
  bytes_spaced,
  gfp_flags
};

struct FormatPiece {
  std::string_view literal;  // before the conversion
  FormatConversion conversion = FormatConversion::none;
  bool is_unsigned = false;  // %u
  bool is_upper = false;     // %X
  bool left = false, plus = false, space = false, alternate = false, zero = false;
  uint8_t bits = 32;
  bool takes_width = false, takes_precision = false;  // `*`
  uint32_t width = 0;
  int32_t precision = -1;
};

class Format {
 public:
  Format() = default;
  explicit Format(std::string text);
  Format(Format&&) = default;  // the pieces point into text_, which is on the heap
  Format& operator=(Format&&) = default;

  // Fields are taken in order; a conversion without a field is dropped.
  void append(std::string& out, const mir::EventDecl& event, const uint8_t* record, const ValueText& values) const;

 private:
  std::unique_ptr<std::string> text_;
  std::vector<FormatPiece> pieces_;
};

}  // namespace shrike
