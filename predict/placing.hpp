#pragma once
// All jobs of a plan placed once, in their order, within the shares and quotas of their users.
#include <vector>

#include "predict/placement.hpp"

namespace troupe::planning {

/// How many bytes each job takes. A prediction may overshoot: it is tried with all there is, or all that its
/// user may have, rather than refused. A user's wall is meant as it stands.
void set_needs(std::vector<Work>& works, const Pool& pool, const PlanRules& rules);

class Placing {
 public:
  /// `weights`: of users. All outlive it.
  Placing(std::vector<Work>& works, Pool& pool, const PlanRules& rules, const std::vector<double>& weights);
  void run();

 private:
  using Goal = int Work::*;
  bool place(Work& work);
  // room.cpp
  bool make_room(Work& work);
  std::vector<Work*> way_into(const Work& work, int device) const;
  bool go(Work& work, int device, const std::vector<Work*>& leaving);
  int elsewhere(const Work& work, int device) const;

  int room(const Work& work, int more) const;
  int grow(Work& work, int more, bool elsewhere);
  void share_out(std::size_t first, std::size_t last, Goal goal);
  void place_within_share(Work& work);
  void grow_within_shares(std::size_t first, std::size_t last, Goal goal, bool elsewhere);
  void grow_all(std::size_t first, std::size_t last, Goal goal, bool elsewhere);

  std::vector<Work>& works_;
  Pool& pool_;
  const PlanRules& rules_;
  const std::vector<double>& weights_;
  std::vector<int> cores_;     // of each user, in this plan
  std::vector<Bytes> memory_;  // the same
  std::vector<int> shares_;    // of each user, not yet taken
  std::vector<bool> served_;   // users with a job that was placed out of these
  const JobView* waiting_first_ = nullptr;
  int rooms_tried_ = 0;  // jobs for which room was looked for
};

/// Whether every job may stay exactly where it is, with as many cores as the plan gives it.
bool may_stay(const std::vector<Work>& works, const std::vector<DeviceView>& devices);

}  // namespace troupe::planning
