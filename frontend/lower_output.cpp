// Records for user space: reserved in the ring, filled in place, submitted. A record that finds the ring full is counted.
#include <algorithm>

#include "frontend/lower.h"

namespace shrike {

using mir::BlockId;
using mir::HelperId;
using mir::MemWidth;
using mir::ValueId;

namespace {

constexpr uint32_t record_header = 8;       // the event's number; the kernel's own, of the ring, is as long
constexpr uint32_t most_gathered = 2048;    // bytes of a record that several statements share
constexpr uint32_t most_controlling = 128;  // the same with a statement of higher rank, whose reserve data then takes

// For the time before the record's size is known: the offset of a field that is not in the record.
constexpr uint32_t constant_field = UINT32_MAX;

// Where each field is: one behind the other, and the constants behind the record.
void lay_out(mir::EventDecl& event) {
  uint32_t end = 8;
  for (mir::EventField& field : event.fields) {
    if (field.offset == constant_field) continue;
    uint32_t align = std::max(field.type->align, uint32_t{1});
    field.offset = (end + align - 1) / align * align;
    end = field.offset + field.type->size;
  }
  event.size = (end + 7) & ~7u;
  uint32_t constants = event.size;
  for (mir::EventField& field : event.fields) {
    if (field.offset != constant_field) continue;
    field.offset = constants;
    constants += field.type->size;
  }
}

}  // namespace

ValueId Lower::globals_pointer(uint32_t offset) {
  return b().map_value_addr(globals_, offset);
}

uint32_t Lower::string_index(std::string_view text) {
  auto& strings = module_.interface.strings;
  auto known = std::find(strings.begin(), strings.end(), text);
  if (known == strings.end()) known = strings.insert(strings.end(), std::string(text));
  return static_cast<uint32_t>(known - strings.begin());
}

void Lower::emit_event(mir::EventDecl event, const std::function<void(const Place&, const mir::EventDecl&)>& fill) {
  lay_out(event);
  std::vector<FilledEvent> events;
  events.push_back({std::move(event), b().span(), fill});
  emit_record(std::move(events));
}

void Lower::emit_record(std::vector<FilledEvent> events) {
  uint32_t size = record_header;
  for (const FilledEvent& each : events) size += each.event.size - record_header;
  // A record must fit the ring with its header, whatever the script puts in it.
  mir::MapDecl& ring = module_.interface.maps[ring_];
  while (ring.max_entries < size * 4) ring.max_entries *= 2;
  const mir::EventId first(module_.interface.events.size());
  for (size_t i = 0; i < events.size(); i++) {
    if (i + 1 < events.size()) events[i].event.next = mir::EventId(first.index + static_cast<uint32_t>(i) + 1);
    module_.interface.events.add(events[i].event);
  }

  b().set_span(events.front().at);
  BlockId lost = new_block("lost");
  BlockId got = new_block("got");
  BlockId done = new_block("sent");
  mir::EventRank rank = mir::EventRank::data;
  for (const FilledEvent& each : events) rank = std::max(rank, rank_of(each.event.kind));
  highest_rank_ = std::max(highest_rank_, rank);
  if (uint32_t reserve = reserve_of(rank, ring.max_entries); reserve != 0) {
    constexpr int64_t avail_data = 0;  // BPF_RB_AVAIL_DATA: bytes that wait for the reader
    BlockId room = new_block("room");
    room_checks_.push_back({state_->function, b().block(), b().function().blocks[b().block()].insts.size()});
    ValueId waiting = b().call(HelperId::ringbuf_query, {b().constant(avail_data)}, ring_);
    ValueId most = b().constant(int64_t{ring.max_entries} - reserve - size - record_header);
    branch(b().binary(mir::Opcode::le_u, waiting, most), room, lost);
    enter(room);
  }
  ValueId bytes = b().constant(size);
  ValueId record = branch_null(b().call(HelperId::ringbuf_reserve, {bytes, b().constant(0)}, ring_), lost, got);
  enter(got);
  b().store(MemWidth::u64, record, b().constant(first.index), 0);
  Place place{record};
  place.is_record = true;
  for (const FilledEvent& each : events) {
    b().set_span(each.at);
    each.fill(place, each.event);
    place = place.at(each.event.size - record_header);
  }
  b().call(HelperId::ringbuf_submit, {record, b().constant(0)});
  jump(done);
  enter(lost);
  count_losses(events);
  jump(done);
  enter(done);
}

// But of exit(), of which the globals tell too.
void Lower::count_losses(const std::vector<FilledEvent>& events) {
  ValueId losses;  // of this CPU
  for (mir::EventRank rank : {mir::EventRank::data, mir::EventRank::error, mir::EventRank::control}) {
    auto is_counted = [&](const FilledEvent& each) {
      return each.event.kind != mir::EventKind::exit && rank_of(each.event.kind) == rank;
    };
    auto lost = std::count_if(events.begin(), events.end(), is_counted);
    if (lost == 0) continue;
    if (!losses.is_valid()) losses = loss_slot();
    b().atomic_add(MemWidth::u64, losses, b().constant(lost), 8 * static_cast<int32_t>(rank));
  }
}

ValueId Lower::loss_slot() {
  ValueId cpu = b().call(HelperId::get_smp_processor_id, {});
  ValueId slot = b().binary(mir::Opcode::and_, cpu, b().constant(mir::globals::loss_slots - 1));
  ValueId offset = b().binary(mir::Opcode::mul, slot, b().constant(mir::globals::loss_slot_bytes));
  return b().ptr_add(globals_pointer(mir::globals::losses), offset);
}

// Where no event is of a higher rank than data, nothing needs the reserve: data may fill the ring.
void Lower::drop_room_checks() {
  if (highest_rank_ != mir::EventRank::data) return;
  for (const RoomCheck& check : room_checks_) {
    std::vector<mir::Inst>& insts = module_.functions[check.function].blocks[check.block].insts;
    mir::Inst jump{.op = mir::Opcode::jump, .targets = {insts.back().targets.front()}};
    jump.span = insts.back().span;
    insts.resize(check.first);
    insts.push_back(std::move(jump));
  }
}

Lower::FilledEvent Lower::filled(mir::EventDecl event, std::vector<RecordField> fields) {
  for (const RecordField& field : fields) event.fields.push_back({field.type, field.constant ? constant_field : 0});
  for (const RecordField& field : fields) {
    if (!field.constant) continue;
    event.constants += *field.constant;
    event.constants.resize(event.constants.size() + field.type->size - field.constant->size());
  }
  lay_out(event);
  return {std::move(event), b().span(), [this, fields = std::move(fields)](const Place& record, const mir::EventDecl& laid_out) {
            for (size_t i = 0; i < fields.size(); i++) {
              if (fields[i].constant) continue;
              Place to = record.at(laid_out.fields[i].offset);
              if (fields[i].value.is_valid()) store_scalar(to, fields[i].value, fields[i].type);
              else if (fields[i].made.pointer.is_valid()) convert(fields[i].made, fields[i].type, to, fields[i].type);
              else into(fields[i].expr, fields[i].type, to);
            }
          }};
}

void Lower::emit(mir::EventDecl event, const std::vector<RecordField>& fields) {
  std::vector<FilledEvent> events;
  events.push_back(filled(std::move(event), fields));
  emit_record(std::move(events));
}

void Lower::emit_statement(mir::EventDecl event, std::vector<RecordField> fields) {
  if (!gathers_) return emit(std::move(event), fields);
  FilledEvent next = filled(std::move(event), std::move(fields));
  uint32_t size = next.event.size;
  bool are_equal = true;
  for (const FilledEvent& each : gathered_) {
    size += each.event.size;
    are_equal &= rank_of(each.event.kind) == rank_of(next.event.kind);
  }
  if (size > (are_equal ? most_gathered : most_controlling)) emit_gathered();
  gathered_.push_back(std::move(next));
}

void Lower::emit_gathered() {
  if (gathered_.empty()) return;
  std::vector<FilledEvent> events;
  events.swap(gathered_);
  emit_record(std::move(events));
}

// Nothing is computed by it whose order with what the next statement computes could matter.
bool Lower::may_gather(const ast::Stmt& statement) const {
  const auto* alone = statement.as<ast::ExprStmt>();
  const auto* call = alone == nullptr ? nullptr : alone->expr->as<ast::Call>();
  if (call == nullptr || note(alone->expr).callee != nullptr) return false;
  if (call->name != "printf" && call->name != "print" && call->name != "time" && call->name != "clear" && call->name != "zero" &&
      call->name != "exit")
    return false;
  bool is_plain = true;
  ast::Visitor visitor;
  visitor.on_expr = [&](const ast::Expr& part) {
    const auto* inner = part.as<ast::Call>();
    is_plain &= note(&part).callee == nullptr && (inner == nullptr || inner->name != "delete") &&
                part.as<ast::IncDecExpr>() == nullptr && part.as<ast::BlockExpr>() == nullptr &&
                part.as<ast::IfExpr>() == nullptr;
  };
  ast::walk(alone->expr, visitor);
  return is_plain;
}

Lower::RecordField Lower::integer_field(int64_t value) {
  RecordField field{types().int64()};
  field.constant.emplace();
  for (int shift = 0; shift < 64; shift += 8) field.constant->push_back(static_cast<char>(static_cast<uint64_t>(value) >> shift));
  return field;
}

void Lower::formatted(mir::EventKind kind, const ast::Expr& self, const ast::Call& call, size_t format_arg) {
  mir::EventDecl event;
  event.kind = kind;
  event.format = std::get<std::string>(note(call.args[format_arg]).constant);
  event.span = self.span;
  std::vector<RecordField> fields;
  for (size_t i = format_arg + 1; i < call.args.size(); i++) fields.push_back(record_field(call.args[i]));
  emit_statement(std::move(event), std::move(fields));
}

// Scalars are evaluated before the record is reserved: their effects do not depend on room in the ring. So is what calls
// functions of the script's own, which may print themselves, loop, or leave the program.
Lower::RecordField Lower::record_field(const ast::Expr* expr) {
  RecordField field;
  field.expr = expr;
  field.type = stored(read_as(type(expr), types()), types());
  const auto* text = std::get_if<std::string>(&note(expr).constant);
  if (text != nullptr && field.type->is(mir::TypeKind::string) && field.type->size > text->size()) {
    field.constant = *text;
    return field;
  }
  if (is_scalar(field.type)) {
    field.value = scalar(expr);
    return field;
  }
  bool calls = false;
  ast::Visitor visitor;
  visitor.on_expr = [&](const ast::Expr& part) { calls |= note(&part).callee != nullptr; };
  ast::walk(expr, visitor);
  if (!calls) return field;
  field.made = {slot("made", field.type->size)};
  into(expr, field.type, field.made);
  return field;
}

void Lower::runtime_error(std::string message, Span span) {
  if (program_.is_pinned) return;
  mir::EventDecl event;
  event.kind = mir::EventKind::runtime_error;
  event.format = std::move(message);
  event.span = span;
  emit(std::move(event), {});
}

}  // namespace shrike
