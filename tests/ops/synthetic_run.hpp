#pragma once
// The events of a run that never was: a GAN grows through five phases beside a smaller job, which parks and
// comes back. Every kind of event is in it.
#include <vector>

#include "ops/events.hpp"

namespace troupe::testing {

/// `ends`: with the jobs' and the cluster's end, else the last events are of running and waiting jobs.
std::vector<Event> synthetic_run(bool ends = true);

}  // namespace troupe::testing
