// C types of the script: names to data types, and struct and union layouts by the x86-64 System V ABI.
#pragma once

#include "frontend/ast.h"
#include "frontend/kernel_facts.h"
#include "mir/base/diagnostic.h"
#include "mir/type.h"

namespace shrike {

// Defines every record of the script's C section in `types`. Errors: a member whose type nobody knows, a record that
// contains itself.
void define_records(const ast::Program& program, mir::TypePool& types, KernelFacts& facts, Diagnostics& diagnostics);

// A type as written in a cast, `let` or sizeof; null if unknown. Records need not have a layout.
// `type_of`: the type of the expression in `typeof(expr)`.
const mir::Type* resolve_type_name(const ast::TypeName& name, const ast::Program& program, mir::TypePool& types,
                                   KernelFacts& facts, const mir::Type* type_of = nullptr);

}  // namespace shrike
