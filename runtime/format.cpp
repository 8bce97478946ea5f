// The parser of formats and the integer formatter. C's printf is not used: the values come as bytes of many types, and
// the sign, precision and width rules are few.
#include "runtime/format.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>

#include "runtime/gfp_flags.h"

namespace shrike {

using mir::TypeKind;

namespace {

constexpr uint32_t widest = 65535;  // a mistyped width must not fill the memory

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

uint32_t take_number(std::string_view text, size_t& at) {
  uint32_t number = 0;
  for (; at < text.size() && is_digit(text[at]); at++)
    number = std::min<uint32_t>(number * 10 + static_cast<uint32_t>(text[at] - '0'), widest);
  return number;
}

void take_flags(std::string_view text, size_t& at, FormatPiece& piece) {
  for (; at < text.size(); at++) {
    switch (text[at]) {
      case '-': piece.left = true; break;
      case '+': piece.plus = true; break;
      case ' ': piece.space = true; break;
      case '#': piece.alternate = true; break;
      case '0': piece.zero = true; break;
      default: return;
    }
  }
}

void take_length(std::string_view text, size_t& at, FormatPiece& piece) {
  if (at >= text.size()) return;
  char first = text[at];
  if (first == 'h') {
    bool is_double = at + 1 < text.size() && text[at + 1] == 'h';
    piece.bits = is_double ? 8 : 16;
    at += is_double ? 2 : 1;
  } else if (first == 'l') {
    piece.bits = 64;
    at += at + 1 < text.size() && text[at + 1] == 'l' ? 2 : 1;
  } else if (std::string_view("Ljzt").find(first) != std::string_view::npos) {
    piece.bits = 64;
    at++;
  }
}

bool take_conversion(std::string_view text, size_t& at, FormatPiece& piece) {
  if (at >= text.size()) return false;
  switch (text[at]) {
    case 'd':
    case 'i': piece.conversion = FormatConversion::decimal; break;
    case 'u': piece.conversion = FormatConversion::decimal, piece.is_unsigned = true; break;
    case 'o': piece.conversion = FormatConversion::octal; break;
    case 'x': piece.conversion = FormatConversion::hex; break;
    case 'X': piece.conversion = FormatConversion::hex, piece.is_upper = true; break;
    case 'c': piece.conversion = FormatConversion::character; break;
    case 'p': piece.conversion = FormatConversion::pointer; break;
    case 's': piece.conversion = FormatConversion::string; break;
    case 'r':
      piece.conversion = FormatConversion::bytes;
      if (at + 1 < text.size() && text[at + 1] == 'x') piece.conversion = FormatConversion::bytes_hex, at++;
      else if (at + 1 < text.size() && text[at + 1] == 'h') piece.conversion = FormatConversion::bytes_spaced, at++;
      break;
    case 'g':
      if (at + 1 >= text.size() || text[at + 1] != 'r') return false;
      piece.conversion = FormatConversion::gfp_flags, at++;
      break;
    default: return false;
  }
  at++;
  return true;
}

// One conversion after its `%`; false if it is none, and then it is text.
bool take_piece(std::string_view text, size_t& at, FormatPiece& piece) {
  take_flags(text, at, piece);
  if (at < text.size() && text[at] == '*') piece.takes_width = true, at++;
  else piece.width = take_number(text, at);
  if (at < text.size() && text[at] == '.') {
    at++;
    if (at < text.size() && text[at] == '*') piece.takes_precision = true, at++;
    else piece.precision = static_cast<int32_t>(take_number(text, at));
  }
  take_length(text, at, piece);
  return take_conversion(text, at, piece);
}

// What append() needs of one field while it is shown.
struct Argument {
  const mir::Type& type;
  const uint8_t* bytes;
};

// Pads out[begin..] with spaces to the width.
void pad(std::string& out, size_t begin, const FormatPiece& piece) {
  size_t length = out.size() - begin;
  if (length >= piece.width) return;
  if (piece.left) {
    out.append(piece.width - length, ' ');
  } else {
    out.insert(begin, piece.width - length, ' ');
  }
}

uint64_t cut(uint64_t value, uint8_t bits, bool is_signed) {
  unsigned unused = 64U - bits;
  value <<= unused;
  return is_signed ? static_cast<uint64_t>(static_cast<int64_t>(value) >> unused) : value >> unused;
}

void append_integer(std::string& out, const FormatPiece& piece, uint64_t value) {
  bool is_pointer = piece.conversion == FormatConversion::pointer;
  bool is_signed = piece.conversion == FormatConversion::decimal && !piece.is_unsigned;
  if (!is_pointer) value = cut(value, piece.bits, is_signed);
  bool is_negative = is_signed && static_cast<int64_t>(value) < 0;
  if (is_negative) value = 0 - value;

  char digits[24];
  int base = piece.conversion == FormatConversion::decimal ? 10 : piece.conversion == FormatConversion::octal ? 8 : 16;
  auto [end, error] = std::to_chars(digits, digits + sizeof digits, value, base);
  if (piece.is_upper) std::for_each(digits, end, [](char& c) { c = c >= 'a' ? static_cast<char>(c - 32) : c; });
  size_t count = piece.precision == 0 && value == 0 ? 0 : static_cast<size_t>(end - digits);

  std::string_view prefix;
  if (is_negative) prefix = "-";
  else if (is_signed && piece.plus) prefix = "+";
  else if (is_signed && piece.space) prefix = " ";
  else if ((is_pointer || (base == 16 && piece.alternate)) && value != 0) prefix = piece.is_upper ? "0X" : "0x";
  else if (base == 8 && piece.alternate && value != 0) prefix = "0";

  size_t zeros =
      piece.precision > 0 && static_cast<size_t>(piece.precision) > count ? static_cast<size_t>(piece.precision) - count : 0;
  size_t shown = prefix.size() + zeros + count;
  size_t padding = piece.width > shown ? piece.width - shown : 0;
  if (piece.zero && !piece.left && piece.precision < 0) zeros += padding, padding = 0;
  if (!piece.left) out.append(padding, ' ');
  out.append(prefix).append(zeros, '0').append(digits, count);
  if (piece.left) out.append(padding, ' ');
}

std::string_view bytes_of(const Argument& argument) {
  const char* begin = reinterpret_cast<const char*>(argument.bytes);
  if (argument.type.is(TypeKind::buffer)) return buffer_bytes(argument.type, argument.bytes);
  if (argument.type.is(TypeKind::string)) return {begin, strnlen(begin, argument.type.count)};
  return {begin, argument.type.size};
}

void append_bytes(std::string& out, const FormatPiece& piece, std::string_view data) {
  if (piece.conversion == FormatConversion::bytes) {
    append_escaped(out, reinterpret_cast<const uint8_t*>(data.data()), data.size());
    return;
  }
  bool is_spaced = piece.conversion == FormatConversion::bytes_spaced;
  for (size_t i = 0; i < data.size(); i++) {
    uint8_t byte = static_cast<uint8_t>(data[i]);
    if (!is_spaced) out.append("\\x");
    else if (i != 0) out.push_back(' ');
    out.push_back("0123456789abcdef"[byte >> 4]), out.push_back("0123456789abcdef"[byte & 15]);
  }
}

void append_argument(std::string& out, const FormatPiece& piece, const Argument& argument, const ValueText& values) {
  size_t begin = out.size();
  IntegerValue number;
  switch (piece.conversion) {
    case FormatConversion::none: return;
    case FormatConversion::bytes:
    case FormatConversion::bytes_hex:
    case FormatConversion::bytes_spaced: append_bytes(out, piece, bytes_of(argument)); return pad(out, begin, piece);
    case FormatConversion::string: break;
    default: number = integer_of(argument.type, argument.bytes); break;
  }
  if (!number.is_known) {
    values.append(out, argument.type, argument.bytes);
    if (piece.precision >= 0 && out.size() - begin > static_cast<size_t>(piece.precision))
      out.resize(begin + static_cast<size_t>(piece.precision));
    return pad(out, begin, piece);
  }
  if (piece.conversion == FormatConversion::character) {
    if ((number.bits & 0xff) != 0) out.push_back(static_cast<char>(number.bits));
    return pad(out, begin, piece);
  }
  if (piece.conversion == FormatConversion::gfp_flags) {
    append_gfp_flags(out, static_cast<uint32_t>(number.bits));
    return pad(out, begin, piece);
  }
  append_integer(out, piece, number.bits);
}

}  // namespace

Format::Format(std::string format) : text_(std::make_unique<std::string>(std::move(format))) {
  std::string_view text = *text_;
  size_t literal = 0;
  for (size_t at = 0; at < text.size();) {
    if (text[at] != '%') {
      at++;
      continue;
    }
    FormatPiece piece;
    size_t end = at + 1;
    if (end < text.size() && text[end] == '%') {
      piece.literal = text.substr(literal, end - literal);  // with the first of the two
      pieces_.push_back(piece);
      at = literal = end + 1;
    } else if (take_piece(text, end, piece)) {
      piece.literal = text.substr(literal, at - literal);
      pieces_.push_back(piece);
      at = literal = end;
    } else {
      at++;
    }
  }
  if (literal < text.size()) pieces_.push_back({.literal = text.substr(literal)});
}

void Format::append(std::string& out, const mir::EventDecl& event, const uint8_t* record, const ValueText& values) const {
  size_t next = 0;
  auto take_integer = [&](int64_t otherwise) {
    if (next >= event.fields.size()) return otherwise;
    const mir::EventField& field = event.fields[next++];
    return static_cast<int64_t>(integer_of(*field.type, event.bytes_of(field, record)).bits);
  };
  for (const FormatPiece& parsed : pieces_) {
    out.append(parsed.literal);
    if (parsed.conversion == FormatConversion::none) continue;
    FormatPiece piece = parsed;
    if (piece.takes_width) {
      int64_t width = take_integer(0);
      if (width < 0) piece.left = true;
      piece.width = static_cast<uint32_t>(
          std::min<uint64_t>(width < 0 ? 0 - static_cast<uint64_t>(width) : static_cast<uint64_t>(width), widest));
    }
    if (piece.takes_precision) piece.precision = static_cast<int32_t>(std::clamp<int64_t>(take_integer(-1), -1, widest));
    if (next >= event.fields.size()) continue;
    const mir::EventField& field = event.fields[next++];
    append_argument(out, piece, {*field.type, event.bytes_of(field, record)}, values);
  }
}

}  // namespace shrike
