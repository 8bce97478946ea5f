// What the model asks of a kernel's types: where a pointer to a kernel object leads. Given by the maker of the input, since the
// model reads no files. Types are numbers that mean something to the giver only; 0 is none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace shrike::sim {

// What a load gives, or an argument is.
struct TypedValue {
  enum class Kind : uint8_t {
    number,
    object,   // a pointer to a struct of `type`
    leaf,     // a pointer to void or numbers: kernels before 6.17 take it for a number
    unclear,  // not modelled: `why`
    refused,  // by every kernel: `why`
  };
  Kind kind = Kind::number;
  uint32_t type = 0;
  bool may_be_null = false;
  std::string why;
};

class KernelTypes {
 public:
  virtual ~KernelTypes() = default;
  virtual TypedValue load(uint32_t type, uint32_t offset, unsigned size) const = 0;  // from an object
  virtual std::string name_of(uint32_t type) const = 0;
  // Does a struct of this name lie at this offset of an object, as a whole or as a part?
  virtual bool has_struct_at(uint32_t type, uint32_t offset, std::string_view name) const = 0;
  virtual uint32_t find_struct(std::string_view name) const = 0;
};

}  // namespace shrike::sim
