// The default text of a value of any type: what print(), %s and map lines show.
//
//   integers decimal, bool true/false, pointers 0x…, strings as they are, buffers with \xNN for unprintable bytes,
//   tuples (a, b), arrays [1,2], records { .a = 1, .b = 2 }, stacks one frame a line, aggregates their number,
//   enumerations the name of the value, or its number where none has it.
// In map keys the parentheses of the outer tuple are dropped and stack frames are indented by 4 columns instead of 8.
//
// Departures from bpftrace 0.17: pointers are hex everywhere (0.17 prints decimal cut to 32 bits inside maps), keys
// have the signedness of their type, a uid without a name shows as the number.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "mir/interface.h"
#include "runtime/host_names.h"
#include "runtime/output.h"
#include "runtime/symbols.h"

namespace shrike {

// An integer of 1, 2, 4 or 8 bytes at any address, extended as its type says.
uint64_t load_integer(const uint8_t* bytes, uint32_t size, bool is_signed);
void append_decimal(std::string& out, uint64_t value, bool is_signed);
void append_hex(std::string& out, uint64_t value);  // lower case, no prefix

// Printable ASCII as it is, the rest as \xNN.
void append_escaped(std::string& out, const uint8_t* bytes, size_t size);
std::string_view buffer_bytes(const mir::Type& type, const uint8_t* bytes);
uint64_t load_bit_field(const mir::RecordField& field, const uint8_t* bytes);

struct IntegerValue {
  bool is_known = false;  // the type has a number
  bool is_signed = false;
  uint64_t bits = 0;
};
// The number of anything that has one: integers, pointers, aggregates (avg: the average), uids, symbol addresses.
IntegerValue integer_of(const mir::Type& type, const uint8_t* bytes);

class ValueText {
 public:
  ValueText(const mir::Interface& interface, Symbols& symbols, HostNames& names, const OutputOptions& options);

  void append(std::string& out, const mir::Type& type, const uint8_t* bytes) const { append(out, type, bytes, 8); }
  void append_key(std::string& out, const mir::Type& type, const uint8_t* bytes) const;
  const mir::Interface& interface() const { return interface_; }

 private:
  void append(std::string& out, const mir::Type& type, const uint8_t* bytes, int stack_indent) const;
  void append_enumerator(std::string& out, const mir::Type& type, uint64_t value) const;
  void append_string(std::string& out, const mir::Type& type, const uint8_t* bytes) const;
  void append_record(std::string& out, const mir::Type& type, const uint8_t* bytes, int stack_indent) const;
  void append_record_fields(std::string& out, const mir::RecordLayout& layout, const uint8_t* bytes, bool& is_first,
                            int stack_indent) const;
  void append_inet(std::string& out, const uint8_t* bytes) const;
  void append_timestamp(std::string& out, const uint8_t* bytes) const;
  static void append_build_id_frame(std::string& out, const uint8_t* frame);
  void append_stack(std::string& out, const mir::Type& type, const uint8_t* bytes, int indent) const;
  std::string_view string_of(uint64_t index) const;  // Interface::strings

  const mir::Interface& interface_;
  Symbols& symbols_;
  HostNames& names_;
  const OutputOptions& options_;
  int64_t boot_to_wall_ns_;
};

// strftime of `format` with %f (microseconds), %l (milliseconds) and %k (nanoseconds).
void append_time(std::string& out, std::string_view format, int64_t wall_ns);

}  // namespace shrike
