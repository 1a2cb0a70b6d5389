#pragma once
// What is in force, what is wanted, and which moves may be made now without two jobs ever holding one core.
// Pure state machine: the supervisor actor feeds it and does what it says; so does the simulator.
#include <map>
#include <string>
#include <vector>

#include "predict/plan.hpp"

namespace troupe {

/// Tell a job to have exactly these grants from its next edge on. It answers with applied().
struct Assign {
  std::string job;
  std::vector<Grant> grants;   // empty: park
  std::string reason;
  friend bool operator==(const Assign&, const Assign&) = default;
};

class Ledger {
 public:
  void add_device(DeviceView device);
  Result<void> add_job(JobView job);                       // name taken: error; more than there can ever be: error
  void remove_job(const std::string& name);                // finished, failed, stopped: its grants are free at once
  void set_demand(const std::string& name, Demand demand);
  void set_held(const std::string& name, Bytes held);
  Result<void> pin(const std::string& name, std::optional<int> cores, std::optional<Bytes> memory);  // troupe resize
  /// The job runs with these grants now; what it no longer holds is free for others.
  void applied(const std::string& name, const std::vector<Grant>& grants);
  /// Plans anew and returns the assignments that can be sent now: shrinks first, growth only onto free cores and
  /// free memory. Nothing is sent twice; a job with an unanswered assignment is left alone until it answers.
  std::vector<Assign> advance();

  const Plan& plan() const { return plan_; }
  std::vector<Grant> in_force(const std::string& name) const;
  const std::map<std::string, JobView>& jobs() const { return jobs_; }
  const std::vector<DeviceView>& devices() const { return devices_; }

 private:
  std::vector<DeviceView> devices_;
  std::map<std::string, JobView> jobs_;
  std::map<std::string, std::vector<Grant>> force_;     // answered
  std::map<std::string, std::vector<Grant>> pending_;   // sent, not answered: holds both old and new
  Plan plan_;
};

}  // namespace troupe
