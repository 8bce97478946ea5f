// A module with one raw tracepoint program and an array map for its results: where most backend tests begin.
#pragma once

#include "mir/build.h"

namespace shrike::test {

struct MirProgram {
  mir::Module module;
  mir::MapId results = add_array(module, "@results", 4096);
  mir::FunctionId function = add_function(module, "main", mir::FunctionKind::program);
  mir::Builder builder{module, function, mir::BlockId(uint32_t{0})};
  mir::ValueId ctx = builder.add_param(builder.block(), {mir::Region::ctx, false});

  static mir::MapId add_array(mir::Module& module, const char* name, uint32_t bytes) {
    mir::MapDecl map;
    map.name = name;
    map.kind = mir::MapKind::array;
    map.value_size = bytes;
    return module.interface.maps.add(map);
  }
  static mir::FunctionId add_function(mir::Module& module, const char* name, mir::FunctionKind kind) {
    mir::Function function;
    function.name = name;
    function.kind = kind;
    function.program = mir::ProgramType::raw_tracepoint;
    function.blocks.add({"entry", {}, {}});
    return module.functions.add(std::move(function));
  }

  mir::SlotId slot(const char* name, uint32_t size, uint32_t align = 8) { return builder.add_slot(name, size, align); }
};

}  // namespace shrike::test
