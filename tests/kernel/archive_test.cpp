// uprobes in members of zip archives, which programs map as they lie there.
#include <stdlib.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

constexpr size_t page = 4096;

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void add_number(std::string& out, uint64_t value, int size) {
  for (int i = 0; i < size; i++) out.push_back(static_cast<char>(value >> (8 * i)));
}

// The fields that a member's header and its entry in the directory share. Checksums and times are 0: nobody looks at them.
void add_fields(std::string& out, uint16_t method, size_t size, const std::string& name, size_t padding) {
  add_number(out, 20, 2), add_number(out, 0, 2), add_number(out, method, 2), add_number(out, 0, 8);
  add_number(out, size, 4), add_number(out, size, 4), add_number(out, name.size(), 2), add_number(out, padding, 2);
}

struct Archive : LiveTest {
  std::filesystem::path folder;
  std::string path;

  void SetUp() override {
    LiveTest::SetUp();
    std::string name = std::filesystem::temp_directory_path() / "shrike.XXXXXX";
    folder = mkdtemp(name.data());
    path = folder / "base.apk";
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  // A small member, then the workload, whose bytes begin at the second page, then the directory, then a comment.
  void write(uint16_t method, const std::string& name = "lib/x86_64/libx.so") {
    std::string out, directory;
    const std::string small = "a file";
    const std::string workload = bytes_of(SHRIKE_WORKLOAD);
    auto add = [&](const std::string& member, const std::string& bytes, uint16_t how, size_t align) {
      const size_t header = out.size(), unpadded = header + 30 + member.size();
      const size_t padding = align == 0 ? 0 : (align - unpadded % align) % align;
      out += "PK\3\4";
      add_fields(out, how, bytes.size(), member, padding);
      out += member + std::string(padding, '\0') + bytes;
      directory += "PK\1\2";
      add_number(directory, 20, 2);
      add_fields(directory, how, bytes.size(), member, 0);
      add_number(directory, 0, 10), add_number(directory, header, 4);
      directory += member;
    };
    add("lib/x86_64/notes.txt", small, 0, 0);
    add(name, workload, method, page);
    const size_t directory_at = out.size();
    out += directory + "PK\5\6";
    add_number(out, 0, 4), add_number(out, 2, 2), add_number(out, 2, 2);
    add_number(out, directory.size(), 4), add_number(out, directory_at, 4), add_number(out, 7, 2);
    std::ofstream(path, std::ios::binary) << out << "comment";
  }
  void expect_error(const std::string& member, const std::string& text) {
    const Result result = shrike({"-e", "uprobe:" + path + "!/" + member + ":target_negative { }"});
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(has(result.err, text)) << result.err;
    EXPECT_EQ(count_text(result.err, "ERROR"), 1u) << result.err;
  }
};

TEST_F(Archive, MembersAreProbedWhereTheyLie) {
  write(0);
  const std::string probe = "uprobe:" + path + "!/lib/x86_64/libx.so:target_negat*";
  const Trace t = trace(probe + " { @[arg0 > 0] = count(); } " + probe.substr(0, probe.size() - 1) + "ive { @one = count(); }",
                        {"archived", path, std::to_string(page), "250"});
  EXPECT_EQ(number_of(t.out, "@[true]"), 250) << t.out << t.err;
  EXPECT_EQ(number_of(t.out, "@one"), 250) << t.out << t.err;
}

TEST_F(Archive, AreListed) {
  write(0);
  const Result list = shrike({"-l", "uprobe:" + path + "!/lib/x86_64/libx.so:target_neg*"});
  EXPECT_EQ(list.out, "uprobe:" + path + "!/lib/x86_64/libx.so:target_negative\n") << list.err;
}

TEST_F(Archive, WhatCannotBeProbedIsTold) {
  write(8);
  expect_error("lib/x86_64/libx.so", "compressed in its archive");
  expect_error("lib/x86_64/liby.so", "its archive has no such member");
  expect_error("lib/x86_64/notes.txt", "not an ELF file");
  std::ofstream(path, std::ios::binary) << std::string(100000, 'x');
  expect_error("lib/x86_64/libx.so", "not in a zip archive");
  write(0);
  std::filesystem::resize_file(path, 3 * page);
  expect_error("lib/x86_64/libx.so", "not in a zip archive");
}

}  // namespace
}  // namespace shrike::testing
