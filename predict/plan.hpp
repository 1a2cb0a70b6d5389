#pragma once
// Who gets which slice of what size, and why a job waits. Pure: values in, values out.
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/units.hpp"

namespace troupe {

/// What a job's phase needs. `measured` tells what was seen from what was scaled or assumed.
struct Demand {
  std::string phase;
  Bytes bytes;                  // peak of a whole step over all slices of the job, with one core
  double serial_seconds = 0;    // of a step: what does not shrink with cores
  double parallel_seconds = 0;  // of a step on one core: what divides by cores
  bool measured = false;
  Bytes bytes_per_core;  // more for each further core: a shard under way on each
  double step_seconds(int cores) const { return serial_seconds + parallel_seconds / (cores < 1 ? 1 : cores); }
  Bytes bytes_for(int cores) const {
    std::int64_t sum = 0;
    if (__builtin_mul_overflow(bytes_per_core.count, cores < 1 ? 0 : cores - 1, &sum) ||
        __builtin_add_overflow(sum, bytes.count, &sum))
      return {std::numeric_limits<std::int64_t>::max()};
    return {sum};
  }
};

struct DeviceView {
  std::string node;
  std::vector<int> cores;  // logical ids
  Bytes memory;
};

/// One part of a job's share on one device.
struct Grant {
  std::string node;
  std::vector<int> cores;  // ascending
  Bytes memory;
  friend bool operator==(const Grant&, const Grant&) = default;
};

struct JobView {
  std::string name;
  int priority = 0;
  std::int64_t order = 0;  // of submission: the earlier first at equal priority
  int min_cores = 1, max_cores = 1;
  int slices = 1;               // parts that the cores are spread over (each at least one core)
  std::optional<Bytes> memory;  // a wall the user set: over the demand's bytes
  double target_step_seconds = 0.05;
  Demand demand;
  std::optional<int> pinned_cores;  // by `troupe resize`
  Bytes held;                       // parked or running state that it keeps in any case
  std::vector<Grant> home;          // while parked: its last grants, over whose devices `held` is spread
  std::set<std::string> barred;     // nodes that can't run it
};

struct Decision {
  std::vector<Grant> grants;  // empty: it waits, or is parked
  int wanted_cores = 0;
  std::string reason;  // in words: why it waits, or why it has fewer or more cores than it wants
};

struct Plan {
  std::map<std::string, Decision> jobs;
};

/// Cores that a job wants: the fewest in [min, max] with which a step meets its target, else max.
int wanted_cores(const JobView& job);

/// Order: priority, then order of submission. The jobs of one priority get their minimums first (each all or
/// nothing, cores and memory), then their wanted cores in turn; then the next priority's. What is left over
/// goes, in the same order, to jobs that may use more. A job that does not fit gives its cores up (it is
/// parked), and keeps `held` bytes. A job keeps cores it has (`now`) where it can, prefers idle cores to
/// those of others and one device to many, so that a plan moves as little as possible: planning again with
/// the plan's own grants as `now` changes nothing. The memory of a job is its wall, else its demand with the
/// cores that it gets (no more than there is), at least `held`; it is split over grants in proportion to
/// their cores, rounded down. A job gets no core whose bytes it could not have too. O((jobs + cores) log(jobs
/// + cores)) as long as memory is not what is short.
Plan make_plan(const std::vector<DeviceView>& devices, const std::vector<JobView>& jobs,
               const std::map<std::string, std::vector<Grant>>& now);

}  // namespace troupe
