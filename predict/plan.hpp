#pragma once
// Who gets which slice of what size, and why a job waits. Pure: values in, values out.
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.hpp"

namespace troupe {

/// So many bytes with one core, and more for each further one; no more than can be told.
inline Bytes bytes_with(Bytes one, Bytes each, int cores) {
  std::int64_t sum = 0;
  if (__builtin_mul_overflow(each.count, cores < 1 ? 0 : cores - 1, &sum) ||
      __builtin_add_overflow(sum, one.count, &sum))
    return {std::numeric_limits<std::int64_t>::max()};
  return {sum};
}

/// What a job's phase needs. `measured` tells what was seen from what was scaled or assumed.
struct Demand {
  std::string phase;
  Bytes bytes;                  // peak of a whole step over all slices of the job, with one core
  double serial_seconds = 0;    // of a step: what does not shrink with cores
  double parallel_seconds = 0;  // of a step on one core: what divides by cores
  bool measured = false;
  Bytes bytes_per_core;    // more for each further core: a shard under way on each
  double headroom = 0;     // share of all these bytes on top: by how much such predictions erred
  int lossless_cores = 1;  // so many as were seen to be nearly that many times as fast as the fewest seen
  double step_seconds(int cores) const { return serial_seconds + parallel_seconds / (cores < 1 ? 1 : cores); }
  Bytes bytes_for(int cores) const { return bytes_with(bytes, bytes_per_core, cores); }
  /// With headroom.
  Bytes wall_for(int cores) const { return with_headroom(bytes_for(cores)); }
  Bytes with_headroom(Bytes without) const {
    const double more = headroom * static_cast<double>(without.count);
    std::int64_t sum = 0;
    if (!(more < 9e18) || __builtin_add_overflow(without.count, static_cast<std::int64_t>(more), &sum))
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
  std::optional<int> pinned_cores;     // by `troupe resize`
  Bytes held;                          // parked or running state that it keeps in any case
  std::vector<Grant> home;             // while parked: its last grants, over whose devices `held` is spread
  std::set<std::string> barred;        // nodes that can't run it
  std::string user = "default";        // whose it is
  bool due = false;                    // it has waited for so long that its turn comes before all priorities
  std::optional<double> deadline;      // when it shall be done, on whatever clock its fellows are on
  std::optional<double> seconds_left;  // until its end on lossless_cores(), as predicted
};

/// Its bytes as it asks for them: its wall, whatever its cores; else its demand's, with headroom.
Demand asked_bytes(const JobView& job);

/// What one user may have, and how much of what is short.
struct PlanRules {
  std::optional<int> user_cores;          // at most, over all jobs of a user that run
  std::optional<Bytes> user_memory;       // the same
  std::map<std::string, double> weights;  // of users, over 0; who is not here has 1
  bool shortest_first = false;            // of a user's jobs of one priority, instead of by submission
  std::string_view core = "core";         // in words: what devices are cut into; a literal
  friend bool operator==(const PlanRules&, const PlanRules&) = default;
};

struct Decision {
  std::vector<Grant> grants;  // empty: it waits, or is parked
  int wanted_cores = 0;
  std::string reason;  // in words: why it waits, or why it has fewer or more cores than it wants
  bool stays = false;  // the grants are those that it has now
};

struct Plan {
  std::map<std::string, Decision> jobs;
  std::vector<std::string> order;  // of planning: who comes first
};

/// Cores that a job uses as well as fewer, of those that it may have.
int lossless_cores(const JobView& job);
/// Cores that a job wants: the fewest in [min, max] with which a step meets its target, else max.
int wanted_cores(const JobView& job);

/// Order: jobs that are due, by submission, on up to half of the cores (the first of them in any case); then
/// by priority. Within one priority those with a deadline come first, the earliest before; then users in
/// turn, each by submission (or the one first that ends first, and those of which nobody knows last), so that
/// those that get their minimums have them in proportion to their users' weights.
///
/// The jobs of one priority get their minimums first (each all or nothing, cores and memory), then cores up
/// to what they want, shared out between users as evenly as may be, by weight (max-min), and in their order
/// within a user; then the next priority's. Where the one that ends first goes first, it gets the cores that
/// it uses without loss along with its minimum, before the next gets one: with such a job one after the other
/// is sooner for both. What is left over goes, in the same way, to jobs that may use
/// more. No user gets more than the rules allow. A job that does not fit gives its cores up (it is parked),
/// and keeps `held` bytes. While the first job that is due waits for memory that others keep, no job that
/// keeps none starts: so its turn comes, whatever else is submitted. A job keeps cores it has (`now`) where
/// it can, prefers idle cores to those of others and one device to many, so that a plan moves as little as
/// possible: planning again with the plan's own grants as `now` changes nothing. The memory of a job is its
/// wall, else its demand with headroom and with the cores that it gets (no more than there is), at least
/// `held`; it is split over grants in proportion to their cores, rounded down. A job gets no core whose bytes
/// it could not have too. O((jobs + cores) log(jobs + cores)) as long as memory is not what
/// is short.
Plan make_plan(const std::vector<DeviceView>& devices, const std::vector<JobView>& jobs,
               const std::map<std::string, std::vector<Grant>>& now, const PlanRules& rules = {});

}  // namespace troupe
