#pragma once
// Who comes before whom, and how much of what is short each user gets. Counts only, no devices.
#include <string>
#include <vector>

#include "predict/plan.hpp"

namespace troupe::planning {

/// Jobs that are due may have so much of the cores before all others.
constexpr double kForDue = 0.5;

struct Turn {
  const JobView* job = nullptr;
  std::size_t index = 0;  // in the jobs given
  int user = 0;           // number of its user, by first appearance in the order of jobs given
  bool first = false;     // it is due, and within what such jobs may have: before all priorities
};
struct Turns {
  std::vector<Turn> jobs;       // in order
  std::vector<double> weights;  // of the users
};
/// The order that make_plan() tells, on a cluster of `cores`.
Turns turns_of(const std::vector<const JobView*>& jobs, const PlanRules& rules, int cores);

/// How many of `free` each gets who has `base` and wants `more` on top: as even as may be by weight over base
/// and share together (weighted max-min), whole numbers, the rest to the first. They sum to no more than
/// free.
struct Claim {
  int base = 0, more = 0;
  double weight = 1;
};
std::vector<int> fair_shares(const std::vector<Claim>& claims, int free);

}  // namespace troupe::planning
