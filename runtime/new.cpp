// operator new and delete of the command. A start asks for thousands of small blocks and gives most of them back at once; by
// lists of blocks of equal size that is a dozen instructions each, a fifth of what malloc needs. The price is that a small
// block is only ever used again for one of its size.
//
// Each thread has lists of its own, so that nothing locks; a block may be given back by another thread than asked for it.
// Builds with sanitizers, which watch every block themselves, leave this file out.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <new>

namespace {

constexpr size_t step = 16;         // blocks are multiples of it, and what is returned is aligned to it
constexpr size_t head = 8;          // in front of what is returned: the size class, 0 for blocks of malloc
constexpr size_t class_count = 65;  // up to 1 KiB with its head
constexpr size_t chunk = 32 * 1024;

struct Free {
  Free* next;
};

struct Lists {
  Free* free[class_count];
  char* room;  // of the chunk in use; every block's head lies just before a multiple of `step`
  char* end;
};
constinit thread_local Lists lists{};

[[noreturn]] void fail() {
  constexpr char words[] = "ERROR: out of memory\n";
  (void)!write(STDERR_FILENO, words, sizeof words - 1);
  _exit(1);
}

uint64_t& class_of(void* block) {
  return *reinterpret_cast<uint64_t*>(static_cast<char*>(block) - head);
}

[[gnu::noinline]] void* allocate_large(size_t size) {
  if (size > SIZE_MAX - step) fail();
  char* bytes = static_cast<char*>(malloc(size + step));
  if (bytes == nullptr) fail();
  class_of(bytes + step) = 0;
  return bytes + step;
}

[[gnu::noinline]] void refill() {
  lists.room = static_cast<char*>(malloc(chunk));
  if (lists.room == nullptr) fail();
  lists.end = lists.room + chunk;
  lists.room += step;
}

}  // namespace

void* operator new(size_t size) {
  const size_t size_class = (size + head + step - 1) / step;
  if (size_class >= class_count || size > SIZE_MAX - chunk) return allocate_large(size);
  Free*& first = lists.free[size_class];
  if (first != nullptr) {
    void* block = first;
    first = first->next;
    return block;
  }
  const size_t bytes = size_class * step;
  if (static_cast<size_t>(lists.end - lists.room) < bytes) refill();
  char* block = lists.room;
  lists.room += bytes;
  class_of(block) = size_class;
  return block;
}

void operator delete(void* block) noexcept {
  if (block == nullptr) return;
  const uint64_t size_class = class_of(block);
  if (size_class == 0) {
    free(static_cast<char*>(block) - step);
    return;
  }
  Free* freed = static_cast<Free*>(block);
  freed->next = lists.free[size_class];
  lists.free[size_class] = freed;
}

void operator delete(void* block, size_t) noexcept {
  operator delete(block);
}
