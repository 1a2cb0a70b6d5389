#pragma once
// What is in force, what is wanted, and which moves may be made now without two jobs ever holding one core.
// Pure state machine: the supervisor actor feeds it and does what it says; so does the simulator.
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "predict/planner.hpp"

namespace troupe {

/// Tell a job to have exactly these grants from its next edge on. It answers with applied().
struct Assign {
  std::string job;
  std::vector<Grant> grants;  // empty: park
  std::string reason;
  friend bool operator==(const Assign&, const Assign&) = default;
};

class Ledger {
 public:
  static constexpr double kPatience = 172'800;  // 48 h

  /// Quotas and weights of users, and the seconds of waiting in all after which a job is due.
  void set_rules(PlanRules rules, double patience = kPatience);
  /// It is now so late: what waits has waited so much longer. Never earlier than before. Without it nobody is
  /// ever due.
  void clock(double seconds);
  /// When the next waiting job is due, if it still waits then: clock() and advance() should be called then.
  std::optional<double> next_due() const;
  /// All of its time without a core, in seconds.
  double waited(const std::string& name) const;

  void add_device(DeviceView device);  // of a node that the ledger does not know
  /// The node is gone, and all grants on it with it, in force or sent: its jobs hold the rest.
  void remove_device(const std::string& node);
  /// Refused: a name that is taken; more than there is, or than its user may have, with the most that would
  /// do.
  Result<void> add_job(JobView job);
  void remove_job(const std::string& name);  // finished, failed, stopped: its grants are free at once
  void set_demand(const std::string& name, Demand demand);
  void set_held(const std::string& name, Bytes held);
  /// Seconds until its end, as predicted; none: nobody knows. A change by less than a fifth changes nothing:
  /// jobs of one length must not park each other in turn.
  void set_left(const std::string& name, std::optional<double> seconds);
  /// The node can't run this job, whose grants there are taken back at its next edge; allow(): it may again.
  void bar(const std::string& name, const std::string& node);
  void allow(const std::string& node);
  /// troupe resize. What is not given stays as it was; 0 cores or 0 bytes give the choice back
  /// to the planner.
  Result<void> pin(const std::string& name, std::optional<int> cores, std::optional<Bytes> memory);
  /// The job runs with these grants now; what it no longer holds is free for others. An answer that nobody
  /// waits for, or with cores that were never given, changes nothing; grants on nodes that are lost do not
  /// count.
  void applied(const std::string& name, std::vector<Grant> grants);
  /// Plans anew where something has changed and returns the assignments that can be sent now: shrinks first,
  /// growth only onto free cores and free memory. Nothing is sent twice; a job with an unanswered assignment
  /// is left alone until it answers. A job that can't have all of its slices yet gets those that are free, if
  /// they are enough to run on and no fewer cores than it has; a job that must move, and can't yet, first
  /// gives back what others wait for.
  std::vector<Assign> advance();

  /// As of the last advance(), less the jobs that were removed since. Put into words by who asks.
  const Plan& plan() const;
  std::vector<Grant> in_force(const std::string& name) const;
  bool pending(const std::string& name) const { return pending_.contains(name); }
  const std::map<std::string, JobView>& jobs() const { return jobs_; }
  const std::vector<DeviceView>& devices() const { return devices_; }

 private:
  /// What a job keeps from others: cores and bytes by device, in force and pending together.
  struct Claim {
    std::vector<std::pair<int, int>> cores;  // (device, core)
    std::map<int, Bytes> memory;
  };
  struct Room {
    std::unordered_map<int, std::string> owner;  // of cores that are not free
    Bytes free;
  };
  using Grants = std::vector<Grant>;
  struct Wait {
    double before = 0;            // of waits that are over
    std::optional<double> since;  // it waits
    double due = 0;               // when it is, as it waits now
  };

  void replan();
  void look_who_is_due();
  void mark_wait(const std::string& name);
  void touch(const std::string& name);  // the planner shall hear of it
  Result<void> within_quota(const JobView& job, std::optional<int> cores, std::optional<Bytes> memory) const;
  std::vector<std::string> jobs_on(int room) const;
  void claim_again(const std::string& name);
  void release(const std::string& name);
  std::map<int, Bytes> memory_of(const Grants& grants) const;
  std::map<int, Bytes> parked_memory(const JobView& job) const;
  bool available(const std::string& name, const Grants& grants) const;
  const std::string* owner_of(const Grant& grant, int core) const;  // null: free
  bool core_available(const std::string& name, const Grant& grant, int core) const;
  std::optional<Assign> next_move(const std::string& name);
  std::optional<Grants> part_now(const JobView& job, const Grants& target) const;
  std::optional<Grants> way_out(const JobView& job, const Grants& target) const;
  std::vector<Assign> possible_moves();
  std::optional<Assign> break_circle();
  void send(const Assign& assign);
  const Grants& force(const std::string& name) const;

  std::vector<DeviceView> devices_;
  std::unordered_map<std::string, int> device_index_;  // in rooms_: a number that stays while the device does
  std::vector<Room> rooms_;
  std::vector<int> spare_rooms_;  // of devices that are gone
  std::map<std::string, JobView> jobs_;
  std::map<std::string, Grants> force_;    // answered
  std::map<std::string, Grants> pending_;  // sent, not answered: holds both old and new
  std::map<std::string, Grants> now_;      // pending, else in force: what planning starts from
  std::map<std::string, Claim> claims_;
  std::map<std::string, Wait> waits_;
  std::set<std::pair<double, std::string>> due_at_;  // those that wait and are not due yet
  double now_seconds_ = 0, patience_ = kPatience;
  PlanRules rules_;
  planning::Planner planner_;
  std::vector<std::string> touched_;  // since the last plan; any number of times
  std::set<std::string> gone_;        // the same; there may be others of that name again
  bool devices_changed_ = false, rules_changed_ = false;
  mutable Plan told_;
  mutable bool tells_ = true;           // told_ is the last plan
  std::vector<std::string> unsettled_;  // in the order of planning: those not known to have what they shall
  bool changed_ = true;                 // since the last plan
  Bytes memory_;
  int cores_ = 0;
};

}  // namespace troupe
