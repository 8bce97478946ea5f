// The running kernel as an oracle: loads programs with bpf(2) and hands back its verdict and log. Nothing is attached.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "verifier-sim/program.h"

namespace shrike::sim::test {

class LiveKernel {
 public:
  LiveKernel();
  ~LiveKernel();
  LiveKernel(const LiveKernel&) = delete;
  LiveKernel& operator=(const LiveKernel&) = delete;

  const std::string& why_not() const { return why_not_; }  // empty: usable
  unsigned possible_cpus() const;

  struct Answer {
    bool accepted = false;
    int error = 0;
    std::string log;         // with `log_level`
    uint32_t processed = 0;  // as the kernel's log tells; 0 without log
  };
  // Maps are created when a program first needs one of their shape. Programs that hand out callbacks get the types that
  // the kernel demands of them.
  Answer load(const ProgramInput& program, unsigned log_level = 0);

 private:
  int map_of(const MapShape& shape);
  int types_for(size_t subprograms);

  struct Made {
    MapShape shape;
    int fd = -1;
  };
  std::vector<Made> maps_;
  std::vector<int> types_;  // by number of subprograms
  std::string why_not_;
  std::vector<char> log_;
};

// The version of the running kernel, "6.18".
std::string running_version();

}  // namespace shrike::sim::test
