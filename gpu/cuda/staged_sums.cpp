#include "gpu/cuda/staged_sums.hpp"

#include <algorithm>
#include <thread>

namespace troupe::cuda {
namespace {

class StagedSums final : public DeviceSums {
 public:
  StagedSums(std::shared_ptr<DeviceMemory> memory, Bytes piece)
      : memory_(std::move(memory)),
        piece_(static_cast<std::size_t>(std::max<std::int64_t>(piece.count, 1024)) / sizeof(float)) {}

  Result<void> add_up(Meeting& meeting, std::span<const FloatSum> sums) override {
    for (const auto& s : sums)
      for (std::size_t at = 0; at < s.n; at += piece_)
        if (auto summed = sum_piece(meeting, s, at, std::min(piece_, s.n - at)); !summed) return summed;
    return {};
  }
  void stop() noexcept override { (void)reached(); }

 private:
  Result<void> sum_piece(Meeting& meeting, const FloatSum& s, std::size_t at, std::size_t length) {
    const std::size_t held = s.mine.buffers.size();
    staged_.resize((held + 1) * length);
    float* const sum = staged_.data() + held * length;
    std::vector<const float*> members;
    for (std::size_t m = 0; m < held; ++m) {
      float* const to = staged_.data() + m * length;
      if (auto ok = memory_->copy(to, s.mine.buffers[m] + at, bytes(length)); !ok) return ok;
      members.push_back(to);
    }
    if (auto there = reached(); !there) return there;
    const Contribution<float> mine{s.mine.members, s.mine.first, members};
    // its parts are not those of a process, and workers are called for what follows on the device's sum
    if (auto ok = meeting.host()->sum(mine, sum, length, s.scale, true, {}); !ok) return ok;
    if (auto ok = memory_->copy(s.out + at, sum, bytes(length)); !ok) return ok;
    return reached();
  }

  /// Waits until the device has come to the end of the stream.
  Result<void> reached() {
    if (auto marked = memory_->mark(); !marked) return marked;
    for (;;) {
      const auto passed = memory_->passed();
      if (!passed) return fail(passed.error());
      if (*passed) return {};
      std::this_thread::yield();
    }
  }
  static Bytes bytes(std::size_t elements) { return {static_cast<std::int64_t>(elements * sizeof(float))}; }

  const std::shared_ptr<DeviceMemory> memory_;
  const std::size_t piece_;  // elements
  std::vector<float> staged_;
};

}  // namespace

std::shared_ptr<Collective> make_staged(std::shared_ptr<DeviceMemory> memory,
                                        std::shared_ptr<Collective> host, double timeout_seconds,
                                        Bytes piece) {
  return make_device_collective(std::move(host), std::make_unique<StagedSums>(std::move(memory), piece),
                                timeout_seconds);
}

}  // namespace troupe::cuda
