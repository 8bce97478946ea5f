// Binaries inside of zip archives, as Android packs its libraries: "base.apk!/lib/x86_64/libx.so". The loader maps them from the
// archive, so a uprobe is set there too: at an offset in the archive. That works for members that are stored as they are.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace shrike {

// Where in which file a binary lies.
struct BinaryPlace {
  std::string path;
  uint64_t offset = 0;
  uint64_t size = 0;  // 0: the whole file
  std::string why;    // it cannot be probed, if not empty
};

// Splits at "!/" where what is before it is a file; anything else is a file of its own.
BinaryPlace place_of_binary(const std::string& name);
// Whether the name is one of a member; nothing is read for the others.
inline bool names_archive_member(std::string_view name) {
  return name.find("!/") != std::string_view::npos;
}

}  // namespace shrike
