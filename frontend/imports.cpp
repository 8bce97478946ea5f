// Depth first: an imported file's definitions come before those of the file that imports it, as in one text.
#include "frontend/imports.h"

#include <algorithm>
#include <utility>

namespace shrike {

namespace {

template <class T>
void prepend(std::vector<T>& to, std::vector<T>& from) {
  from.insert(from.end(), std::make_move_iterator(to.begin()), std::make_move_iterator(to.end()));
  to = std::move(from);
}

class Importer {
 public:
  Importer(SourceMap& sources, ImportLoader& loader, const ParseOptions& options, Arena& arena, Diagnostics& diagnostics,
           uint32_t next_id)
      : sources_(sources), loader_(loader), options_(options), arena_(arena), diagnostics_(diagnostics) {
    options_.first_expr_id = next_id;
  }

  // Adds what `program` imports to it.
  void resolve(ast::Program& program, const ImportedFile& self);
  uint32_t next_id() const { return options_.first_expr_id; }

 private:
  struct Open {  // a file whose imports are being read
    std::string identity;
    Span import;  // what opened it; unknown for the main script
  };

  bool report(const ImportResult& result, const ast::Import& import);
  void take(const ImportedFile& file, const ast::Import& import, ast::Program& into);
  void report_cycle(size_t first, const ast::Import& import);

  SourceMap& sources_;
  ImportLoader& loader_;
  ParseOptions options_;
  Arena& arena_;
  Diagnostics& diagnostics_;
  std::vector<Open> open_;
  std::vector<std::string> done_;
  Span current_;
};

bool Importer::report(const ImportResult& result, const ast::Import& import) {
  using Problem = ImportResult::Problem;
  switch (result.problem) {
    case Problem::none: return false;
    case Problem::unreadable:
      diagnostics_.report(Diag::import_not_read, import.span, {result.path, result.reason})
          .with_hint("paths are relative to the script that imports");
      break;
    case Problem::writable_by_all:
      diagnostics_.report(Diag::import_writable, import.span, {result.path}).with_hint("chmod o-w " + result.path);
      break;
    case Problem::not_a_script: diagnostics_.report(Diag::import_not_script, import.span, {result.path}); break;
  }
  return true;
}

void Importer::report_cycle(size_t first, const ast::Import& import) {
  Diagnostic& said = diagnostics_.report(Diag::import_cycle, import.span, {std::string(import.path)});
  for (size_t i = first; i < open_.size(); i++)
    if (open_[i].import.is_known()) said.label(open_[i].import, "imported here");
}

void Importer::take(const ImportedFile& file, const ast::Import& import, ast::Program& into) {
  for (size_t i = 0; i < open_.size(); i++) {
    if (open_[i].identity != file.identity) continue;
    report_cycle(i, import);
    return;
  }
  if (std::find(done_.begin(), done_.end(), file.identity) != done_.end()) return;
  uint32_t begin = sources_.add(file.name, file.text);
  // A file without a single expression takes an id too: the parser knows imported files by their first id.
  options_.first_expr_id = std::max(options_.first_expr_id, 1u);
  ast::Program program = parse(sources_, begin, options_, arena_, diagnostics_);
  options_.first_expr_id = std::max(program.expr_count, options_.first_expr_id);
  if (!program.config.empty())
    diagnostics_.report(Diag::import_config, program.config.front().key_span).label(import.span, "imported here");
  current_ = import.span;
  resolve(program, file);
  auto append = [](auto& to, auto& from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  };
  append(into.records, program.records);
  append(into.enums, program.enums);
  append(into.typedefs, program.typedefs);
  append(into.map_declarations, program.map_declarations);
  append(into.functions, program.functions);
  append(into.macros, program.macros);
  append(into.probes, program.probes);
}

void Importer::resolve(ast::Program& program, const ImportedFile& self) {
  open_.push_back({self.identity, std::exchange(current_, Span())});
  ast::Program imported;
  for (const ast::Import& import : program.imports) {
    if (is_standard_library(import.path)) continue;
    ImportResult result = loader_.load(import.path, self.name);
    if (report(result, import)) continue;
    for (const ImportedFile& file : result.files) take(file, import, imported);
  }
  done_.push_back(self.identity);
  open_.pop_back();
  prepend(program.records, imported.records);
  prepend(program.enums, imported.enums);
  prepend(program.typedefs, imported.typedefs);
  prepend(program.map_declarations, imported.map_declarations);
  prepend(program.functions, imported.functions);
  prepend(program.macros, imported.macros);
  prepend(program.probes, imported.probes);
}

}  // namespace

void merge_imports(ast::Program& program, uint32_t begin, SourceMap& sources, ImportLoader& loader, const ParseOptions& options,
                   Arena& arena, Diagnostics& diagnostics) {
  if (program.imports.empty()) return;
  ImportedFile self;
  self.name = std::string(sources.locate(begin).file);
  self.identity = loader.identity_of(self.name);
  Importer importer(sources, loader, options, arena, diagnostics, program.expr_count);
  importer.resolve(program, self);
  program.expr_count = importer.next_id();
  if (program.probes.empty() && !diagnostics.has_errors()) diagnostics.report(Diag::empty_program, {});
}

}  // namespace shrike
