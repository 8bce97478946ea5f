// The kernel's bpf_seq_printf knows integers, with width and flags but those of C that it leaves out, and strings in its own
// memory. A format becomes one or several calls of it, none with more values or text than it takes; text without conversions is
// written as it is.
#include "frontend/pinned_output.h"

#include <algorithm>

#include "frontend/checker.h"
#include "frontend/printf_format.h"

namespace shrike {

using mir::HelperId;
using mir::Opcode;
using mir::Type;
using mir::TypeKind;
using mir::ValueId;

namespace {

// Of one call: the kernel's MAX_BPRINTF_VARARGS, and its buffer for them, which is larger since Linux 6.3.
constexpr size_t most_values = 12;
constexpr uint32_t most_bytes = 512;
constexpr uint32_t value_bytes = 8;

// One conversion of a format: "%-08hhx".
struct Written {
  std::string flags, width;
  uint32_t bits = 32;     // of an integer, as in C
  std::string letters;    // d, s, rx, gr ...
  bool has_more = false;  // what the kernel does not know: `#`, a precision, `*`

  bool is_padded() const { return !flags.empty() || !width.empty(); }
};

Written read_conversion(std::string_view text) {
  Written out;
  size_t at = 1;
  auto take = [&](std::string_view set, std::string& into) {
    for (; at < text.size() && set.find(text[at]) != std::string_view::npos; at++) into += text[at];
  };
  std::string precision, length;
  take("-+ #0", out.flags);
  take("0123456789*", out.width);
  take(".0123456789*", precision);
  take("hlLjzt", length);
  out.letters = text.substr(at);
  out.has_more = !precision.empty() || out.flags.find('#') != std::string::npos || out.width.find('*') != std::string::npos;
  if (!length.empty()) out.bits = length == "hh" ? 8 : length == "h" ? 16 : 64;
  return out;
}

// What is written for a value of this type; empty if the kernel cannot.
std::string kernel_conversion(const Written& written, const Type* type) {
  if (written.has_more) return "";
  if (written.letters == "p") return written.is_padded() ? "" : "%s%llx";
  if (written.letters == "c") return "%" + written.flags + written.width + "c";
  if (written.letters == "s") {
    const bool is_left = written.flags.find('-') != std::string::npos;
    const std::string padding = (is_left ? "-" : "") + written.width;
    if (type->is(TypeKind::string)) return "%" + padding + "s";
    if (type->is(TypeKind::integer)) return "%" + padding + (type->is_signed ? "lld" : "llu");
    return "";
  }
  if (std::string_view("diuxX").find(written.letters) == std::string_view::npos) return "";
  return "%" + written.flags + written.width + (written.bits == 64 ? "ll" : "") + written.letters;
}

// `text` up to its next conversion, with each `%%` as one; what is left of `text` begins with that conversion.
std::string take_literal(std::string_view& text) {
  std::string out;
  while (!text.empty() && (text[0] != '%' || text.substr(0, 2) == "%%")) {
    out += text[0];
    text.remove_prefix(text[0] == '%' ? 2 : 1);
  }
  return out;
}

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= ' ' && c <= '~') || (c >= '\t' && c <= '\r'); });
}

const Type* shown_type(const Type* type, mir::TypePool& types) {
  return stored(read_as(type, types), types);
}

bool is_long(const Type* type) {
  return type->is(TypeKind::string) && type->size > most_bytes;
}

// The calls that one printf becomes.
class Writer {
 public:
  explicit Writer(Lower& l) : l_(l), b_(l.b()), file_(l.seq_file()) {}

  void literal(std::string_view text) {
    if (!is_plain(text)) flush();
    text_ += text;
    for (char c : text) format_ += c == '%' ? "%%" : std::string(1, c);
    if (!is_plain(text)) flush();
  }

  void conversion(const Written& written, const ast::Expr* value) {
    const Type* type = shown_type(l_.type(value), l_.types());
    if (is_long(type)) return long_text(value, type);
    const uint32_t bytes = type->is(TypeKind::string) ? (type->size + 7) & ~7u : 2 * value_bytes;
    const bool is_full = values_.size() + 2 > most_values || bytes_ + bytes > most_bytes;
    if (is_full && !values_.empty()) flush();
    bytes_ += bytes;
    format_ += kernel_conversion(written, type);
    if (type->is(TypeKind::string)) return values_.push_back(b_.unary(Opcode::ptr_to_int, text_of(value, type).pointer));
    ValueId number = l_.scalar(value);
    if (written.letters == "p") values_.push_back(prefix_of(number));
    values_.push_back(written.bits >= 32 || written.letters == "s" ? number : cut(number, written));
  }

  void flush() {
    if (values_.empty() && !text_.empty()) b_.call(HelperId::seq_write, {file_, l_.constant_pointer(text_), size_of(text_)});
    if (!values_.empty()) print();
    format_.clear();
    text_.clear();
    values_.clear();
    bytes_ = 0;
  }

 private:
  ValueId size_of(const std::string& text) { return b_.constant(static_cast<int64_t>(text.size())); }

  void print() {
    const auto bytes = static_cast<uint32_t>(values_.size() * value_bytes);
    Place list{l_.slot("values", bytes)};
    for (size_t i = 0; i < values_.size(); i++)
      l_.store_scalar(list.at(static_cast<uint32_t>(i * value_bytes)), values_[i], l_.types().uint64());
    format_ += '\0';
    b_.call(HelperId::seq_printf, {file_, l_.constant_pointer(format_), size_of(format_), list.pointer, b_.constant(bytes)});
  }

  ValueId cut(ValueId number, const Written& written) {
    const bool is_signed = written.letters == "d" || written.letters == "i";
    if (written.bits == 8) return b_.unary(is_signed ? Opcode::sext8 : Opcode::zext8, number);
    return b_.unary(is_signed ? Opcode::sext16 : Opcode::zext16, number);
  }

  // A null pointer is 0 alone.
  ValueId prefix_of(ValueId number) {
    auto text = [&](const char* prefix, size_t size) {
      return [this, bytes = std::string(prefix, size)] { return b_.unary(Opcode::ptr_to_int, l_.constant_pointer(bytes)); };
    };
    return l_.choose(number, text("0x", 3), text("", 1));
  }

  // More than the kernel's buffer takes.
  void long_text(const ast::Expr* value, const Type* type) {
    flush();
    const Place text = text_of(value, type);
    const ValueId address = b_.unary(Opcode::ptr_to_int, text.pointer);
    // Read onto itself for the sake of its length, which counts the NUL.
    const auto room = static_cast<int64_t>(type->size + trailer_.size() - 1);
    const ValueId length = b_.call(HelperId::probe_read_kernel_str, {text.pointer, b_.constant(room), address});
    const ValueId bytes = b_.clamp_u(b_.binary(Opcode::sub, length, b_.constant(1)), static_cast<uint64_t>(room));
    b_.call(HelperId::seq_write, {file_, text.pointer, bytes});
  }

  // A copy that ends where user space would end it: a string that was cut has no NUL.
  Place text_of(const ast::Expr* value, const Type* type) {
    Place text{l_.slot("text", slot_bytes(type->size + static_cast<uint32_t>(trailer_.size())))};
    l_.into(value, type, text);
    mir::BlockId cut = l_.new_block("cut");
    mir::BlockId whole = l_.new_block("whole");
    const Place last = text.at(type->size - 1);
    l_.branch(b_.load(mir::MemWidth::u8, last.pointer, last.offset), cut, whole);
    l_.enter(cut);
    l_.write_bytes(last, trailer_, static_cast<uint32_t>(trailer_.size()));
    l_.jump(whole);
    l_.enter(whole);
    return text;
  }

  Lower& l_;
  mir::Builder& b_;
  ValueId file_;
  const std::string trailer_ = l_.program().config.str_trunc_trailer + '\0';
  std::string format_, text_;  // of the next call: as the kernel's format, and where no conversion is in it
  std::vector<ValueId> values_;
  uint32_t bytes_ = 0;
};

}  // namespace

bool Checker::pinned_format(const ast::Call& call) {
  if (body_->function != nullptr) {
    report(Diag::pinned_printf_in_function, call.name_span);
    return false;
  }
  const ParsedFormat parsed = parse_format(*constant_string(call.args[0], "a format"));
  bool is_good = true;
  for (size_t i = 0; i < parsed.texts.size() && is_good; i++) {
    const ast::Expr* value = call.args[i + 1];
    const Type* type = shown_type(note(value).type, types());
    const Written written = read_conversion(parsed.texts[i]);
    const bool is_other = written.letters == "s" && !type->is(TypeKind::string) && !type->is(TypeKind::integer);
    is_good = parsed.texts[i] != "*" && (is_other || !kernel_conversion(written, type).empty());
    if (!is_good) {
      report(Diag::pinned_format, call.args[0]->span, {"`" + parsed.texts[i] + "`"})
          .with_hint("it knows d, i, u, x, X, c, s, and a bare %p; flags but #, and a width");
    } else if (is_other) {
      is_good = false;
      report(Diag::pinned_format, value->span, {show(type) + " by `" + parsed.texts[i] + "`"})
          .label(call.args[0]->span, "the format is here");
    } else if (is_long(type) && !written.width.empty()) {
      is_good = false;
      report(Diag::pinned_format, value->span,
             {"a string of " + std::to_string(type->size) + " bytes by `" + parsed.texts[i] + "`"})
          .with_hint("at most " + std::to_string(most_bytes) + "; give `str()` a length");
    }
  }
  return is_good;
}

void print_to_reader(Lower& l, const ast::Call& call) {
  const std::string& format = std::get<std::string>(l.note(call.args[0]).constant);
  const ParsedFormat parsed = parse_format(format);
  std::string_view rest = format;
  Writer writer(l);
  for (size_t i = 0; i < parsed.texts.size(); i++) {
    writer.literal(take_literal(rest));
    rest.remove_prefix(parsed.texts[i].size());
    writer.conversion(read_conversion(parsed.texts[i]), call.args[i + 1]);
  }
  writer.literal(take_literal(rest));
  writer.flush();
}

}  // namespace shrike
