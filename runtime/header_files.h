// The C headers that scripts include, read from the file system. Search order: beside the file that includes (quoted ones),
// -I, CPATH, C_INCLUDE_PATH, the kernel's own headers where they are installed, then the system's.
#pragma once

#include <string>
#include <vector>

#include "frontend/headers.h"

namespace shrike {

class HeaderFiles : public HeaderLoader {
 public:
  // `folders`: those of -I. Nothing is looked at before the first header is asked for.
  explicit HeaderFiles(std::vector<std::string> folders) : own_(std::move(folders)) {}

  std::optional<HeaderFile> find(std::string_view path, bool is_quoted, std::string_view includer, size_t after) override;
  bool has_btf() override;

 private:
  struct Place {
    std::string folder;
    Origin origin;
  };
  void list_places();

  std::vector<std::string> own_;
  std::vector<Place> places_;
};

}  // namespace shrike
