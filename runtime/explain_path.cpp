// The walk goes backwards over the path and follows one value: through copies and spills to where it was made.
#include "runtime/explain_path.h"

#include <algorithm>
#include <charconv>

#include "mir/helpers.h"
#include "runtime/explain_reject.h"
#include "verifier-sim/sentences.h"

namespace shrike {

namespace {

namespace cls = bpf::cls;
namespace alu = bpf::alu;

constexpr unsigned frame_register = 10;

bool read_number(std::string_view& text, uint32_t& number) {
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(read.ptr - text.data()));
  return true;
}

// "from 12 to 30: R0=..."
bool read_branch(std::string_view line, uint32_t& from) {
  constexpr std::string_view begin = "from ";
  if (!line.starts_with(begin)) return false;
  line.remove_prefix(begin.size());
  return read_number(line, from) && line.starts_with(" to ");
}

bool is_alu(const bpf::Insn& i) {
  return (i.opcode & 7) == cls::alu || (i.opcode & 7) == cls::alu64;
}
bool is_test(const bpf::Insn& i) {
  const uint8_t operation = i.opcode & 0xf0;
  const bool jumps = (i.opcode & 7) == cls::jmp || (i.opcode & 7) == cls::jmp32;
  return jumps && operation != bpf::jmp::ja && operation != bpf::jmp::call && operation != bpf::jmp::exit;
}
bool uses_register(const bpf::Insn& i) {
  return (i.opcode & 8) != 0;
}

// One value on its way back: in a register, or in a stack slot of the frame.
struct Tracked {
  bool is_slot = false;
  unsigned reg = 0;
  int16_t slot = 0;
};

bool writes(const bpf::Insn& i, const Tracked& value) {
  const uint8_t c = i.opcode & 7;
  if (value.is_slot) return (c == cls::stx || c == cls::st) && i.dst() == frame_register && i.offset == value.slot;
  if (i.opcode == bpf::call_insn) return value.reg <= 5;
  return (is_alu(i) || c == cls::ldx || c == cls::ld) && i.dst() == value.reg;
}

std::string call_text(const bpf::Insn& i) {
  if (i.src() != 0) return "this call gave the value";
  const auto helper = mir::find_helper(static_cast<uint32_t>(i.imm));
  if (!helper) return "a helper of the kernel gave the value here";
  const mir::HelperRow& row = mir::row_of(*helper);
  if (row.result == mir::HelperResult::map_value_or_null) return "this look-up may find nothing";
  if (row.result == mir::HelperResult::mem_or_null) return "this reservation may fail";
  return "the value is what bpf_" + std::string(row.name) + " gave here: any number, as far as the verifier knows";
}

// Constant arithmetic that moves a range as a whole says nothing; what narrows or loses it does.
std::string arithmetic_text(const bpf::Insn& i) {
  const uint8_t operation = i.opcode & 0xf0;
  if (!uses_register(i) && operation == alu::and_)
    return "masked here: it has no bits outside of " + std::to_string(static_cast<uint32_t>(i.imm));
  if (operation == alu::mod) return "a remainder here, which the verifier takes for any number";
  if (operation == alu::div) return "a quotient here, which the verifier takes for any number";
  return uses_register(i) ? "what is known of it comes from this arithmetic" : "";
}

std::string_view test_text(const bpf::Insn& i) {
  const uint8_t operation = i.opcode & 0xf0;
  namespace jmp = bpf::jmp;
  if (operation == jmp::jsgt || operation == jmp::jsge || operation == jmp::jslt || operation == jmp::jsle)
    return "this test is of signed numbers: on one side it leaves negative ones";
  if ((i.opcode & 7) == cls::jmp32) return "this test is of the low 32 bits only";
  return "this test limits it";
}

class Follower {
 public:
  Follower(const std::vector<bpf::Insn>& insns, const std::vector<uint32_t>& path, unsigned reg) : insns_(insns), path_(path) {
    value_.reg = reg;
  }

  std::vector<Cause> run() {
    constexpr size_t most_causes = 6;
    // The last of the path is the rejected instruction.
    for (size_t i = path_.size(); i-- > 1 && !is_made_ && causes_.size() < most_causes;) step(path_[i - 1]);
    return std::move(causes_);
  }

 private:
  void add(uint32_t insn, std::string text) { causes_.push_back({insn, std::move(text)}); }
  void made(uint32_t insn, std::string text) {
    add(insn, std::move(text));
    is_made_ = true;
  }

  void step(uint32_t at) {
    if (at >= insns_.size()) return;
    const bpf::Insn& insn = insns_[at];
    const bool tests =
        !value_.is_slot && is_test(insn) && (insn.dst() == value_.reg || (uses_register(insn) && insn.src() == value_.reg));
    if (tests) return add(at, std::string(test_text(insn)));
    if (writes(insn, value_)) follow(insn, at);
  }

  void follow(const bpf::Insn& insn, uint32_t at) {
    const uint8_t c = insn.opcode & 7, operation = insn.opcode & 0xf0;
    if (value_.is_slot) {
      if (c == cls::st) return made(at, "a constant was stored here");
      value_ = {false, insn.src(), 0};
    } else if (insn.opcode == bpf::call_insn) {
      made(at, value_.reg == 0 ? call_text(insn) : "this call leaves nothing in that register");
    } else if (c == cls::ldx && insn.src() == frame_register) {
      value_ = {true, 0, insn.offset};
    } else if (c == cls::ldx) {
      made(at, "read from memory here: it can be any number of " + std::to_string(bits_of(insn)) + " bits");
    } else if (c == cls::ld) {
      made(at, "the address was taken here");
    } else if (operation == alu::mov) {
      if (!uses_register(insn)) return made(at, "a constant was put here");
      value_.reg = insn.src();
    } else if (uses_register(insn) && operation == alu::add) {
      value_.reg = insn.src();  // of pointer and number it is the number that moves
    } else if (std::string text = arithmetic_text(insn); !text.empty()) {
      add(at, std::move(text));
    }
  }

  static unsigned bits_of(const bpf::Insn& insn) {
    switch (insn.opcode & 0x18) {
      case bpf::size::b: return 8;
      case bpf::size::h: return 16;
      case bpf::size::w: return 32;
      default: return 64;
    }
  }

  const std::vector<bpf::Insn>& insns_;
  const std::vector<uint32_t>& path_;
  Tracked value_;
  bool is_made_ = false;
  std::vector<Cause> causes_;
};

}  // namespace

std::vector<uint32_t> path_of_log(std::string_view log) {
  std::vector<uint32_t> path;
  while (!log.empty()) {
    const size_t newline = log.find('\n');
    const std::string_view line = log.substr(0, newline);
    log.remove_prefix(newline == std::string_view::npos ? log.size() : newline + 1);
    uint32_t insn = 0;
    std::string_view rest = line;
    if (read_branch(line, insn)) {
      const auto last = std::find(path.rbegin(), path.rend(), insn);
      path.erase(last.base(), path.end());
    } else if (read_number(rest, insn) && rest.starts_with(": (")) {
      path.push_back(insn);
    }
  }
  return path;
}

std::optional<unsigned> register_of(std::string_view sentence) {
  for (size_t i = 0; i + 1 < sentence.size(); i++) {
    const bool begins = sentence[i] == 'R' && (i == 0 || sentence[i - 1] == ' ');
    std::string_view digits = sentence.substr(i + 1);
    uint32_t number = 0;
    if (begins && read_number(digits, number) && number <= frame_register) return number;
  }
  return std::nullopt;
}

std::vector<Cause> causes_of(const std::vector<bpf::Insn>& insns, const std::vector<uint32_t>& path, unsigned reg) {
  return Follower(insns, path, reg).run();
}

std::string_view advice_of(sim::RejectClass reject_class) {
  using enum sim::RejectClass;
  switch (reject_class) {
    case nullable_deref: return "test the pointer before it is used";
    case scalar_deref: return "the verifier takes this for a number, not for memory it has checked: read it by a helper";
    case map_bounds:
    case mem_bounds: return "limit the index right before it is used: mask it, or compare this very copy of it, unsigned";
    case size_range: return "limit the length to an unsigned range: mask it, or compare it, right before the call";
    case stack_uninit: return "write every byte on every path before it is read";
    case stack_bounds: return "limit the index, or keep the object in a map";
    case pointer_arith: return "only numbers with a known range may be added to a pointer: mask or compare first";
    case ref_leak: return "submit or discard the record on every path";
    case loop: return "let something that the verifier knows change in every round, or use a callback loop";
    default: return {};
  }
}

void add_causes(Diagnostic& diagnostic, const std::vector<bpf::Insn>& insns, const std::vector<bpf::LineEntry>& lines,
                std::string_view log, std::string_view sentence) {
  const std::vector<uint32_t> path = path_of_log(log);
  std::optional<unsigned> reg = register_of(sentence);
  // Sentences about an object's bounds name no register; then it is the one that the access goes through.
  if (!reg && !path.empty() && path.back() < insns.size()) {
    const bpf::Insn& last = insns[path.back()];
    const uint8_t c = last.opcode & 7;
    if (c == cls::ldx) reg = last.src();
    if (c == cls::st || c == cls::stx) reg = last.dst();
    if (is_alu(last) && uses_register(last)) reg = last.src();  // the number that is added to a pointer
  }
  if (reg) {
    for (const Cause& cause : causes_of(insns, path, *reg)) {
      const Span span = span_of(lines, cause.insn);
      const auto same = [&](const Label& label) { return label.span == span && label.text == cause.text; };
      if (span.is_known() && std::none_of(diagnostic.labels.begin(), diagnostic.labels.end(), same))
        diagnostic.label(span, cause.text);
    }
  }
  const std::string_view advice = advice_of(sim::class_of(sentence));
  if (!advice.empty() && diagnostic.hint.empty()) diagnostic.with_hint(std::string(advice));
}

}  // namespace shrike
