#pragma once
// Our side of bench speed: the very Program of train/gan, two shards on two workers of a CPU slice.
#include <filesystem>
#include <memory>
#include <string>

#include "base/config.hpp"
#include "gpu/cpu_slice.hpp"
#include "train/program.hpp"

namespace troupe::bench {

struct Net {
  std::string name;  // "wide", "narrow"
  int fmap_base = 8192, fmap_max = 32;
};

class Ours {
 public:
  Ours(const Net& net, int size, int generators, int shards);
  /// Images a second over at least `seconds`.
  double run(double seconds, CpuSlice& slice);
  /// Seconds a step that its convolutions alone take, each launched bare, on both workers at once.
  double bare_seconds(double seconds, CpuSlice& slice) const;
  struct Compared {
    double critic = 0, generator = 0;
  };
  /// Losses of the first step, after writing weights and inputs for a peer into `folder`.
  Compared first_losses(const std::filesystem::path& folder);

 private:
  void step(CpuSlice& slice);
  JobConfig job_;
  int size_;
  std::shared_ptr<Program> program_;
  std::shared_ptr<Batch> batch_;
  std::int64_t next_ = 0;
};

constexpr int kBatch = 16, kGroup = 8;

}  // namespace troupe::bench
