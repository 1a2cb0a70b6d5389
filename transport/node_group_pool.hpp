#pragma once
// Memory for what is sent: kept from call to call, used again when its last byte has left.
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

namespace troupe::group {

/// Any thread. Lives as long as a buffer of its own does.
class Pool : public std::enable_shared_from_this<Pool> {
 public:
  /// At least `bytes`, aligned to a cache line, not initialised; it comes back when the last copy is gone.
  std::shared_ptr<std::byte> take(std::size_t bytes) {
    auto block = find(bytes);
    auto* const at = block.memory.release();
    const auto size = block.size;
    return {at, [pool = shared_from_this(), size](std::byte* memory) { pool->give_back(memory, size); }};
  }

 private:
  static constexpr std::align_val_t kAlign{64};
  static constexpr std::size_t kGrain = 4096;
  struct Free {
    void operator()(std::byte* memory) const { ::operator delete[](memory, kAlign); }
  };
  struct Block {
    std::unique_ptr<std::byte[], Free> memory;
    std::size_t size = 0;
  };

  Block find(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    for (auto it = free_.rbegin(); it != free_.rend(); ++it) {
      if (it->size < bytes) continue;
      auto block = std::move(*it);
      free_.erase(std::next(it).base());
      return block;
    }
    if (!free_.empty()) free_.erase(free_.begin());  // sizes have grown: the small ones make room
    const auto size = (bytes / kGrain + 1) * kGrain;
    return {std::unique_ptr<std::byte[], Free>(new (kAlign) std::byte[size]), size};
  }
  void give_back(std::byte* memory, std::size_t size) {
    Block block{std::unique_ptr<std::byte[], Free>(memory), size};
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(block));
  }

  std::mutex mutex_;
  std::vector<Block> free_;
};

}  // namespace troupe::group
