#pragma once
// The same trace under the planner and ledger that `troupe up` runs, on a virtual clock.
#include <vector>

#include "predict/ledger.hpp"
#include "predict/simulate/simulator.hpp"

namespace troupe::simulate {

constexpr const char* kProduction = "production";

struct ProductionRules {
  PlanRules plan;
  double patience = Ledger::kPatience;
};

/// A GPU is what a core is in production: a job asks for all of its own, and gets them or waits; phases are
/// passed over. Every assignment is carried out at once; to be parked and to go on, or to move to other
/// machines, costs 10 s. What happens within one second of the trace is planned together. Jobs that ask for
/// more GPUs than there are: no_capacity, with the most that would do. Pure: same input, same outcome.
Result<Simulation> simulate_production(const std::vector<SimJob>& jobs,
                                       const std::vector<pack::Machine>& machines,
                                       const ProductionRules& rules = {});

}  // namespace troupe::simulate
