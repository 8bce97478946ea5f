// The programs of a BPF object file as `shrike check` judges them: each linked with the functions it calls, its maps resolved,
// its type by its section's name. Fields that libbpf would relocate for the running kernel (CO-RE) stay as compiled.
#pragma once

#include <string>
#include <vector>

#include "mir/base/diagnostic.h"
#include "runtime/judge.h"

namespace shrike {

bool is_elf(std::string_view bytes);

// Reports what is wrong with the file; then there are no programs.
std::vector<JudgedProgram> object_programs(const std::string& name, const std::string& bytes, SourceMap& sources,
                                           Diagnostics& diagnostics);

}  // namespace shrike
