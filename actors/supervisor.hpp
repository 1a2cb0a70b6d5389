#pragma once
// Thin shell over predict/'s ledger: jobs tell it what they need, it tells them what they have.
#include <caf/typed_response_promise.hpp>
#include <functional>
#include <map>
#include <set>

#include "actors/common.hpp"
#include "actors/gpu_choice.hpp"
#include "actors/node_link.hpp"
#include "actors/wire.hpp"
#include "base/log.hpp"
#include "gpu/devices.hpp"
#include "predict/estimate.hpp"

namespace troupe {

/// Spawns the actor of a job; given by the tree, so that the supervisor knows no kind of job.
using JobSpawner = std::function<Result<job_actor>(const Submit&, const supervisor_actor&)>;

struct SupervisorArgs {
  Config config;
  std::filesystem::path run;
  std::vector<DeviceView> devices;   // the head's own CPU: one
  std::vector<GpuPlace> gpus;        // the head's own
  std::string instruction_set;       // of theirs
  std::shared_ptr<DataPlane> plane;  // null: no node is let in
  PeerAddress address;               // of the head's data plane
  JobSpawner spawn_job;
  recorder_actor recorder;
  SharedClock clock;
  std::function<int()> port;  // control port in force
  int metrics_port = -1;
  std::string run_id;                                 // the run's identity
  std::shared_ptr<std::atomic<std::int64_t>> epochs;  // numbers of leases, and of channels
};

struct JobEntry {
  JobConfig config;             // its `gpu` is settled: none, or require
  GpuPlace gpu;                 // that it is bound to; without a name: none of its model was there so far
  std::set<std::string> unfit;  // nodes that can't open it, as far as GPUs are concerned
  std::optional<DemandChanged> asked;  // of a job on a GPU: the newest
  std::optional<JobView> was;          // as the ledger of a GPU that is gone knew it
  job_actor actor;
  JobStatus status;
  std::int64_t order = 0;
  double submitted_at = 0;  // clock seconds
  bool planned = false;     // the ledger knows it
  std::string told_reason;
  bool on_gpu() const { return config.gpu == GpuUse::require; }
  bool over() const {
    return status.state == JobState::finished || status.state == JobState::failed ||
           status.state == JobState::stopped;
  }
};

/// A node that joined, and may be gone.
struct NodeEntry {
  wire::Card card;
  node_link_actor link;  // null: it is gone
  std::shared_ptr<NodePulse> pulse;
  double since = 0;              // clock seconds
  bool drained = false;          // it is there, and gets no work
  std::string why;               // it is gone
  std::set<std::string> copies;  // jobs of this run that it came with copies of
  std::vector<GpuPlace> gpus;
  bool works() const { return link && !drained; }
};

/// What a file says of users.
PlanRules plan_rules(const Config& config);

class Supervisor {
 public:
  using Self = supervisor_actor::stateful_pointer<Supervisor>;
  const char* name = "supervisor";

  void start(Self self, SupervisorArgs args);
  supervisor_actor::behavior_type behavior();

 private:
  Outcome submit(Submit m);
  caf::result<Outcome> demand_changed(const DemandChanged& m);
  Result<void> tell_ledger(JobEntry& job, const DemandChanged& m);
  void applied(const Applied& m);
  void job_status(const JobStatus& m);
  void job_down(const caf::down_msg& m);
  /// Plans after the messages that are here already: a plan costs what all jobs are, and when many start, end
  /// or grow at once one plan serves them all.
  void plan_soon();
  /// Lets the ledger move, sends what may be sent, and tells waiting jobs why they wait.
  void advance();
  Error refuse(const Submit& m) const;
  void advance(Ledger& ledger, double now);

  // supervisor_gpus.cpp
  void add_gpus(const std::vector<GpuPlace>& gpus);
  void remove_gpus(const NodeEntry& node, const std::string& why);
  Result<void> check_gpus(const wire::Card& card) const;
  std::vector<GpuPlace> offered_gpus() const;
  std::map<std::string, int> jobs_bound() const;
  Result<GpuPlace> bind(Submit& m) const;
  bool gpu_is_there(const JobEntry& job) const;
  void bind_anew();
  void note_model(const JobEntry& job);
  void unplace(JobEntry& job);
  void wait_for_gpu(JobEntry& job);
  Ledger& ledger_of(const JobEntry& job);
  const Ledger& ledger_of(const JobEntry& job) const;
  nlohmann::json gpus_json(const std::vector<GpuPlace>& gpus, const std::string& state) const;
  nlohmann::json gpu_json(const JobEntry& job) const;

  // supervisor_waits.cpp
  PlanRules rules() const;
  JobView job_view(const JobEntry& job, const DemandChanged& m) const;
  /// Plans again when the next job is due, should nothing else happen until then.
  void wake_when_due(double now);
  using Estimates = std::map<std::string, Estimate>;
  Estimates estimates() const;
  /// Whose it is, how long it has waited, when it starts, whether it meets its deadline.
  void tell_prospects(nlohmann::json& told, const JobEntry& job, const Estimates& estimates) const;

  // supervisor_nodes.cpp
  Result<wire::Welcome> join(const std::string& text, const caf::actor& agent);
  Result<void> check(const wire::Card& card) const;
  Result<void> check_name(const wire::Card& card);
  void node_down(const NodeDown& m);
  void lose_node(const NodeDown& m);
  void node_unfit(const NodeUnfit& m);
  FoundNode find_node(const FindNode& m) const;
  caf::result<FoundNode> await_node(const AwaitNode& m);
  nlohmann::json nodes_json() const;
  Result<NodeEntry*> find_node_entry(const nlohmann::json& arguments);
  caf::result<std::string> drain(const nlohmann::json& arguments);
  Result<nlohmann::json> remove_node(const nlohmann::json& arguments);
  void tell_node(EventKind kind, const NodeEntry& node, const std::string& text);

  // supervisor_links.cpp
  struct LinkEnd {
    std::string node;
    node_link_actor link;  // null: the head's own
    PeerAddress address;
  };
  Result<LinkEnd> link_end(const nlohmann::json& arguments, const char* field);
  caf::result<std::string> measure(const nlohmann::json& arguments);
  void probe(const LinkEnd& end, const ProbeLink& order, std::function<void(const Probed&)> done);

  // control.cpp
  caf::result<std::string> control(const std::string& verb, const std::string& arguments);
  Result<nlohmann::json> answer(const std::string& verb, const nlohmann::json& arguments);
  nlohmann::json job_json(const JobEntry& job, const Estimates& estimates, bool detail) const;
  nlohmann::json cluster_json() const;
  Result<JobEntry*> find(const nlohmann::json& arguments);
  caf::result<std::string> stop_job(const nlohmann::json& arguments);
  caf::result<std::string> shut_down();
  caf::result<std::string> events(const nlohmann::json& arguments);
  bool finished() const;
  void look_at_plane();

  Self self_ = nullptr;
  SupervisorArgs args_;
  Ledger ledger_;                       // of CPUs, all nodes'
  std::map<std::string, Ledger> gpus_;  // of each GPU, by its name as a node; of none, for jobs without one
  std::map<std::string, JobEntry> jobs_;
  std::map<std::string, NodeEntry> nodes_;                                              // but the head's own
  std::map<std::string, std::vector<caf::typed_response_promise<FoundNode>>> awaited_;  // by node
  std::set<std::string> measured_;  // nodes between which a way is measured now
  double wake_at_ = 0;              // a PlanDue will come then
  bool plan_due_ = false;           // a PlanDue is under way
  std::vector<caf::typed_response_promise<Outcome>> wait_for_plan_;  // whose demand changed before it
  std::int64_t next_order_ = 0;
  double started_at_ = 0;
  PlaneRefusals refused_;   // by the head's own data plane
  bool stop_told_ = false;  // the journal has the cluster's end
  bool shut_down_ = false;  // every job stopped, the run's files closed
};

supervisor_actor::behavior_type supervisor(supervisor_actor::stateful_pointer<Supervisor> self,
                                           SupervisorArgs args);

}  // namespace troupe
