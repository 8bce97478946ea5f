// The pieces of text form that MIR and LIR share: a reader over tokens, and the Interface section.
//
// Tokens   words `load.u8` `ptr.map?` (letters, digits, _ . and a final ?); numbers `-4` `0x1f`; offsets `#8` `#-8`;
//          strings "..." with \n \t \\ \" \xNN; sigils % $ @ ^ & directly followed by a name; any other single character.
//          A # not followed by a digit or minus starts a comment to the end of the line.
// Names    plain if of letters, digits, _ and dots; any other is written as a string: $"odd name".
// Maps     `@m` and `@` name the maps "@m" and "@"; `@.ring` names ".ring"; any other name is @"the whole name".
// Section  interface {
//            record struct s size 16 { int32 a @0   uint32 b @4 bits 3 5   uint32 c @8 data_loc }   (bits: offset, size)
//            enumeration color { red = 0   green = 5 }
//            string 0 "%H:%M"
//            map @m user hash keyed key (int64,string[16]) value count_t bytes 24 8 entries 4096    (bytes: key, value)
//            map @.errors table array bytes 4 16 entries 1 rows "one" "two"
//            event 0 print_element "" (int64 @8, count_t @16) size 24 map @m
//            probe uprobe "uprobe:/bin/sh:main" target "/bin/sh" function "main" address 64 offset 0 semaphore 0 period 0 hertz
//            runs "name"
//          }
// In a record an empty name is "". Parts of maps and probes that are empty, zero or false are left out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mir/base/diagnostic.h"
#include "mir/interface.h"

namespace shrike::mir {

std::string quoted(std::string_view text);        // as a string token
std::string text_of_name(std::string_view name);  // plain or quoted; for after a sigil
std::string text_of_word(std::string_view name);  // plain or quoted; for after a word, read by TextReader::name
std::string text_of(const MapDecl& map);          // with its @

// Reads tokens one by one. The first syntax error is reported and ends the text: from then on at_end() is true and every
// read fails, so callers need to check failed() only where they loop or would act on what they read.
class TextReader {
 public:
  enum class TokenKind : uint8_t { end, word, number, offset, string, sigil, punct };
  struct Token {
    TokenKind kind = TokenKind::end;
    char sigil = 0;         // % $ @ ^ &
    std::string_view text;  // as written
    std::string name;       // strings: the contents; sigils: the name
    uint64_t number = 0;    // number, offset: two's complement
  };

  TextReader(std::string_view text, uint32_t begin, Diagnostics& diagnostics);

  const Token& peek() const { return token_; }
  bool at_end() const { return token_.kind == TokenKind::end; }
  bool failed() const { return failed_; }
  Span span() const;                  // of the next token
  Span span_since(Span first) const;  // from `first` to the last token read

  // Each takes the next token if it is what is asked for; the expect_ ones and those that return a value report an error
  // if it is not, naming `what`.
  bool is(std::string_view text) const;  // a word or a punctuation character
  bool accept(std::string_view text);
  bool expect(std::string_view text);
  std::string word(const char* what);
  int64_t number(const char* what);
  uint32_t number32(const char* what);  // 0 to 2^32 - 1
  int32_t offset(const char* what);     // `#8`
  std::string string(const char* what);
  bool is_sigil(char sigil) const;
  std::string sigil(char sigil, const char* what);
  std::string name(const char* what);     // a plain word or a string
  const Type* type(TypePool& pool);       // null after an error
  std::string map_name();                 // `@m` as MapDecl::name
  MapId map(const Interface& interface);  // `@m`; invalid id after an error

  // A mistake in what the text says, not in how it is written: reading goes on.
  void report(Diag id, Span at, std::initializer_list<std::string> args);
  void fail_expecting(const std::string& what);
  void fail_at(Diag id, Span at, std::initializer_list<std::string> args);  // a mistake that ends the reading
  bool has_errors() const { return has_errors_; }                           // of either kind
  void skip() { advance(); }                                                // any token

  // A reader that starts at the next token and reports nothing: for looking ahead.
  TextReader look_ahead(Diagnostics& sink) const {
    return {text_.substr(token_start_), begin_ + static_cast<uint32_t>(token_start_), sink};
  }

 private:
  void advance();
  void skip_space();
  void lex_number(size_t start, TokenKind kind);
  bool lex_string(std::string& out);
  Span at(size_t from, size_t to) const;

  std::string_view text_;
  uint32_t begin_;
  Diagnostics* diagnostics_;
  Token token_;
  size_t token_start_ = 0;
  size_t next_ = 0;      // after the token
  size_t last_end_ = 0;  // of the last token taken
  bool failed_ = false;
  bool has_errors_ = false;
};

// A probe's `runs "name"`, kept until the functions are known.
struct ProbeProgram {
  size_t probe = 0;  // index into Interface::probes
  std::string function;
  Span span;
};

// Reads `interface { ... }` into an empty Interface.
void read_interface(TextReader& reader, Interface& interface, std::vector<ProbeProgram>& programs);

}  // namespace shrike::mir
