// Values in memory: where they are, how they get there, how traced memory is read.
#include <algorithm>
#include <numeric>

#include "frontend/functions.h"
#include "frontend/lower.h"
#include "frontend/probes.h"
#include "frontend/registers.h"

namespace shrike {

using mir::BlockId;
using mir::HelperId;
using mir::MemWidth;
using mir::Opcode;
using mir::Type;
using mir::TypeKind;
using mir::ValueId;

namespace {

// Runs up to this many bytes are moved by loads and stores; longer ones by one helper call.
constexpr uint32_t longest_inline_move = 64;
constexpr uint32_t longest_inline_zero = 128;

std::vector<size_t> as_they_are(size_t count) {
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), size_t{0});
  return order;
}

}  // namespace

ValueId Lower::slot(const char* name, uint32_t size, uint32_t align) {
  return b().slot_addr(b().add_slot(name, slot_bytes(size), align));
}

ValueId Lower::pointer_at(const Place& place) {
  CHECK(place.memory == Place::Memory::direct, "a pointer to memory that only helpers read");
  return place.offset == 0 ? place.pointer : b().ptr_add(place.pointer, b().constant(place.offset));
}

ValueId Lower::address_at(const Place& place) {
  ValueId base = place.memory == Place::Memory::direct ? b().unary(Opcode::ptr_to_int, place.pointer) : place.pointer;
  return place.offset == 0 ? base : b().binary(Opcode::add, base, b().constant(place.offset));
}

ValueId Lower::load_scalar(const Place& from, const Type* type) {
  uint32_t size = type->size == 0 ? 8 : type->size;
  MemWidth width = mir::mem_width(size, type->is_signed && type->is(TypeKind::integer));
  if (from.memory == Place::Memory::direct) return b().load(width, from.pointer, from.offset);
  Place copy{slot("read", 8)};
  probe_read(copy, b().constant(size), address_at(from), from.memory);
  return b().load(width, copy.pointer, 0);
}

void Lower::store_scalar(const Place& to, ValueId value, const Type* type) {
  b().store(mir::mem_width(type->size, false), to.pointer, value, to.offset);
}

void Lower::zero(const Place& at, uint32_t bytes) {
  if (bytes == 0) return;
  if (bytes <= longest_inline_zero) {
    b().zero(at.pointer, at.offset, bytes);
    return;
  }
  ValueId zeros = b().unary(Opcode::ptr_to_int, b().map_value_addr(zeros_map(bytes), 0));
  b().call(HelperId::probe_read_kernel, {pointer_at(at), b().constant(bytes), zeros});
}

// A read that fails leaves zeros (bpf_probe_read_* in kernel/trace/bpf_trace.c), so an empty string, too.
ValueId Lower::probe_read_by(HelperId helper, const Place& to, ValueId bytes, ValueId address) {
  ValueId status = b().call(helper, {pointer_at(to), bytes, address});
  if (program_.options.runtime_warnings) {
    BlockId failed = new_block("fault");
    BlockId on = new_block("on");
    branch(b().binary(Opcode::lt_s, status, b().constant(0)), failed, on);
    enter(failed);
    runtime_error("failed to read memory", b().span());
    jump(on);
    enter(on);
  }
  return status;
}

void Lower::probe_read(const Place& to, ValueId bytes, ValueId address, Place::Memory memory) {
  const bool is_user = memory == Place::Memory::user;
  probe_read_by(is_user ? HelperId::probe_read_user : HelperId::probe_read_kernel, to, bytes, address);
}

ValueId Lower::probe_read_str(const Place& to, ValueId bytes, ValueId address, Place::Memory memory) {
  const bool is_user = memory == Place::Memory::user;
  return probe_read_by(is_user ? HelperId::probe_read_user_str : HelperId::probe_read_kernel_str, to, bytes, address);
}

ValueId Lower::read_string(const Place& to, uint32_t capacity, ValueId size, ValueId address, Place::Memory memory) {
  if (!to.is_record) zero(to, capacity);
  return probe_read_str(to, size, address, memory);
}

void Lower::write_bytes(const Place& to, std::string_view bytes, uint32_t size) {
  // One store for each aligned word that holds anything, one run of zeros for the rest.
  uint32_t text = std::min<uint32_t>(static_cast<uint32_t>(bytes.size()) + 1, size);
  uint32_t done = 0;
  while (done < text) {
    uint32_t step = 8;
    auto position = static_cast<uint32_t>(to.offset) + done;
    while (position % step != 0 || done + step > size) step /= 2;
    uint64_t word = 0;
    for (uint32_t i = 0; i < step && done + i < bytes.size() && done + i + 1 < size; i++)
      word |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[done + i])) << (8 * i);
    b().store(mir::mem_width(step, false), to.pointer, b().constant(static_cast<int64_t>(word)),
              to.offset + static_cast<int32_t>(done));
    done += step;
  }
  if (done < size && !to.is_record) zero(to.at(done), size - done);
}

// Stores a number and zeros behind it. The number's own zeros serve where it may be stored as a wider one.
void Lower::store_padded(const Place& to, ValueId value, const Type* type, uint32_t padding) {
  const uint32_t whole = type->size + padding;
  const bool fits = (whole == 2 || whole == 4 || whole == 8) && static_cast<uint32_t>(to.offset) % whole == 0;
  if (padding == 0 || !fits) {
    store_scalar(to, value, type);
    return zero(to.at(type->size), padding);
  }
  store_scalar(to, extend(value, types().integer(type->size, false)), types().integer(whole, false));
}

// The parts of a tuple or of a record (x=1, y=2), and zeros between them: equal values are equal bytes. `write` writes part `i`,
// which is no number, at a place; `number` gives the one that is. Part `order[n]` is the n-th to be written.
void Lower::write_parts(const Type* whole, const Place& to, const std::vector<size_t>& order,
                        const std::function<ValueId(size_t)>& number, const std::function<void(size_t, const Place&)>& write) {
  const std::vector<mir::TupleElement> parts = parts_of(whole, types());
  for (size_t i : order) {
    const mir::TupleElement& part = parts[i];
    const uint32_t end = part.offset + part.type->size;
    const uint32_t padding = (i + 1 < parts.size() ? parts[i + 1].offset : whole->size) - end;
    if (is_scalar(part.type)) {
      store_padded(to.at(part.offset), number(i), part.type, padding);
    } else {
      write(i, to.at(part.offset));
      zero(to.at(end), padding);
    }
  }
}

void Lower::convert(const Place& from, const Type* from_type, const Place& to, const Type* to_type) {
  if (is_scalar(to_type)) return store_scalar(to, load_scalar(from, from_type), to_type);
  // Numbers of a tuple that are words are moved one by one, which passes see through.
  const bool is_equal_tuple = from_type == to_type && to_type->elements.size() * 8 > to_type->size;
  if ((to_type->is(TypeKind::tuple) && !is_equal_tuple) || (to_type->is(TypeKind::record) && from_type != to_type)) {
    const std::vector<mir::TupleElement> source = parts_in_order_of(from_type, to_type, types());
    const std::vector<mir::TupleElement> target = parts_of(to_type, types());
    return write_parts(
        to_type, to, as_they_are(target.size()), [&](size_t i) { return load_scalar(from.at(source[i].offset), source[i].type); },
        [&](size_t i, const Place& at) { convert(from.at(source[i].offset), source[i].type, at, target[i].type); });
  }
  uint32_t bytes = std::min(from_type->size, to_type->size);
  if (from.memory != Place::Memory::direct) {
    // What follows the NUL of a C array is nobody's business, and would tell equal keys apart.
    if (to_type->is(TypeKind::string)) {
      read_string(to, to_type->size, b().constant(bytes), address_at(from), from.memory);
      return;
    }
    probe_read(to, b().constant(bytes), address_at(from), from.memory);
  } else if (bytes <= longest_inline_move) {
    b().copy(pointer_at(to), pointer_at(from), bytes);
  } else {
    b().call(HelperId::probe_read_kernel, {pointer_at(to), b().constant(bytes), address_at(from)});
  }
  if (to_type->size > bytes && !to.is_record) zero(to.at(bytes), to_type->size - bytes);
  if (from_type->size > bytes && to_type->is(TypeKind::string))
    b().store(MemWidth::u8, to.pointer, b().constant(0), to.offset + static_cast<int32_t>(bytes) - 1);
}

void Lower::parts_into(const std::vector<const ast::Expr*>& values, const std::vector<size_t>& order, const Type* as,
                       const Place& to) {
  const std::vector<mir::TupleElement> parts = parts_of(as, types());
  write_parts(
      as, to, order, [&](size_t i) { return scalar(values[i]); },
      [&](size_t i, const Place& at) { into(values[i], parts[i].type, at); });
}

// The values are computed in the order in which they are written, which may be another than that of the type's fields.
void Lower::record_into(const ast::Record& record, const Type* as, const Place& to) {
  std::vector<const ast::Expr*> values(record.fields.size());
  std::vector<size_t> order;
  for (const auto& [name, value] : record.fields) {
    order.push_back(*field_index(*types().layout(as), name));
    values[order.back()] = value;
  }
  parts_into(values, order, as, to);
}

// Writes an expression's bytes.
void Lower::into(const ast::Expr* expr, const Type* as, const Place& to) {
  Span outer = b().span();
  b().set_span(expr->span);
  const Type* own = type(expr);
  if (is_scalar(as)) {
    store_scalar(to, scalar(expr), as);
  } else if (const auto* text = std::get_if<std::string>(&note(expr).constant)) {
    write_bytes(to, *text, as->size);
  } else if (const auto* tuple = expr->as<ast::Tuple>()) {
    parts_into({tuple->elements.begin(), tuple->elements.end()}, as_they_are(tuple->elements.size()), as, to);
  } else if (const auto* record = expr->as<ast::Record>()) {
    record_into(*record, as, to);
  } else if (const auto* choice = expr->as<ast::IfExpr>()) {
    BlockId end = new_block("endif");
    each_branch(*choice->statement->as<ast::If>(), [&](const ast::Expr* value) {
      into(value, as, to);
      jump(end);
    });
    enter(end);
  } else if (const auto* ternary = expr->as<ast::Ternary>(); ternary != nullptr && ternary->then != nullptr) {
    BlockId then = new_block("then");
    BlockId otherwise = new_block("else");
    BlockId end = new_block("end");
    branch_on(ternary->condition, then, otherwise);
    enter(then);
    into(ternary->then, as, to);
    jump(end);
    enter(otherwise);
    into(ternary->otherwise, as, to);
    jump(end);
    enter(end);
  } else if (const auto* cast = expr->as<ast::Cast>()) {
    cast_into(cast->operand, own, to);
  } else if (const auto* block_expr = expr->as<ast::BlockExpr>()) {
    block(block_expr->block);
    into(block_expr->value, as, to);
  } else if (own->is(TypeKind::string) && own->size > as->size) {
    if (!read_beginning(*this, *expr, as, to)) convert(place(expr), own, to, as);
  } else if (note(expr).builtin != nullptr && note(expr).builtin->into != nullptr) {
    note(expr).builtin->into(*this, *expr, to);
    if (as->size > own->size && !to.is_record) zero(to.at(own->size), as->size - own->size);
  } else if (note(expr).function != nullptr && note(expr).function->into != nullptr) {
    note(expr).function->into(*this, *expr, *expr->as<ast::Call>(), to);
    if (as->size > own->size && !to.is_record) zero(to.at(own->size), as->size - own->size);
  } else {
    convert(place(expr), own, to, as);
  }
  b().set_span(outer);
}

// Numbers and strings as arrays. The array may be where no whole number may be stored.
void Lower::cast_into(const ast::Expr* operand, const Type* array, const Place& to) {
  if (!converts_to_integer(type(operand))) return convert(place(operand), type(operand), to, array);
  Place number{slot("number", 8)};
  store_scalar(number, scalar(operand), types().integer(array->size, false));
  convert(number, array, to, array);
}

// The verifier would follow the pointer through whatever is done with the number, and refuse most of it: it gets to see
// only what a helper read.
ValueId Lower::address_of(const ast::Expr* expr) {
  Place known{slot("address", 8)};
  Place forgotten{slot("number", 8)};
  auto store = [&](ValueId pointer) { store_scalar(known, b().unary(Opcode::ptr_to_int, pointer), types().uint64()); };
  if (expr->as<ast::Variable>() != nullptr) {
    VariableId id = note(expr).variable;
    store(pointer_at(is_scalar(type(expr)) && !loop_pairs_.contains(id) ? variable_place(id) : place(expr)));
  } else if (module_.interface.maps[mir_map(note(expr).map)].kind == mir::MapKind::array) {
    store(b().map_value_addr(mir_map(note(expr).map), 0));
  } else {
    BlockId missing = new_block("missing");
    BlockId present = new_block("present");
    BlockId on = new_block("on");
    UserMapId id = note(expr).map;
    ValueId found = map_value_or_null(id, key_pointer(program_.maps[id], expr->as<ast::MapRef>()->key));
    ValueId value = branch_null(found, missing, present);
    enter(present);
    store(value);
    jump(on);
    enter(missing);
    store_scalar(known, b().constant(0), types().uint64());
    jump(on);
    enter(on);
  }
  probe_read(forgotten, b().constant(8), b().unary(Opcode::ptr_to_int, known.pointer), Place::Memory::kernel);
  return b().load(MemWidth::u64, forgotten.pointer, 0);
}

namespace {

// Indexing past the end is reported and reads the last element.
ValueId checked_index(Lower& l, ValueId index, uint32_t count, Span span) {
  BlockId wrong = l.new_block("out_of_bounds");
  BlockId on = l.new_block("on");
  l.branch(l.b().binary(Opcode::lt_u, index, l.b().constant(count)), on, wrong);
  l.enter(wrong);
  l.runtime_error("index out of bounds", span);
  l.jump(on);
  l.enter(on);
  return l.b().clamp_u(index, count - 1);
}

}  // namespace

Place Lower::place(const ast::Expr* expr) {
  const Type* own = type(expr);
  auto made = [&] {
    Place out{slot("value", std::max<uint32_t>(own->size, 8))};
    into(expr, own, out);
    return out;
  };
  if (std::holds_alternative<std::string>(note(expr).constant)) return made();
  if (expr->as<ast::Variable>() != nullptr) {
    VariableId id = note(expr).variable;
    if (!loop_pairs_.contains(id)) return variable_place(id);
    Place out{slot("pair", own->size)};
    for (uint32_t i : {0u, 1u})
      convert(loop_pair_place(id, i), own->elements[i].type, out.at(own->elements[i].offset), own->elements[i].type);
    return out;
  }
  if (expr->as<ast::MapRef>() != nullptr) return map_place(expr);
  if (note(expr).callee != nullptr) return call_place(*expr, *expr->as<ast::Call>());
  if (const auto* e = expr->as<ast::TupleField>()) {
    if (e->object->as<ast::Variable>() != nullptr && loop_pairs_.contains(note(e->object).variable))
      return loop_pair_place(note(e->object).variable, e->index);
    return place(e->object).at(type(e->object)->elements[e->index].offset);
  }
  if (const auto* e = expr->as<ast::Unary>(); e != nullptr && e->op == ast::UnaryOp::dereference)
    return pointee(e->operand, note(expr).space);
  if (const auto* e = expr->as<ast::Field>()) {
    if (note(expr).argument != UINT32_MAX) return argument_place(body_->context.arguments[note(expr).argument]);
    uint32_t offset = note(expr).field->offset;
    if (type(e->object)->is(TypeKind::pointer)) return pointee(e->object).at(offset);
    return place(e->object).at(offset);
  }
  if (expr->as<ast::Ident>() != nullptr && own->is(TypeKind::record)) return user_place(*body_->context.result->user);  // retval
  if (const auto* e = expr->as<ast::Index>()) {
    const Type* object = type(e->object);
    uint32_t size = object->is(TypeKind::string) ? 1 : object->element->size;
    const auto* known = std::get_if<int64_t>(&note(e->index).constant);
    if (object->is(TypeKind::pointer)) {
      ValueId index = b().binary(Opcode::mul, scalar(e->index), b().constant(size));
      Place first = pointee(e->object);
      return {b().binary(Opcode::add, first.pointer, index), 0, first.memory};
    }
    Place base = place(e->object);
    if (object->is(TypeKind::array) && object->count == 0) {  // a flexible one, behind what a pointer leads to
      ValueId offset = b().binary(Opcode::mul, scalar(e->index), b().constant(size));
      return {b().binary(Opcode::add, base.pointer, offset), base.offset, base.memory};
    }
    if (known != nullptr) return base.at(static_cast<uint32_t>(*known) * size);
    ValueId index =
        checked_index(*this, scalar(e->index), object->is(TypeKind::string) ? object->size : object->count, expr->span);
    if (size != 1) index = b().binary(Opcode::mul, index, b().constant(size));
    if (base.memory == Place::Memory::direct) base.pointer = b().ptr_add(base.pointer, index);
    else base.pointer = b().binary(Opcode::add, base.pointer, index);
    return base;
  }
  return made();
}

// Where a pointer leads, and a number that is taken for an address in `otherwise`. A per-CPU pointer leads to what this processor
// has; a flexible array is where its record is.
Place Lower::pointee(const ast::Expr* expr, mir::AddressSpace otherwise) {
  const Type* own = type(expr);
  if (own->is(TypeKind::array)) {
    Place array = place(expr);
    return {address_at(array), 0, array.memory == Place::Memory::user ? Place::Memory::user : Place::Memory::kernel};
  }
  ValueId address = scalar(expr);
  mir::AddressSpace space = own->is(TypeKind::pointer) ? own->space : otherwise;
  if (space == mir::AddressSpace::percpu) {
    ValueId cpu = b().unary(Opcode::zext32, b().call(HelperId::get_smp_processor_id, {}));
    address = b().binary(Opcode::add, address, cpu_offset(cpu));
  }
  return {address, 0, memory_of(space)};
}

// What a processor's own variables are away from the addresses that symbols and per-CPU pointers give.
ValueId Lower::cpu_offset(ValueId cpu) {
  auto offsets = static_cast<int64_t>(program_.facts->kernel_address(cpu_offsets).value);
  ValueId slot = b().binary(Opcode::add, b().constant(offsets), b().binary(Opcode::mul, cpu, b().constant(8)));
  return load_scalar({slot, 0, Place::Memory::kernel}, types().uint64());
}

ValueId Lower::load_bit_field(const Place& from, const mir::RecordField& field) {
  ValueId unit = load_scalar(from, types().integer(field.type->size, false));
  uint32_t above = 64 - field.bit_offset - field.bit_size;
  ValueId top = b().binary(Opcode::shl, unit, b().constant(above));
  return b().binary(field.type->is_signed ? Opcode::shr_s : Opcode::shr_u, top, b().constant(64 - field.bit_size));
}

ValueId Lower::load_register(std::string_view name) {
  return b().load(MemWidth::u64, context(), static_cast<int32_t>(*register_offset(name)));
}

// Where an argument of a program's function, or its result, can be read.
Place Lower::user_place(const UserPlace& place) {
  if (place.kind == UserPlace::Kind::stack) {
    Place at{load_register("sp"), static_cast<int32_t>(place.offset), Place::Memory::user};
    return place.is_reference ? Place{load_scalar(at, types().uint64()), 0, Place::Memory::user} : at;
  }
  if (place.is_reference) return {load_register(place.names[0]), 0, Place::Memory::user};
  Place copy{slot("argument", 16)};
  b().store(MemWidth::u64, copy.pointer, load_register(place.names[0]), 0);
  ValueId second = place.names[1].empty() ? b().constant(0) : load_register(place.names[1]);
  b().store(MemWidth::u64, copy.pointer, second, 8);
  return copy;
}

// Bytes inside the context, such as a name: helpers read them, loads may not cross fields.
Place Lower::argument_place(const ProbeArgument& argument) {
  if (argument.user) return user_place(*argument.user);
  return {b().unary(Opcode::ptr_to_int, context()), static_cast<int32_t>(argument.offset), Place::Memory::kernel};
}

// A named argument that fits a register.
ValueId Lower::load_argument(const ProbeArgument& argument) {
  if (argument.user && (argument.user->kind == UserPlace::Kind::stack || argument.user->is_reference))
    return load_scalar(user_place(*argument.user), argument.type);
  if (argument.user) {  // what is above the value is not defined
    ValueId whole = load_register(argument.user->names[0]);
    ValueId value = extend(whole, types().integer(argument.type->size, argument.type->is_signed));
    return argument.type->is(TypeKind::boolean) ? extend(value, argument.type) : value;
  }
  bool is_raw = body_->context.row->kind == mir::ProbeKind::rawtracepoint;
  // A load would give a pointer of the kernel's types, with which there is little that programs may do; old kernels refuse it
  // for pointers to anything but structures.
  if (body_->context.row->program == mir::ProgramType::tracing) {
    Place word{b().unary(Opcode::ptr_to_int, context()), static_cast<int32_t>(argument.offset), Place::Memory::kernel};
    if (argument.is_last) {
      constexpr int32_t before = -8;
      ValueId count =
          b().binary(Opcode::and_, load_scalar({word.pointer, before, word.memory}, types().uint64()), b().constant(0xff));
      ValueId bytes = b().binary(Opcode::shl, count, b().constant(3));
      word = {b().binary(Opcode::add, word.pointer, bytes), 0, word.memory};
    }
    return load_scalar(word, argument.type);
  }
  if (argument.is_data_loc) {  // the low half of the word is the data's offset from the record's start
    ValueId word = b().load(MemWidth::u32, context(), static_cast<int32_t>(argument.offset));
    ValueId offset = b().binary(Opcode::and_, word, b().constant(0xffff));
    return b().binary(Opcode::add, b().unary(Opcode::ptr_to_int, context()), offset);
  }
  uint32_t size = is_raw ? 8 : argument.size;
  ValueId value = b().load(mir::mem_width(size, argument.type->is_signed), context(), static_cast<int32_t>(argument.offset));
  return is_raw ? extend(value, argument.type) : value;
}

}  // namespace shrike
