// One switch over the kinds of types. Bytes come from the ring or a map and may be at any alignment.
#include "runtime/value_text.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>
#include <ctime>

namespace shrike {

using mir::Type;
using mir::TypeKind;

namespace {

constexpr char hex_digits[] = "0123456789abcdef";

template <class T>
T load(const uint8_t* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

int64_t clock_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

void append_padded(std::string& out, uint64_t value, int digits) {
  char text[16];
  for (int i = digits; i-- > 0; value /= 10) text[i] = static_cast<char>('0' + value % 10);
  out.append(text, static_cast<size_t>(digits));
}

}  // namespace

uint64_t load_integer(const uint8_t* bytes, uint32_t size, bool is_signed) {
  switch (size) {
    case 1: return is_signed ? static_cast<uint64_t>(load<int8_t>(bytes)) : bytes[0];
    case 2: return is_signed ? static_cast<uint64_t>(load<int16_t>(bytes)) : load<uint16_t>(bytes);
    case 4: return is_signed ? static_cast<uint64_t>(load<int32_t>(bytes)) : load<uint32_t>(bytes);
    case 8: return load<uint64_t>(bytes);
    default: return 0;
  }
}

void append_decimal(std::string& out, uint64_t value, bool is_signed) {
  char text[24];
  auto end = is_signed ? std::to_chars(text, text + sizeof text, static_cast<int64_t>(value))
                       : std::to_chars(text, text + sizeof text, value);
  out.append(text, end.ptr);
}

void append_hex(std::string& out, uint64_t value) {
  char text[16];
  auto end = std::to_chars(text, text + sizeof text, value, 16);
  out.append(text, end.ptr);
}

void append_escaped(std::string& out, const uint8_t* bytes, size_t size) {
  for (size_t i = 0; i < size; i++) {
    uint8_t c = bytes[i];
    if (c >= 0x20 && c < 0x7f) {
      out.push_back(static_cast<char>(c));
    } else {
      out.append({'\\', 'x', hex_digits[c >> 4], hex_digits[c & 15]});
    }
  }
}

std::string_view buffer_bytes(const Type& type, const uint8_t* bytes) {
  uint32_t length = std::min(load<uint32_t>(bytes), type.count);
  return {reinterpret_cast<const char*>(bytes) + 4, length};
}

IntegerValue integer_of(const Type& type, const uint8_t* bytes) {
  switch (type.kind) {
    case TypeKind::boolean:
    case TypeKind::pointer: return {true, false, load_integer(bytes, type.size, false)};
    case TypeKind::integer:
    case TypeKind::enumeration: return {true, type.is_signed, load_integer(bytes, type.size, type.is_signed)};
    case TypeKind::ksym:
    case TypeKind::usym:
    case TypeKind::username:
    case TypeKind::timestamp:
    case TypeKind::cgroup_path:
    case TypeKind::count: return {true, false, load<uint64_t>(bytes)};
    case TypeKind::sum:
    case TypeKind::min:
    case TypeKind::max: return {true, type.is_signed, load<uint64_t>(bytes)};
    case TypeKind::avg:
    case TypeKind::stats: {
      uint64_t total = load<uint64_t>(bytes), count = load<uint64_t>(bytes + 8);
      if (count == 0) return {true, type.is_signed, 0};
      if (type.is_signed) return {true, true, static_cast<uint64_t>(static_cast<int64_t>(total) / static_cast<int64_t>(count))};
      return {true, false, total / count};
    }
    default: return {};
  }
}

void append_time(std::string& out, std::string_view format, int64_t wall_ns) {
  int64_t seconds = wall_ns / 1'000'000'000, rest = wall_ns % 1'000'000'000;
  if (rest < 0) seconds--, rest += 1'000'000'000;
  std::string plain;
  for (size_t i = 0; i < format.size(); i++) {
    char next = format[i] == '%' && i + 1 < format.size() ? format[i + 1] : '\0';
    switch (next) {
      case 'f': append_padded(plain, static_cast<uint64_t>(rest / 1000), 6); break;
      case 'l': append_padded(plain, static_cast<uint64_t>(rest / 1'000'000), 3); break;
      case 'k': append_padded(plain, static_cast<uint64_t>(rest), 9); break;
      case '\0': plain.push_back(format[i]); continue;
      default: plain.push_back('%'), plain.push_back(next); break;
    }
    i++;
  }
  time_t time = seconds;
  tm local{};
  localtime_r(&time, &local);
  char text[512];
  out.append(text, strftime(text, sizeof text, plain.c_str(), &local));
}

ValueText::ValueText(const mir::Interface& interface, Symbols& symbols, HostNames& names, const OutputOptions& options)
    : interface_(interface),
      symbols_(symbols),
      names_(names),
      options_(options),
      boot_to_wall_ns_(clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME)) {}

void ValueText::append_key(std::string& out, const Type& type, const uint8_t* bytes) const {
  if (!type.is(TypeKind::tuple)) return append(out, type, bytes, 4);
  for (size_t i = 0; i < type.elements.size(); i++) {
    if (i != 0) out.append(", ");
    append(out, *type.elements[i].type, bytes + type.elements[i].offset, 4);
  }
}

void ValueText::append(std::string& out, const Type& type, const uint8_t* bytes, int stack_indent) const {
  switch (type.kind) {
    case TypeKind::none: out.append("null"); return;
    case TypeKind::boolean: out.append(bytes[0] ? "true" : "false"); return;
    case TypeKind::pointer: out.append("0x"), append_hex(out, load<uint64_t>(bytes)); return;
    case TypeKind::string: return append_string(out, type, bytes);
    case TypeKind::buffer: {
      std::string_view data = buffer_bytes(type, bytes);
      return append_escaped(out, reinterpret_cast<const uint8_t*>(data.data()), data.size());
    }
    case TypeKind::array:
      for (uint32_t i = 0; i < type.count; i++) {
        out.push_back(i == 0 ? '[' : ',');
        append(out, *type.element, bytes + i * type.element->size, stack_indent);
      }
      out.append(type.count == 0 ? "[]" : "]");
      return;
    case TypeKind::tuple:
      out.push_back('(');
      for (size_t i = 0; i < type.elements.size(); i++) {
        if (i != 0) out.append(", ");
        append(out, *type.elements[i].type, bytes + type.elements[i].offset, stack_indent);
      }
      out.push_back(')');
      return;
    case TypeKind::record: return append_record(out, type, bytes, stack_indent);
    case TypeKind::kstack:
    case TypeKind::ustack: return append_stack(out, type, bytes, stack_indent);
    case TypeKind::ksym: return symbols_.append_kernel(out, load<uint64_t>(bytes), SymbolForm::name);
    case TypeKind::usym: return symbols_.append_user(out, load<uint32_t>(bytes + 8), load<uint64_t>(bytes), SymbolForm::name);
    case TypeKind::username: return names_.append_user(out, load<uint64_t>(bytes));
    case TypeKind::inet: return append_inet(out, bytes);
    case TypeKind::macaddr:
      for (int i = 0; i < 6; i++) {
        if (i != 0) out.push_back(':');
        out.push_back("0123456789ABCDEF"[bytes[i] >> 4]), out.push_back("0123456789ABCDEF"[bytes[i] & 15]);
      }
      return;
    case TypeKind::timestamp: return append_timestamp(out, bytes);
    case TypeKind::cgroup_path: return names_.append_cgroup(out, load<uint64_t>(bytes), string_of(load<uint64_t>(bytes + 8)));
    case TypeKind::stats:
      out.append("count "), append_decimal(out, load<uint64_t>(bytes + 8), false);
      out.append(", average "), append_decimal(out, integer_of(type, bytes).bits, type.is_signed);
      out.append(", total "), append_decimal(out, load<uint64_t>(bytes), type.is_signed);
      return;
    case TypeKind::hist:
    case TypeKind::lhist:
    case TypeKind::tseries:  // only whole maps show charts
      out.append("null");
      return;
    case TypeKind::enumeration: return append_enumerator(out, type, integer_of(type, bytes).bits);
    case TypeKind::integer:
    case TypeKind::count:
    case TypeKind::sum:
    case TypeKind::min:
    case TypeKind::max:
    case TypeKind::avg: {
      IntegerValue value = integer_of(type, bytes);
      return append_decimal(out, value.bits, value.is_signed);
    }
  }
}

void ValueText::append_enumerator(std::string& out, const Type& type, uint64_t value) const {
  if (const std::vector<mir::Enumerator>* names = interface_.types.enumerators(&type)) {
    for (const mir::Enumerator& each : *names) {
      if (static_cast<uint64_t>(each.value) != value) continue;
      out.append(each.name);
      return;
    }
  }
  append_decimal(out, value, type.is_signed);
}

void ValueText::append_string(std::string& out, const Type& type, const uint8_t* bytes) const {
  if (type.count == 0) return;
  size_t length = strnlen(reinterpret_cast<const char*>(bytes), type.count);
  bool is_cut = length == type.count;
  out.append(reinterpret_cast<const char*>(bytes), is_cut ? length - 1 : length);
  if (is_cut) out.append(options_.str_trunc_trailer);
}

void ValueText::append_record(std::string& out, const Type& type, const uint8_t* bytes, int stack_indent) const {
  const mir::RecordLayout* layout = interface_.types.layout(&type);
  bool is_first = true;
  if (layout != nullptr) append_record_fields(out, *layout, bytes, is_first, stack_indent);
  out.append(is_first ? "{}" : " }");
}

void ValueText::append_record_fields(std::string& out, const mir::RecordLayout& layout, const uint8_t* bytes, bool& is_first,
                                     int stack_indent) const {
  for (const mir::RecordField& field : layout.fields) {
    const uint8_t* at = bytes + field.offset;
    if (field.name.empty()) {
      const mir::RecordLayout* inner = field.type->is(TypeKind::record) ? interface_.types.layout(field.type) : nullptr;
      if (inner != nullptr) append_record_fields(out, *inner, at, is_first, stack_indent);
      continue;
    }
    out.append(is_first ? "{ ." : ", .").append(field.name).append(" = ");
    is_first = false;
    if (field.bit_size != 0) {
      uint64_t value = load_bit_field(field, at);
      if (field.type->is(TypeKind::enumeration)) append_enumerator(out, *field.type, value);
      else append_decimal(out, value, field.type->is_signed);
    } else if (field.is_data_loc) {
      append_decimal(out, load<uint32_t>(at), false);
    } else {
      append(out, *field.type, at, stack_indent);
    }
  }
}

uint64_t load_bit_field(const mir::RecordField& field, const uint8_t* bytes) {
  uint64_t whole = load_integer(bytes, field.type->size, false) >> field.bit_offset;
  uint32_t unused = 64 - field.bit_size;
  whole <<= unused;
  return field.type->is_signed ? static_cast<uint64_t>(static_cast<int64_t>(whole) >> unused) : whole >> unused;
}

void ValueText::append_inet(std::string& out, const uint8_t* bytes) const {
  char text[INET6_ADDRSTRLEN];
  if (inet_ntop(static_cast<int>(load<uint32_t>(bytes)), bytes + 4, text, sizeof text) != nullptr) out.append(text);
}

void ValueText::append_timestamp(std::string& out, const uint8_t* bytes) const {
  append_time(out, string_of(load<uint64_t>(bytes + 8)), static_cast<int64_t>(load<uint64_t>(bytes)) + boot_to_wall_ns_);
}

// struct bpf_stack_build_id of the kernel's ABI. Where it found no build id, the address is all that is known.
void ValueText::append_build_id_frame(std::string& out, const uint8_t* frame) {
  constexpr uint32_t status_valid = 1;
  constexpr size_t id_at = 4, id_size = 20, offset_at = 24;
  if (load<uint32_t>(frame) == status_valid) {
    for (size_t i = 0; i < id_size; i++) {
      out.push_back(hex_digits[frame[id_at + i] >> 4]);
      out.push_back(hex_digits[frame[id_at + i] & 15]);
    }
    out.push_back(' ');
  }
  out.append("0x"), append_hex(out, load<uint64_t>(frame + offset_at));
  out.push_back('\n');
}

void ValueText::append_stack(std::string& out, const Type& type, const uint8_t* bytes, int indent) const {
  bool is_user = type.is(TypeKind::ustack);
  uint64_t count = std::min<uint64_t>(load<uint64_t>(bytes), type.count);
  uint32_t pid = is_user ? load<uint32_t>(bytes + 8) : 0;
  const uint8_t* frames = bytes + (is_user ? 16 : 8);
  out.push_back('\n');
  for (uint64_t i = 0; i < count; i++) {
    if (type.stack_mode == mir::StackMode::build_id) {
      append_build_id_frame(out, frames + mir::row_of(type.stack_mode).frame_size * i);
      continue;
    }
    uint64_t address = load<uint64_t>(frames + 8 * i);
    SymbolForm form = SymbolForm::offset;
    if (type.stack_mode == mir::StackMode::raw) {
      append_hex(out, address);
      out.push_back('\n');
      continue;
    }
    std::string before(static_cast<size_t>(indent), ' ');
    if (type.stack_mode == mir::StackMode::perf) {
      before = "\t";
      append_hex(before, address), before.push_back(' ');
      form = SymbolForm::module;
    }
    if (is_user) {
      symbols_.append_user_frame(out, before, pid, address, form, i != 0);
      continue;
    }
    out.append(before);
    symbols_.append_kernel(out, address, form);
    out.push_back('\n');
  }
}

std::string_view ValueText::string_of(uint64_t index) const {
  return index < interface_.strings.size() ? std::string_view(interface_.strings[index]) : std::string_view();
}

}  // namespace shrike
