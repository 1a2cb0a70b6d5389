#pragma once
// What a job file may say under [options].
#include <cstdint>

#include "base/config.hpp"

namespace classifier {

struct Options {
  int size = 32;  // pixels a side: 16, 32, 64 or 128
  std::int64_t steps = 400;
  int shards = 4;        // fixed pieces of the batch: with the batch they decide the bits
  int shard_batch = 16;  // images a shard
  double learning_rate = 0.02;
};

/// Every option has a range; an unknown one is refused.
troupe::Result<Options> read_options(const troupe::JobConfig& job);

}  // namespace classifier
