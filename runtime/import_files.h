// What `import` names, read from the file system: a script, or the scripts directly in a folder.
#pragma once

#include "frontend/imports.h"

namespace shrike {

class ImportFiles : public ImportLoader {
 public:
  std::string identity_of(std::string_view script) override;
  ImportResult load(std::string_view path, std::string_view importer) override;
};

}  // namespace shrike
