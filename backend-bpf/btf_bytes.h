// Inside of build_btf and write_elf: a BTF blob under construction.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "backend-bpf/object.h"

namespace shrike::bpf {

void append_u32(std::vector<uint8_t>& bytes, uint32_t value);

inline constexpr uint32_t btf_int = 1, btf_ptr = 2, btf_array = 3, btf_struct = 4, btf_func = 12, btf_func_proto = 13,
                          btf_var = 14, btf_datasec = 15;

class BtfBytes {
 public:
  uint32_t string(std::string_view text);  // offset in the string section
  // Appends a type's header and returns its id; what follows the header is appended by word().
  uint32_t type(std::string_view name, uint32_t kind, uint32_t count, uint32_t size_or_type);
  void word(uint32_t value);
  uint32_t integer(std::string_view name, uint32_t size, bool is_signed);
  std::vector<uint8_t> finish() const;

 private:
  std::vector<uint8_t> types_;
  std::string strings_{'\0'};
  std::unordered_map<std::string, uint32_t> known_strings_;
  uint32_t last_type_ = 0;
};

// The types of programs and callbacks.
class FunctionTypes {
 public:
  explicit FunctionTypes(BtfBytes& btf);
  uint32_t add(std::string_view name, bool is_program);
  uint32_t integer() const { return integer_; }

 private:
  BtfBytes& btf_;
  uint32_t integer_, program_, callback_;
};

// The declarations of functions of the kernel that an object file calls: section `.ksyms`.
void add_kernel_function_types(BtfBytes& btf, uint32_t integer, const std::set<mir::HelperId>& functions);

// bpf_line_info records for `lines`: one at each of `starts` (of subprograms: the kernel demands that), then strictly
// increasing. Offsets are (first + insn) * unit: instructions for the kernel, bytes in .BTF.ext.
void append_line_records(const std::vector<LineEntry>& lines, const std::vector<uint32_t>& starts, uint32_t first, uint32_t unit,
                         const SourceMap& sources, BtfBytes& btf, std::vector<uint8_t>& out);

// `name` with every character that BTF or ELF names may not have replaced.
std::string identifier(std::string_view name);

}  // namespace shrike::bpf
