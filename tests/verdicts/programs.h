// Recorded programs and what kernels said of them, as text.
//
// programs.txt:   map INDEX TYPE KEY VALUE ENTRIES           a map shape that programs name by its index
//                 NAME TYPE INSN…                            a program; an instruction is `OPRG[@OFFSET][=IMMEDIATE]`, where
//                                                            OPRG are the opcode and register bytes as hex digits; the
//                                                            immediate of a map reference is the map's index
// KERNEL.txt:     NAME ok PROCESSED                          the kernel loads it after walking so many instructions
//                 NAME ERRNO CLASS                           it does not
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "verifier-sim/profile.h"
#include "verifier-sim/program.h"
#include "verifier-sim/verdict.h"

namespace shrike::sim::test {

struct RecordedProgram {
  std::string name;
  ProgramInput input;
};

struct RecordedVerdict {
  bool accepted = false;
  int error = 0;
  std::string reject_class;  // name_of() one of RejectClass
  uint32_t processed = 0;    // of accepted programs
};

std::vector<RecordedProgram> parse_programs(const std::string& text);
std::string print_programs(const std::vector<RecordedProgram>& programs);

std::map<std::string, RecordedVerdict> parse_verdicts(const std::string& text);
std::string print_verdict(const std::string& name, const RecordedVerdict& verdict);

// The profile that a record is held to. There is no Linux 6.6 to ask, but a 6.5: all but the newer instructions is the same.
std::optional<Profile> profile_of_record(const std::string& kernel);

std::string read_text(const std::string& path);  // empty if it cannot be read

}  // namespace shrike::sim::test
