#pragma once
// The planner as the ledger keeps it: what one plan has worked out and the next one needs is not worked out
// again. make_plan() is the same without a memory.
#include <memory>
#include <string>
#include <vector>

#include "predict/plan.hpp"

namespace troupe::planning {

/// A job, and what it has; null: it does not run.
struct Seat {
  const JobView* job = nullptr;
  const std::vector<Grant>* now = nullptr;
};

class Reasons;

class Memory {
 public:
  Memory();
  /// Makes `plan`, whatever it was, the plan of these, which stand in the order of their names. Returns those
  /// that do not stay as they are, in the order of planning.
  std::vector<std::string> plan(const std::vector<DeviceView>& devices, const std::vector<Seat>& seats,
                                const PlanRules& rules, Plan& plan);
  void forget(const std::string& job);

 private:
  std::shared_ptr<Reasons> reasons_;  // copies may share it: it is the words of facts
};

}  // namespace troupe::planning
