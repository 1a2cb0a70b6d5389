#pragma once
// Black images, for benches of steps: what they show is nothing to memory and to time.
#include <vector>

#include "data/pyramid.hpp"

namespace troupe::bench {

class BlackPyramid final : public Pyramid {
 public:
  explicit BlackPyramid(int channels) : channels_(channels) {}
  int channels() const override { return channels_; }
  int smallest() const override { return 4; }
  int largest() const override { return kLargest; }
  std::int64_t count(Part) const override { return 1; }
  std::span<const std::uint8_t> levels(Part, int size, std::int64_t) const override {
    return std::span(black_).first(static_cast<std::size_t>(channels_ * size * size));
  }
  std::uint64_t key() const override { return 0; }

 private:
  static constexpr int kLargest = 1024;
  int channels_;
  std::vector<std::uint8_t> black_ = std::vector<std::uint8_t>(std::size_t{3} * kLargest * kLargest);
};

}  // namespace troupe::bench
