// Through libelf's mapping: only the pages that are asked for are read.
#include "runtime/elf_image.h"

#include <fcntl.h>
#include <gelf.h>
#include <lzma.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>

#include "runtime/archive_member.h"
#include "runtime/files.h"
#include "runtime/privileges.h"

namespace shrike {

namespace {

// A compressed symbol table larger than this when unpacked is not one.
constexpr size_t most_unpacked = 256u << 20;

Elf_Scn* find_section(Elf* elf, std::string_view wanted, GElf_Shdr& header) {
  size_t names = 0;
  if (elf == nullptr || elf_getshdrstrndx(elf, &names) != 0) return nullptr;
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;) {
    if (gelf_getshdr(section, &header) == nullptr) continue;
    const char* name = elf_strptr(elf, names, header.sh_name);
    if (name != nullptr && wanted == name) return section;
  }
  return nullptr;
}

bool has_section(Elf* elf, std::string_view name) {
  GElf_Shdr header;
  return find_section(elf, name, header) != nullptr && header.sh_type != SHT_NOBITS;
}

// The whole xz stream, or nothing.
std::vector<char> unpack_xz(const void* packed, size_t size) {
  std::vector<char> out(size * 4 + 4096);
  for (;;) {
    uint64_t memory_limit = most_unpacked;
    size_t in_at = 0, out_at = 0;
    lzma_ret result = lzma_stream_buffer_decode(&memory_limit, 0, nullptr, static_cast<const uint8_t*>(packed), &in_at, size,
                                                reinterpret_cast<uint8_t*>(out.data()), &out_at, out.size());
    if (result == LZMA_OK) {
      out.resize(out_at);
      return out;
    }
    if (result != LZMA_BUF_ERROR || out.size() >= most_unpacked) return {};
    out.resize(out.size() * 2);
  }
}

uint32_t checksum_of(const std::string& path) {
  Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::vector<unsigned char> piece(1 << 16);
  uLong sum = crc32(0, nullptr, 0);
  for (ssize_t got; (got = read(fd.get(), piece.data(), piece.size())) > 0;)
    sum = crc32(sum, piece.data(), static_cast<uInt>(got));
  return static_cast<uint32_t>(sum);
}

}  // namespace

ElfImage::ElfImage(const std::string& path) : path_(path) {
  if (names_archive_member(path)) {
    read_member(place_of_binary(path));
    return;
  }
  fd_ = Fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd_.is_open()) begin();
  else why_ = describe_errno(errno);
}

void ElfImage::read_member(const BinaryPlace& place) {
  why_ = place.why;
  if (!why_.empty()) return;
  fd_ = Fd(open(place.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (place.size != 0) {
    bytes_.resize(place.size);
    ssize_t got = pread(fd_.get(), bytes_.data(), bytes_.size(), static_cast<off_t>(place.offset));
    bytes_.resize(got < 0 ? 0 : static_cast<size_t>(got));
    fd_ = Fd();
  }
  begin();
}

ElfImage::ElfImage(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {
  begin();
}

ElfImage::ElfImage(std::vector<char> bytes) : bytes_(std::move(bytes)) {
  begin();
}

ElfImage::~ElfImage() {
  if (elf_ != nullptr) elf_end(elf_);
}

void ElfImage::begin() {
  elf_version(EV_CURRENT);
  elf_ = fd_.is_open() ? elf_begin(fd_.get(), ELF_C_READ_MMAP, nullptr) : elf_memory(bytes_.data(), bytes_.size());
  if (elf_ != nullptr && elf_kind(elf_) == ELF_K_ELF) return;
  why_ = "it is not an ELF file";
  if (elf_ != nullptr) elf_end(elf_);
  elf_ = nullptr;
}

std::string ElfImage::build_id() const {
  if (elf_ == nullptr) return {};
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_, section)) != nullptr;) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_NOTE) continue;
    Elf_Data* data = elf_getdata(section, nullptr);
    if (data == nullptr) continue;
    GElf_Nhdr note;
    size_t name = 0, descriptor = 0;
    for (size_t at = 0; (at = gelf_getnote(data, at, &note, &name, &descriptor)) > 0;) {
      if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != 4 || note.n_descsz < 2) continue;
      const uint8_t* id = static_cast<const uint8_t*>(data->d_buf) + descriptor;
      std::string text;
      for (size_t i = 0; i < note.n_descsz; i++)
        text.push_back("0123456789abcdef"[id[i] >> 4]), text.push_back("0123456789abcdef"[id[i] & 15]);
      return text;
    }
  }
  return {};
}

// Of the same build: by build id where both have one, else by the checksum that .gnu_debuglink tells.
bool ElfImage::is_debug_file(const std::string& path, uint32_t checksum, bool has_checksum) const {
  if (!may_access(AT_FDCWD, path, R_OK)) return false;
  ElfImage candidate(path);
  if (candidate.get() == nullptr) return false;
  std::string own = build_id(), other = candidate.build_id();
  if (!own.empty() && !other.empty()) return own == other;
  return has_checksum && checksum_of(path) == checksum;
}

std::string ElfImage::find_debug_file(const DebugDirectories& directories) const {
  std::string id = build_id();
  if (!id.empty()) {
    for (const std::string& directory : directories.paths) {
      std::string path = directory + "/.build-id/" + id.substr(0, 2) + "/" + id.substr(2) + ".debug";
      if (is_debug_file(path, 0, false)) return path;
    }
  }
  // A file name, padded to a multiple of 4, and the checksum of the file.
  Elf_Data* link = section_data(elf_, ".gnu_debuglink");
  if (link == nullptr || link->d_size < 8) return {};
  const char* bytes = static_cast<const char*>(link->d_buf);
  std::string name(bytes, strnlen(bytes, link->d_size - 4));
  uint32_t checksum = 0;
  std::memcpy(&checksum, bytes + link->d_size - 4, 4);
  std::string folder = path_.substr(0, path_.rfind('/') == std::string::npos ? 0 : path_.rfind('/'));
  std::vector<std::string> places = {folder + "/" + name, folder + "/.debug/" + name};
  if (folder.empty()) places = {name, ".debug/" + name};
  for (const std::string& directory : directories.paths) {
    if (path_.starts_with('/')) places.push_back(directory + folder + "/" + name);
    places.push_back(directory + "/" + name);
  }
  for (const std::string& place : places)
    if (place != path_ && is_debug_file(place, checksum, true)) return place;
  return {};
}

Elf* ElfImage::debug_file(const DebugDirectories& directories) {
  if (!looked_for_debug_ && elf_ != nullptr) {
    looked_for_debug_ = true;
    std::string found = find_debug_file(directories);
    if (!found.empty()) debug_ = std::make_unique<ElfImage>(found);
  }
  return debug_ == nullptr ? nullptr : debug_->get();
}

Elf* ElfImage::mini_debug_file() {
  if (!looked_for_mini_) {
    looked_for_mini_ = true;
    Elf_Data* packed = section_data(elf_, ".gnu_debugdata");
    if (packed != nullptr && packed->d_size != 0) {
      std::vector<char> unpacked = unpack_xz(packed->d_buf, packed->d_size);
      if (!unpacked.empty()) mini_ = std::make_unique<ElfImage>(std::move(unpacked));
    }
  }
  return mini_ == nullptr ? nullptr : mini_->get();
}

Elf* ElfImage::with_section(std::string_view name, const DebugDirectories& directories) {
  if (has_section(elf_, name)) return elf_;
  if (Elf* debug = debug_file(directories); has_section(debug, name)) return debug;
  if (name != ".symtab") return nullptr;
  Elf* mini = mini_debug_file();
  return has_section(mini, name) ? mini : nullptr;
}

Elf_Data* section_data(Elf* elf, std::string_view name) {
  GElf_Shdr header;
  Elf_Scn* section = find_section(elf, name, header);
  if (section == nullptr || header.sh_type == SHT_NOBITS) return nullptr;
  Elf_Data* data = elf_getdata(section, nullptr);
  return data == nullptr || data->d_buf == nullptr ? nullptr : data;
}

uint64_t section_address(Elf* elf, std::string_view name) {
  GElf_Shdr header;
  return find_section(elf, name, header) == nullptr ? 0 : header.sh_addr;
}

std::vector<ElfSegment> loaded_segments(Elf* elf) {
  std::vector<ElfSegment> out;
  size_t count = 0;
  if (elf_getphdrnum(elf, &count) != 0) return out;
  for (size_t i = 0; i < count; i++) {
    GElf_Phdr header;
    if (gelf_getphdr(elf, static_cast<int>(i), &header) == nullptr || header.p_type != PT_LOAD) continue;
    out.push_back({header.p_offset, header.p_vaddr, header.p_filesz, header.p_memsz, (header.p_flags & PF_X) != 0});
  }
  return out;
}

uint64_t file_offset_of(const std::vector<ElfSegment>& segments, uint64_t address) {
  for (const ElfSegment& segment : segments)
    if (address >= segment.address && address < segment.address + segment.memory_size)
      return address - segment.address + segment.offset;
  return address;
}

std::optional<uint64_t> address_of(const std::vector<ElfSegment>& segments, uint64_t file_offset) {
  std::optional<uint64_t> address;
  for (const ElfSegment& segment : segments) {
    if (file_offset < segment.offset || file_offset - segment.offset >= segment.file_size) continue;
    address = file_offset - segment.offset + segment.address;
    if (segment.is_executable) break;  // segments share pages of the file: the executable one is meant
  }
  return address;
}

}  // namespace shrike
