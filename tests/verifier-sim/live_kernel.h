// The running kernel as an oracle: loads programs with bpf(2) and hands back its verdict and log. Nothing is attached.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "verifier-sim/program.h"

namespace shrike::sim::test {

class LiveKernel {
 public:
  explicit LiveKernel(const std::vector<MapShape>& maps);  // creates the maps
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
  Answer load(const ProgramInput& program, unsigned log_level = 0);

 private:
  std::vector<int> maps_;
  std::string why_not_;
  std::vector<char> log_;
};

// The version of the running kernel, "6.18".
std::string running_version();

}  // namespace shrike::sim::test
