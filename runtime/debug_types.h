// Types and functions of one program or library, from its debug information (DWARF) as data types of the language. Reads what
// is asked for, when it is; a separate debug file serves like the file itself.
//
// A record is called NAME@FILE, and NAME#2@FILE if the file has another of that name. It is laid out when somebody asks.
#pragma once

#include <elfutils/libdw.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "frontend/kernel_facts.h"
#include "runtime/elf_image.h"

namespace shrike {

class DebugTypes {
 public:
  DebugTypes(std::string path, const DebugDirectories& directories);
  ~DebugTypes();
  DebugTypes(const DebugTypes&) = delete;
  DebugTypes& operator=(const DebugTypes&) = delete;

  bool has_debug_info() const { return dwarf_ != nullptr; }
  // The function whose first instruction is at this offset in the file.
  std::optional<Dwarf_Die> function_at(uint64_t file_offset);
  const mir::Type* type_of(Dwarf_Die type, mir::TypePool& pool);
  const mir::RecordLayout* define_record(const mir::Type* record, mir::TypePool& pool);
  // The record itself, where the type only declares it.
  Dwarf_Die defined(Dwarf_Die record);

 private:
  struct FieldList;
  std::string record_name(Dwarf_Die record, const char* alias);
  const mir::Type* array_type(Dwarf_Die array, mir::TypePool& pool);
  const mir::Type* enumeration_type(Dwarf_Die enumeration, mir::TypePool& pool);
  void add_fields(Dwarf_Die record, uint32_t base, uint32_t depth, mir::TypePool& pool, FieldList& out);

  std::string path_;
  ElfImage image_;
  std::vector<ElfSegment> segments_;
  Dwarf* dwarf_ = nullptr;
  std::map<std::string, Dwarf_Die> records_;      // by the names that types have
  std::unordered_map<void*, std::string> names_;  // of records, by where they are described
};

// What the entry says its type is; nothing for void.
std::optional<Dwarf_Die> type_entry(Dwarf_Die entry);
// Through typedefs, const, volatile and the like.
Dwarf_Die without_names(Dwarf_Die type);
uint64_t size_of(Dwarf_Die type);
// As C++ and C write it, near enough to be read.
std::string spelling_of(const std::optional<Dwarf_Die>& type);
// A member's place in its record, in bytes; nothing if that is no constant.
std::optional<uint64_t> member_offset(Dwarf_Die member);
struct BitRange {
  uint64_t start = 0;  // from the record's first bit
  uint32_t count = 0;  // 0: no bit-field
};
BitRange bits_of(Dwarf_Die member);
bool has_flag(Dwarf_Die entry, unsigned attribute);
std::optional<uint64_t> number_of(Dwarf_Die entry, unsigned attribute);
// Elements in all dimensions; 0 if open.
uint64_t element_count(Dwarf_Die array);

// Arguments and result by the convention of the x86-64 System V ABI (user_functions.cpp).
Answer<UserFunction> read_user_function(DebugTypes& types, const ProbeTarget& function, mir::TypePool& pool);

}  // namespace shrike
