// Refuses programs whose frames or scratch values are bigger than the kernel allows, at the expression that needs most,
// programs that use more maps than it takes, and functions and loops inside each other beyond what its call stack holds.
//
// Needs: spill_to_scratch before it: what is too big now cannot be moved. Establishes: stack_fits, unless it reports.
// Destroys: nothing. Does not count spilled registers: layout_frame and fit_chains of the back end do.
#include <algorithm>
#include <unordered_set>

#include "mir/stack.h"
#include "passes/frames.h"
#include "passes/passes.h"

namespace shrike::passes {

namespace {

using namespace mir;

// The first place that uses the scratch map.
Span use_of(const Module& module, MapId map) {
  for (const Function& function : module.functions)
    for (const Block& block : function.blocks)
      for (const Inst& inst : block.insts)
        if (inst.map == map) return inst.span.is_known() ? inst.span : function.span;
  return {};
}

void report_stack(const Module& module, const Chain& chain, PassContext& context) {
  const Function* owner = &module.functions[chain.functions.front()];
  SlotId biggest;
  for (FunctionId id : chain.functions) {
    const Function& function = module.functions[id];
    for (uint32_t s = 0; s < function.slots.size(); s++) {
      if (biggest.is_valid() && function.slots[SlotId(s)].size <= owner->slots[biggest].size) continue;
      owner = &function;
      biggest = SlotId(s);
    }
  }
  Span span = biggest.is_valid() ? span_of(*owner, biggest) : owner->span;
  uint32_t size = biggest.is_valid() ? owner->slots[biggest].size : 0;
  context.diagnostics.report(Diag::stack_budget, span,
                             {std::to_string(chain.bytes), std::to_string(context.limits.stack_bytes), std::to_string(size)});
}

// The longest way from `id` down, itself first. `known`: the ways from functions before it.
const std::vector<FunctionId>& longest_way(const Module& module, FunctionId id, std::vector<std::vector<FunctionId>>& known) {
  std::vector<FunctionId>& way = known[id.index];
  if (!way.empty()) return way;
  std::vector<FunctionId> below;
  for (const Block& block : module.functions[id].blocks) {
    for (const Inst& inst : block.insts) {
      if (!inst.callee.is_valid()) continue;
      const std::vector<FunctionId>& found = longest_way(module, inst.callee, known);
      if (found.size() > below.size()) below = found;
    }
  }
  way = {id};
  way.insert(way.end(), below.begin(), below.end());
  return way;
}

bool is_too_deep(const Module& module, FunctionId id, std::vector<std::vector<FunctionId>>& known, PassContext& context) {
  const std::vector<FunctionId>& way = longest_way(module, id, known);
  if (way.size() <= max_call_frames) return false;
  context.diagnostics
      .report(Diag::call_depth_budget, module.functions[way[max_call_frames]].span,
              {std::to_string(way.size() - 1), std::to_string(max_call_frames), module.functions[id].name})
      .with_hint("count with one loop over the product of the bounds, and find the counters by `/` and `%`");
  return true;
}

// What a function uses, and those that it calls or the kernel calls back for it.
struct Uses {
  std::unordered_set<uint32_t> maps, functions;

  void add(const Module& module, FunctionId id) {
    if (!functions.insert(id.index).second) return;
    for (const Block& block : module.functions[id].blocks) {
      for (const Inst& inst : block.insts) {
        if (inst.map.is_valid()) maps.insert(inst.map.index);
        if (inst.callee.is_valid()) add(module, inst.callee);
      }
    }
  }
};

void check_maps(const Module& module, FunctionId id, PassContext& context) {
  Uses uses;
  uses.add(module, id);
  const auto count = static_cast<uint32_t>(uses.maps.size());
  if (count <= context.limits.max_maps) return;
  const Function& function = module.functions[id];
  context.diagnostics
      .report(Diag::map_budget, function.span, {function.name, std::to_string(count), std::to_string(context.limits.max_maps)})
      .with_hint("use one map with a longer key for several, or two probes of the same place for the two halves");
}

}  // namespace

void check_budget(Module& module, PassContext& context) {
  const std::vector<uint32_t> frames = frame_bytes(module);
  std::vector<std::vector<FunctionId>> ways(module.functions.size());
  for (uint32_t f = 0; f < module.functions.size(); f++) {
    if (module.functions[FunctionId(f)].kind != FunctionKind::program) continue;
    if (is_too_deep(module, FunctionId(f), ways, context)) continue;
    Chain chain = deepest_chain(module, frames, 0, FunctionId(f));
    if (chain.bytes > context.limits.stack_bytes) report_stack(module, chain, context);
    if (module.interface.maps.size() > context.limits.max_maps) check_maps(module, FunctionId(f), context);
  }
  for (uint32_t m = 0; m < module.interface.maps.size(); m++) {
    const MapDecl& map = module.interface.maps[MapId(m)];
    if (map.role != MapRole::scratch || map.value_size <= context.limits.max_scratch_bytes) continue;
    context.diagnostics.report(Diag::scratch_budget, use_of(module, MapId(m)),
                               {std::to_string(map.value_size), std::to_string(context.limits.max_scratch_bytes)});
  }
}

}  // namespace shrike::passes
