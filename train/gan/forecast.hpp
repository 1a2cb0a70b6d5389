#pragma once
// Bytes and arithmetic of a phase before it begins: one shard's step is run dry (dry_run.hpp), and a slice's
// peak follows from how its workers take shards (train/shard_work.hpp).
#include <cstdint>

#include "base/config.hpp"
#include "predict/forecast.hpp"
#include "train/gan/topology.hpp"
#include "train/gan/workspaces.hpp"

namespace troupe::gan {

/// Bytes of one shard in one stage, beyond what it held before the stage.
struct StageBytes {
  std::int64_t computing = 0;  // at most, while compute runs
  std::int64_t computed = 0;   // from then until its parts are finished
  std::int64_t part = 0;       // at most, for a moment, by one part
  std::int64_t finished = 0;   // after the last part; negative in the last stage, which lets all go
};

struct ShardForecast {
  StageBytes stage[2];
  bool holds = false;  // Program::holds_parts
  Work work;           // of both stages, parts included
};

/// In `phase`, while fading (alpha < 1) or after. `shape`: of the job's networks.
ShardForecast forecast_shard(const GanConfig& config, const NetShape& shape, int phase, bool fading,
                             Workspaces& workspaces);

/// The most that `shards` shards (at least 1) hold at once in a process where `workers` take them. Exact for
/// one worker; for several an upper bound, which is reached where all are at their peaks at the same time.
std::int64_t peak_bytes(const ShardForecast& shard, int shards, int workers);

/// The most that one generator takes while it makes samples in `phase`.
std::int64_t sample_bytes(const GanConfig& config, const NetShape& shape, int phase, bool fading,
                          Workspaces& workspaces);

/// The whole phase, whether its newest layers fade in or are in: Program::forecast.
PhaseForecast forecast_phase(const GanConfig& config, const NetShape& shape, int phase,
                             Workspaces& workspaces);

}  // namespace troupe::gan
