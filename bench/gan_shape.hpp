#pragma once
// Sizes of a GAN, for benches that ask the same of many of them.
#include <string>

#include "base/config.hpp"

namespace troupe::bench {

struct GanShape {
  int size, base, most, batch, shards;
  int channels = 1;
  bool fading = false;

  std::string name() const {
    const std::string side = std::to_string(size);
    return side + "x" + side + (fading ? " fading" : "") + ", widths " + std::to_string(base) + "/" +
           std::to_string(most) + ", " + std::to_string(shards) + " shards of " + std::to_string(batch) +
           ", " + std::to_string(channels) + (channels == 1 ? " channel" : " channels");
  }
  /// So many steps a phase: one phase of its size, fully in; fading, the one before it too.
  JobConfig job(std::int64_t steps) const {
    JobConfig job;
    job.name = "bench";
    job.gan.generators = 2;
    job.gan.fmap_base = base;
    job.gan.fmap_max = most;
    job.gan.shards = shards;
    job.gan.shard_batch = batch;
    job.gan.from = fading ? size / 2 : size;
    job.gan.to = size;
    job.gan.fade = 0.5;
    job.gan.images.assign(fading ? 2 : 1, steps * shards * batch);
    return job;
  }
};

}  // namespace troupe::bench
