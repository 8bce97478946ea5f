// The tree as text, for --emit=ast and tests: definitions and statements one a line with `line:column`, two spaces an
// indent; expressions as s-expressions on their statement's line. Not meant to be parsed back.
#include <cstdio>

#include "frontend/parser.h"

namespace shrike {

namespace {

class AstPrinter {
 public:
  explicit AstPrinter(const SourceMap& sources) : sources_(sources) {}

  void print(const ast::Program& program);
  std::string take() { return std::move(out_); }

 private:
  void line(std::string_view word, Span span);
  void end_line() { out_ += '\n'; }
  void add(std::string_view text) { out_ += text; }
  void add(uint64_t value) { out_ += std::to_string(value); }
  void add_quoted(std::string_view text);
  void add_type(const ast::TypeName& type);
  void add_expr(const ast::Expr* expr);
  void add_list(std::string_view head, const ast::ExprList& list);
  void add_inline(const ast::Stmt& stmt);
  void add_inline(const ast::Block& block);
  void add_inline_if(const ast::Stmt& first);
  void add_params(const std::vector<ast::Parameter>& params);
  void add(const ast::CConstant& constant);
  void add_declarator(const ast::CDeclarator& declarator);

  void print_record(std::string_view word, const ast::CRecord& record);
  void print_member(const ast::CMember& member);
  void print_enum(const ast::CEnum& definition);
  void print_config(const ast::ConfigEntry& entry);
  void print_map_declaration(const ast::MapDeclaration& declaration);
  void print_function(const ast::FunctionDefinition& function);
  void print_macro(const ast::MacroDefinition& macro);
  void print_probe(const ast::Probe& probe);
  void print_block(const ast::Block* block);
  void print_stmt(const ast::Stmt& stmt);
  void print_one(const ast::Stmt& stmt, std::string_view word);

  // The words of a statement after its position, without its blocks; the same on a line and inline.
  void head(const ast::ExprStmt& s) { add_expr(s.expr); }
  void head(const ast::Assign& s);
  void head(const ast::Let& s);
  void head(const ast::If& s) { add_expr(s.condition); }
  void head(const ast::While& s) { add_expr(s.condition); }
  void head(const ast::Unroll& s) { add_expr(s.count); }
  void head(const ast::ForMap& s);
  void head(const ast::ForRange& s);
  void head(const ast::Break&) {}
  void head(const ast::Continue&) {}
  void head(const ast::Return& s) {
    if (s.value != nullptr) add_expr(s.value);
  }
  void head(const ast::BlockStmt&) {}

  void expr(const ast::IntLit& e);
  void expr(const ast::StrLit& e) { add_quoted(e.value); }
  void expr(const ast::BoolLit& e) { add(e.value ? "true" : "false"); }
  void expr(const ast::Positional& e);
  void expr(const ast::PositionalCount&) { add("$#"); }
  void expr(const ast::Ident& e) { add(e.name); }
  void expr(const ast::Variable& e) { add(e.name); }
  void expr(const ast::MapRef& e);
  void expr(const ast::Call& e);
  void expr(const ast::Unary& e);
  void expr(const ast::IncDecExpr& e);
  void expr(const ast::Binary& e);
  void expr(const ast::Ternary& e);
  void expr(const ast::Cast& e);
  void expr(const ast::Field& e);
  void expr(const ast::TupleField& e);
  void expr(const ast::Index& e);
  void expr(const ast::Tuple& e) { add_list("tuple", e.elements); }
  void expr(const ast::Record& e);
  void expr(const ast::BlockExpr& e);
  void expr(const ast::IfExpr& e) { add_inline(*e.statement); }
  void expr(const ast::Comptime& e);
  void expr(const ast::ErrorExpr&) { add("<error>"); }

  const SourceMap& sources_;
  std::string out_;
  size_t indent_ = 0;
};

std::string_view word_of(const ast::StmtNode& node) {
  constexpr std::string_view words[] = {"expr",    "assign",    "let",   "if",       "while",  "unroll",
                                        "for-map", "for-range", "break", "continue", "return", "block"};
  static_assert(std::size(words) == std::variant_size_v<ast::StmtNode>);
  return words[node.index()];
}

void AstPrinter::line(std::string_view word, Span span) {
  out_.append(indent_ * 2, ' ').append(word);
  if (!span.is_known()) return;
  Location at = sources_.locate(span.begin);
  out_.append(" ").append(std::to_string(at.line)).append(":").append(std::to_string(at.column));
}

void AstPrinter::add_quoted(std::string_view text) {
  out_ += '"';
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out_ += '\\';
      out_ += c;
    } else if (c == '\n') {
      out_ += "\\n";
    } else if (c == '\t') {
      out_ += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      char hex[8];
      std::snprintf(hex, sizeof hex, "\\x%02x", byte);
      out_ += hex;
    } else {
      out_ += c;
    }
  }
  out_ += '"';
}

void AstPrinter::add_type(const ast::TypeName& type) {
  using Tag = ast::TypeName::Tag;
  if (type.tag == Tag::struct_) add("struct ");
  if (type.tag == Tag::union_) add("union ");
  if (type.tag == Tag::enum_) add("enum ");
  if (type.tag == Tag::typeof_) {
    add("typeof(");
    add_expr(type.of);
    add(")");
  } else {
    add(type.name);
  }
  for (const ast::TypeSuffix& suffix : type.suffixes) {
    if (suffix.is_pointer) {
      add("*");
      continue;
    }
    add("[");
    if (suffix.count != nullptr) add_expr(suffix.count);
    add("]");
  }
}

void AstPrinter::add_expr(const ast::Expr* e) {
  if (e == nullptr) return add("<none>");
  std::visit([this](const auto& node) { expr(node); }, e->node);
}

void AstPrinter::add_list(std::string_view name, const ast::ExprList& list) {
  add("(");
  add(name);
  for (const ast::Expr* element : list) {
    add(" ");
    add_expr(element);
  }
  add(")");
}

// The braces and parentheses that a chain of `else if` opens all close at its end.
void AstPrinter::add_inline_if(const ast::Stmt& first) {
  size_t inner = 0;
  for (const ast::Stmt* at = &first; at != nullptr;) {
    const auto& choice = *at->as<ast::If>();
    add("(if ");
    add_expr(choice.condition);
    add(" ");
    add_inline(*choice.then);
    at = ast::else_if(choice);
    if (at == nullptr && choice.otherwise == nullptr) break;
    add(" ");
    if (at == nullptr) {
      add_inline(*choice.otherwise);
    } else {
      add("{");
      inner++;
    }
  }
  add(")");
  for (; inner > 0; inner--) add("})");
}

void AstPrinter::add_inline(const ast::Stmt& stmt) {
  if (stmt.as<ast::If>() != nullptr) return add_inline_if(stmt);
  if (const auto* plain = stmt.as<ast::ExprStmt>()) return add_expr(plain->expr);
  add("(");
  add(word_of(stmt.node));
  size_t before = out_.size();
  add(" ");
  std::visit([this](const auto& node) { head(node); }, stmt.node);
  if (out_.size() == before + 1) out_.pop_back();
  auto block = [this](const ast::Block* b) {
    if (b == nullptr) return;
    add(" ");
    add_inline(*b);
  };
  if (const auto* s = stmt.as<ast::While>()) block(s->body);
  if (const auto* s = stmt.as<ast::Unroll>()) block(s->body);
  if (const auto* s = stmt.as<ast::ForMap>()) block(s->body);
  if (const auto* s = stmt.as<ast::ForRange>()) block(s->body);
  if (const auto* s = stmt.as<ast::BlockStmt>()) block(s->block);
  add(")");
}

void AstPrinter::add_inline(const ast::Block& block) {
  add("{");
  for (const ast::Stmt* stmt : block.statements) {
    if (out_.back() != '{') add("; ");
    add_inline(*stmt);
  }
  add("}");
}

void AstPrinter::head(const ast::Assign& s) {
  add_expr(s.target);
  add(" ");
  if (s.op) add(text_of(*s.op));
  add("= ");
  add_expr(s.value);
}

void AstPrinter::head(const ast::Let& s) {
  add_expr(s.variable);
  if (s.type) {
    add(" : ");
    add_type(*s.type);
  }
  if (s.value == nullptr) return;
  add(" = ");
  add_expr(s.value);
}

void AstPrinter::head(const ast::ForMap& s) {
  add_expr(s.variable);
  add(" : ");
  add_expr(s.map);
}

void AstPrinter::head(const ast::ForRange& s) {
  add_expr(s.variable);
  add(" : ");
  add_expr(s.from);
  add("..");
  add_expr(s.to);
}

void AstPrinter::expr(const ast::IntLit& e) {
  add(e.value);
  if (e.is_unsigned) add("u");
}

void AstPrinter::expr(const ast::Positional& e) {
  add("$");
  add(uint64_t{e.number});
}

void AstPrinter::expr(const ast::MapRef& e) {
  add(e.name);
  if (e.key == nullptr) return;
  add("[");
  add_expr(e.key);
  add("]");
}

void AstPrinter::expr(const ast::Call& e) {
  add("(call ");
  add(e.name);
  if (e.type_arg) {
    add(" <");
    add_type(*e.type_arg);
    add(">");
  }
  for (const ast::Expr* arg : e.args) {
    add(" ");
    add_expr(arg);
  }
  for (std::string_view field : e.field_path) {
    add(" .");
    add(field);
  }
  add(")");
}

void AstPrinter::expr(const ast::Unary& e) {
  add("(");
  add(text_of(e.op));
  add(" ");
  add_expr(e.operand);
  add(")");
}

void AstPrinter::expr(const ast::IncDecExpr& e) {
  constexpr std::string_view words[] = {"pre++", "pre--", "post++", "post--"};
  add("(");
  add(words[static_cast<size_t>(e.op)]);
  add(" ");
  add_expr(e.operand);
  add(")");
}

void AstPrinter::expr(const ast::Binary& e) {
  std::vector<const ast::Binary*> chain = {&e};
  while (const auto* left = chain.back()->left->as<ast::Binary>()) chain.push_back(left);
  for (const ast::Binary* each : chain) {
    add("(");
    add(text_of(each->op));
    add(" ");
  }
  add_expr(chain.back()->left);
  for (; !chain.empty(); chain.pop_back()) {
    add(" ");
    add_expr(chain.back()->right);
    add(")");
  }
}

void AstPrinter::expr(const ast::Ternary& e) {
  if (e.then == nullptr) return add_list("?:", {e.condition, e.otherwise});
  add_list("?", {e.condition, e.then, e.otherwise});
}

void AstPrinter::expr(const ast::Cast& e) {
  add("(cast ");
  add_type(e.type);
  add(" ");
  add_expr(e.operand);
  add(")");
}

void AstPrinter::expr(const ast::Field& e) {
  add(e.is_arrow ? "(-> " : "(. ");
  add_expr(e.object);
  add(" ");
  add(e.name);
  add(")");
}

void AstPrinter::expr(const ast::TupleField& e) {
  add("(. ");
  add_expr(e.object);
  add(" ");
  add(uint64_t{e.index});
  add(")");
}

void AstPrinter::expr(const ast::Index& e) {
  add_list("index", {e.object, e.index});
}

void AstPrinter::expr(const ast::Record& e) {
  add("(record");
  for (const auto& [name, value] : e.fields) {
    add(" ");
    add(name);
    add("=");
    add_expr(value);
  }
  add(")");
}

void AstPrinter::expr(const ast::BlockExpr& e) {
  add("(do ");
  add_inline(*e.block);
  add(" ");
  add_expr(e.value);
  add(")");
}

void AstPrinter::expr(const ast::Comptime& e) {
  add("(comptime ");
  add_expr(e.operand);
  add(")");
}

void AstPrinter::print_block(const ast::Block* block) {
  if (block == nullptr) return;
  indent_++;
  for (const ast::Stmt* stmt : block->statements) print_stmt(*stmt);
  indent_--;
}

// Each `else if` of a chain is on the level of its first `if`.
void AstPrinter::print_stmt(const ast::Stmt& stmt) {
  print_one(stmt, word_of(stmt.node));
  const auto* choice = stmt.as<ast::If>();
  while (choice != nullptr && choice->otherwise != nullptr) {
    if (const ast::Stmt* next = ast::else_if(*choice)) {
      print_one(*next, "else-if");
      choice = next->as<ast::If>();
    } else {
      line("else", {});
      end_line();
      print_block(choice->otherwise);
      break;
    }
  }
}

void AstPrinter::print_one(const ast::Stmt& stmt, std::string_view word) {
  line(word, stmt.span);
  size_t before = out_.size();
  add(" ");
  std::visit([this](const auto& node) { head(node); }, stmt.node);
  if (out_.size() == before + 1) out_.pop_back();
  end_line();
  if (const auto* s = stmt.as<ast::If>()) print_block(s->then);
  if (const auto* s = stmt.as<ast::While>()) print_block(s->body);
  if (const auto* s = stmt.as<ast::Unroll>()) print_block(s->body);
  if (const auto* s = stmt.as<ast::ForMap>()) print_block(s->body);
  if (const auto* s = stmt.as<ast::ForRange>()) print_block(s->body);
  if (const auto* s = stmt.as<ast::BlockStmt>()) print_block(s->block);
}

void AstPrinter::add_declarator(const ast::CDeclarator& declarator) {
  out_.append(declarator.pointers, '*').append(declarator.name);
  for (const ast::CConstant& dimension : declarator.dimensions) {
    add("[");
    add(dimension);
    add("]");
  }
  if (!declarator.bit_size) return;
  add(":");
  add(*declarator.bit_size);
}

void AstPrinter::add(const ast::CConstant& constant) {
  if (constant.waiting.empty()) return add(std::to_string(constant.value));
  for (const Token& token : constant.waiting) add(token.text);
}

void AstPrinter::print_member(const ast::CMember& member) {
  if (member.inline_record != nullptr) print_record("inline", *member.inline_record);
  line("member", member.span);
  add(" ");
  add(member.type);
  for (const ast::CDeclarator& declarator : member.declarators) {
    add(&declarator == member.declarators.data() ? " " : ", ");
    add_declarator(declarator);
  }
  end_line();
}

void AstPrinter::print_record(std::string_view word, const ast::CRecord& record) {
  line(word, record.span);
  add(record.is_union ? " union" : " struct");
  if (!record.name.empty()) add(" ");
  add(record.name);
  if (record.attributes.is_packed) add(" packed");
  if (record.attributes.aligned) {
    add(" aligned ");
    add(*record.attributes.aligned);
  }
  end_line();
  indent_++;
  for (const ast::CMember& member : record.members) print_member(member);
  indent_--;
}

void AstPrinter::add_params(const std::vector<ast::Parameter>& params) {
  add("(");
  for (const ast::Parameter& param : params) {
    if (&param != params.data()) add(", ");
    add(param.name);
    if (!param.type) continue;
    add(" : ");
    add_type(*param.type);
  }
  add(")");
}

void AstPrinter::print_probe(const ast::Probe& probe) {
  line("probe", probe.span);
  if (!probe.name.empty()) {
    add(" name=");
    add(probe.name);
  }
  for (const ast::AttachPoint& point : probe.attach_points) {
    add(&point == probe.attach_points.data() ? " " : ", ");
    add(point.provider);
    for (std::string_view part : point.parts) {
      add(":");
      add(part);
    }
  }
  end_line();
  indent_++;
  if (probe.predicate != nullptr) {
    line("predicate", probe.predicate->span);
    add(" ");
    add_expr(probe.predicate);
    end_line();
  }
  indent_--;
  print_block(probe.body);
}

void AstPrinter::print_enum(const ast::CEnum& definition) {
  line("enum", definition.span);
  add(" ");
  add(definition.name);
  end_line();
  indent_++;
  for (const auto& [name, value] : definition.values) {
    line(name, {});
    add(" = ");
    add(std::to_string(value));
    end_line();
  }
  indent_--;
}

void AstPrinter::print_config(const ast::ConfigEntry& entry) {
  line("config", entry.key_span);
  add(" ");
  add(entry.key);
  add(" = ");
  if (entry.is_string) add_quoted(entry.value);
  else add(entry.value);
  end_line();
}

void AstPrinter::print_map_declaration(const ast::MapDeclaration& declaration) {
  line("map", declaration.span);
  add(" ");
  add(declaration.name);
  add(" = (");
  add(declaration.kind);
  if (declaration.entries != nullptr) add(" ");
  if (declaration.entries != nullptr) add_expr(declaration.entries);
  add(")");
  end_line();
}

void AstPrinter::print_function(const ast::FunctionDefinition& function) {
  line("fn", function.span);
  add(" ");
  add(function.name);
  add_params(function.params);
  add(" : ");
  add_type(function.result);
  end_line();
  print_block(function.body);
}

void AstPrinter::print_macro(const ast::MacroDefinition& macro) {
  line("macro", macro.span);
  add(" ");
  add(macro.name);
  add_params(macro.params);
  end_line();
  print_block(macro.body);
  if (macro.value == nullptr) return;
  indent_++;
  line("value", macro.value->span);
  add(" ");
  add_expr(macro.value);
  end_line();
  indent_--;
}

void AstPrinter::print(const ast::Program& program) {
  for (const ast::CRecord& record : program.records) print_record("record", record);
  for (const ast::CEnum& definition : program.enums) print_enum(definition);
  for (const ast::CTypedef& definition : program.typedefs) {
    line("typedef", definition.span);
    end_line();
    indent_++;
    print_member(definition.target);
    indent_--;
  }
  for (const ast::ConfigEntry& entry : program.config) print_config(entry);
  for (const ast::Import& import : program.imports) {
    line("import", import.span);
    add(" ");
    add_quoted(import.path);
    end_line();
  }
  for (const ast::MapDeclaration& declaration : program.map_declarations) print_map_declaration(declaration);
  for (const ast::FunctionDefinition& function : program.functions) print_function(function);
  for (const ast::MacroDefinition& macro : program.macros) print_macro(macro);
  for (const ast::Probe& probe : program.probes) print_probe(probe);
}

}  // namespace

std::string print(const ast::Program& program, const SourceMap& sources) {
  AstPrinter printer(sources);
  printer.print(program);
  return printer.take();
}

}  // namespace shrike
