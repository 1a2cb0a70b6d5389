#pragma once
// The planner as the ledger keeps it: what one plan has worked out and the next one needs is not worked out
// again. Told of what is there, and then of what changes. make_plan() is the same, told of all at once: the
// plan is the same, whatever came before.
#include <memory>
#include <string>
#include <vector>

#include "predict/plan.hpp"

namespace troupe::planning {

class Planner {
 public:
  Planner();
  ~Planner();
  Planner(const Planner&) = delete;
  Planner& operator=(const Planner&) = delete;

  /// All that there are, from now on.
  void set_devices(const std::vector<DeviceView>& devices);
  void set_rules(const PlanRules& rules);
  /// The job is new, or something of it has changed: it, or what it has (null: nothing).
  void put(const JobView& job, const std::vector<Grant>* now);
  void remove(const std::string& name);

  /// Returns those that shall not stay as they are, in the order of planning.
  std::vector<std::string> plan();

  // Of the last plan, until the next change.
  const std::vector<Grant>& grants(const std::string& name) const;
  bool stays(const std::string& name) const;
  /// Words are made when someone asks for them: most of what a plan would cost.
  const std::string& reason(const std::string& name) const;
  /// Makes `plan`, whatever it was, the last plan.
  void tell(Plan& plan) const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace troupe::planning
