// operator new and delete of the command (runtime/new.cpp), which this test program is linked with.
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <thread>
#include <vector>

namespace shrike {
namespace {

using Bytes = std::unique_ptr<unsigned char[]>;

Bytes filled(size_t size, unsigned char with) {
  Bytes bytes(new unsigned char[size]);
  memset(bytes.get(), with, size);
  return bytes;
}

bool holds(const Bytes& bytes, size_t size, unsigned char wanted) {
  for (size_t i = 0; i < size; i++)
    if (bytes[i] != wanted) return false;
  return true;
}

TEST(New, BlocksOfEverySizeAreAlignedAndApart) {
  constexpr size_t sizes = 3000;  // beyond the largest that has a list
  std::vector<Bytes> blocks;
  for (int round = 0; round < 3; round++) {
    blocks.clear();  // the later rounds are given used blocks
    for (size_t size = 0; size < sizes; size++) {
      blocks.push_back(filled(size, static_cast<unsigned char>(size)));
      EXPECT_EQ(reinterpret_cast<uintptr_t>(blocks.back().get()) % __STDCPP_DEFAULT_NEW_ALIGNMENT__, 0u);
    }
    for (size_t size = 0; size < sizes; size++) EXPECT_TRUE(holds(blocks[size], size, static_cast<unsigned char>(size))) << size;
  }
}

TEST(New, ThreadsGiveBackWhatOthersAskedFor) {
  std::vector<Bytes> blocks;
  for (size_t i = 0; i < 2000; i++) blocks.push_back(filled(i % 1200, 1));
  std::vector<Bytes> theirs;
  std::thread([&] {
    blocks.clear();
    for (size_t i = 0; i < 2000; i++) theirs.push_back(filled(i % 1200, 2));
  }).join();
  for (size_t i = 0; i < 2000; i++) blocks.push_back(filled(i % 1200, 3));
  for (size_t i = 0; i < 2000; i++) {
    EXPECT_TRUE(holds(theirs[i], i % 1200, 2)) << i;
    EXPECT_TRUE(holds(blocks[i], i % 1200, 3)) << i;
  }
}

TEST(New, ABlockIsUsedAgainForOneOfItsSize) {
  void* first = operator new(100);
  operator delete(first);
  void* second = operator new(97);
  EXPECT_EQ(first, second);
  operator delete(second);
}

TEST(NewDeath, LackOfMemoryIsSaid) {
  EXPECT_EXIT((void)!operator new(SIZE_MAX / 2), ::testing::ExitedWithCode(1), "out of memory");
  EXPECT_EXIT((void)!operator new(SIZE_MAX), ::testing::ExitedWithCode(1), "out of memory");
}

}  // namespace
}  // namespace shrike
