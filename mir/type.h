// Data types: how bytes in maps, events and traced memory are laid out and shown. The frontend types
// expressions with them; maps and events carry them so that a program read back from MIR or LIR text
// prints exactly what the script would. (SSA values have a ValueType instead, see module.h.)
//
// Types are interned by TypePool: equal types are one pointer. Each has a text form that parses back:
//   bool int8..int64 uint8..uint64 void  T*  T*user  T[n]  string[n] buffer[n]  (T,T)  struct s  union u  enum e
//   (enums of other than 4 bytes are enum1, enum2, enum8; senum... if their values have signs; a name that is not letters, digits
//   and _.:$@- is quoted) kstack_t[n] ustack_t[n] (frames; `kstack_t[n,perf]` with a mode)  ksym_t usym_t username_t inet_t
//   macaddr_t timestamp_t cgroup_path_t count_t  sum_t usum_t  min_t umin_t  max_t umax_t  avg_t uavg_t  stats_t ustats_t
//   hist_t[bits]  lhist_t[min,max,step]  tseries_t[interval,count,fold] utseries_t
//
// Layouts, little endian, sizes in bytes (size_of tells; fields are at natural alignment unless said):
//   bool           1
//   pointer        8, the address; which address space reads go to is part of the type
//   string[n]      n, NUL-terminated within n; bytes after the NUL are zero in map keys
//   buffer[n]      4 + n rounded up to 4: u32 length, then bytes
//   T[n]           n elements
//   tuple          like a C struct: natural alignment, padding zero
//   kstack_t[n]    8 + 8n: u64 frame count, u64 frames[n], unused ones zero
//   ustack_t[n]    16 + 8n: u64 frame count, u32 pid (kernel tgid), u32 zero, u64 frames[n]; of ustack_t[n,build_id] a frame
//                  has 32 bytes: s32 status (1: build id, 2: none), u8 id[20], u64 offset in the file or address
//   ksym_t         8: address
//   usym_t         16: u64 address, u32 pid, u32 zero
//   username_t     8: uid
//   inet_t         20: u32 family (AF_INET 2 or AF_INET6 10), then 4 or 16 address bytes, rest zero
//   macaddr_t      6
//   timestamp_t    16: u64 nanoseconds since boot, u64 index into Interface::strings (strftime format)
//   cgroup_path_t  16: u64 cgroup id, u64 index into Interface::strings (filter)
//   count_t sum_t  8
//   min_t max_t    16: i64/u64 value, u64 1 once set; in the kernel the value is xor extreme_mask(type)
//   avg_t stats_t  16: i64/u64 total, u64 count
//   hist_t[b]      8 per bucket: u64 counts; see hist_bucket_count
//   lhist_t[..]    8 per bucket: u64 counts; below min, each step, at or above max
//   tseries_t[..]  24 per interval, the one numbered e (TAI time divided by its length) in place e mod count: i64/u64 value,
//                  u64 how many values (avg) or when the last came, u64 e; 0 if there is none
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace shrike::mir {

enum class TypeKind : uint8_t {
  none,
  boolean,
  integer,
  pointer,
  string,
  buffer,
  array,
  tuple,
  record,
  enumeration,
  kstack,
  ustack,
  ksym,
  usym,
  username,
  inet,
  macaddr,
  timestamp,
  cgroup_path,
  count,
  sum,
  min,
  max,
  avg,
  stats,
  hist,
  lhist,
  tseries,
};

// percpu: the kernel's, but each processor has its own at the address plus an offset.
enum class AddressSpace : uint8_t { kernel, user, percpu };
// How frames are shown, by the names that scripts and the text form use. build_id: each is the kernel's 32 bytes that tell of a
// file and an offset in it, see runtime/value_text.
enum class StackMode : uint8_t { bpftrace, perf, raw, build_id };
struct StackModeRow {
  StackMode mode;
  std::string_view name;
  uint32_t frame_size;
};
inline constexpr StackModeRow stack_modes[] = {{StackMode::bpftrace, "bpftrace", 8},
                                               {StackMode::perf, "perf", 8},
                                               {StackMode::raw, "raw", 8},
                                               {StackMode::build_id, "build_id", 32}};
inline const StackModeRow& row_of(StackMode mode) {
  return stack_modes[static_cast<size_t>(mode)];
}
enum class SeriesFold : uint8_t { last, avg, min, max, sum };  // what an interval of a tseries keeps of its values

struct Type;

struct TupleElement {
  const Type* type;
  uint32_t offset;
};

struct Type {
  TypeKind kind = TypeKind::none;
  bool is_signed = false;                     // integer, sum, min, max, avg, stats
  AddressSpace space = AddressSpace::kernel;  // pointer
  StackMode stack_mode = StackMode::bpftrace;
  uint32_t size = 0;  // bytes; 0 for void and for records without a known layout
  uint32_t align = 1;
  uint32_t count = 0;             // array elements; string and buffer capacity; stack frame limit; hist bits; tseries intervals
  const Type* element = nullptr;  // array element, pointer target
  std::vector<TupleElement> elements;  // tuple
  std::string name;                    // record, enumeration (without the keyword)
  bool is_union = false;               // record
  bool is_waiting = false;             // for the size of a record that it is or holds
  int64_t lhist_min = 0, lhist_max = 0, lhist_step = 1;
  int64_t interval = 1;  // tseries, nanoseconds
  SeriesFold fold = SeriesFold::last;
  std::string text;  // the text form, see above

  bool is(TypeKind k) const { return kind == k; }
  bool is_integer_like() const {  // fits one register and has arithmetic
    return kind == TypeKind::integer || kind == TypeKind::boolean || kind == TypeKind::pointer || kind == TypeKind::enumeration;
  }
  bool is_aggregate() const { return kind >= TypeKind::count; }
  bool is_chart() const { return kind >= TypeKind::hist; }  // shown only with the whole map
  bool is_stack() const { return kind == TypeKind::kstack || kind == TypeKind::ustack; }
};

struct RecordField {
  std::string name;  // empty for an anonymous member, whose fields belong to the outer record
  const Type* type = nullptr;
  uint32_t offset = 0;       // bytes
  uint32_t bit_offset = 0;   // within the integer at `offset`, from the least significant bit
  uint32_t bit_size = 0;     // 0: not a bit-field
  bool is_data_loc = false;  // tracepoint: a u32 holding offset (low half) and length (high half) of the real data
};

class TypePool;
// A bit-field of this type, `start` bits from the record's beginning: where and as what to read it. That is the declared
// integer at its natural place; where a packed field crosses that, the smallest integer from its first byte on.
RecordField bit_field(const Type* declared, uint64_t start, uint32_t bits, TypePool& pool);

struct RecordLayout {
  std::string name;
  bool is_union = false;
  uint32_t size = 0;
  std::vector<RecordField> fields;
};

struct Enumerator {
  std::string name;
  int64_t value = 0;  // extended as the enumeration's type says
};

class TypePool {
 public:
  TypePool();
  TypePool(TypePool&&) = default;
  TypePool& operator=(TypePool&&) = default;

  const Type* none() const { return none_; }
  const Type* boolean() const { return boolean_; }
  const Type* int64() const { return int64_; }
  const Type* uint64() const { return uint64_; }
  const Type* integer(uint32_t size, bool is_signed);
  const Type* pointer(const Type* target, AddressSpace space);
  const Type* string(uint32_t capacity);  // capacity includes the NUL
  const Type* buffer(uint32_t capacity);
  const Type* array(const Type* element, uint32_t count);
  const Type* tuple(const std::vector<const Type*>& elements);
  const Type* record(std::string_view name, bool is_union);
  const Type* enumeration(std::string_view name, uint32_t size = 4, bool is_signed = false);
  const Type* stack(TypeKind kind, uint32_t limit, StackMode mode);
  const Type* simple(TypeKind kind);                     // ksym usym username inet macaddr timestamp cgroup_path count
  const Type* aggregate(TypeKind kind, bool is_signed);  // count sum min max avg stats
  const Type* hist(uint32_t bits);
  const Type* lhist(int64_t min, int64_t max, int64_t step);
  const Type* tseries(int64_t interval, uint32_t count, SeriesFold fold, bool is_signed);

  // Parses the text form; null if `text` is not one whole type.
  const Type* parse(std::string_view text);

  // Layouts of records, by name. A record type may exist without one until somebody asks for a field.
  // define_record also gives the record type its size. The pointer stays valid for the pool's life.
  const RecordLayout* layout(const Type* record) const;
  const RecordLayout* define_record(RecordLayout layout);
  const std::vector<const RecordLayout*>& defined_records() const { return defined_; }

  // The names of an enumeration's values, of every size it is kept in. It may exist without them until somebody prints one.
  const std::vector<Enumerator>* enumerators(const Type* enumeration) const;
  void define_enumeration(std::string_view name, std::vector<Enumerator> enumerators);

 private:
  const Type* intern(Type type);
  const Type* add_whole(Type type, bool is_waiting);
  void refresh_sizes();  // of types that hold records, after one was defined

  std::unordered_map<std::string, std::unique_ptr<Type>> types_;
  std::unordered_map<std::string, std::unique_ptr<RecordLayout>> layouts_;  // by text form of the record type
  std::vector<const RecordLayout*> defined_;
  std::vector<Type*> waiting_;  // arrays and tuples; those that hold others come after them
  std::unordered_map<std::string, std::vector<Enumerator>> enumerators_;
  const Type* none_ = nullptr;
  const Type* boolean_ = nullptr;
  const Type* int64_ = nullptr;
  const Type* uint64_ = nullptr;
};

inline constexpr uint32_t series_slot = 24;  // bytes of one interval
std::string_view name_of(SeriesFold fold);
std::optional<SeriesFold> find_series_fold(std::string_view name);

// Histogram buckets, as bpftrace numbers them.
// hist with `bits` sub-bucket bits: bucket 0 holds negative values, 1 + n holds n for n < 2^bits, then each power
// of two is split into 2^bits equal buckets.
uint32_t hist_bucket_count(uint32_t bits);
// What programs keep of min and max is made such that of two values the one to keep is the greater, unsigned, and that zero
// is the least: so nothing has been lost that comes before the first.
inline uint64_t extreme_mask(const Type& type) {
  const uint64_t sign = type.is_signed ? uint64_t{1} << 63 : 0;
  return type.is(TypeKind::min) ? ~sign : sign;
}
uint32_t lhist_bucket_count(int64_t min, int64_t max, int64_t step);  // with the underflow and overflow buckets

}  // namespace shrike::mir
