// Map accesses. Scalar integer maps are one word of an array that programs address directly; everything else goes through
// look-ups. Counting is atomic, so that no increment is lost between CPUs.
#include "frontend/lower.h"

namespace shrike {

using mir::BlockId;
using mir::HelperId;
using mir::MapId;
using mir::MemWidth;
using mir::Opcode;
using mir::Type;
using mir::TypeKind;
using mir::ValueId;

namespace {

constexpr int64_t update_any = 0;                 // BPF_ANY
constexpr uint64_t most_preallocated = 16 << 20;  // bytes of a map's keys and values, on one CPU
constexpr int64_t update_no_exist = 1;            // BPF_NOEXIST

void preallocate_small(mir::MapDecl& map) {
  const bool is_hash = map.kind == mir::MapKind::hash || map.kind == mir::MapKind::percpu_hash;
  const uint64_t bytes = (uint64_t{map.key_size} + map.value_size) * map.max_entries;
  if (is_hash && bytes <= most_preallocated) map.is_preallocated = true;
}

}  // namespace

// The map of a series with pages tells which keys there are; the values are in the pages.
void Lower::declare_series(const UserMap& map, mir::MapDecl& decl) {
  constexpr uint64_t most_pages = 1 << 20;  // the kernel makes 16 bytes for each before the first is there
  decl.kind = mir::MapKind::hash;
  decl.key_size = map.is_keyed ? map.key->size : 8;
  if (map.is_keyed)
    decl.max_entries = static_cast<uint32_t>(map.max_entries != 0 ? map.max_entries : program_.config.max_map_keys);
  const uint32_t slots = mir::even_page_slots(*map.value);
  const uint64_t count = mir::page_count(*map.value, slots);
  mir::MapDecl pages;
  pages.name = ".pages_" + decl.name.substr(1);
  pages.role = mir::MapRole::pages;
  pages.kind = mir::MapKind::hash;
  pages.key_size = (decl.key_size + 7) / 8 * 8 + 8;
  pages.value_size = slots * mir::series_slot;
  pages.max_entries = static_cast<uint32_t>(std::min(count * decl.max_entries, std::max(count, most_pages)));
  decl.pages = module_.interface.maps.add(pages);
  user_maps_.push_back(module_.interface.maps.add(decl));
  zeros_map(pages.value_size);
}

ValueId Lower::key_pointer(const UserMap& map, const ast::Expr* key) {
  if (key == nullptr) {  // the only key of a scalar map
    static_assert(mir::globals::zeros_bytes >= 8);
    return globals_pointer(mir::globals::zeros);
  }
  if (std::optional<std::string> bytes = constant_bytes(key, map.key)) return constant_pointer(*bytes);
  Place made{slot("key", map.key->size)};
  into(key, map.key, made);
  return made.pointer;
}

std::optional<std::string> Lower::constant_bytes(const ast::Expr* expr, const Type* as) {
  std::string bytes(as->size, '\0');
  const Constant& constant = note(expr).constant;
  if (is_scalar(as)) {
    const auto* value = std::get_if<int64_t>(&constant);
    if (value == nullptr || as->size > 8) return std::nullopt;
    for (uint32_t i = 0; i < as->size; i++) bytes[i] = static_cast<char>(static_cast<uint64_t>(*value) >> (8 * i));
  } else if (as->is(TypeKind::string)) {
    const auto* text = std::get_if<std::string>(&constant);
    if (text == nullptr || as->size == 0) return std::nullopt;
    text->copy(bytes.data(), as->size - 1);
  } else if (const auto* tuple = expr->as<ast::Tuple>(); tuple != nullptr && as->is(TypeKind::tuple)) {
    for (size_t i = 0; i < tuple->elements.size(); i++) {
      const mir::TupleElement& element = as->elements[i];
      std::optional<std::string> part = constant_bytes(tuple->elements[i], element.type);
      if (!part) return std::nullopt;
      part->copy(bytes.data() + element.offset, part->size());
    }
  } else {
    return std::nullopt;
  }
  return bytes;
}

ValueId Lower::constant_pointer(std::string_view bytes) {
  mir::MapDecl& globals = module_.interface.maps[globals_];
  const uint32_t begin = globals.value_size - static_cast<uint32_t>(globals.constants.size());
  auto [known, is_new] = constants_.try_emplace(std::string(bytes), static_cast<uint32_t>(globals.constants.size()));
  const uint32_t at = begin + known->second;
  if (!is_new) return globals_pointer(at);
  globals.constants.append(bytes);
  globals.constants.resize((globals.constants.size() + 7) / 8 * 8);
  globals.value_size = begin + static_cast<uint32_t>(globals.constants.size());
  return globals_pointer(at);
}

ValueId Lower::map_value_or_null(UserMapId id, ValueId key) {
  return b().call(HelperId::map_lookup_elem, {key}, mir_map(id));
}

ValueId Lower::load_map(const ast::Expr* ref) {
  UserMapId id = note(ref).map;
  const UserMap& map = program_.maps[id];
  const mir::MapDecl& decl = module_.interface.maps[mir_map(id)];
  if (map.value->is_aggregate()) return read_aggregate(id, key_pointer(map, ref->as<ast::MapRef>()->key));
  if (decl.kind == mir::MapKind::array) return load_scalar({b().map_value_addr(mir_map(id), 0)}, map.value);
  ValueId found = map_value_or_null(id, key_pointer(map, ref->as<ast::MapRef>()->key));
  BlockId missing = new_block("missing");
  BlockId present = new_block("present");
  BlockId join = new_block("join");
  ValueId value = branch_null(found, missing, present);
  ValueId result = b().add_param(join, {});
  enter(present);
  jump_with(join, {load_scalar({value}, map.value)});
  enter(missing);
  if (program_.options.runtime_warnings) runtime_error("no such key in " + std::string(map.name), ref->span);
  jump_with(join, {b().constant(0)});
  enter(join);
  return result;
}

Place Lower::map_place(const ast::Expr* ref) {
  UserMapId id = note(ref).map;
  const UserMap& map = program_.maps[id];
  ValueId found = map_value_or_null(id, key_pointer(map, ref->as<ast::MapRef>()->key));
  BlockId missing = new_block("missing");
  BlockId present = new_block("present");
  BlockId join = new_block("join");
  ValueId value = branch_null(found, missing, present);
  ValueId result = b().add_param(join, {mir::Region::map, false});
  enter(present);
  jump_with(join, {value});
  enter(missing);
  if (program_.options.runtime_warnings) runtime_error("no such key in " + std::string(map.name), ref->span);
  jump_with(join, {b().map_value_addr(zeros_map(map.value->size), 0)});
  enter(join);
  return {result};
}

// The kernel makes an entry's memory from what it has at hand on the CPU, and gets more only when interrupts are on again: where
// they are off, as in a timer's program, the second new key of one event may find none. Then the entries are made with the map.
void Lower::note_insertion(MapId map) {
  if (!may_hold_off_interrupts_) return;
  mir::MapDecl& decl = module_.interface.maps[map];
  if (!decl.is_keyed) return;
  insertions_.resize(module_.interface.maps.size());
  const bool is_repeated = state_->outer != nullptr || !state_->loops.empty();
  insertions_[map.index] += is_repeated ? 2 : 1;
  if (insertions_[map.index] <= 1) return;
  preallocate_small(decl);
  if (decl.pages.is_valid()) preallocate_small(module_.interface.maps[decl.pages]);
}

void Lower::update(MapId map, ValueId key, ValueId value, int64_t flags) {
  note_insertion(map);
  ValueId status = b().call(HelperId::map_update_elem, {key, value, b().constant(flags)}, map);
  count_refusal({map, status, status, 1});
}

// The last thing a statement does. A branch for each of many statements would have the verifier walk on from each twice.
void Lower::update_by_statement(MapId map, ValueId key, ValueId value) {
  if (!gathers_refusals_) return update(map, key, value, update_any);
  note_insertion(map);
  ValueId status = b().call(HelperId::map_update_elem, {key, value, b().constant(update_any)}, map);
  auto refusals = std::find_if(refusals_.begin(), refusals_.end(), [&](const Refusals& each) { return each.map == map; });
  if (refusals == refusals_.end()) {
    refusals_.push_back({map, status, status, 1});
    return;
  }
  auto is_refused = [&](ValueId error) { return b().binary(Opcode::shr_u, error, b().constant(63)); };
  if (refusals->updates == 1) refusals->value = is_refused(refusals->value);
  refusals->value = b().binary(Opcode::add, refusals->value, is_refused(status));
  refusals->errors = b().binary(Opcode::or_, refusals->errors, status);
  refusals->updates++;
}

void Lower::count_refusals() {
  std::vector<Refusals> refusals;
  refusals.swap(refusals_);
  for (const Refusals& each : refusals) count_refusal(each);
}

void Lower::count_refusal(MapId map, ValueId error, ValueId count) {
  ValueId counter = globals_pointer(mir::globals::map_refusals(map));
  b().atomic_add(MemWidth::u64, counter, count, 0);
  b().store(MemWidth::u64, counter, error, 8);
}

void Lower::count_refusal(const Refusals& refusals) {
  BlockId full = new_block("full");
  BlockId on = new_block("on");
  branch(refusals.value, full, on);
  enter(full);
  count_refusal(refusals.map, refusals.errors, refusals.updates == 1 ? b().constant(1) : refusals.value);
  jump(on);
  enter(on);
}

// Nothing in it is a block of its own that could be left out.
bool Lower::may_gather_refusals(const ast::Stmt& statement) const {
  const auto* assignment = statement.as<ast::Assign>();
  if (assignment == nullptr || assignment->target->as<ast::MapRef>() == nullptr) return false;
  bool is_plain = true;
  ast::Visitor visitor;
  visitor.on_expr = [&](const ast::Expr& part) {
    is_plain &= note(&part).callee == nullptr && part.as<ast::BlockExpr>() == nullptr && part.as<ast::IfExpr>() == nullptr;
  };
  ast::walk(assignment->target, visitor);
  ast::walk(assignment->value, visitor);
  return is_plain;
}

bool Lower::store_constant(const ast::Expr* ref, const ast::Expr* value) {
  const UserMap& map = user_map(ref);
  const MapId target = mir_map(note(ref).map);
  const mir::MapDecl& decl = module_.interface.maps[target];
  if (decl.kind == mir::MapKind::array) return false;
  std::optional<std::string> bytes = constant_bytes(value, map.value);
  if (!bytes) return false;
  bytes->resize(decl.value_size);
  ValueId pointer = constant_pointer(*bytes);
  update_by_statement(target, key_pointer(map, ref->as<ast::MapRef>()->key), pointer);
  return true;
}

void Lower::store_map(const ast::Expr* ref, const Type* type, const std::function<void(const Place&)>& write) {
  UserMapId id = note(ref).map;
  const UserMap& map = program_.maps[id];
  MapId target = mir_map(id);
  const mir::MapDecl decl = module_.interface.maps[target];
  if (decl.kind == mir::MapKind::array) {
    write({b().map_value_addr(target, 0)});
    store_scalar({b().map_value_addr(target, decl.value_size - 8)}, b().constant(1), types().uint64());
    return;
  }
  Place value{slot("value", decl.value_size)};
  write(value);
  if (type->size < decl.value_size) zero(value.at(type->size), decl.value_size - type->size);
  ValueId key = key_pointer(map, ref->as<ast::MapRef>()->key);
  update_by_statement(target, key, value.pointer);
}

ValueId Lower::add_to_map(const ast::Expr* ref, ValueId amount, bool wants_old) {
  UserMapId id = note(ref).map;
  const UserMap& map = program_.maps[id];
  MapId target = mir_map(id);
  const mir::MapDecl decl = module_.interface.maps[target];
  if (map.value->size != 8) {  // a bool: no atomic of that width
    ValueId old = load_map(ref);
    ValueId sum = b().binary(Opcode::add, old, amount);
    store_map(ref, map.value, [&](const Place& to) { store_scalar(to, sum, map.value); });
    return old;
  }
  auto add = [&](ValueId pointer) {
    if (wants_old) return b().atomic_fetch_add(MemWidth::u64, pointer, amount, 0);
    b().atomic_add(MemWidth::u64, pointer, amount, 0);
    return b().constant(0);
  };
  if (decl.kind == mir::MapKind::array) {
    ValueId old = add(b().map_value_addr(target, 0));
    store_scalar({b().map_value_addr(target, decl.value_size - 8)}, b().constant(1), types().uint64());
    return old;
  }
  // Found: add. Not found: insert; where somebody else was quicker, add to his.
  BlockId missing = new_block("missing");
  BlockId present = new_block("present");
  BlockId again = new_block("again");
  BlockId quicker = new_block("quicker");
  BlockId inserted = new_block("inserted");
  BlockId full = new_block("full");
  BlockId join = new_block("join");
  ValueId result = b().add_param(join, {});
  ValueId key = key_pointer(map, ref->as<ast::MapRef>()->key);
  ValueId value = branch_null(map_value_or_null(id, key), missing, present);
  enter(present);
  jump_with(join, {add(value)});
  enter(missing);
  Place first{slot("first", 8)};
  store_scalar(first, amount, types().uint64());
  ValueId status = b().call(HelperId::map_update_elem, {key, first.pointer, b().constant(update_no_exist)}, target);
  branch(status, again, inserted);
  enter(inserted);
  jump_with(join, {b().constant(0)});
  enter(again);
  ValueId other = branch_null(map_value_or_null(id, key), full, quicker);
  enter(quicker);
  jump_with(join, {add(other)});
  enter(full);
  count_refusal(target, status, b().constant(1));
  jump_with(join, {b().constant(0)});
  enter(join);
  return result;
}

// Walks the CPUs' copies with a bounded loop; states are (cpu, first word folded, second word folded).
ValueId Lower::read_aggregate(UserMapId id, ValueId key) {
  const UserMap& map = program_.maps[id];
  TypeKind kind = map.value->kind;
  bool is_signed = map.value->is_signed;
  bool is_extreme = kind == TypeKind::min || kind == TypeKind::max;
  bool has_two = is_extreme || kind == TypeKind::avg || kind == TypeKind::stats;
  BlockId head = new_block("cpus");
  BlockId body = new_block("cpu");
  BlockId present = new_block("present");
  BlockId next = new_block("next");
  BlockId end = new_block("end");
  ValueId cpu = b().add_param(head, {});
  ValueId first = b().add_param(head, {});
  ValueId second = b().add_param(head, {});
  ValueId new_first = b().add_param(next, {});
  ValueId new_second = b().add_param(next, {});
  jump_with(head, {b().constant(0), b().constant(0), b().constant(0)});
  enter_unsealed(head);
  branch(b().binary(Opcode::lt_u, cpu, b().constant(program_.facts->possible_cpus())), body, end);
  enter(body);
  BlockId missing = new_block("missing");
  ValueId value = branch_null(b().call(HelperId::map_lookup_percpu_elem, {key, cpu}, mir_map(id)), missing, present);
  enter(missing);
  jump_with(next, {first, second});
  enter(present);
  ValueId word = b().load(MemWidth::u64, value, 0);
  ValueId other = has_two ? b().load(MemWidth::u64, value, 8) : b().constant(0);
  if (is_extreme) {
    ValueId folded = choose(b().binary(Opcode::lt_u, first, word), [&] { return word; }, [&] { return first; });
    jump_with(next, {folded, b().binary(Opcode::or_, second, other)});
  } else {
    jump_with(next, {b().binary(Opcode::add, first, word), b().binary(Opcode::add, second, other)});
  }
  enter(next);
  jump_with(head, {b().binary(Opcode::add, cpu, b().constant(1)), new_first, new_second});
  seal(head);
  enter(end);
  if (kind == TypeKind::avg || kind == TypeKind::stats)
    return b().binary(is_signed ? Opcode::div_s : Opcode::div_u, first, second);
  if (uint64_t mask = is_extreme ? mir::extreme_mask(*map.value) : 0; mask != 0) {
    auto made = [&] { return b().binary(Opcode::xor_, first, b().constant(static_cast<int64_t>(mask))); };
    return choose(second, made, [&] { return b().constant(0); });
  }
  return first;
}

// The walk over a map tells how many entries it visited; the callback has nothing to do.
ValueId Lower::count_entries(UserMapId id) {
  FunctionState callback;
  begin_function(callback, mir::FunctionKind::for_each, b().function().name + " len", b().span());
  b().ret(b().constant(0));
  finish_function();
  return b().call(HelperId::for_each_map_elem, {b().constant(0), b().constant(0)}, mir_map(id), callback.function);
}

ValueId Lower::delete_key(UserMapId id, ValueId key) {
  MapId target = mir_map(id);
  const mir::MapDecl decl = module_.interface.maps[target];
  if (decl.kind == mir::MapKind::array) {
    Place present{b().map_value_addr(target, decl.value_size - 8)};
    ValueId was = load_scalar(present, types().uint64());
    b().zero(b().map_value_addr(target, 0), 0, decl.value_size);
    return was;
  }
  if (decl.kind == mir::MapKind::percpu_array ||
      (decl.pages.is_valid() && !decl.is_keyed)) {  // all CPUs' parts: only user space reaches them
    mir::EventDecl clear;
    clear.kind = mir::EventKind::clear;
    clear.map = target;
    emit(clear, {});
    return b().constant(1);
  }
  ValueId was_there = b().binary(Opcode::eq, b().call(HelperId::map_delete_elem, {key}, target), b().constant(0));
  if (decl.pages.is_valid()) delete_pages(decl, key);
  return was_there;
}

// After the key, see mir::MapDecl::pages. Rounds count the pages of one processor after the other.
void Lower::delete_pages(const mir::MapDecl& map, ValueId key) {
  const uint32_t key_size = map.key_size, page_key_size = module_.interface.maps[map.pages].key_size;
  const MapId pages = map.pages;
  const uint32_t count = mir::page_count(*map.value, module_.interface.value_slots(map));
  const Type* word = types().integer(4, false);
  const ValueId processors = load_scalar({globals_pointer(mir::globals::processors)}, types().uint64());
  loop_over_text("delete " + map.name, b().binary(Opcode::mul, processors, b().constant(count)), text_frame({key}),
                 [=](Lower& l, const Place& frame, ValueId round) {
                   Place page{l.slot("page_key", page_key_size)};
                   l.zero(page, page_key_size);
                   ValueId address = l.load_scalar(frame, l.types().uint64());
                   l.b().call(HelperId::probe_read_kernel, {page.pointer, l.b().constant(key_size), address});
                   const Place number = page.at(page_key_size - 8);
                   l.store_scalar(number, l.b().binary(Opcode::mod_u, round, l.b().constant(count)), word);
                   ValueId processor = l.b().binary(Opcode::div_u, round, l.b().constant(count));
                   l.store_scalar(number.at(4), processor, word);
                   l.b().call(HelperId::map_delete_elem, {page.pointer}, pages);
                   l.b().ret(l.b().constant(0));
                 });
}

}  // namespace shrike
