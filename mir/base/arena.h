// Bump allocator. What lives here is freed together when the compilation ends; destructors of
// arena objects are run then too, in reverse order, only for types that need it.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace shrike {

class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() {
    for (auto it = finalizers_.rbegin(); it != finalizers_.rend(); ++it) it->run(it->object);
  }

  template <class T, class... Args>
  T* make(Args&&... args) {
    T* object = new (allocate(sizeof(T), alignof(T))) T{std::forward<Args>(args)...};
    if constexpr (!std::is_trivially_destructible_v<T>)
      finalizers_.push_back({object, [](void* p) { static_cast<T*>(p)->~T(); }});
    return object;
  }

  std::string_view copy(std::string_view text) {
    char* bytes = static_cast<char*>(allocate(text.size() + 1, 1));
    if (!text.empty()) std::memcpy(bytes, text.data(), text.size());
    bytes[text.size()] = '\0';
    return {bytes, text.size()};
  }

 private:
  struct Finalizer {
    void* object;
    void (*run)(void*);
  };

  void* allocate(size_t size, size_t align) {
    size_t start = (used_ + align - 1) & ~(align - 1);
    if (blocks_.empty() || start + size > capacity_) {
      capacity_ = size > block_size ? size : block_size;
      blocks_.push_back(std::make_unique_for_overwrite<std::byte[]>(capacity_));
      start = 0;
    }
    used_ = start + size;
    return blocks_.back().get() + start;
  }

  static constexpr size_t block_size = 16 * 1024;
  std::vector<std::unique_ptr<std::byte[]>> blocks_;
  std::vector<Finalizer> finalizers_;
  size_t used_ = 0;
  size_t capacity_ = 0;
};

}  // namespace shrike
