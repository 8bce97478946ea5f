// Strings as JSON has them, for all that shrike writes in it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace shrike {

// `text` between quotes; bytes that are no UTF-8 as \u00XX.
void append_quoted(std::string& out, std::string_view text);

// Writes objects and lists, with the commas between their parts.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  void open(char bracket, std::string_view key = {}) {
    name(key);
    out_.push_back(bracket);
    needs_comma_ = false;
  }
  void close(char bracket) {
    out_.push_back(bracket);
    needs_comma_ = true;
  }
  void text(std::string_view key, std::string_view value) {
    name(key);
    append_quoted(out_, value);
  }
  void number(std::string_view key, uint64_t value) {
    name(key);
    out_ += std::to_string(value);
  }
  void microseconds(std::string_view key, uint64_t nanoseconds) {
    name(key);
    std::string rest = std::to_string(nanoseconds % 1000);
    out_ += std::to_string(nanoseconds / 1000) + "." + std::string(3 - rest.size(), '0') + rest;
  }

 private:
  void name(std::string_view key) {
    if (needs_comma_) out_ += ", ";
    needs_comma_ = true;
    if (key.empty()) return;
    append_quoted(out_, key);
    out_ += ": ";
  }

  std::string& out_;
  bool needs_comma_ = false;
};

}  // namespace shrike
