// A training job over several nodes: whose copy stands where, and what a lost node means. docs/design.md,
// "Many nodes".
#include <algorithm>

#include "actors/conductor.hpp"
#include "actors/courier.hpp"
#include "actors/gpu_choice.hpp"
#include "actors/training_job.hpp"
#include "base/seconds.hpp"
#include "base/times.hpp"

namespace troupe {

namespace {
/// Leases in a row that may fail for others' sake, without a step, before the job does.
constexpr int kMostTroubles = 8;
}  // namespace

std::size_t TrainingJob::ranks_on(const std::string& node) const {
  return static_cast<std::size_t>(std::count_if(
      grants_.begin(), grants_.end(), [&](const Grant& grant) { return process_of(grant.node) == node; }));
}

std::vector<std::string> TrainingJob::other_nodes() const {
  std::vector<std::string> names;
  for (const auto& grant : grants_)
    if (const auto node = process_of(grant.node); node != home() && (names.empty() || names.back() != node))
      names.push_back(node);
  return names;
}

/// Ranks of one process are neighbours, and those of this one come first.
void TrainingJob::order_grants() {
  std::stable_sort(grants_.begin(), grants_.end(), [this](const Grant& a, const Grant& b) {
    return std::tuple(process_of(a.node) != home(), a.node) <
           std::tuple(process_of(b.node) != home(), b.node);
  });
}

Bytes TrainingJob::budget_on(const std::string& node) const {
  Bytes sum;
  for (const auto& grant : grants_)
    if (process_of(grant.node) == node) sum += grant.memory;
  return sum;
}

Bytes TrainingJob::held() const {
  Bytes sum = account_->held();
  for (const auto& [node, fellow] : fellows_) sum += fellow.held;
  return sum;
}

Bytes TrainingJob::peak() const {
  Bytes sum = account_->peak();
  for (const auto& [node, fellow] : fellows_) sum += fellow.peak;
  return sum;
}

CopyPlace& TrainingJob::place_of(const std::string& node) {
  return node == home() ? here_ : fellows_[node].place;
}

courier_actor& TrainingJob::courier() {
  if (courier_) return courier_;
  // detached: waits for the network. Charged to nobody: a state that passes through is no slice's
  courier_ = self_->spawn<caf::detached>(troupe::courier,
                                         CourierArgs{program_, nullptr, args_.plane, args_.thread_setup,
                                                     times_of(args_.failure_timeout_seconds).collective,
                                                     on_gpu() ? slices_.front() : slice_actor()});
  children_[courier_.address()] = "courier";
  self_->link_to(courier_);
  return courier_;
}

// ---- copies on other nodes

bool TrainingJob::fellows_stand() {
  bool all = true;
  for (const auto& node : other_nodes()) {
    const Fellow& fellow = fellows_[node];
    if (fellow.actor && fellow.open) continue;
    all = false;
    fellow.actor ? open_fellow(node) : find_fellow(node);
  }
  return all;
}

void TrainingJob::find_fellow(const std::string& node) {
  ask<FoundNode>(args_.supervisor, FindNode{node}, [this, node](FoundNode& found) {
    if (!found.link) {
      node_silent(node);  // the supervisor has said so already, or will
      return;
    }
    fellows_[node].address = found.address;
    ask_node<follower_actor>(node, found.link, MakeProxy{args_.config.name, steps_sink{self_}},
                             [this, node](follower_actor& made) {
                               if (const auto known = fellows_.find(node); known != fellows_.end())
                                 known->second.actor = made;
                             });
  });
}

void TrainingJob::open_fellow(const std::string& node) {
  ask_node<FollowerOpened>(
      node, fellows_[node].actor,
      OpenFollower{args_.config, std::max(told_steps_, step_), args_.run_id, epoch_},
      [this, node](FollowerOpened& opened) {
        if (opened.outcome.error && opened.outcome.error->code == ErrorCode::peer_missing) {
          node_silent(node);
          return;
        }
        if (opened.outcome.error) {
          // A full disk there, or data that is not: it goes on without that node, from the next plan on.
          self_->send(args_.supervisor, NodeUnfit{args_.config.name, node, opened.outcome.error->text()});
          node_silent(node);
          return;
        }
        const auto known = fellows_.find(node);
        if (known == fellows_.end()) return;  // lost meanwhile
        known->second.open = true;
        known->second.share.reset();  // a program that was made anew is on no GPU
        // Steps that the others did again without it have other bits there.
        const bool doubtful = step_ > 0 && args_.config.reduction == SumOrder::fast && holder();
        known->second.place = doubtful ? CopyPlace{} : CopyPlace{opened.step, opened.entered};
        // Steps that were thought lost with all who had taken them: they have the bits that they would have.
        if (known->second.place.entered >= 0 && opened.step > step_) step_ = opened.step;
      });
}

/// A node whose copy holds the job as it is now; this one first.
std::optional<std::string> TrainingJob::holder() const {
  if (here_.holds(step_)) return home();
  for (const auto& [node, fellow] : fellows_)
    if (fellow.open && fellow.place.holds(step_)) return node;
  return std::nullopt;
}

/// Nothing is done at the edge until the supervisor says that the node is lost, or it is time to ask again.
void TrainingJob::node_silent(const std::string& node) {
  if (!fellows_.contains(node) || !silent_.insert(node).second) return;
  self_->delayed_send(self_, microseconds(times_of(args_.failure_timeout_seconds).ping), SilenceOver{node});
}

void TrainingJob::silence_over(const std::string& node) {
  if (silent_.erase(node) == 0) return;
  if (const auto known = fellows_.find(node); known != fellows_.end()) {
    if (known->second.actor) self_->send_exit(known->second.actor, caf::exit_reason::remote_link_unreachable);
    fellows_.erase(known);
  }
  next();
}

/// True when every copy that takes part holds the job as it is now; else sees to it.
bool TrainingJob::copies_stand() {
  for (const auto& node : other_nodes()) {
    const auto& place = fellows_[node].place;
    if (place.holds(step_) || (step_ == 0 && place.step < 0))
      continue;  // the beginning is the same everywhere
    const auto from = holder();
    if (!from)
      step_ == 0 ? enter_home_at_start() : fall_back();
    else
      move_state(*from, node);
    return false;
  }
  return true;
}

/// Of the copy here, which takes no part in the steps or did not so far.
void TrainingJob::bring_here() {
  const auto from = holder();
  if (from) return move_state(*from, home());
  if (!fellows_stand()) return;  // a node that is back may have kept it
  step_ == 0 ? enter_home_at_start() : fall_back();
}

void TrainingJob::enter_home_at_start() {
  ask_replicas<Outcome>(EnterPhase{program_->moment(0)}, [this](std::size_t, Outcome& o) {
    if (o.error) return fail(*o.error);
    here_ = {0, 0};
  });
}

/// No copy of the newest step is left. The newest of those that are goes on: steps done again have the bits
/// that they had.
void TrainingJob::fall_back() {
  std::int64_t best = here_.entered >= 0 ? here_.step : -1;
  for (const auto& [node, fellow] : fellows_)
    if (fellow.open && fellow.place.entered >= 0) best = std::max(best, fellow.place.step);
  auto warning = event(EventKind::warning);
  warning.text = "no copy of step " + std::to_string(step_) + " is left: goes on from " +
                 (best < 0 ? "the newest checkpoint" : "step " + std::to_string(best));
  tell(std::move(warning));
  if (best < 0) return start_over();
  step_ = best;
  if (args_.config.reduction == SumOrder::fast) keep_one_holder();
  entered_.reset();
  next();
}

/// Copies of the same step that came to it apart from each other differ where sums are not exact.
void TrainingJob::keep_one_holder() {
  const auto keep = holder();
  if (keep != home()) here_ = {};
  for (auto& [node, fellow] : fellows_)
    if (node != keep) fellow.place = {};
}

void TrainingJob::start_over() {
  has_state_ = false;
  entered_.reset();
  here_ = {};
  step_ = 0;
  ask<FoundCheckpoint>(checkpointer_, FindCheckpoint{}, [this](FoundCheckpoint& f) {
    if (f.outcome.error) return fail(*f.outcome.error);
    if (!f.found) return;
    found_ = f.found;
    step_ = f.found->manifest.step;
  });
}

void TrainingJob::move_state(const std::string& from, const std::string& to) {
  const std::int64_t epoch = args_.epochs->fetch_add(1) + 1;
  const auto channel = static_cast<std::uint32_t>(epoch);
  const std::int64_t entered = place_of(from).entered, step = step_;
  const auto address = [this](const std::string& node) {
    return node == home() ? args_.address : fellows_[node].address;
  };
  const auto order = [&](const std::string& node, const MoveState& m, auto done) {
    if (node == home())
      ask<Outcome>(courier(), m, done);
    else
      ask_node<Outcome>(node, fellows_[node].actor, m, done);
  };
  const auto failed = [this](const std::string& node, const Outcome& o) {
    if (!o.error) return false;
    if (node == home() || fellows_.contains(node)) place_of(node) = {};  // nobody knows what it holds
    if (fellows_.contains(node)) fellows_[node].open = false;
    node_trouble(*o.error);
    return true;
  };
  order(from, {true, address(to), channel, step, entered, epoch}, [](Outcome&) {});  // the other side says it
  order(to, {false, address(from), channel, step, entered, epoch},
        [this, to, step, entered, failed](Outcome& o) {
          if (!failed(to, o) && (to == home() || fellows_.contains(to))) place_of(to) = {step, entered};
        });
}

// ---- leases

NodeGroupOptions TrainingJob::group_of_lease() const {
  NodeGroupOptions group;
  if (ranks_on(home()) > 0) group.processes.push_back({home(), static_cast<int>(ranks_on(home()))});
  for (const auto& node : other_nodes()) group.processes.push_back({node, static_cast<int>(ranks_on(node))});
  group.self = home();
  group.channel = static_cast<std::uint32_t>(epoch_);
  group.timeout_seconds = times_of(args_.failure_timeout_seconds).collective;
  group.fast = args_.config.reduction == SumOrder::fast;
  group.overlap = args_.config.overlap;
  return group;
}

void TrainingJob::run_there(const std::vector<ShardRun>& runs) {
  FollowLease lease{.epoch = epoch_,
                    .first = step_,
                    .end = program_->moment(step_).phase_end,
                    .cores = {},
                    .runs = {},
                    .budget = {},
                    .group = group_of_lease(),
                    .peers = {},
                    .saved = saved_};
  if (ranks_on(home()) > 0) lease.peers.push_back(args_.address);
  for (const auto& node : other_nodes()) lease.peers.push_back(fellows_[node].address);
  for (const auto& node : other_nodes()) {
    FollowLease mine = lease;
    std::erase_if(mine.peers, [&](const PeerAddress& peer) { return peer.name == node; });
    for (std::size_t rank = 0; rank < grants_.size(); ++rank) {
      if (process_of(grants_[rank].node) != node) continue;
      mine.cores.push_back(grants_[rank].cores);
      mine.runs.push_back(runs[rank]);
      mine.budget += grants_[rank].memory;
    }
    fellows_[node].leased = true;
    self_->request(fellows_[node].actor, caf::infinite, std::move(mine))
        .then([this, node](LeaseEnd& end) { fellow_ended(node, std::move(end)); },
              [this, node](caf::error& e) {
                LeaseEnd end;
                end.error = Error{.code = ErrorCode::peer_missing,
                                  .what = "the node did not answer: " + describe(e),
                                  .where = "node " + node};
                fellow_ended(node, std::move(end));
              });
  }
}

void TrainingJob::fellow_ended(const std::string& node, LeaseEnd end) {
  if (const auto found = fellows_.find(node); found != fellows_.end()) {
    Fellow& fellow = found->second;
    fellow.place = {end.next, end.entered};
    fellow.held = end.held;
    fellow.peak = end.peak;
    if (end.error) fellow.share.reset();
    if (end.next < 0) {  // it is asked anew what it holds, if it is there
      fellow.open = false;
      if (end.error && end.error->code == ErrorCode::peer_missing) node_silent(node);
    }
  }
  if (end.error && (!cause_ || of_others(cause_->code))) cause_ = end.error;
  untold_.insert(untold_.end(), end.untold.begin(), end.untold.end());
  rank_ended();
}

/// Steps that were committed, and whose teller died before it told of them.
void TrainingJob::tell_untold(std::vector<StepStats> untold) {
  std::sort(untold.begin(), untold.end(), [](const auto& a, const auto& b) { return a.step < b.step; });
  StepsDone done;
  for (auto& s : untold)
    if (s.step == told_steps_ + static_cast<std::int64_t>(done.steps.size()) && s.step < step_)
      done.steps.push_back(std::move(s));
  steps_done(done);
}

// ---- lost nodes

void TrainingJob::node_trouble(const Error& cause) {
  if (step_ != std::exchange(trouble_step_, step_)) troubles_ = 0;
  epoch_is_new_ = false;
  if (++troubles_ > kMostTroubles) return step_failed(cause);
  auto warning = event(EventKind::warning);
  warning.text = "the step is done again: " + cause.text();
  tell(std::move(warning));
}

/// No grant is there any more; true where one was.
bool TrainingJob::strip_node(const std::string& node) {
  const auto strip = [&node](std::vector<Grant>& grants) {
    return std::erase_if(grants, [&node](const Grant& g) { return process_of(g.node) == node; }) > 0;
  };
  if (assignment_) strip(assignment_->grants);
  epoch_is_new_ = false;
  if (!strip(grants_)) return false;
  if (grants_.empty()) state_ = has_state_ ? JobState::parked : JobState::waiting;
  push_status(true);
  return true;
}

void TrainingJob::node_lost(const NodeLost& m) {
  fellows_.erase(m.node);
  gauges_.erase(m.node);
  silent_.erase(m.node);
  if (const auto left = leaving_.extract(m.node))
    for (auto& promise : left.mapped()) promise.deliver(Outcome{});
  if (strip_node(m.node)) {
    lost_at_ = args_.clock->now();
    if (ranks_running_ > 0) abandon("node " + m.node + " is lost");
  }
  next();
}

caf::result<Outcome> TrainingJob::leave_node(const LeaveNode& m) {
  if (!fellows_.contains(m.node) && ranks_on(m.node) == 0) {
    strip_node(m.node);  // of what was assigned and is not applied yet
    return Outcome{};
  }
  auto promise = self_->make_response_promise<Outcome>();
  leaving_[m.node].push_back(promise);
  ask_edge();
  next();
  return promise;
}

/// At an edge. What the node's copy alone knows is brought here first.
void TrainingJob::leave() {
  if (behind()) return bring_here();
  for (auto& [node, promises] : std::exchange(leaving_, {})) {
    strip_node(node);
    if (const auto known = fellows_.find(node); known != fellows_.end()) {
      if (known->second.actor) self_->send_exit(known->second.actor, caf::exit_reason::user_shutdown);
      fellows_.erase(known);
    }
    for (auto& promise : promises) promise.deliver(Outcome{});
  }
  next();
}

void TrainingJob::recovered() {
  if (!lost_at_) return;
  auto e = event(EventKind::recovered);
  e.seconds = args_.clock->now() - *lost_at_;
  lost_at_.reset();
  tell(std::move(e));
}

}  // namespace troupe
