// Interning, layout and the text form of data types. The rules of type.h are implemented here and nowhere else.
// Does not know records by itself: their layouts come from the script, tracepoint formats or BTF.
#include "mir/type.h"

#include <algorithm>
#include <charconv>

#include "mir/base/check.h"

namespace shrike::mir {

namespace {

constexpr uint32_t align_up(uint32_t value, uint32_t align) {
  return (value + align - 1) / align * align;
}

struct SimpleRow {
  TypeKind kind;
  const char* text;
  uint32_t size;
  uint32_t align;
};
constexpr SimpleRow simple_rows[] = {
    {TypeKind::none, "void", 0, 1},
    {TypeKind::boolean, "bool", 1, 1},
    {TypeKind::ksym, "ksym_t", 8, 8},
    {TypeKind::usym, "usym_t", 16, 8},
    {TypeKind::username, "username_t", 8, 8},
    {TypeKind::inet, "inet_t", 20, 4},
    {TypeKind::macaddr, "macaddr_t", 6, 1},
    {TypeKind::timestamp, "timestamp_t", 16, 8},
    {TypeKind::cgroup_path, "cgroup_path_t", 16, 8},
    {TypeKind::count, "count_t", 8, 8},
};

struct AggregateRow {
  TypeKind kind;
  const char* text;  // unsigned ones have a u in front
  uint32_t size;
};
constexpr AggregateRow aggregate_rows[] = {
    {TypeKind::sum, "sum_t", 8},  {TypeKind::min, "min_t", 16},     {TypeKind::max, "max_t", 16},
    {TypeKind::avg, "avg_t", 16}, {TypeKind::stats, "stats_t", 16},
};

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == ':' ||
         c == '$' || c == '@' || c == '-';
}

// Names that are not plain (BTF has none, but scripts and tools may) are quoted; quote and backslash are escaped.
std::string text_of_name(std::string_view name) {
  if (!name.empty() && std::all_of(name.begin(), name.end(), is_name_char)) return std::string(name);
  std::string out = "\"";
  for (char c : name) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// No less than what the record's fields need: that of the widest one. Where fields are records themselves, whose own alignment
// may not be known yet, as much as the size allows.
uint32_t record_align(const RecordLayout& layout) {
  const bool is_made = layout.name.starts_with('(');  // of values, whose types are all known
  uint32_t align = 1;
  for (const RecordField& field : layout.fields) {
    const Type* inner = field.type;
    while (inner->is(TypeKind::array)) inner = inner->element;
    align = std::max(align, inner->is(TypeKind::record) && !is_made ? 8 : inner->align);
  }
  while (align > 1 && layout.size % align != 0) align /= 2;
  return layout.size == 0 ? 1 : align;
}

bool layout_tuple(Type& type) {
  uint64_t offset = 0;
  type.align = 1;
  for (TupleElement& element : type.elements) {
    offset = align_up(static_cast<uint32_t>(offset), element.type->align);
    element.offset = static_cast<uint32_t>(offset);
    offset += element.type->size;
    if (offset > INT32_MAX) return false;
    type.align = std::max(type.align, element.type->align);
  }
  type.size = align_up(static_cast<uint32_t>(offset), type.align);
  return true;
}

// Recursive descent over the text form. Limits keep sizes in 31 bits and nesting off the C stack's end.
class TypeReader {
 public:
  TypeReader(TypePool& pool, std::string_view text) : pool_(pool), text_(text) {}

  const Type* whole() {
    const Type* type = any();
    return at_ == text_.size() ? type : nullptr;
  }

 private:
  static constexpr int max_depth = 64;

  bool accept(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    at_++;
    return true;
  }
  bool accept(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  std::string_view word() {
    size_t begin = at_;
    while (at_ < text_.size() && (is_name_char(text_[at_]))) at_++;
    return text_.substr(begin, at_ - begin);
  }
  bool number(int64_t& value) {
    auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (error != std::errc()) return false;
    at_ = static_cast<size_t>(end - text_.data());
    return true;
  }
  // `[n` with n in [low, high]; the closing bracket is the caller's.
  bool open_count(uint32_t& count, int64_t low, int64_t high) {
    int64_t value = 0;
    if (!accept('[') || !number(value) || value < low || value > high) return false;
    count = static_cast<uint32_t>(value);
    return true;
  }
  bool name(std::string& out) {
    if (!accept(' ')) return false;
    if (!accept('"')) {
      out = word();
      return !out.empty();
    }
    while (at_ < text_.size() && text_[at_] != '"') {
      if (text_[at_] == '\\') ++at_;
      if (at_ == text_.size()) return false;
      out += text_[at_++];
    }
    return accept('"');
  }

  const Type* any() {
    if (++depth_ > max_depth) return nullptr;
    const Type* type = accept('(') ? tuple_rest() : base();
    for (int suffixes = 0; type != nullptr && at_ < text_.size(); suffixes++) {
      if (suffixes > max_depth) return nullptr;
      if (accept('*')) {
        type = pool_.pointer(type, accept("user")     ? AddressSpace::user
                                   : accept("percpu") ? AddressSpace::percpu
                                                      : AddressSpace::kernel);
      } else if (text_[at_] == '[') {
        uint32_t count = 0;
        if (!open_count(count, 0, INT32_MAX) || !accept(']')) return nullptr;
        if (uint64_t{count} * type->size > INT32_MAX) return nullptr;
        type = pool_.array(type, count);
      } else {
        break;
      }
    }
    depth_--;
    return type;
  }

  const Type* tuple_rest() {
    std::vector<const Type*> elements;
    uint64_t size = 0;
    if (accept(')')) return pool_.tuple(elements);
    do {
      const Type* element = any();
      if (element == nullptr || (size += element->size + 8) > INT32_MAX) return nullptr;
      elements.push_back(element);
    } while (accept(','));
    return accept(')') ? pool_.tuple(elements) : nullptr;
  }

  const Type* base() {
    std::string_view head = word();
    for (const SimpleRow& row : simple_rows)
      if (head == row.text) return pool_.simple(row.kind);
    for (const AggregateRow& row : aggregate_rows) {
      if (head == row.text) return pool_.aggregate(row.kind, true);
      if (head.size() > 1 && head[0] == 'u' && head.substr(1) == row.text) return pool_.aggregate(row.kind, false);
    }
    for (uint32_t size : {1u, 2u, 4u, 8u}) {
      std::string bits = std::to_string(size * 8);
      if (head == "int" + bits) return pool_.integer(size, true);
      if (head == "uint" + bits) return pool_.integer(size, false);
    }
    if (head == "struct" || head == "union" || head.starts_with("enum") || head.starts_with("senum")) return named(head);
    return bracketed(head);
  }

  const Type* named(std::string_view head) {
    std::string of;
    if (!name(of)) return nullptr;
    if (head == "struct" || head == "union") return pool_.record(of, head == "union");
    bool is_signed = head[0] == 's';
    if (is_signed) head.remove_prefix(1);
    if (head == "enum") return pool_.enumeration(of, 4, is_signed);
    if (head == "enum1") return pool_.enumeration(of, 1, is_signed);
    if (head == "enum2") return pool_.enumeration(of, 2, is_signed);
    return head == "enum8" ? pool_.enumeration(of, 8, is_signed) : nullptr;
  }

  const Type* bracketed(std::string_view head) {
    uint32_t count = 0;
    if (head == "string" || head == "buffer") {
      if (!open_count(count, 0, INT32_MAX / 2) || !accept(']')) return nullptr;
      return head == "string" ? pool_.string(count) : pool_.buffer(count);
    }
    if (head == "kstack_t" || head == "ustack_t") {
      if (!open_count(count, 0, 1 << 20)) return nullptr;
      StackMode mode = StackMode::bpftrace;
      for (const StackModeRow& row : stack_modes)
        if (row.mode != StackMode::bpftrace && accept("," + std::string(row.name))) mode = row.mode;
      bool is_kernel = head == "kstack_t";
      if (!accept(']') || (is_kernel && mode == StackMode::build_id)) return nullptr;
      return pool_.stack(is_kernel ? TypeKind::kstack : TypeKind::ustack, count, mode);
    }
    if (head == "hist_t") return open_count(count, 0, 16) && accept(']') ? pool_.hist(count) : nullptr;
    if (head == "tseries_t" || head == "utseries_t") return series(head[0] != 'u');
    if (head != "lhist_t") return nullptr;
    int64_t min = 0, max = 0, step = 0;
    if (!accept('[') || !number(min) || !accept(',') || !number(max) || !accept(',') || !number(step) || !accept(']'))
      return nullptr;
    if (step <= 0 || max < min ||
        (static_cast<uint64_t>(max) - static_cast<uint64_t>(min)) / static_cast<uint64_t>(step) > 1u << 24)
      return nullptr;
    return pool_.lhist(min, max, step);
  }

  const Type* series(bool is_signed) {
    int64_t interval = 0, count = 0;
    if (!accept('[') || !number(interval) || !accept(',') || !number(count) || !accept(',')) return nullptr;
    std::optional<SeriesFold> fold = find_series_fold(word());
    if (!fold || !accept(']') || interval < 1 || count < 1 || count > 1 << 24) return nullptr;
    return pool_.tseries(interval, static_cast<uint32_t>(count), *fold, is_signed);
  }

  TypePool& pool_;
  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

TypePool::TypePool() {
  none_ = simple(TypeKind::none);
  boolean_ = simple(TypeKind::boolean);
  int64_ = integer(8, true);
  uint64_ = integer(8, false);
}

const Type* TypePool::intern(Type type) {
  auto found = types_.find(type.text);
  if (found != types_.end()) return found->second.get();
  std::string key = type.text;
  auto owned = std::make_unique<Type>(std::move(type));
  const Type* interned = owned.get();
  types_.emplace(std::move(key), std::move(owned));
  return interned;
}

const Type* TypePool::add_whole(Type type, bool is_waiting) {
  if (!is_waiting) return intern(std::move(type));
  const size_t known = types_.size();
  type.is_waiting = true;
  const Type* whole = intern(std::move(type));
  if (types_.size() != known) waiting_.push_back(types_.at(whole->text).get());
  return whole;
}

const Type* TypePool::integer(uint32_t size, bool is_signed) {
  CHECK(size == 1 || size == 2 || size == 4 || size == 8, "integer of an odd size");
  Type type{.kind = TypeKind::integer, .is_signed = is_signed, .size = size, .align = size};
  type.text = (is_signed ? "int" : "uint") + std::to_string(size * 8);
  return intern(std::move(type));
}

const Type* TypePool::pointer(const Type* target, AddressSpace space) {
  Type type{.kind = TypeKind::pointer, .space = space, .size = 8, .align = 8, .element = target};
  type.text = target->text + (space == AddressSpace::user ? "*user" : space == AddressSpace::percpu ? "*percpu" : "*");
  return intern(std::move(type));
}

const Type* TypePool::string(uint32_t capacity) {
  Type type{.kind = TypeKind::string, .size = capacity, .align = 1, .count = capacity};
  type.text = "string[" + std::to_string(capacity) + "]";
  return intern(std::move(type));
}

const Type* TypePool::buffer(uint32_t capacity) {
  Type type{.kind = TypeKind::buffer, .size = 4 + align_up(capacity, 4), .align = 4, .count = capacity};
  type.text = "buffer[" + std::to_string(capacity) + "]";
  return intern(std::move(type));
}

const Type* TypePool::array(const Type* element, uint32_t count) {
  CHECK(uint64_t{count} * element->size <= INT32_MAX, "array too big");
  Type type{.kind = TypeKind::array, .size = element->size * count, .align = element->align, .count = count, .element = element};
  type.text = element->text + "[" + std::to_string(count) + "]";
  return add_whole(std::move(type), element->is_waiting);
}

const Type* TypePool::tuple(const std::vector<const Type*>& elements) {
  Type type{.kind = TypeKind::tuple};
  type.text = "(";
  for (const Type* element : elements) {
    if (!type.elements.empty()) type.text += ",";
    type.text += element->text;
    type.elements.push_back({element, 0});
  }
  type.text += ")";
  CHECK(layout_tuple(type), "tuple too big");
  return add_whole(std::move(type), std::ranges::any_of(elements, [](const Type* element) { return element->is_waiting; }));
}

const Type* TypePool::record(std::string_view name, bool is_union) {
  Type type{.kind = TypeKind::record, .name = std::string(name), .is_union = is_union, .is_waiting = true};
  type.text = (is_union ? "union " : "struct ") + text_of_name(name);
  return intern(std::move(type));
}

const Type* TypePool::enumeration(std::string_view name, uint32_t size, bool is_signed) {
  CHECK(size == 1 || size == 2 || size == 4 || size == 8, "enumeration of an odd size");
  Type type{.kind = TypeKind::enumeration, .is_signed = is_signed, .size = size, .align = size, .name = std::string(name)};
  type.text = (is_signed ? "senum" : "enum") + (size == 4 ? std::string() : std::to_string(size)) + " " + text_of_name(name);
  return intern(std::move(type));
}

const Type* TypePool::stack(TypeKind kind, uint32_t limit, StackMode mode) {
  CHECK(kind == TypeKind::kstack || kind == TypeKind::ustack, "not a stack type");
  bool is_kernel = kind == TypeKind::kstack;
  CHECK(!is_kernel || mode != StackMode::build_id, "the kernel itself has no frames by build id");
  uint32_t size = (is_kernel ? 8 : 16) + row_of(mode).frame_size * limit;
  Type type{.kind = kind, .stack_mode = mode, .size = size, .align = 8, .count = limit};
  type.text = (is_kernel ? "kstack_t[" : "ustack_t[") + std::to_string(limit);
  if (mode != StackMode::bpftrace) type.text.append(",").append(row_of(mode).name);
  type.text += "]";
  return intern(std::move(type));
}

const Type* TypePool::simple(TypeKind kind) {
  for (const SimpleRow& row : simple_rows) {
    if (row.kind != kind) continue;
    Type type{.kind = kind, .is_signed = kind == TypeKind::count, .size = row.size, .align = row.align, .text = row.text};
    return intern(std::move(type));
  }
  UNREACHABLE("type kind has parameters");
}

const Type* TypePool::aggregate(TypeKind kind, bool is_signed) {
  if (kind == TypeKind::count) return simple(kind);
  for (const AggregateRow& row : aggregate_rows) {
    if (row.kind != kind) continue;
    Type type{.kind = kind, .is_signed = is_signed, .size = row.size, .align = 8};
    type.text = is_signed ? row.text : std::string("u") + row.text;
    return intern(std::move(type));
  }
  UNREACHABLE("not an aggregate without parameters");
}

const Type* TypePool::hist(uint32_t bits) {
  Type type{.kind = TypeKind::hist, .size = 8 * hist_bucket_count(bits), .align = 8, .count = bits};
  type.text = "hist_t[" + std::to_string(bits) + "]";
  return intern(std::move(type));
}

const Type* TypePool::lhist(int64_t min, int64_t max, int64_t step) {
  Type type{.kind = TypeKind::lhist, .size = 8 * lhist_bucket_count(min, max, step), .align = 8};
  type.lhist_min = min;
  type.lhist_max = max;
  type.lhist_step = step;
  type.text = "lhist_t[" + std::to_string(min) + "," + std::to_string(max) + "," + std::to_string(step) + "]";
  return intern(std::move(type));
}

const Type* TypePool::tseries(int64_t interval, uint32_t count, SeriesFold fold, bool is_signed) {
  Type type{.kind = TypeKind::tseries, .is_signed = is_signed, .size = series_slot * count, .align = 8, .count = count};
  type.interval = interval;
  type.fold = fold;
  type.text = std::string(is_signed ? "" : "u") + "tseries_t[" + std::to_string(interval) + "," + std::to_string(count) + ",";
  type.text.append(name_of(fold)).append("]");
  return intern(std::move(type));
}

const Type* TypePool::parse(std::string_view text) {
  auto found = types_.find(std::string(text));
  return found != types_.end() ? found->second.get() : TypeReader(*this, text).whole();
}

const RecordLayout* TypePool::layout(const Type* record) const {
  auto found = layouts_.find(record->text);
  return found == layouts_.end() ? nullptr : found->second.get();
}

const RecordLayout* TypePool::define_record(RecordLayout layout) {
  const Type* type = record(layout.name, layout.is_union);
  if (const RecordLayout* known = this->layout(type)) return known;
  Type& record = *types_.at(type->text);
  record.is_waiting = false;
  record.size = layout.size;
  record.align = record_align(layout);
  auto owned = std::make_unique<RecordLayout>(std::move(layout));
  const RecordLayout* defined = owned.get();
  layouts_.emplace(record.text, std::move(owned));
  defined_.push_back(defined);
  refresh_sizes();
  return defined;
}

const std::vector<Enumerator>* TypePool::enumerators(const Type* enumeration) const {
  auto found = enumerators_.find(enumeration->name);
  return found == enumerators_.end() ? nullptr : &found->second;
}

void TypePool::define_enumeration(std::string_view name, std::vector<Enumerator> enumerators) {
  enumerators_.emplace(name, std::move(enumerators));
}

// Arrays and tuples of the record took its size when it was still unknown.
void TypePool::refresh_sizes() {
  std::erase_if(waiting_, [](Type* type) {
    if (type->kind == TypeKind::array) {
      type->size = static_cast<uint32_t>(std::min<uint64_t>(uint64_t{type->count} * type->element->size, INT32_MAX));
      type->align = type->element->align;
      type->is_waiting = type->element->is_waiting;
    } else {
      if (!layout_tuple(*type)) type->size = INT32_MAX;
      type->is_waiting = std::ranges::any_of(type->elements, [](const TupleElement& part) { return part.type->is_waiting; });
    }
    return !type->is_waiting;
  });
}

RecordField bit_field(const Type* declared, uint64_t start, uint32_t bits, TypePool& pool) {
  RecordField field;
  field.type = declared;
  field.bit_size = bits;
  uint64_t unit = std::max<uint64_t>(declared->size, 1) * 8;
  uint64_t container = start / unit * unit;
  if (start - container + bits > unit) {
    container = start / 8 * 8;
    uint32_t size = 1;
    while (size < 8 && start - container + bits > size * 8) size *= 2;
    field.type = pool.integer(size, declared->is_signed);
  }
  field.offset = static_cast<uint32_t>(container / 8);
  field.bit_offset = static_cast<uint32_t>(start - container);
  return field;
}

constexpr std::string_view series_folds[] = {"last", "avg", "min", "max", "sum"};  // by SeriesFold

std::string_view name_of(SeriesFold fold) {
  return series_folds[static_cast<size_t>(fold)];
}

std::optional<SeriesFold> find_series_fold(std::string_view name) {
  const auto* found = std::find(std::begin(series_folds), std::end(series_folds), name);
  if (found == std::end(series_folds)) return std::nullopt;
  return static_cast<SeriesFold>(found - std::begin(series_folds));
}

uint32_t hist_bucket_count(uint32_t bits) {
  CHECK(bits <= 16, "hist with too many bits");
  return 1 + ((64 - bits) << bits);
}

uint32_t lhist_bucket_count(int64_t min, int64_t max, int64_t step) {
  CHECK(step > 0 && max >= min, "lhist with an empty range");
  return static_cast<uint32_t>((static_cast<uint64_t>(max) - static_cast<uint64_t>(min)) / static_cast<uint64_t>(step)) + 2;
}

}  // namespace shrike::mir
