// Facts: kernel, Documentation/trace/events.rst, section "Event formats".
#include "runtime/tracefs.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#include <cerrno>
#include <charconv>

#include "runtime/privileges.h"

namespace shrike {

namespace {

constexpr long tracefs_magic = 0x74726163;
constexpr long debugfs_magic = 0x64626720;  // before 4.1 the tracing directory was a part of debugfs itself

Fd open_mounted(const char* path) {
  Fd fd(open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC));
  struct statfs status{};
  if (fd.is_open() && fstatfs(fd.get(), &status) == 0 && (status.f_type == tracefs_magic || status.f_type == debugfs_magic))
    return fd;
  return Fd();
}

Fd mount_detached() {
  Fd context(fsopen("tracefs", FSOPEN_CLOEXEC));
  if (!context.is_open() || fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return Fd();
  return Fd(fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
}

template <class T>
bool read_number(std::string_view line, std::string_view key, T& out) {
  size_t at = line.find(key);
  if (at == std::string_view::npos) return false;
  return std::from_chars(line.data() + at + key.size(), line.data() + line.size(), out).ec == std::errc();
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

bool is_identifier_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

uint32_t element_size(std::string_view type) {
  auto has = [&](std::string_view word) { return type.find(word) != std::string_view::npos; };
  if (has("*")) return 8;
  if (has("char") || has("u8") || has("s8") || has("int8") || has("bool")) return 1;
  if (has("short") || has("u16") || has("s16") || has("int16")) return 2;
  if (has("long") || has("u64") || has("s64") || has("int64") || has("size_t")) return 8;
  return 4;
}

// "const char * filename", "char comm[16]", "__data_loc char[] name".
void parse_declaration(std::string_view text, TracepointField& field) {
  text = trim(text);
  std::string_view count;
  if (!text.empty() && text.back() == ']') {
    size_t open = text.rfind('[');
    count = text.substr(open + 1, text.size() - open - 2);
    text = trim(text.substr(0, open));
  }
  size_t name = text.size();
  while (name > 0 && is_identifier_char(text[name - 1])) name--;
  field.name = text.substr(name);
  field.type = trim(text.substr(0, name));
  field.is_data_loc = field.type.starts_with("__data_loc ");
  if (count.data() == nullptr) return;
  // Where the kernel shows a constant's name instead of its value, the size tells.
  if (std::from_chars(count.data(), count.data() + count.size(), field.array_count).ec != std::errc())
    field.array_count = field.size / element_size(field.type);
}

}  // namespace

TracepointFormat parse_tracepoint_format(std::string_view text) {
  TracepointFormat format;
  while (!text.empty()) {
    size_t newline = text.find('\n');
    std::string_view line = text.substr(0, newline);
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
    if (line.starts_with("print fmt:")) break;
    size_t begin = line.find("field:");
    size_t end = line.find(';');
    if (begin == std::string_view::npos || end == std::string_view::npos) continue;
    TracepointField field;
    int is_signed = 0;
    std::string_view numbers = line.substr(end);
    if (!read_number(numbers, "offset:", field.offset) || !read_number(numbers, "size:", field.size)) continue;
    read_number(numbers, "signed:", is_signed);
    field.is_signed = is_signed != 0;
    parse_declaration(line.substr(begin + 6, end - begin - 6), field);
    format.size = std::max(format.size, field.offset + field.size);
    if (!field.name.starts_with("common_")) format.fields.push_back(std::move(field));
  }
  return format;
}

int Tracefs::directory() {
  if (is_tried_) return directory_.get();
  is_tried_ = true;
  directory_ = open_mounted("/sys/kernel/tracing");
  if (!directory_.is_open()) {
    directory_ = mount_detached();
    int error = errno;
    if (!directory_.is_open()) directory_ = open_mounted("/sys/kernel/debug/tracing");
    if (!directory_.is_open()) {
      why_not_ = "tracefs is not mounted and cannot be reached: " + describe_errno(error) +
                 (error == ENODEV  ? "; this kernel is built without it (CONFIG_FTRACE)"
                  : error == EPERM ? "; run as root, or have it mounted by `mount -t tracefs tracefs /sys/kernel/tracing`"
                                   : "; try `mount -t tracefs tracefs /sys/kernel/tracing`");
    }
  }
  return directory_.get();
}

FileText Tracefs::read(const std::string& path) {
  if (directory() < 0) return {ENODEV, {}};
  return read_file_at(directory(), path.c_str());
}

bool Tracefs::has(const std::string& path) {
  return directory() >= 0 && may_access(directory(), path, F_OK);
}

std::vector<std::string> Tracefs::subdirectories(const std::string& path) {
  std::vector<std::string> out;
  if (directory() < 0) return out;
  int fd = openat(directory(), path.c_str(), O_DIRECTORY | O_RDONLY | O_CLOEXEC);
  DIR* listing = fd < 0 ? nullptr : fdopendir(fd);
  if (listing == nullptr) return out;
  while (dirent* entry = readdir(listing))
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.') out.emplace_back(entry->d_name);
  closedir(listing);
  return out;
}

std::optional<uint64_t> Tracefs::event_id(std::string_view category, std::string_view event, int& error) {
  std::string path("events/");
  path.append(category).append("/").append(event).append("/id");
  FileText file = directory() < 0 ? FileText{ENODEV, {}} : read_line_at(directory(), path.c_str());
  error = file.error;
  uint64_t id = 0;
  if (file.error != 0 || std::from_chars(file.text.data(), file.text.data() + file.text.size(), id).ec != std::errc()) return {};
  return id;
}

}  // namespace shrike
