// See random_program.h.
#include "tests/passes/random_program.h"

#include <random>

#include "mir/build.h"

namespace shrike::passes {

using namespace mir;

namespace {

constexpr uint32_t frame_bytes = 32;

class Generator {
 public:
  Generator(uint32_t seed, RandomOptions options) : seed_(seed), random_(seed), options_(options) {}

  Module run() {
    declare_maps();
    Function function{.name = "random", .kind = FunctionKind::program, .program = ProgramType::kprobe};
    FunctionId id = module_.functions.add(std::move(function));
    make_functions();
    Builder builder(module_, id, module_.functions[id].blocks.add({.name = "entry", .params = {}, .insts = {}}));
    b_ = &builder;
    ctx_ = builder.add_param(builder.block(), {Region::ctx, false});
    make_slots();
    for (int32_t i = 0; i < 3; i++) pool_.push_back(builder.load(MemWidth::u64, ctx_, i * 8));
    for (int i = 0; i < options_.statements; i++) statement(3);
    for (int32_t i = 0; i < 4; i++) builder.store(MemWidth::u64, builder.map_value_addr(counts_, 0), pick(), i * 8);
    builder.ret(pick());
    return std::move(module_);
  }

 private:
  void make_slots() {
    slots_.clear();
    for (uint32_t i = 0; i < options_.slots; i++) {
      slots_.push_back(b_->add_slot("s" + std::to_string(i), options_.slot_bytes, 8));
      b_->zero(b_->slot_addr(slots_.back()), 0, options_.slot_bytes);
    }
    if (options_.functions == 0) return;
    frame_ = b_->add_slot("frame", frame_bytes, 8);
    b_->zero(b_->slot_addr(frame_), 0, frame_bytes);
  }

  // Each may call those before it. A number in a register, others in the caller's frame, which it writes, too.
  void make_functions() {
    const RandomOptions of_program = options_;
    options_.slots = 2;
    for (uint32_t i = 0; i < options_.functions; i++) {
      Function function{.name = "f" + std::to_string(i), .kind = FunctionKind::subprogram, .program = ProgramType::kprobe};
      FunctionId id = module_.functions.add(std::move(function));
      Builder builder(module_, id, module_.functions[id].blocks.add({.name = "entry", .params = {}, .insts = {}}));
      b_ = &builder;
      pool_ = {builder.add_param(builder.block(), {})};
      ValueId frame = builder.add_param(builder.block(), {Region::stack, false});
      make_slots();
      pool_.push_back(builder.load(MemWidth::u64, frame, 8));
      pool_.push_back(builder.load(MemWidth::s16, frame, 16));
      for (int s = below(2) ? 1 : 4; s > 0; s--) statement(2);
      BlockId leave = builder.add_block("leave"), stay = builder.add_block("stay");
      builder.branch(operand(), leave, stay);
      builder.move_to(leave);
      builder.store(MemWidth::u64, frame, builder.constant(1), 0);
      builder.ret(builder.constant(0));
      builder.move_to(stay);
      builder.store(MemWidth::u32, frame, pick(), 24);
      builder.ret(pick());
      functions_.push_back(id);
    }
    options_ = of_program;
    pool_.clear();
  }

  void call_function() {
    ValueId frame = b_->slot_addr(frame_);
    b_->store(MemWidth::u64, frame, b_->constant(0), 0);
    b_->store(MemWidth::u64, frame, operand(), 8);
    b_->store(MemWidth::u16, frame, operand(), 16);
    ValueId result = b_->call_fn(functions_[below(static_cast<uint32_t>(functions_.size()))], {operand(), frame});
    BlockId left = b_->add_block("left"), on = b_->add_block("on");
    b_->branch(b_->load(MemWidth::u64, frame, 0), left, on);
    b_->move_to(left);
    b_->ret(b_->constant(7));
    b_->move_to(on);
    pool_.push_back(result);
    pool_.push_back(b_->load(MemWidth::s32, frame, 24));
  }

  uint32_t below(uint32_t n) { return random_() % n; }
  // Often the newest value, so that operations build on each other.
  ValueId pick() { return below(2) ? pool_.back() : pool_[below(static_cast<uint32_t>(pool_.size()))]; }

  ValueId mixed() {
    ValueId sum = b_->constant(0);
    for (ValueId value : pool_) sum = b_->binary(Opcode::add, b_->binary(Opcode::mul, sum, b_->constant(31)), value);
    return sum;
  }

  MapId add_map(std::string name, MapKind kind, const Type* key, const Type* value, uint32_t value_size, uint32_t entries) {
    MapDecl map{.name = std::move(name), .role = MapRole::user, .kind = kind, .is_keyed = key != nullptr, .key = key};
    map.value = value;
    map.key_size = key ? 8 : 4;
    map.value_size = value_size;
    map.max_entries = entries;
    return module_.interface.maps.add(std::move(map));
  }

  void declare_maps() {
    TypePool& types = module_.interface.types;
    counts_ = add_map("@counts", MapKind::array, nullptr, types.array(types.int64(), 8), 72, 1);
    seen_ = add_map("@seen", MapKind::hash, types.int64(), types.int64(), 8, 4);
    kept_ = add_map("@kept", MapKind::hash, types.int64(), types.int64(), 8, 4);
    MapDecl counters{.name = ".globals", .role = MapRole::globals, .kind = MapKind::array};
    counters.value_size = globals::size(16);
    module_.interface.maps.add(std::move(counters));
    if (!options_.aggregates) return;
    const Type* kinds[] = {types.simple(TypeKind::count),
                           types.aggregate(TypeKind::sum, true),
                           types.aggregate(TypeKind::min, below(2) != 0),
                           types.aggregate(TypeKind::max, below(2) != 0),
                           types.aggregate(TypeKind::stats, true),
                           types.hist(below(3)),
                           types.lhist(0, 100, 7)};
    for (const Type* type : kinds) {
      std::string name = "@agg_" + std::to_string(aggregates_.size());
      bool keyed = below(2) != 0;
      aggregates_.push_back(add_map(name, keyed ? MapKind::percpu_hash : MapKind::percpu_array, keyed ? types.int64() : nullptr,
                                    type, type->size + (keyed ? 0 : 8), keyed ? 3 : 1));
    }
  }

  ValueId constant() {
    if (below(3) == 0) return b_->constant(below(2));
    static constexpr int64_t interesting[] = {0, 1, 2, 7, 8, 63, 64, 255, 4096, -1, -8, INT64_MIN, INT64_MAX, 0xffffffff};
    return b_->constant(below(2) ? interesting[below(std::size(interesting))] : static_cast<int64_t>(below(100)));
  }
  ValueId operand() { return below(3) == 0 ? constant() : pick(); }

  ValueId arithmetic() {
    constexpr uint32_t binaries = static_cast<uint32_t>(Opcode::shr_s) - static_cast<uint32_t>(Opcode::add) + 1;
    constexpr uint32_t comparisons = static_cast<uint32_t>(Opcode::le_s) - static_cast<uint32_t>(Opcode::eq) + 1;
    constexpr uint32_t extensions = static_cast<uint32_t>(Opcode::bswap64) - static_cast<uint32_t>(Opcode::zext8) + 1;
    switch (below(8)) {
      case 0: return b_->unary(Opcode::neg, operand());
      case 1: return b_->clamp_u(operand(), below(300));
      case 2: return b_->unary(Opcode(static_cast<uint32_t>(Opcode::zext8) + below(extensions)), operand());
      case 3:
      case 4: return b_->binary(Opcode(static_cast<uint32_t>(Opcode::eq) + below(comparisons)), operand(), operand());
      default: return b_->binary(Opcode(static_cast<uint32_t>(Opcode::add) + below(binaries)), operand(), operand());
    }
  }

  SlotId slot() { return slots_[below(static_cast<uint32_t>(slots_.size()))]; }

  // An aligned place in a slot, at a constant or a masked offset.
  ValueId place() {
    ValueId base = b_->slot_addr(slot());
    if (below(2)) return b_->ptr_add(base, b_->constant(8 * below(options_.slot_bytes / 8)));
    return b_->ptr_add(base, b_->binary(Opcode::and_, operand(), b_->constant((options_.slot_bytes - 1) & ~7)));
  }

  void memory() {
    static constexpr MemWidth loads[] = {MemWidth::u8, MemWidth::s8, MemWidth::u16, MemWidth::s32, MemWidth::u32, MemWidth::u64};
    static constexpr MemWidth stores[] = {MemWidth::u8, MemWidth::u16, MemWidth::u32, MemWidth::u64};
    if (keeps_ > 0 && below(6) == 0) return copy_word();
    switch (below(5)) {
      case 0: b_->zero(b_->slot_addr(slot()), 0, options_.slot_bytes); break;
      case 1: {
        SlotId to = slot(), from = slot();
        if (to != from) b_->copy(b_->slot_addr(to), b_->slot_addr(from), options_.slot_bytes);
        break;
      }
      case 2: pool_.push_back(b_->load(loads[below(6)], place(), 0)); break;
      default: b_->store(stores[below(4)], place(), operand(), 0); break;
    }
  }

  // A word of a slot in one of its own, read before and after the slot may have changed.
  void copy_word() {
    keeps_--;
    ValueId from = b_->ptr_add(b_->slot_addr(slot()), b_->constant(8 * below(options_.slot_bytes / 8)));
    ValueId to = b_->slot_addr(b_->add_slot("word", 8, 8));
    b_->copy(to, from, 8);
    pool_.push_back(b_->load(MemWidth::u64, to, 0));
    for (uint32_t i = below(3); i > 0; i--) statement(1);
    pool_.push_back(b_->load(below(2) ? MemWidth::u64 : MemWidth::s32, to, 0));
  }

  ValueId key() {
    ValueId address = b_->slot_addr(b_->add_slot("key", 8, 8));
    b_->store(MemWidth::u64, address, b_->binary(Opcode::and_, operand(), b_->constant(7)), 0);
    return address;
  }

  void map() {
    if (keeps_ > 0 && below(4) == 0) {
      keep();
    } else if (!aggregates_.empty() && below(3)) {
      MapId map = aggregates_[below(static_cast<uint32_t>(aggregates_.size()))];
      const MapDecl decl = module_.interface.maps[map];
      ValueId at = decl.is_keyed ? key() : ValueId();
      b_->agg_update(map, at, decl.value->is(TypeKind::count) ? ValueId() : operand());
    } else if (below(2)) {
      b_->call(HelperId::map_update_elem, {key(), place(), b_->constant(0)}, seen_);
    } else if (below(2)) {
      b_->atomic_add(MemWidth::u64, b_->map_value_addr(counts_, 0), operand(), static_cast<int32_t>(8 * below(8)));
    } else {
      look_up();
    }
  }

  void look_up() {
    ValueId found = b_->call(HelperId::map_lookup_elem, {key()}, seen_);
    BlockId none = b_->add_block("none"), some = b_->add_block("some"), after = b_->add_block("after");
    ValueId pointer = b_->branch_null(found, none, some);
    b_->move_to(some);
    b_->jump(after, {b_->load(MemWidth::u64, pointer, 0)});
    b_->move_to(none);
    b_->jump(after, {operand()});
    ValueId value = b_->add_param(after, {});
    b_->move_to(after);
    pool_.push_back(value);
  }

  // What there is at the key: of an addition, an update, or before.
  void read_back(ValueId at) {
    ValueId found = b_->call(HelperId::map_lookup_elem, {at}, kept_);
    BlockId none = b_->add_block("none"), some = b_->add_block("some"), after = b_->add_block("after");
    ValueId pointer = b_->branch_null(found, none, some);
    b_->move_to(some);
    if (below(3) == 0) b_->atomic_add(MemWidth::u64, pointer, operand(), 0);
    b_->jump(after, {b_->load(MemWidth::u64, pointer, 0)});
    b_->move_to(none);
    b_->jump(after, {operand()});
    pool_.push_back(b_->add_param(after, {}));
    b_->move_to(after);
  }

  // Adds to what is found, else inserts, as lowering does.
  void bump(ValueId at, ValueId first) {
    ValueId amount = operand();
    ValueId found = b_->call(HelperId::map_lookup_elem, {at}, kept_);
    BlockId none = b_->add_block("none"), some = b_->add_block("some"), full = b_->add_block("full"),
            after = b_->add_block("after");
    ValueId pointer = b_->branch_null(found, none, some);
    b_->move_to(some);
    b_->atomic_add(MemWidth::u64, pointer, amount, 0);
    b_->jump(after, {});
    b_->move_to(none);
    b_->branch(b_->call(HelperId::map_update_elem, {at, first, b_->constant(1)}, kept_), full, after);
    b_->move_to(full);
    b_->atomic_add(MemWidth::u64, b_->map_value_addr(counts_, 0), b_->constant(1), 8);
    b_->jump(after, {});
    b_->move_to(after);
  }

  // Updates only what has been looked up.
  void keep() {
    keeps_--;
    ValueId at = key();
    ValueId value = b_->slot_addr(b_->add_slot("value", 8, 8));
    b_->store(MemWidth::u64, value, operand(), 0);
    auto put = [&] { return b_->call(HelperId::map_update_elem, {at, value, b_->constant(0)}, kept_); };
    ValueId found = b_->call(HelperId::map_lookup_elem, {at}, kept_);
    BlockId none = b_->add_block("none"), some = b_->add_block("some"), after = b_->add_block("after");
    const bool is_early = below(2) != 0;
    ValueId pointer = b_->branch_null(found, none, some);
    b_->move_to(some);
    ValueId old = b_->load(MemWidth::u64, pointer, 0);
    if (is_early) put();
    b_->jump(after, {old});
    b_->move_to(none);
    if (is_early && below(2)) put();
    b_->jump(after, {operand()});
    pool_.push_back(b_->add_param(after, {}));
    b_->move_to(after);
    if (below(4) == 0) statement(0);
    if (!is_early && below(4)) pool_.push_back(put());
    if (below(4) == 0) put();
    if (below(2)) bump(at, value);
    if (below(4) == 0) statement(0);
    if (below(4)) read_back(at);
  }

  void conditional(int depth) {
    ValueId condition = operand();
    BlockId then = b_->add_block("then"), otherwise = b_->add_block("otherwise"), join = b_->add_block("join");
    b_->branch(condition, then, otherwise);
    std::vector<ValueId> outer = pool_;
    for (BlockId arm : {then, otherwise}) {
      b_->move_to(arm);
      for (uint32_t i = below(3); i > 0; i--) statement(depth - 1);
      b_->jump(join, {pick(), operand()});
      pool_ = outer;
    }
    for (int i = 0; i < 2; i++) pool_.push_back(b_->add_param(join, {}));
    b_->move_to(join);
  }

  void loop(int depth) {
    BlockId head = b_->add_block("head"), body = b_->add_block("body"), end = b_->add_block("end");
    b_->jump(head, {b_->constant(1 + below(4)), operand()});
    ValueId left = b_->add_param(head, {}), carried = b_->add_param(head, {});
    b_->move_to(head);
    b_->branch(left, body, end);
    std::vector<ValueId> outer = pool_;
    outer.push_back(carried);
    pool_ = outer;
    b_->move_to(body);
    for (uint32_t i = 1 + below(2); i > 0; i--) statement(depth - 1);
    b_->jump(head, {b_->binary(Opcode::sub, left, b_->constant(1)), pick()});
    pool_ = outer;
    b_->move_to(end);
  }

  // What the frontend makes of `while` and `for`: rounds that share words of a slot, forget what the verifier knows of them, and
  // may end the loop, or do so with a flag for the program to leave.
  void callback_loop(int depth) {
    constexpr uint32_t words = 4;
    const SlotId slot = b_->add_slot("shared", words * 8, 8);
    const ValueId frame = b_->slot_addr(slot);
    b_->store(MemWidth::u64, frame, b_->constant(0), 0);
    for (uint32_t w = 1; w < words; w++) b_->store(MemWidth::u64, frame, pick(), static_cast<int32_t>(w * 8));
    const FunctionId body = make_callback(words, depth);
    ValueId count = b_->constant(below(5));
    if (below(2)) count = b_->clamp_u(operand(), 1 + below(6));
    const ValueId rounds = b_->call(HelperId::loop, {count, b_->slot_addr(slot), b_->constant(0)}, {}, body);
    BlockId left = b_->add_block("left"), on = b_->add_block("on");
    b_->branch(b_->load(MemWidth::u64, b_->slot_addr(slot), 0), left, on);
    b_->move_to(left);
    b_->ret(rounds);
    b_->move_to(on);
    pool_.push_back(rounds);
    for (uint32_t w = 1; w < words; w++)
      pool_.push_back(b_->load(MemWidth::u64, b_->slot_addr(slot), static_cast<int32_t>(w * 8)));
  }

  FunctionId make_callback(uint32_t words, int depth) {
    Builder* const outer = b_;
    const std::vector<ValueId> outer_pool = pool_;
    const std::vector<SlotId> outer_slots = slots_;
    const RandomOptions outer_options = options_;
    const std::vector<FunctionId> outer_functions = std::move(functions_);
    functions_.clear();
    options_.slots = 1;
    options_.functions = 0;
    const std::string name = "callback" + std::to_string(module_.functions.size());
    const FunctionId id = module_.functions.add({.name = name, .kind = FunctionKind::loop, .program = ProgramType::kprobe});
    Builder builder(module_, id, module_.functions[id].blocks.add({.name = "entry", .params = {}, .insts = {}}));
    b_ = &builder;
    pool_ = {builder.add_param(builder.block(), {})};
    const ValueId frame = builder.add_param(builder.block(), {Region::stack, false});
    make_slots();
    auto word = [&] { return static_cast<int32_t>(8 * (1 + below(words - 1))); };
    for (int i = 0; i < 2; i++) pool_.push_back(builder.load(MemWidth::u64, frame, word()));
    for (uint32_t i = below(3); i > 0; i--) statement(depth - 1);
    for (int i = 0; i < 2; i++) {
      const int32_t at = word();
      builder.store(MemWidth::u64, frame, pick(), at);
      if (below(2)) builder.store(MemWidth::u32, frame, builder.load(MemWidth::u32, frame, at + 4), at + 4);
    }
    leave_round(frame);
    b_ = outer;
    pool_ = outer_pool;
    slots_ = outer_slots;
    options_ = outer_options;
    functions_ = outer_functions;
    return id;
  }

  void leave_round(ValueId frame) {
    const uint32_t way = below(4);
    if (way == 0) return b_->ret(b_->binary(Opcode::lt_u, pick(), operand()));
    if (way == 1) return b_->ret(b_->constant(0));
    BlockId stop = b_->add_block("stop"), leave = b_->add_block("leave"), on = b_->add_block("on");
    b_->branch(b_->binary(Opcode::lt_u, pick(), operand()), way == 2 ? stop : leave, on);
    b_->move_to(leave);
    b_->store(MemWidth::u64, frame, b_->constant(1), 0);
    b_->jump(stop);
    b_->move_to(stop);
    b_->ret(b_->constant(1));
    b_->move_to(on);
    b_->ret(b_->constant(0));
  }

  void statement(int depth) {
    if (options_.callbacks && depth > 0 && below(8) == 0) return callback_loop(depth);
    if (!functions_.empty() && below(4) == 0) return call_function();
    switch (below(depth > 0 ? 9 : 6)) {
      case 0: map(); break;
      case 1:
      case 2: memory(); break;
      case 6:
      case 7: conditional(depth); break;
      case 8: loop(depth); break;
      default:
        for (uint32_t i = 1 + below(4); i > 0; i--) pool_.push_back(arithmetic());
        break;
    }
  }

  uint32_t seed_;
  std::mt19937 random_;
  RandomOptions options_;
  Module module_;
  Builder* b_ = nullptr;
  ValueId ctx_;
  std::vector<ValueId> pool_;  // integers that dominate the current block
  std::vector<SlotId> slots_;
  std::vector<MapId> aggregates_;
  MapId counts_, seen_, kept_;
  uint32_t keeps_ = 2;                 // left: each takes two slots
  std::vector<FunctionId> functions_;  // that the function at hand may call
  SlotId frame_;                       // for calls
};

}  // namespace

Module random_program(uint32_t seed, RandomOptions options) {
  return Generator(seed, options).run();
}

}  // namespace shrike::passes
