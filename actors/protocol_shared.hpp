#pragma once
// Messages that several actors understand.
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/units.hpp"
#include "train/program.hpp"
#include "train/step_loop.hpp"

/// A message that stays in its process.
#define TROUPE_LOCAL(type) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::type)

namespace troupe {

/// Reply to what may fail and has nothing else to say.
struct Outcome {
  std::optional<Error> error;
};

struct SliceEnd {
  LoopEnd loop;
  std::vector<StepStats> untold;  // of a rank that leads its process and is not rank 0: its last steps
};
/// What a job's slices on another node hold and did: each second.
struct SliceGauge {
  std::string node;
  Bytes held, peak;                  // by all of them: they share parameters and shard buffers
  std::vector<double> busy_seconds;  // of each, in the order of ranks, since it was made
};
/// Slice of the rank that leads its process -> job, at most every 50 ms and at a lease's end.
struct StepsDone {
  std::vector<StepStats> steps;
  std::optional<SliceGauge> gauge;
};
struct EnterPhase {  // grow to the moment's phase
  Moment moment;
};
struct AskHash {};
struct StateHash {
  std::uint64_t value = 0;
};
struct BuildProgress {  // builder -> job
  std::string stage;
  std::int64_t done = 0, total = 0;
};

/// Whoever hears of committed steps.
using steps_sink = caf::typed_actor<caf::reacts_to<StepsDone>>;
/// Whoever hears how far a program's data is.
using progress_sink = caf::typed_actor<caf::reacts_to<BuildProgress>>;

}  // namespace troupe

TROUPE_LOCAL(Outcome)
TROUPE_LOCAL(StepsDone)
TROUPE_LOCAL(SliceEnd)
TROUPE_LOCAL(EnterPhase)
TROUPE_LOCAL(AskHash)
TROUPE_LOCAL(StateHash)
TROUPE_LOCAL(BuildProgress)
