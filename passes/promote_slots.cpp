// Makes values of the words of slots that only loads and stores of one width touch: fields of tuples, and what functions that
// have been inlined were passed, returned or left in their frame.
//
// Needs: any valid MIR; inline_functions before it, for its sake. Establishes: nothing. Destroys: nothing; stores and slots that
// nobody reads any more stay until remove_dead.
// Does not touch words that a helper, a copy or an access of another width may reach, nor slots whose address goes to a
// callback or sub-program, is moved by what is not known here, or meets another in a parameter. Helpers reach from the address
// they are given on to the slot's end, never before it.
//
// What a word is where control flows meet becomes a parameter there (mir/repair_ssa). A word that is read but was never written
// is zero: no valid program looks at one.
#include <algorithm>
#include <map>
#include <optional>

#include "mir/analysis/dominators.h"
#include "mir/analysis/slot_addresses.h"
#include "mir/edit.h"
#include "mir/repair_ssa.h"
#include "passes/passes.h"

namespace shrike::passes {

namespace {

using namespace mir;

// Words times blocks: what a word is may be looked for all the way up the tree of dominators. Words beyond that stay in memory.
constexpr size_t most_work = size_t{1} << 21;

class Promoter {
 public:
  explicit Promoter(Function& function) : function_(function), addresses_(function) {}

  void run() {
    if (function_.slots.empty()) return;
    find_words();
    if (words_.empty()) return;
    add_zero();
    SsaRepair repair(function_);
    // What is read is known before it is stored elsewhere.
    for (BlockId block : find_dominators(function_).order) promote_in(block, repair);
    replace_uses(function_, replacements_);
    repair.run();
  }

 private:
  struct Bytes {
    int64_t begin = 0, end = 0;
    bool operator==(const Bytes&) const = default;
    bool meets(const Bytes& other) const { return begin < other.end && other.begin < end; }
    bool contains(const Bytes& other) const { return begin <= other.begin && other.end <= end; }
  };
  struct SlotUses {
    std::vector<Bytes> words;    // of loads and stores
    std::vector<Bytes> zeroed;   // those of `zero`
    std::vector<Bytes> touched;  // by anything else
    bool is_read = false;        // by a load: else there is nothing to gain
  };
  struct Word {
    SlotId slot;
    Bytes bytes;
    ValueId original;  // stands for it until SsaRepair has run
  };

  // What a word is at one place of a block.
  struct Now {
    ValueId value;
    bool is_stored = false;  // there, or before the function
  };

  std::optional<Bytes> bytes_of_access(const Inst& inst, size_t operand) const {
    const SlotAddress at = addresses_.of(inst.operands[operand]);
    if (!at.slot.is_valid()) return {};
    const int64_t begin = at.offset + (inst.op == Opcode::copy ? 0 : inst.imm);
    const bool has_length = inst.op == Opcode::copy || inst.op == Opcode::zero;
    return Bytes{begin, begin + (has_length ? inst.length : bytes_of(inst.width))};
  }

  void find_words() {
    uses_.resize(function_.slots.size());
    for (const Block& block : function_.blocks)
      for (const Inst& inst : block.insts) note(inst);
    for (uint32_t s = 0; s < uses_.size(); s++) {
      SlotUses& uses = uses_[s];
      if (!uses.is_read) continue;
      std::sort(uses.words.begin(), uses.words.end(),
                [](const Bytes& a, const Bytes& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
      uses.words.erase(std::unique(uses.words.begin(), uses.words.end()), uses.words.end());
      for (const Bytes& bytes : uses.words)
        if (is_alone(uses, bytes) && words_.size() < most_work / function_.blocks.size())
          words_.push_back({SlotId(s), bytes, add_value(function_, {})});
    }
  }

  static bool is_alone(const SlotUses& uses, const Bytes& bytes) {
    auto is_apart = [&](const Bytes& other) { return !other.meets(bytes); };
    return std::ranges::all_of(uses.touched, is_apart) &&
           std::ranges::all_of(uses.words, [&](const Bytes& other) { return other == bytes || is_apart(other); }) &&
           std::ranges::all_of(uses.zeroed, [&](const Bytes& other) { return other.contains(bytes) || is_apart(other); });
  }

  void touch(ValueId value, bool from_there_on) {
    const SlotAddress at = addresses_.of(value);
    if (!at.slot.is_valid()) return;
    uses_[at.slot.index].touched.push_back({from_there_on ? at.offset : 0, function_.slots[at.slot].size});
  }

  void note(const Inst& inst) {
    switch (inst.op) {
      case Opcode::load:
      case Opcode::store:
        if (auto bytes = bytes_of_access(inst, 0)) {
          SlotUses& uses = uses_[addresses_.of(inst.operands[0]).slot.index];
          uses.words.push_back(*bytes);
          uses.is_read |= inst.op == Opcode::load;
        }
        return;
      case Opcode::zero:
        if (auto bytes = bytes_of_access(inst, 0)) uses_[addresses_.of(inst.operands[0]).slot.index].zeroed.push_back(*bytes);
        return;
      case Opcode::copy:
      case Opcode::atomic_add:
      case Opcode::atomic_fetch_add:
      case Opcode::atomic_cmpxchg:
        for (size_t i = 0; i < inst.operands.size(); i++)
          if (auto bytes = bytes_of_access(inst, i)) uses_[addresses_.of(inst.operands[i]).slot.index].touched.push_back(*bytes);
        return;
      case Opcode::ptr_add:
        if (!addresses_.of(inst.result).slot.is_valid()) touch(inst.operands[0], false);
        return;
      case Opcode::call: return note_call(inst);
      default: each_use(inst, [&](ValueId use) { touch(use, false); });
    }
  }

  void note_call(const Inst& inst) {
    size_t next = 0;
    for (HelperOperand operand : row_of(inst.helper).operands)
      if (is_value_operand(operand)) touch(inst.operands[next++], operand != HelperOperand::any);
  }

  Word* word_at(SlotId slot, const Bytes& bytes) {
    auto found = std::ranges::lower_bound(words_, std::pair(slot.index, bytes.begin), {},
                                          [](const Word& word) { return std::pair(word.slot.index, word.bytes.begin); });
    return found != words_.end() && found->slot == slot && found->bytes == bytes ? &*found : nullptr;
  }

  void add_zero() {
    Inst zero{.op = Opcode::constant, .result = add_value(function_, {})};
    zero.span = function_.span;
    zero_ = zero.result;
    std::vector<Inst>& insts = function_.blocks[function_.entry()].insts;
    insts.insert(insts.begin(), std::move(zero));
  }

  void promote_in(BlockId block, SsaRepair& repair) {
    std::map<ValueId, Now> now;  // by original
    if (block == function_.entry())
      for (const Word& word : words_) now[word.original] = {zero_, true};
    std::vector<Inst> output;
    std::vector<Inst>& insts = function_.blocks[block].insts;
    output.reserve(insts.size());
    for (Inst& inst : insts) {
      std::optional<Bytes> bytes;
      if (inst.op == Opcode::load || inst.op == Opcode::store || inst.op == Opcode::zero) bytes = bytes_of_access(inst, 0);
      if (bytes && inst.op == Opcode::zero) note_zeroed(inst, *bytes, now);
      Word* word = bytes ? word_at(addresses_.of(inst.operands[0]).slot, *bytes) : nullptr;
      if (word == nullptr || inst.op == Opcode::zero) {
        output.push_back(std::move(inst));
        continue;
      }
      if (inst.op == Opcode::store) {
        now[word->original] = {replacements_.resolve(inst.operands[1]), true};
        continue;
      }
      auto [known, is_new] = now.try_emplace(word->original);
      if (is_new) known->second.value = repair.at_start_of(word->original, block);
      if (std::optional<Opcode> extension = extension_of(inst.width)) {
        inst.op = *extension;
        inst.operands = {known->second.value};
        inst.imm = 0;
        inst.width = MemWidth::u64;
        output.push_back(std::move(inst));
      } else {
        replacements_.add(inst.result, known->second.value);
      }
    }
    insts = std::move(output);
    for (auto& [original, here] : now)
      if (here.is_stored) repair.define(original, block, here.value);
  }

  void note_zeroed(const Inst& zero, const Bytes& bytes, std::map<ValueId, Now>& now) {
    const SlotId slot = addresses_.of(zero.operands[0]).slot;
    auto word = std::ranges::lower_bound(words_, std::pair(slot.index, bytes.begin), {},
                                         [](const Word& each) { return std::pair(each.slot.index, each.bytes.begin); });
    for (; word != words_.end() && word->slot == slot && word->bytes.begin < bytes.end; ++word)
      now[word->original] = {zero_, true};
  }

  static std::optional<Opcode> extension_of(MemWidth width) {
    switch (width) {
      case MemWidth::u8: return Opcode::zext8;
      case MemWidth::s8: return Opcode::sext8;
      case MemWidth::u16: return Opcode::zext16;
      case MemWidth::s16: return Opcode::sext16;
      case MemWidth::u32: return Opcode::zext32;
      case MemWidth::s32: return Opcode::sext32;
      case MemWidth::u64: return {};
    }
    UNREACHABLE("width");
  }

  Function& function_;
  SlotAddresses addresses_;
  std::vector<SlotUses> uses_;  // by slot
  std::vector<Word> words_;     // by slot and place
  Replacements replacements_;
  ValueId zero_;
};

}  // namespace

void promote_slots(Module& module, PassContext& context) {
  for (Function& function : module.functions)
    if (context.may_change(function)) Promoter(function).run();
}

}  // namespace shrike::passes
