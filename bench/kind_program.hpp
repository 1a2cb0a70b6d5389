#pragma once
// The frame of the benches' job kinds: one network of flat parameters, descended with momentum; what a shard
// computes and what a batch is, a kind says.
#include <functional>
#include <memory>
#include <vector>

#include "train/program.hpp"

namespace troupe::bench {

/// What a shard computes, with whatever memory it keeps from step to step. One worker at a time.
class KindWork {
 public:
  virtual ~KindWork() = default;
  /// The shard's images of the batch in, its gradient out; its loss.
  virtual double run(std::span<const float> images, std::span<const std::int64_t> labels,
                     std::span<float> gradient) = 0;
};

struct KindSpec {
  std::string name;  // of its one phase
  int shards = 4, shard_batch = 1;
  std::size_t parameters = 1;
  std::function<void(std::span<float>)> begin = [](std::span<float>) {};  // first values of the parameters
  std::function<std::unique_ptr<KindWork>(std::span<const float> parameters)> work;
  std::function<Batch(std::int64_t step)> batch;
  PhaseForecast forecast;
};

std::shared_ptr<Program> make_kind(KindSpec spec, std::int64_t steps);

}  // namespace troupe::bench
