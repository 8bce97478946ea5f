// The kernel's tracefs: event formats, event ids, lists of what can be traced.
//
// Needs nothing mounted: /sys/kernel/tracing is used if there, else a detached mount of our own that no other process
// sees and that ends with the process, or /sys/kernel/debug/tracing where that is not allowed. Opened on first use.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/kernel_facts.h"
#include "runtime/fd.h"
#include "runtime/files.h"

namespace shrike {

// Reads the text of events/CATEGORY/EVENT/format. Fields named common_ are left out.
TracepointFormat parse_tracepoint_format(std::string_view text);

class Tracefs {
 public:
  // Directory fd, or -1 with the reason in why_not().
  int directory();
  const std::string& why_not() const { return why_not_; }

  FileText read(const std::string& path);
  bool has(const std::string& path);
  std::vector<std::string> subdirectories(const std::string& path);
  // id of events/CATEGORY/EVENT, or nothing with errno in `error`.
  std::optional<uint64_t> event_id(std::string_view category, std::string_view event, int& error);

 private:
  Fd directory_;
  bool is_tried_ = false;
  std::string why_not_;
};

}  // namespace shrike
