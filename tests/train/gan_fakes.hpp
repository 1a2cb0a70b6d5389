#pragma once
// A data set of bright blobs, and a small job over it.
#include <cmath>
#include <map>
#include <memory>
#include <vector>

#include "base/random.hpp"
#include "data/pyramid.hpp"
#include "train/program.hpp"

namespace troupe::test {

class BlobPyramid final : public Pyramid {
 public:
  BlobPyramid(int channels, int smallest, int largest, int count)
      : channels_(channels), smallest_(smallest), largest_(largest), count_(count) {
    for (int size = smallest; size <= largest; size *= 2)
      for (int i = 0; i < count; ++i) draw_blob(size, i);
  }
  int channels() const override { return channels_; }
  int smallest() const override { return smallest_; }
  int largest() const override { return largest_; }
  std::int64_t count(Part) const override { return count_; }
  std::uint64_t content() const override { return static_cast<std::uint64_t>(count_); }
  std::span<const std::uint8_t> levels(Part, int size, std::int64_t index) const override {
    const std::size_t each = static_cast<std::size_t>(channels_) * static_cast<std::size_t>(size * size);
    return std::span(levels_.at(size)).subspan(static_cast<std::size_t>(index) * each, each);
  }
  std::uint64_t key() const override { return 1; }

 private:
  void draw_blob(int size, int index) {
    Draw draw(7, index, 0, Purpose::test);
    const float cx = draw.uniform(), cy = draw.uniform(), radius = 0.1F + 0.3F * draw.uniform();
    for (int c = 0; c < channels_; ++c)
      for (int y = 0; y < size; ++y)
        for (int x = 0; x < size; ++x) {
          const float dx = (static_cast<float>(x) + 0.5F) / static_cast<float>(size) - cx;
          const float dy = (static_cast<float>(y) + 0.5F) / static_cast<float>(size) - cy;
          const float value = std::exp(-(dx * dx + dy * dy) / (radius * radius)) / static_cast<float>(1 + c);
          levels_[size].push_back(static_cast<std::uint8_t>(255 * value));
        }
  }
  int channels_, smallest_, largest_, count_;
  std::map<int, std::vector<std::uint8_t>> levels_;
};

inline JobConfig small_job() {
  JobConfig job;
  job.name = "small";
  job.seed = 5;
  job.gan.generators = 2;
  job.gan.latent = 6;
  job.gan.fmap_base = 64;
  job.gan.fmap_max = 12;
  job.gan.from = 4;
  job.gan.to = 16;
  job.gan.shards = 4;
  job.gan.shard_batch = 3;
  job.gan.images = {48, 72};
  job.gan.fade = 0.5;
  return job;
}

}  // namespace troupe::test
