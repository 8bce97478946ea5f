// Files of packets: their bytes, and what tcpdump makes of them.
#include "runtime/pcap.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace shrike {
namespace {

// 127.0.0.1 port 1 to 127.0.0.1 port 2, UDP, three bytes.
constexpr uint8_t packet[] = {0x45, 0, 0, 31, 0, 0, 0, 0, 64, 17, 0x7c, 0xcc, 127, 0,   0,  1,
                              127,  0, 0, 1,  0, 1, 0, 2, 0,  11, 0,    0,    'a', 'b', 'c'};

std::string output_of(const std::string& command) {
  std::string out;
  FILE* pipe = popen(command.c_str(), "r");
  char chunk[512];
  while (const size_t got = fread(chunk, 1, sizeof chunk, pipe)) out.append(chunk, got);
  pclose(pipe);
  return out;
}

std::string write_two(const std::string& path) {
  PcapFile file;
  EXPECT_EQ(file.open(path), 0);
  file.add(1'700'000'000'123'456'789, sizeof packet, packet);
  file.add(1'700'000'001'000'000'000, sizeof packet, std::span(packet).first(28));
  EXPECT_EQ(file.flush(), 0);
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Pcap, HasAHeaderAndEachPacketWithItsLengths) {
  const std::string bytes = write_two(testing::TempDir() + "bytes.pcap");
  ASSERT_EQ(bytes.size(), 24u + 16 + 31 + 16 + 28);
  EXPECT_EQ(bytes.substr(0, 8), std::string("\x4d\x3c\xb2\xa1\x02\0\x04\0", 8));
  EXPECT_EQ(bytes.substr(32, 8), std::string("\x1f\0\0\0\x1f\0\0\0", 8));
  EXPECT_EQ(bytes.substr(79, 8), std::string("\x1c\0\0\0\x1f\0\0\0", 8));
}

TEST(Pcap, IsReadByTcpdump) {
  if (system("command -v tcpdump >/dev/null") != 0) GTEST_SKIP() << "there is no tcpdump: scripts/install-test-deps installs it";
  const std::string path = testing::TempDir() + "read.pcap";
  write_two(path);
  const std::string shown = output_of("TZ=UTC tcpdump --nano -nr " + path + " 2>&1");
  EXPECT_NE(shown.find("22:13:20.123456789 IP 127.0.0.1.1 > 127.0.0.1.2: UDP, length 3"), std::string::npos) << shown;
  EXPECT_NE(shown.find("22:13:21.000000000 IP 127.0.0.1.1 > 127.0.0.1.2: UDP, length 3"), std::string::npos) << shown;
  EXPECT_NE(shown.find("link-type RAW"), std::string::npos) << shown;
}

TEST(Pcap, WhatCannotBeWrittenIsTold) {
  PcapFile file;
  EXPECT_EQ(file.open("/nowhere/a.pcap"), ENOENT);
  EXPECT_EQ(file.open("/dev/full"), ENOSPC);
}

}  // namespace
}  // namespace shrike
