#pragma once
// Messages and interfaces of those who tell beforehand what a phase takes.
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "actors/protocol_shared.hpp"
#include "predict/demand_table.hpp"
#include "train/program.hpp"

namespace troupe {

// ---- predictor: what a phase needs
struct AskDemand {
  std::string job, kind;
  PhaseQuestion phase;
};
struct Measured {  // in a phase that was asked about
  std::string job;
  Measurement measurement;
};
struct StepsSeen {  // of such a phase: corrects what is said of it. The reply: what was said of them before
  std::string job;
  int phase = 0, cores = 1, peak_cores = 1;
  std::vector<double> seconds;  // of each
  double waiting = 0;           // share of them in which there was nothing to compute
  double at = 0;                // clock seconds, when the last of them ended
  std::set<std::string> nodes;  // on which
};

// ---- forecaster: what a phase will take (a dry run; the first one on a machine measures its rates)
struct AskForecast {
  std::shared_ptr<Program> program;
  int phase = 0;
};
struct Forecast {
  std::optional<PhaseForecast> phase;        // nothing: the program can't tell
  std::shared_ptr<const DeviceRates> rates;  // null: nobody measured them
  std::vector<Error> troubles;               // none that keeps a job from running
};

// ---- interfaces
/// Event-based.
using predictor_actor = caf::typed_actor<caf::replies_to<AskDemand>::with<Demand>,  //
                                         caf::reacts_to<Measured>,                  //
                                         caf::replies_to<StepsSeen>::with<Prediction>>;
/// Detached: runs steps dry, and measures what convolutions take beside their results.
using forecaster_actor = caf::typed_actor<caf::replies_to<AskForecast>::with<Forecast>>;

}  // namespace troupe

TROUPE_LOCAL(AskDemand)
TROUPE_LOCAL(Demand)
TROUPE_LOCAL(Measured)
TROUPE_LOCAL(StepsSeen)
TROUPE_LOCAL(Prediction)
TROUPE_LOCAL(AskForecast)
TROUPE_LOCAL(Forecast)
