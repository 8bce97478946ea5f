// Reads fields of one kernel object that are near each other at once: one probe_read_kernel for what lies within a few words.
//
// Needs: reuse_values and reuse_reads before it, so that equal bases are one value; integers added to constants folded
// (simplify). Establishes: nothing. Destroys: nothing; constants and addresses that are no longer used stay until remove_dead.
// Does not merge reads of different blocks (the second may be of a greater structure, whose end is away where the first is
// small), of user memory (where a page of a structure may be away), those whose outcome the program looks at (-k), or those with
// something between that may change what they give (field_reads). A field may so be read earlier than it is written in the
// script.
#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "mir/edit.h"
#include "passes/field_reads.h"
#include "passes/passes.h"

namespace shrike::passes {

namespace {

using namespace mir;

constexpr int64_t most_bytes = 64;  // of a merged read
constexpr int64_t word = 8;

class ReadMerger {
 public:
  ReadMerger(Function& function, bool shows_addresses) : function_(function), reads_(function, shows_addresses) {}

  void run() {
    insertions_.resize(function_.blocks.size());
    for (uint32_t b = 0; b < function_.blocks.size(); b++) merge_in(BlockId(b));
    // Now that nobody points to instructions any more.
    for (uint32_t b = 0; b < function_.blocks.size(); b++)
      if (!insertions_[b].empty()) insertions_[b].apply(function_.blocks[BlockId(b)]);
  }

 private:
  struct Read {
    FieldRead field;
    size_t at;  // in its block
  };

  void merge_in(BlockId block) {
    std::map<ValueId, std::vector<Read>> by_base;
    const auto merge_all = [&] {
      for (auto& [base, reads] : by_base) merge_near(block, base, reads);
      by_base.clear();
    };
    const std::vector<Inst>& insts = function_.blocks[block].insts;
    for (size_t at = 0; at < insts.size(); at++) {
      if (std::optional<FieldRead> field = reads_.of(insts[at])) by_base[field->base].push_back({*field, at});
      if (reads_.may_change_reads(insts[at])) merge_all();
    }
    merge_all();
  }

  void merge_near(BlockId block, ValueId base, std::vector<Read>& reads) {
    std::stable_sort(reads.begin(), reads.end(), [](const Read& a, const Read& b) { return a.field.offset < b.field.offset; });
    for (size_t first = 0; first < reads.size();) {
      const int64_t begin = reads[first].field.offset - ((reads[first].field.offset % word) + word) % word;
      std::vector<Read> near;
      size_t next = first;
      int64_t end = begin;
      for (; next < reads.size() && end_of(reads[next]) <= begin + most_bytes; next++) {
        if (!reads_.may_shift(reads[next].field.slot, reads[next].field.offset - begin)) continue;
        near.push_back(reads[next]);
        end = std::max(end, end_of(reads[next]));
      }
      first = std::max(next, first + 1);
      if (near.size() > 1) merge(block, base, begin, end - begin, near);
    }
  }

  static int64_t end_of(const Read& read) { return read.field.offset + read.field.bytes; }

  void merge(BlockId block, ValueId base, int64_t begin, int64_t bytes, const std::vector<Read>& near) {
    const auto size = static_cast<uint32_t>((bytes + word - 1) / word * word);
    SlotId fields = function_.slots.add({unique_slot_name(function_, "fields"), size, word});
    const Read* first = &near.front();
    for (const Read& read : near) {
      if (read.at < first->at) first = &read;
      for (Inst* address : reads_.uses(read.field.slot).addresses) address->slot = fields;
      for (Inst* load : reads_.uses(read.field.slot).loads) load->imm += read.field.offset - begin;
    }
    for (const Read& read : near)
      if (read.at != first->at) drop_read(function_.blocks[block].insts[read.at]);
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
  FieldReads reads_;
  std::vector<InsertionSet> insertions_;  // by block
};

}  // namespace

void merge_reads(Module& module, PassContext&) {
  const bool shows_addresses = FieldReads::shows_addresses(module);
  for (Function& function : module.functions)
    if (FieldReads::has_several(function)) ReadMerger(function, shows_addresses).run();
}

}  // namespace shrike::passes
