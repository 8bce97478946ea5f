// What shrike tells its user. A message is data: a row of diagnostics.def, the narrowest span that
// is wrong, labels on other places that explain it, and at most one hint. Stages append to a
// Diagnostics sink and go on; the driver renders and decides the exit status.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "mir/base/source.h"

namespace shrike {

enum class Severity { error, warning };

enum class Diag {
#define DIAG(id, severity, text) id,
#include "mir/base/diagnostics.def"
#undef DIAG
};

struct DiagRow {
  std::string_view name;
  Severity severity;
  std::string_view text;  // `{}` is replaced by the arguments in order
};
const DiagRow& row_of(Diag id);
size_t diag_count();

struct Label {
  Span span;
  std::string text;
};

struct Diagnostic {
  Diag id;
  Span span;  // unknown for messages about the command line or the machine
  std::string message;
  std::vector<Label> labels;
  std::string hint;

  Diagnostic& label(Span at, std::string text) {
    labels.push_back({at, std::move(text)});
    return *this;
  }
  Diagnostic& with_hint(std::string text) {
    hint = std::move(text);
    return *this;
  }
};

class Diagnostics {
 public:
  // The reference is valid until the next report().
  Diagnostic& report(Diag id, Span span, std::initializer_list<std::string> args = {});

  void add(Diagnostic diagnostic);  // one made by another sink

  bool has_errors() const { return errors_ != 0; }
  const std::vector<Diagnostic>& all() const { return all_; }

 private:
  std::vector<Diagnostic> all_;
  size_t errors_ = 0;
};

struct RenderOptions {
  bool color = false;
};
// One diagnostic in bpftrace's form, ending in a newline:
//   FILE:LINE:COL1-COL2: ERROR: text / the source line, tabs as 4 spaces / ~~~ / NOTE blocks / HINT: text
// Without a known span: "ERROR: text".
std::string render(const Diagnostic& diagnostic, const SourceMap& sources, RenderOptions options);

// The candidate nearest to `name` by edit distance, if near enough to be a likely typing mistake; else empty.
std::string_view nearest_name(std::string_view name, const std::vector<std::string_view>& candidates);

}  // namespace shrike
