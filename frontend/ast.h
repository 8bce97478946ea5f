// The syntax tree: what the script says, nothing of what it means. Nodes are arena values, never changed
// after the parser made them; later stages annotate them through ExprId side tables. Every node has a span.
// Shapes follow the grammar in frontend/README.md.
#pragma once

#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "frontend/token.h"
#include "mir/base/arena.h"
#include "mir/base/id.h"
#include "mir/base/source.h"
#include "mir/type.h"

namespace shrike::ast {

using ExprId = Id<struct ExprTag>;

struct Expr;
struct Stmt;
struct Block;
using ExprList = std::vector<const Expr*>;

// --- types as written

// `name` is "int32", "string", "struct foo", "my_typedef_t" ...; then suffixes from left to right.
struct TypeSuffix {
  bool is_pointer = false;      // *
  const Expr* count = nullptr;  // [n]; string[n] and buffer[n] too
};
struct TypeName {
  std::string_view name;  // without struct, union, enum
  enum class Tag : uint8_t { none, struct_, union_, enum_, typeof_ } tag = Tag::none;
  const Expr* of = nullptr;  // typeof(expr)
  std::vector<TypeSuffix> suffixes;
  Span span;
};

// --- expressions

enum class UnaryOp : uint8_t { plus, minus, logical_not, bit_not, dereference, address_of };
enum class IncDec : uint8_t { pre_increment, pre_decrement, post_increment, post_decrement };
enum class BinaryOp : uint8_t {
  add,
  sub,
  mul,
  div,
  mod,
  bit_and,
  bit_or,
  bit_xor,
  shl,
  shr,
  eq,
  ne,
  lt,
  le,
  gt,
  ge,
  logical_and,
  logical_or,
};
std::string_view text_of(UnaryOp op);
std::string_view text_of(BinaryOp op);

struct IntLit {
  uint64_t value;
  bool is_unsigned;  // suffix u, or too big for int64
};
struct StrLit {
  std::string_view value;
};  // escapes resolved
struct BoolLit {
  bool value;
};
struct Positional {
  uint32_t number;
};  // $1
struct PositionalCount {};  // $#
struct Ident {
  std::string_view name;
};  // builtin, enum constant, #define, macro
struct Variable {
  std::string_view name;
};  // with the $
struct MapRef {               // @name, @name[key], @name[k1, k2]
  std::string_view name;      // with the @
  const Expr* key = nullptr;  // null: not indexed; several keys are one Tuple expression
};
struct Call {
  std::string_view name;
  Span name_span;
  ExprList args;
  std::optional<TypeName> type_arg;  // sizeof(type), offsetof(type, ...): instead of the first argument; container_of's second
  std::vector<std::string_view> field_path;  // the last operand of offsetof and container_of
};
struct Unary {
  UnaryOp op;
  const Expr* operand;
};
struct IncDecExpr {
  IncDec op;
  const Expr* operand;
};  // operand is Variable or MapRef
struct Binary {
  BinaryOp op;
  Span op_span;
  const Expr* left;
  const Expr* right;
};
struct Ternary {
  const Expr* condition;
  const Expr* then;
  const Expr* otherwise;
};  // then null: a ?: b
struct Cast {
  TypeName type;
  const Expr* operand;
};
struct Field {
  const Expr* object;
  std::string_view name;
  Span name_span;
  bool is_arrow;
};
struct TupleField {
  const Expr* object;
  uint32_t index;
  Span index_span;
};  // e.0
struct Index {
  const Expr* object;
  const Expr* index;
};
struct Tuple {
  ExprList elements;
};
struct Record {
  std::vector<std::pair<std::string_view, const Expr*>> fields;
};
struct BlockExpr {
  const Block* block;
  const Expr* value;
};  // { ...; value }
struct IfExpr {
  const Stmt* statement;
};  // if as a value
struct Comptime {
  const Expr* operand;
};
struct ErrorExpr {};  // already reported

using ExprNode =
    std::variant<IntLit, StrLit, BoolLit, Positional, PositionalCount, Ident, Variable, MapRef, Call, Unary, IncDecExpr, Binary,
                 Ternary, Cast, Field, TupleField, Index, Tuple, Record, BlockExpr, IfExpr, Comptime, ErrorExpr>;
// One function object of several lambdas, for std::visit over a node.
template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

struct Expr {
  ExprId id;  // dense, in creation order
  Span span;
  ExprNode node;

  template <class T>
  const T* as() const {
    return std::get_if<T>(&node);
  }
};

// --- statements

struct Block {
  std::vector<const Stmt*> statements;
  Span span;
};

struct ExprStmt {
  const Expr* expr;
};
struct Assign {        // target = value, target op= value
  const Expr* target;  // Variable, MapRef; `_` is an Ident
  std::optional<BinaryOp> op;
  const Expr* value;
};
struct Let {
  const Expr* variable;
  std::optional<TypeName> type;
  const Expr* value;
};  // value may be null
struct If {
  const Expr* condition;
  const Block* then;
  const Block* otherwise;
};  // else-if: a Block with one If
struct While {
  const Expr* condition;
  const Block* body;
};
struct Unroll {
  const Expr* count;
  const Block* body;
};
struct ForMap {
  const Expr* variable;
  const Expr* map;
  const Block* body;
};
struct ForRange {
  const Expr* variable;
  const Expr* from;
  const Expr* to;
  const Block* body;
};
struct Break {};
struct Continue {};
struct Return {
  const Expr* value;
};  // value may be null
struct BlockStmt {
  const Block* block;
};

using StmtNode = std::variant<ExprStmt, Assign, Let, If, While, Unroll, ForMap, ForRange, Break, Continue, Return, BlockStmt>;
struct Stmt {
  Span span;
  StmtNode node;

  template <class T>
  const T* as() const {
    return std::get_if<T>(&node);
  }
};

// Chains of `else if` and of operators (`a + b + c`) may be as long as a script: what goes over a tree follows them in a loop.
// The `if` that is all of an `if`'s `else`; null if that is something else, or missing.
const Stmt* else_if(const If& statement);
// `expr`, if it is Binary its left operand, that one's, and so on to the first that is not.
std::vector<const Expr*> left_spine(const Expr* expr);

// --- top level

// `provider:part:part`; parts are raw text with quotes and escapes resolved. Positional parameters inside are
// replaced by the parser's caller beforehand (see ParseOptions).
struct AttachPoint {
  std::string_view provider;
  std::vector<std::string_view> parts;
  std::string_view text;  // as written
  Span span;
};

struct Probe {
  std::string_view name;  // name=provider:...; usually empty
  std::vector<AttachPoint> attach_points;
  const Expr* predicate = nullptr;
  const Block* body = nullptr;
  Span span;
};

// An integer constant of the C section. Those that ask for the size of a type wait for the checker, which knows types.
struct CConstant {
  int64_t value = 0;
  std::vector<Token> waiting;
  Span span;
};
// What __attribute__ says about layouts.
struct CAttributes {
  bool is_packed = false;
  std::optional<CConstant> aligned;
};
// One member of a C struct, union or enum definition.
struct CDeclarator {
  std::string_view name;
  uint32_t pointers = 0;
  std::vector<CConstant> dimensions;  // [] is 0
  std::optional<CConstant> bit_size;  // given, and 0: the unit ends here
  CAttributes attributes;
  Span span;
};
struct CRecord;
struct CMember {
  std::string_view type;                                // "unsigned long", "struct foo", "u32", ...: words joined by one space
  const CRecord* inline_record = nullptr;               // struct { ... } member without a name
  std::vector<CDeclarator> declarators;                 // none: anonymous member
  mir::AddressSpace space = mir::AddressSpace::kernel;  // of its pointers: `char __user *`, `int __percpu *`
  CAttributes attributes;
  Span span;
};
struct CRecord {
  std::string_view name;  // may be empty if inline
  bool is_union = false;
  CAttributes attributes;
  uint8_t pack = 0;  // #pragma pack: no member is aligned to more; 0: any
  std::vector<CMember> members;
  Origin origin = Origin::script;
  Span span;
};
struct CEnum {
  std::string_view name;
  std::vector<std::pair<std::string_view, int64_t>> values;
  bool is_packed = false;
  Span span;
};
struct CTypedef {
  std::string_view name;
  CMember target;
  Origin origin = Origin::script;
  Span span;
};

struct MapDeclaration {  // let @m = hash(4096);
  std::string_view name;
  std::string_view kind;
  const Expr* entries = nullptr;
  Span span;
  Span kind_span;
};

struct ConfigEntry {
  std::string_view key;
  std::string_view value;  // text without quotes
  bool is_string = false;
  Span key_span;
  Span value_span;
};

struct Parameter {
  std::string_view name;
  std::optional<TypeName> type;
  Span span;
};
struct FunctionDefinition {  // fn name($a : type) : type { }
  std::string_view name;
  std::vector<Parameter> params;
  TypeName result;
  const Block* body = nullptr;
  Span span;
};
struct MacroDefinition {  // macro name($a, @b, c) { }
  std::string_view name;
  std::vector<Parameter> params;
  const Block* body = nullptr;
  const Expr* value = nullptr;
  Span span;
};
struct Import {
  std::string_view path;
  Span span;
};

struct Program {
  std::vector<CRecord> records;
  std::vector<CEnum> enums;
  std::vector<CTypedef> typedefs;
  std::vector<ConfigEntry> config;
  std::vector<Import> imports;
  std::vector<Import> block_imports;  // of bpftrace's standard library, in blocks: there is nothing to bring in
  std::vector<MapDeclaration> map_declarations;
  std::vector<FunctionDefinition> functions;
  std::vector<MacroDefinition> macros;
  std::vector<Probe> probes;
  bool lacks_kernel_headers = false;  // a header of the kernel was asked for and its own are not installed
  uint32_t expr_count = 0;            // ids are 0..expr_count-1
};

}  // namespace shrike::ast
