// Whole files in one call, with the error of the system as a value.
#pragma once

#include <string>
#include <string_view>

#include "runtime/fd.h"

namespace shrike {

struct FileText {
  int error = 0;  // errno of what failed; 0: text is complete
  std::string text;
};

// Reads to the end, whatever size the file claims (pseudo files claim 0).
FileText read_file(const char* path);
// For pseudo files of one short line (at most 4095 bytes): one read, and no question of size.
FileText read_line_at(int directory, const char* path);
FileText read_file_at(int directory, const char* path);
FileText read_all(int fd);
// `claimed`: the size that the file is said to have, at which reading ends; 0: unknown.
FileText read_all(int fd, size_t claimed);
// One write of all of `text`; 0 or errno.
int write_file_at(int directory, const char* path, std::string_view text, int flags);
// "No such file or directory (ENOENT)"
std::string describe_errno(int error);

}  // namespace shrike
