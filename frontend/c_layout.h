// C types of the script: names to data types, and struct and union layouts by the x86-64 System V ABI. Types are laid out
// when somebody asks: headers define thousands that no script means.
#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "frontend/ast.h"
#include "frontend/kernel_facts.h"
#include "mir/base/diagnostic.h"
#include "mir/btf.h"
#include "mir/type.h"

namespace shrike {

class CTypes {
 public:
  CTypes(const ast::Program& program, mir::TypePool& types, KernelFacts& facts)
      : program_(program), types_(types), facts_(facts) {}

  // Lays out every record of the script and its own headers. Errors: a member whose type nobody knows, a record that
  // contains itself.
  void define_own(Diagnostics& diagnostics);
  // A type as written in a cast, `let` or sizeof; null if unknown. Records need not have a layout.
  // `type_of`: the type of the expression in `typeof(expr)`.
  const mir::Type* resolve(const ast::TypeName& name, const mir::Type* type_of = nullptr);
  // The layout of a record type by the script, its headers or BTF; null if nobody has it, or after an error.
  const mir::RecordLayout* layout(const mir::Type* record, Diagnostics* diagnostics);

  struct Enumerator {
    const mir::Type* type;  // a plain integer for enumerations without a name
    int64_t value;
  };
  // A constant of the script's and headers' enumerations, then of BTF's.
  // `asks_kernel`: it may be one of the kernel's or of a module's.
  std::optional<Enumerator> find_enumerator(std::string_view name, bool asks_kernel);
  // All of one enumeration; none if nobody defines it.
  std::vector<mir::Enumerator> enumerators(std::string_view name);

 private:
  friend struct RecordBuilder;
  // A type where it is embedded: typedefs and members may ask for more alignment than the type itself has.
  struct Placed {
    const mir::Type* type = nullptr;
    uint32_t align = 1;
  };

  // A type of the kernel or a module.
  struct InKernel {
    const Btf* types;
    uint32_t id;
  };
  std::optional<Enumerator> find_kernel_enumerator(std::string_view name);
  std::optional<InKernel> in_kernel(std::initializer_list<Btf::Kind> kinds, std::string_view name);
  void index();
  void index_inner(const ast::CRecord& record);
  const ast::CRecord* find_record(std::string_view name, bool is_union);
  Placed named(std::string_view name);
  Placed from_btf(std::string_view name);
  Placed enumeration(std::string_view name);
  Placed record(std::string_view name, bool is_union);
  bool complete(const mir::Type* type);
  Placed member_type(const ast::CMember& member, const ast::CDeclarator& declarator);
  uint32_t wanted_align(const ast::CMember& member, const ast::CDeclarator& declarator);
  const mir::Type* embedded(const ast::CMember& member);
  std::optional<int64_t> value_of(const ast::CConstant& constant);
  std::optional<int64_t> size_of(std::span<const Token> words);
  uint32_t align_of(const mir::Type* type);
  const mir::RecordLayout* define(const ast::CRecord& record);

  const ast::Program& program_;
  mir::TypePool& types_;
  KernelFacts& facts_;
  Diagnostics* diagnostics_ = nullptr;     // null: say nothing
  std::vector<const ast::CRecord*> open_;  // being laid out: a record inside itself is an error
  bool is_indexed_ = false;
  std::unordered_map<std::string, const ast::CRecord*> records_;  // "struct x", "union x"
  std::unordered_map<std::string_view, const ast::CEnum*> enums_;
  std::unordered_map<std::string_view, const ast::CTypedef*> typedefs_;
  std::unordered_map<std::string_view, std::pair<const ast::CEnum*, int64_t>> enumerators_;
  std::unordered_map<std::string, std::optional<Enumerator>> kernel_enumerators_;  // those asked for so far
  std::map<const mir::RecordLayout*, uint32_t> aligns_;                            // of the records laid out here
  uint32_t depth_ = 0;                                                             // of typedefs being followed
};

}  // namespace shrike
