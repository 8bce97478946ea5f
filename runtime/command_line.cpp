// One walk over the arguments. A mistake names the option as --help spells it: by its letter, if it has one.
#include "runtime/command_line.h"

namespace shrike {

class CommandLineReader {
 public:
  CommandLineReader(std::span<const OptionRow> table, std::span<const std::string> args, Diagnostics& diagnostics)
      : table_(table), args_(args), diagnostics_(diagnostics) {}

  std::optional<CommandLine> read() {
    while (next_ < args_.size()) {
      std::string_view arg = args_[next_++];
      bool is_read = true;
      if (arg.starts_with("--")) is_read = read_long(arg);
      else if (arg.size() > 1 && arg.front() == '-') is_read = read_letters(arg);
      else out_.arguments_.push_back(arg);
      if (!is_read) return std::nullopt;
    }
    return std::move(out_);
  }

 private:
  const OptionRow* by_name(std::string_view name) const {
    for (const OptionRow& row : table_)
      if (row.name == name) return &row;
    return nullptr;
  }
  const OptionRow* by_letter(char letter) const {
    for (const OptionRow& row : table_)
      if (row.letter == letter && letter != '\0') return &row;
    return nullptr;
  }
  // `-v` and `--verbose` of the table.
  bool is_option(std::string_view arg) const {
    if (arg.starts_with("--")) return by_name(arg.substr(2)) != nullptr;
    return arg.size() == 2 && arg.front() == '-' && by_letter(arg[1]) != nullptr;
  }
  static std::string as_shown(const OptionRow& row) {
    return row.letter != '\0' ? std::string{'-', row.letter} : "--" + std::string(row.name);
  }
  bool refuse(Diag id, const OptionRow& row) {
    diagnostics_.report(id, {}, {as_shown(row)});
    return false;
  }
  bool refuse_unknown(std::string_view typed) {
    std::vector<std::string> spellings;
    for (const OptionRow& row : table_) spellings.push_back("--" + std::string(row.name));
    std::vector<std::string_view> candidates(spellings.begin(), spellings.end());
    Diagnostic& report = diagnostics_.report(Diag::unknown_option, {}, {std::string(typed)});
    std::string_view near = typed.starts_with("--") ? nearest_name(typed, candidates) : std::string_view();
    report.with_hint(near.empty() ? "`shrike --help` lists the options" : "did you mean `" + std::string(near) + "`?");
    return false;
  }
  bool add(const OptionRow& row, std::string_view value) {
    if (row.takes != Takes::texts && out_.has(row.name)) return refuse(Diag::repeated_option, row);
    out_.given_.push_back({&row, value});
    return true;
  }
  // A forgotten value must not swallow the option behind it.
  bool add_with_next(const OptionRow& row) {
    if (next_ == args_.size()) return refuse(Diag::option_needs_value, row);
    if (is_option(args_[next_])) {
      diagnostics_.report(Diag::bad_command_line, {},
                          {"option `" + args_[next_] + "` stands where the value of `" + as_shown(row) + "` should"});
      return false;
    }
    return add(row, args_[next_++]);
  }
  bool read_long(std::string_view arg) {
    size_t equals = arg.find('=');
    const OptionRow* row = by_name(arg.substr(2, equals == std::string_view::npos ? equals : equals - 2));
    if (row == nullptr) return refuse_unknown(arg.substr(0, equals));
    bool has_value = equals != std::string_view::npos;
    if (row->takes == Takes::nothing) return has_value ? refuse(Diag::option_takes_no_value, *row) : add(*row, {});
    if (!has_value) return add_with_next(*row);
    std::string_view value = arg.substr(equals + 1);
    return value.empty() ? refuse(Diag::option_needs_value, *row) : add(*row, value);
  }
  bool read_letters(std::string_view arg) {
    for (size_t at = 1; at < arg.size(); at++) {
      const OptionRow* row = by_letter(arg[at]);
      if (row == nullptr) return refuse_unknown(at == 1 ? arg.substr(0, 2) : "-" + std::string(1, arg[at]));
      if (row->takes == Takes::nothing) {
        if (!add(*row, {})) return false;
        continue;
      }
      return at + 1 < arg.size() ? add(*row, arg.substr(at + 1)) : add_with_next(*row);
    }
    return true;
  }

  std::span<const OptionRow> table_;
  std::span<const std::string> args_;
  Diagnostics& diagnostics_;
  size_t next_ = 0;
  CommandLine out_;
};

std::optional<CommandLine> CommandLine::parse(std::span<const OptionRow> table, std::span<const std::string> args,
                                              Diagnostics& diagnostics) {
  return CommandLineReader(table, args, diagnostics).read();
}

const CommandLine::Given* CommandLine::find(std::string_view name) const {
  for (const Given& given : given_)
    if (given.row->name == name) return &given;
  return nullptr;
}

std::string CommandLine::text(std::string_view name) const {
  const Given* given = find(name);
  return given == nullptr ? std::string() : std::string(given->value);
}

std::vector<std::string> CommandLine::texts(std::string_view name) const {
  std::vector<std::string> out;
  for (const Given& given : given_)
    if (given.row->name == name) out.emplace_back(given.value);
  return out;
}

}  // namespace shrike
