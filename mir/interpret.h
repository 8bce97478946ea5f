// Reference interpreter: runs MIR as its rows say, slowly and checking every access. Tests compare what passes and the
// backend make of a program with what happens here.
// Deliberately does not model: time limits, preemption, alignment, stack size, or which helpers a program type may call.
// Every object gets an address of its own with unmapped bytes around it, so that an access outside of it faults.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "mir/module.h"

namespace shrike::mir {

// What helpers report of the machine the program runs on.
struct MachineState {
  uint32_t cpu = 0;
  uint32_t cpu_count = 2;
  uint64_t pid_tgid = (uint64_t{100} << 32) | 101;
  uint64_t uid_gid = 0;
  std::string comm = "comm";
  uint64_t task = 0;
  uint64_t cgroup = 1;
  uint64_t func_ip = 0;
  uint64_t nanoseconds = 1000;  // goes on by one with every question
  std::vector<uint64_t> kernel_stack, user_stack;
  size_t ring_records = SIZE_MAX;  // more than these find the ring full
  uint64_t most_steps = 1u << 20;
};

class Machine {
 public:
  explicit Machine(const Module& module);  // valid, and must outlive the machine
  virtual ~Machine() = default;

  MachineState state;
  std::vector<std::vector<uint8_t>> records;  // submitted, in order; perf events too
  std::vector<uint64_t> signals;
  // Called for every value a program defines.
  std::function<void(FunctionId, ValueId, uint64_t)> on_value;
  // Answers a helper instead of the built-in behaviour, if it returns something. `args` are the value operands.
  std::function<std::optional<uint64_t>(Machine&, const Inst&, std::span<const uint64_t> args)> on_call;

  struct Outcome {
    uint64_t result = 0;
    std::string fault;  // why the program stopped early; empty if it did not
    uint64_t steps = 0;
  };
  Outcome run(FunctionId program, std::vector<uint8_t> context);

  // Memory that probe_read finds at this address.
  void add_memory(uint64_t address, std::vector<uint8_t> bytes);
  bool read(uint64_t address, void* bytes, size_t size) const;  // false if not all of it is mapped
  bool write(uint64_t address, const void* bytes, size_t size);

  // Maps by their bytes: keys in order, one value per CPU for per-CPU kinds.
  struct Entry {
    std::vector<uint8_t> key;
    std::vector<std::vector<uint8_t>> values;
  };
  std::vector<Entry> entries(MapId map) const;
  int64_t update(MapId map, std::span<const uint8_t> key, std::span<const uint8_t> value, uint64_t flags);
  std::optional<uint64_t> lookup(MapId map, std::span<const uint8_t> key);  // address of the value on this CPU

 protected:
  // Over other code than MIR: backend-bpf/interpret.h.
  Machine(const Interface& interface, const Table<FunctionId, Function>& functions);

  uint64_t allocate(std::vector<uint8_t> bytes);
  void free(uint64_t address) { memory_.erase(address); }
  uint64_t fail(const std::string& why);  // 0
  bool has_failed() const { return !fault_.empty(); }
  bool count_step();  // false after too many
  uint64_t checked_load(uint64_t address, uint32_t bytes);
  void checked_store(uint64_t address, uint64_t value, uint32_t bytes);

  // Of `inst` the helper, map and callee count.
  uint64_t call_helper(const Inst& inst, const std::vector<uint64_t>& args);
  virtual uint64_t call_function(FunctionId function, const std::vector<uint64_t>& args);

 private:
  struct MapState {
    std::map<std::string, std::vector<uint64_t>> entries;  // by key; addresses, by CPU
  };
  struct Frame {
    FunctionId function;
    std::vector<uint64_t> values;
    std::vector<uint64_t> slots;
  };

  const std::vector<uint8_t>* segment(uint64_t address, size_t size, uint64_t& start) const;
  std::string bytes_at(uint64_t address, size_t size);  // a fault and nothing if not mapped

  void define(Frame& frame, ValueId value, uint64_t number);
  uint64_t execute(Frame& frame, const Inst& inst);
  void enter(Frame& frame, const Inst& inst, size_t target);

  uint64_t read_traced(const std::vector<uint64_t>& args);
  uint64_t read_string(const std::vector<uint64_t>& args);
  uint64_t get_stack(const std::vector<uint64_t>& args);
  uint64_t for_each(const Inst& inst, const std::vector<uint64_t>& args);
  uint64_t loop(const Inst& inst, const std::vector<uint64_t>& args);
  uint64_t begin_iterator(const std::vector<uint64_t>& args);
  uint64_t step_iterator(uint64_t iterator);
  uint64_t compare_strings(const std::vector<uint64_t>& args);
  int64_t remove(MapId map, const std::string& key);
  void aggregate(const Inst& inst, const std::vector<uint64_t>& args);
  std::optional<uint64_t> find_or_insert(MapId map, std::span<const uint8_t> key, int64_t& refusal);
  std::optional<uint64_t> page_of(MapId map, std::span<const uint8_t> key, uint64_t now, int64_t& refusal);
  uint64_t series_now();
  void fold_into_series(const MapDecl& map, uint64_t value, uint64_t now, uint64_t n);

  const Interface& interface_;
  const Table<FunctionId, Function>& functions_;
  std::map<uint64_t, std::vector<uint8_t>> memory_;  // by address
  uint64_t next_address_ = 0x10000;
  std::vector<MapState> maps_;
  std::mt19937 random_;
  size_t reserved_ = 0;  // ring records not yet submitted or discarded
  BlockId current_;      // of the innermost function
  uint64_t steps_ = 0;
  int depth_ = 0;
  std::string fault_;
};

}  // namespace shrike::mir
