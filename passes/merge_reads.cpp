// Reads fields of one kernel object that are near each other at once: one probe_read_kernel for what lies within a few words.
//
// Needs: reuse_values before it, so that equal bases are one value; integers added to constants folded (simplify).
// Establishes: nothing. Destroys: nothing; constants and addresses that are no longer used stay until remove_dead.
// Does not merge reads of different blocks, of user memory (where a page of a structure may be away), or those whose outcome
// the program looks at (-k). A field may so be read earlier than it is written in the script; nothing a program does changes
// kernel memory.
#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "mir/edit.h"
#include "passes/passes.h"

namespace shrike::passes {

namespace {

using namespace mir;

constexpr int64_t most_bytes = 64;  // of a merged read
constexpr int64_t word = 8;

// A probe_read_kernel to a slot that nothing else writes and only loads read.
struct Read {
  SlotId slot;
  size_t at;       // in its block
  int64_t offset;  // from the base
  int64_t bytes;
};

class ReadMerger {
 public:
  explicit ReadMerger(Function& function) : function_(function) {
    definitions_.resize(function.values.size());
    is_used_.resize(function.values.size());
    for (Block& block : function.blocks)
      for (Inst& inst : block.insts) note(inst);
  }

  void run() {
    insertions_.resize(function_.blocks.size());
    for (uint32_t b = 0; b < function_.blocks.size(); b++) merge_in(BlockId(b));
    // Now that nobody points to instructions any more.
    for (uint32_t b = 0; b < function_.blocks.size(); b++)
      if (!insertions_[b].empty()) insertions_[b].apply(function_.blocks[BlockId(b)]);
  }

 private:
  // Of the addresses of a slot.
  struct Uses {
    uint32_t reads = 0;
    bool has_others = false;
    std::vector<Inst*> addresses;
    std::vector<Inst*> loads;
  };
  struct Definition {
    Opcode op = Opcode::ret;
    int64_t imm = 0;
    SlotId slot;
    ValueId first, second;
  };

  void note(Inst& inst) {
    if (inst.result.is_valid()) {
      Definition& definition = definitions_[inst.result.index];
      definition = {inst.op, inst.imm, inst.slot, {}, {}};
      if (!inst.operands.empty()) definition.first = inst.operands[0];
      if (inst.operands.size() > 1) definition.second = inst.operands[1];
    }
    each_use(inst, [&](ValueId used) { is_used_[used.index] = true; });
  }

  SlotId slot_of(ValueId value) const {
    const Definition& definition = definitions_[value.index];
    return definition.op == Opcode::slot_addr ? definition.slot : SlotId();
  }

  std::optional<int64_t> constant_of(ValueId value) const {
    const Definition& definition = definitions_[value.index];
    return definition.op == Opcode::constant ? std::optional(definition.imm) : std::nullopt;
  }

  void find_uses() {
    if (!uses_.empty()) return;
    uses_.resize(function_.slots.size());
    for (Block& block : function_.blocks)
      for (Inst& inst : block.insts) {
        if (inst.op == Opcode::slot_addr) uses_[inst.slot.index].addresses.push_back(&inst);
        size_t operand = 0;
        each_use(inst, [&](ValueId used) {
          const bool is_first = operand++ == 0;
          if (SlotId slot = slot_of(used); slot.is_valid()) note_use(uses_[slot.index], inst, is_first);
        });
      }
  }

  static void note_use(Uses& uses, Inst& inst, bool is_first) {
    if (is_first && inst.op == Opcode::load) uses.loads.push_back(&inst);
    else if (is_first && inst.op == Opcode::call && inst.helper == HelperId::probe_read_kernel) uses.reads++;
    else uses.has_others = true;
  }

  void merge_in(BlockId block) {
    std::map<ValueId, std::vector<Read>> by_base;
    const std::vector<Inst>& insts = function_.blocks[block].insts;
    for (size_t at = 0; at < insts.size(); at++) {
      const Inst& inst = insts[at];
      if (inst.op != Opcode::call || inst.helper != HelperId::probe_read_kernel || is_used_[inst.result.index]) continue;
      std::optional<int64_t> bytes = constant_of(inst.operands[1]);
      SlotId slot = slot_of(inst.operands[0]);
      if (!bytes || *bytes <= 0 || *bytes > word || !slot.is_valid()) continue;
      find_uses();
      if (uses_[slot.index].has_others || uses_[slot.index].reads != 1) continue;
      ValueId base = inst.operands[2];
      int64_t offset = 0;
      const Definition& address = definitions_[base.index];
      if (address.op == Opcode::add) {
        if (std::optional<int64_t> added = constant_of(address.second)) offset = *added, base = address.first;
      }
      by_base[base].push_back({slot, at, offset, *bytes});
    }
    for (auto& [base, reads] : by_base) merge_near(block, base, reads);
  }

  // A pure instruction with the same result, which nobody uses.
  static void drop(Inst& call) {
    Inst nothing{.op = Opcode::constant, .result = call.result};
    nothing.span = call.span;
    call = std::move(nothing);
  }

  void merge_near(BlockId block, ValueId base, std::vector<Read>& reads) {
    std::stable_sort(reads.begin(), reads.end(), [](const Read& a, const Read& b) { return a.offset < b.offset; });
    for (size_t first = 0; first < reads.size();) {
      const int64_t begin = reads[first].offset - ((reads[first].offset % word) + word) % word;
      std::vector<Read> near;
      size_t next = first;
      int64_t end = begin;
      for (; next < reads.size() && reads[next].offset + reads[next].bytes <= begin + most_bytes; next++) {
        if (!are_aligned(reads[next], begin)) continue;
        near.push_back(reads[next]);
        end = std::max(end, reads[next].offset + reads[next].bytes);
      }
      first = std::max(next, first + 1);
      if (near.size() > 1) merge(block, base, begin, end - begin, near);
    }
  }

  bool are_aligned(const Read& read, int64_t begin) const {
    return std::ranges::all_of(uses_[read.slot.index].loads,
                               [&](const Inst* load) { return (read.offset - begin + load->imm) % bytes_of(load->width) == 0; });
  }

  void merge(BlockId block, ValueId base, int64_t begin, int64_t bytes, const std::vector<Read>& near) {
    const auto size = static_cast<uint32_t>((bytes + word - 1) / word * word);
    SlotId fields = function_.slots.add({unique_slot_name(function_, "fields"), size, word});
    const Read* first = &near.front();
    for (const Read& read : near) {
      if (read.at < first->at) first = &read;
      for (Inst* address : uses_[read.slot.index].addresses) address->slot = fields;
      for (Inst* load : uses_[read.slot.index].loads) load->imm += read.offset - begin;
    }
    for (const Read& read : near)
      if (read.at != first->at) drop(function_.blocks[block].insts[read.at]);
    Inst& call = function_.blocks[block].insts[first->at];
    auto constant = [&](int64_t value) {
      Inst inst{.op = Opcode::constant, .result = add_value(function_, {}), .imm = value};
      inst.span = call.span;
      ValueId result = inst.result;
      insertions_[block.index].insert(first->at, std::move(inst));
      return result;
    };
    call.operands[1] = constant(bytes);
    call.operands[2] = base;
    if (begin == 0) return;
    Inst address{.op = Opcode::add, .result = add_value(function_, {}), .operands = {base, constant(begin)}};
    address.span = call.span;
    call.operands[2] = address.result;
    insertions_[block.index].insert(first->at, std::move(address));
  }

  Function& function_;
  std::vector<Definition> definitions_;
  std::vector<Uses> uses_;
  std::vector<bool> is_used_;
  std::vector<InsertionSet> insertions_;  // by block
};

}  // namespace

void merge_reads(Module& module, PassContext&) {
  for (Function& function : module.functions) ReadMerger(function).run();
}

}  // namespace shrike::passes
