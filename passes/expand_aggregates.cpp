// Turns agg_update, the script's `@m[key] = count()` and its relatives, into lookups, first insertions and additions.
//
// Needs: layouts of mir/type.h; for keyed histograms the zeros map (made here if the module has none).
// Establishes: no_aggregate_ops. Destroys: nothing.
// Does not combine the values of CPUs: the reader does. Programs may interrupt each other on a CPU: additions are atomic, and
// min and max exchange what they have compared. What is interrupted twice within two of them counts a lost event. Only a tseries
// may lose what comes between its look at an interval and its store.
//
// All aggregates share one shape, given here for a keyed map; an array needs no insertion and has ^bump only.
//     p = lookup(@m, key)                 null: ^insert, else ^bump(p)
//   ^insert: update(@m, key, zeros, NOEXIST); q = lookup(@m, key)      null: ^full, else ^bump(q)
//   ^full: the globals map's map_refusals += 1, and map_error = what the insertion gave
//   ^bump(p): fold the operand into the value at p
// The second lookup answers all outcomes of the insertion: ours or somebody else's entry is there, or the map is full.
//
// A series of several pages (MapDecl::pages) looks up and inserts the page; having inserted one, it inserts the key:
//   ^key: update(@m, key, zeros, NOEXIST); lookup(@m, key)            null: delete(page), ^full, else ^bump(q)
// The key comes last, and goes first where it is deleted, so that no page is left that no key leads to.
#include <algorithm>
#include <unordered_map>

#include "mir/build.h"
#include "mir/edit.h"
#include "mir/losses.h"
#include "passes/passes.h"

namespace shrike::passes {

namespace {

using namespace mir;

constexpr int64_t update_noexist = 1;  // BPF_NOEXIST of the UAPI

uint32_t align8(uint32_t size) {
  return (size + 7) & ~7u;
}

// log2(n) for 0 < n < 2^63, without branches: a branch per step would double the paths the verifier walks.
ValueId log2_of(Builder& b, ValueId n) {
  ValueId log = b.constant(0);
  for (int64_t bits = 32, shift = 5; bits >= 1; bits /= 2, shift--) {
    // The sign of (2^bits - 1) - n tells whether n has bits at `bits` or above.
    ValueId below = b.binary(Opcode::sub, b.constant((int64_t{1} << bits) - 1), n);
    ValueId step = b.binary(Opcode::shl, b.binary(Opcode::shr_u, below, b.constant(63)), b.constant(shift));
    n = b.binary(Opcode::shr_u, n, step);
    log = b.binary(Opcode::or_, log, step);
  }
  return log;
}

// Zero if `condition` is 1, `value` if it is 0.
ValueId zero_if(Builder& b, ValueId condition, ValueId value) {
  return b.binary(Opcode::and_, value, b.binary(Opcode::sub, condition, b.constant(1)));
}

// With d = max(log2(n) - bits, 0), every n >= 0 is in bucket 1 + d * 2^bits + (n >> d), see mir/type.h.
ValueId hist_bucket(Builder& b, const Type& type, ValueId n) {
  int64_t bits = type.count;
  ValueId at_least = b.binary(Opcode::or_, n, b.constant(int64_t{1} << bits));
  ValueId d = b.binary(Opcode::sub, log2_of(b, at_least), b.constant(bits));
  ValueId top = b.binary(Opcode::shr_u, n, d);
  ValueId bucket = b.binary(Opcode::add, b.binary(Opcode::shl, d, b.constant(bits)), top);
  bucket = b.binary(Opcode::add, bucket, b.constant(1));
  return zero_if(b, b.binary(Opcode::shr_u, n, b.constant(63)), bucket);
}

// Values at or above max come out too large; the clamp of bump_bucket puts them into the last bucket.
ValueId lhist_bucket(Builder& b, const Type& type, ValueId n) {
  ValueId above = b.binary(Opcode::sub, n, b.constant(type.lhist_min));
  ValueId bucket = b.binary(Opcode::add, b.binary(Opcode::div_u, above, b.constant(type.lhist_step)), b.constant(1));
  return zero_if(b, b.binary(Opcode::lt_s, n, b.constant(type.lhist_min)), bucket);
}

// The clamp is last, so that it bounds the very number that becomes the offset.
void bump_bucket(Builder& b, const Type& type, ValueId value, ValueId n) {
  ValueId bucket = type.is(TypeKind::hist) ? hist_bucket(b, type, n) : lhist_bucket(b, type, n);
  bucket = b.clamp_u(bucket, type.size / 8 - 1);
  ValueId counter = b.ptr_add(value, b.binary(Opcode::shl, bucket, b.constant(3)));
  b.atomic_add(MemWidth::u64, counter, b.constant(1), 0);
}

// Ends the current block: control goes to `done` whether or not the operand replaces the extreme. The word that tells whether
// there is one is only ever set, and the value begins with the least there is, so that nothing depends on which comes first.
void bump_extreme(Builder& b, const Type& type, ValueId value, ValueId n, BlockId done) {
  constexpr int attempts = 2;
  BlockId mark = b.add_block("mark");
  if (uint64_t mask = extreme_mask(type); mask != 0) n = b.binary(Opcode::xor_, n, b.constant(static_cast<int64_t>(mask)));
  ValueId current = b.load(MemWidth::u64, value, 0);
  for (int i = 0; i < attempts; i++) {
    BlockId replace = b.add_block("replace");
    b.branch(b.binary(Opcode::lt_u, current, n), replace, mark);
    b.move_to(replace);
    ValueId found = b.atomic_cmpxchg(MemWidth::u64, value, current, n, 0);
    BlockId again = b.add_block("again");
    b.branch(b.binary(Opcode::eq, found, current), mark, again);
    b.move_to(again);
    current = found;
  }
  count_lost(b);
  b.jump(mark);
  b.move_to(mark);
  b.store(MemWidth::u64, value, b.constant(1), 8);
  b.jump(done);
}

// When something happens in a series.
struct Moment {
  ValueId now, interval, place;
};

Moment moment_of(Builder& b, const Type& type) {
  ValueId now = b.call(HelperId::ktime_get_boot_ns, {});
  if (MapId shared = b.module().interface.find_map(".globals"); shared.is_valid())
    now = b.binary(Opcode::add, now, b.load(MemWidth::u64, b.map_value_addr(shared, globals::tai_offset), 0));
  ValueId interval = b.binary(Opcode::div_u, now, b.constant(type.interval));
  return {now, interval, b.binary(Opcode::mod_u, interval, b.constant(type.count))};
}

// The interval's place is its own until another interval has it: the first value of that begins anew.
void bump_series(Builder& b, const MapDecl& map, const Moment& moment, ValueId value, ValueId n, BlockId done) {
  const Type& type = *map.value;
  const ValueId now = moment.now, interval = moment.interval;
  const uint32_t slots = b.module().interface.value_slots(map);
  ValueId place = moment.place;
  if (slots < type.count) place = b.binary(Opcode::mod_u, place, b.constant(slots));
  place = b.clamp_u(place, slots - 1);
  ValueId slot = b.ptr_add(value, b.binary(Opcode::mul, place, b.constant(series_slot)));
  BlockId same = b.add_block("same_interval");
  BlockId first = b.add_block("new_interval");
  b.branch(b.binary(Opcode::eq, b.load(MemWidth::u64, slot, 16), interval), same, first);
  b.move_to(first);
  b.store(MemWidth::u64, slot, n, 0);
  b.store(MemWidth::u64, slot, type.fold == SeriesFold::avg ? b.constant(1) : now, 8);
  b.store(MemWidth::u64, slot, interval, 16);
  b.jump(done);
  b.move_to(same);
  if (type.fold == SeriesFold::sum || type.fold == SeriesFold::avg) b.atomic_add(MemWidth::u64, slot, n, 0);
  if (type.fold == SeriesFold::avg) b.atomic_add(MemWidth::u64, slot, b.constant(1), 8);
  if (type.fold == SeriesFold::last) b.store(MemWidth::u64, slot, now, 8);
  bool is_min = type.fold == SeriesFold::min;
  if (is_min || type.fold == SeriesFold::max) {
    BlockId replace = b.add_block("replace");
    ValueId current = b.load(MemWidth::u64, slot, 0);
    b.branch(b.binary(type.is_signed ? Opcode::lt_s : Opcode::lt_u, is_min ? n : current, is_min ? current : n), replace, done);
    b.move_to(replace);
  }
  if (type.fold != SeriesFold::sum && type.fold != SeriesFold::avg) b.store(MemWidth::u64, slot, n, 0);
  b.jump(done);
}

// Folds `n` into the aggregate at `value`; leaves the block open or ends it with a jump to `done`.
void bump(Builder& b, const MapDecl& map, ValueId value, ValueId n, BlockId done) {
  const Type& type = *map.value;
  if (map.has_present_word()) b.store(MemWidth::u64, value, b.constant(1), static_cast<int32_t>(align8(type.size)));
  switch (type.kind) {
    case TypeKind::count: b.atomic_add(MemWidth::u64, value, b.constant(1), 0); break;
    case TypeKind::sum: b.atomic_add(MemWidth::u64, value, n, 0); break;
    case TypeKind::min:
    case TypeKind::max: bump_extreme(b, type, value, n, done); break;
    case TypeKind::avg:
    case TypeKind::stats:
      b.atomic_add(MemWidth::u64, value, n, 0);
      b.atomic_add(MemWidth::u64, value, b.constant(1), 8);
      break;
    case TypeKind::hist:
    case TypeKind::lhist: bump_bucket(b, type, value, n); break;
    case TypeKind::tseries: bump_series(b, map, moment_of(b, type), value, n, done); break;
    default: UNREACHABLE("agg_update of a map whose value is no aggregate");
  }
  if (!b.is_terminated()) b.jump(done);
}

MapId zeros_map(Module& module, uint32_t size) {
  for (uint32_t i = 0; i < module.interface.maps.size(); i++) {
    MapDecl& map = module.interface.maps[MapId(i)];
    if (map.role != MapRole::zeros) continue;
    map.value_size = std::max(map.value_size, size);
    return MapId(i);
  }
  return module.interface.maps.add(
      {.name = ".zeros", .role = MapRole::zeros, .kind = MapKind::array, .key_size = 4, .value_size = size, .max_entries = 1});
}

// A pointer to as many zero bytes as the map's value has.
ValueId zero_value(Builder& b, uint32_t size) {
  if (size > globals::zeros_bytes) return b.map_value_addr(zeros_map(b.module(), align8(size)), 0);
  if (MapId globals = b.module().interface.find_map(".globals"); globals.is_valid())
    return b.map_value_addr(globals, globals::zeros);
  ValueId zeros = b.slot_addr(b.add_slot("zeros", size, 8));
  b.zero(zeros, 0, size);
  return zeros;
}

// By hand, as the Builder would give `ok` a parameter of its own.
void branch_null_to(Builder& b, ValueId pointer, BlockId null, BlockId ok) {
  Inst branch{.op = Opcode::branch_null, .operands = {pointer}, .targets = {{null, {}}, {ok, {}}}};
  branch.span = b.span();
  b.function().blocks[b.block()].insts.push_back(std::move(branch));
}

ValueId insert(Builder& b, MapId map, ValueId key) {
  ValueId zeros = zero_value(b, b.module().interface.maps[map].value_size);
  return b.call(HelperId::map_update_elem, {key, zeros, b.constant(update_noexist)}, map);
}

// Ends the current block.
void count_refusal(Builder& b, MapId map, ValueId status, BlockId done) {
  MapId counters = b.module().interface.find_map(".globals");
  if (counters.is_valid()) {
    ValueId counter = b.map_value_addr(counters, globals::map_refusals(map));
    b.atomic_add(MemWidth::u64, counter, b.constant(1), 0);
    b.store(MemWidth::u64, counter, status, 8);
  }
  b.jump(done);
}

void insert_first(Builder& b, MapId map, ValueId key, BlockId bump_block, BlockId done) {
  BlockId full = b.add_block("full");
  ValueId status = insert(b, map, key);
  branch_null_to(b, b.call(HelperId::map_lookup_elem, {key}, map), full, bump_block);
  b.move_to(full);
  count_refusal(b, map, status, done);
}

// The key of this processor's page that a moment is in.
ValueId page_key(Builder& b, const MapDecl& map, ValueId key, const Moment& moment) {
  const uint32_t size = b.module().interface.maps[map.pages].key_size, number = size - 8;
  ValueId made = b.slot_addr(b.add_slot("page_key", size, 8));
  if (map.key_size < number) b.zero(made, static_cast<int32_t>(map.key_size), number - map.key_size);
  b.copy(made, key, map.key_size);
  ValueId processor = b.binary(Opcode::shl, b.call(HelperId::get_smp_processor_id, {}), b.constant(32));
  ValueId page = b.binary(Opcode::div_u, moment.place, b.constant(b.module().interface.value_slots(map)));
  page = b.binary(Opcode::or_, page, processor);
  b.store(MemWidth::u64, made, page, static_cast<int32_t>(number));
  return made;
}

// `map` is a copy: the map table may grow.
void expand_paged(Builder& b, MapId id, const MapDecl& map, ValueId key, ValueId n, BlockId done) {
  BlockId bump_block = b.add_block("bump"), new_page = b.add_block("new_page"), new_key = b.add_block("new_key");
  BlockId full = b.add_block("full"), no_key = b.add_block("no_key");
  const Moment moment = moment_of(b, *map.value);
  const ValueId page = page_key(b, map, key, moment);
  ValueId value = b.branch_null(b.call(HelperId::map_lookup_elem, {page}, map.pages), new_page, bump_block);
  b.move_to(new_page);
  ValueId status = insert(b, map.pages, page);
  ValueId made = b.branch_null(b.call(HelperId::map_lookup_elem, {page}, map.pages), full, new_key);
  b.move_to(full);
  count_refusal(b, id, status, done);
  b.move_to(new_key);
  status = insert(b, id, key);
  BlockId found = b.add_block("found");
  b.branch_null(b.call(HelperId::map_lookup_elem, {key}, id), no_key, found);
  b.move_to(found);
  b.jump(bump_block, {made});
  b.move_to(no_key);
  b.call(HelperId::map_delete_elem, {page}, map.pages);
  count_refusal(b, id, status, done);
  b.move_to(bump_block);
  bump_series(b, map, moment, value, n, done);
}

// Appends the expansion of `update` to the builder's block; control continues in `done`.
void expand(Builder& b, const Inst& update, BlockId done) {
  const MapDecl map = b.module().interface.maps[update.map];  // a copy: the map table may grow
  size_t next = 0;
  ValueId key = map.is_keyed ? update.operands[next++] : ValueId();
  ValueId n = map.value->is(TypeKind::count) ? ValueId() : update.operands[next];
  if (map.kind == MapKind::array && !map.is_keyed) {
    bump(b, map, b.map_value_addr(update.map, 0), n, done);
    return;
  }
  if (!key.is_valid()) key = zero_value(b, map.key_size);
  if (map.pages.is_valid()) return expand_paged(b, update.map, map, key, n, done);
  bool needs_insertion = map.kind != MapKind::array && map.kind != MapKind::percpu_array;
  BlockId bump_block = b.add_block("bump");
  ValueId found = b.call(HelperId::map_lookup_elem, {key}, update.map);
  if (needs_insertion) {
    BlockId insert = b.add_block("insert");
    ValueId value = b.branch_null(found, insert, bump_block);
    b.move_to(insert);
    insert_first(b, update.map, key, bump_block, done);
    b.move_to(bump_block);
    bump(b, map, value, n, done);
  } else {
    ValueId value = b.branch_null(found, done, bump_block);
    b.move_to(bump_block);
    bump(b, map, value, n, done);
  }
}

void expand_function(Module& module, FunctionId id) {
  const auto is_update = [](const Inst& inst) { return inst.op == Opcode::agg_update; };
  // Expansions append blocks, which are visited in their turn. What follows an update waits for its block here, the last
  // instruction first, so that each moves once however many updates a block has.
  std::unordered_map<uint32_t, std::vector<Inst>> waiting;
  for (uint32_t at = 0; at < module.functions[id].blocks.size(); at++) {
    BlockId block(at);
    Function& function = module.functions[id];
    std::vector<Inst>& insts = function.blocks[block].insts;
    std::vector<Inst> left;
    if (auto found = waiting.find(at); found != waiting.end()) {
      left = std::move(found->second);
      waiting.erase(found);
    } else if (std::ranges::any_of(insts, is_update)) {
      left.swap(insts);
      std::ranges::reverse(left);
    }
    for (; !left.empty() && !is_update(left.back()); left.pop_back()) insts.push_back(std::move(left.back()));
    if (left.empty()) continue;
    const Inst update = std::move(left.back());
    left.pop_back();
    const BlockId done = add_block(function, "done");
    waiting.emplace(done.index, std::move(left));
    Builder builder(module, id, block);
    builder.set_span(update.span);
    expand(builder, update, done);
  }
}

}  // namespace

void expand_aggregates(Module& module, PassContext&) {
  for (uint32_t f = 0; f < module.functions.size(); f++) expand_function(module, FunctionId(f));
}

}  // namespace shrike::passes
