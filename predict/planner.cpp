#include "predict/planner.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "predict/deal.hpp"
#include "predict/holders.hpp"
#include "predict/placing.hpp"
#include "predict/reasons.hpp"

namespace troupe::planning {
namespace {

constexpr int most_rounds = 8;  // of improving a plan over many devices; one or two do

bool same_turn(const JobView& a, const JobView& b, bool shortest_first) {
  return (!shortest_first || a.seconds_left == b.seconds_left) && a.user == b.user && a.order == b.order &&
         a.priority == b.priority && a.deadline == b.deadline && a.due == b.due &&
         a.pinned_cores == b.pinned_cores && a.min_cores == b.min_cores;
}

}  // namespace

class Planner::State {
 public:
  void set_devices(const std::vector<DeviceView>& devices);
  void put(const JobView& job, const std::vector<Grant>* now);
  void remove(const std::string& name);
  void set_rules(const PlanRules& rules);
  std::vector<std::string> plan();
  const Work& work(const std::string& name) const { return works_.at(name); }
  const std::string& reason(const std::string& name) { return words_of(works_.at(name)); }
  void tell(Plan& plan);

 private:
  const std::string& words_of(Work& work);
  Spread spread_of(const std::vector<Grant>& grants) const;
  void begin(Work& work);
  void stand(Work& work);
  void leave(Work& work);
  void place();
  std::span<Work* const> reached();
  void adopt();

  std::vector<DeviceView> devices_;
  PlanRules rules_;
  std::unordered_map<std::string_view, int> index_;  // of the devices
  int cores_ = 0;
  std::map<std::string, Work> works_;
  Turns turns_;
  Needs needs_;
  Reasons reasons_;
  Pool base_{std::vector<DeviceView>{}}, pool_ = base_;  // before anything is placed, and after
  std::optional<Placing> placing_;                       // of the last round
  std::vector<Work*> placed_;                            // in the last round
  std::vector<Dealt> dealt_;                             // of the last round
  std::vector<Work*> adopted_;                           // moved by any round
  std::optional<Holders> holders_;                       // once someone has asked
  int running_ = 0;                                      // works that run
  std::set<Work*> holding_;                              // works that hold bytes
  std::int64_t round_ = 0;                               // of placing, over all plans
};

Spread Planner::State::spread_of(const std::vector<Grant>& grants) const {
  Spread spread;
  for (const auto& grant : grants)
    if (const auto it = index_.find(grant.node); it != index_.end())
      add(spread, it->second, static_cast<int>(grant.cores.size()));
  return spread;
}

/// What it asks for.
void Planner::State::begin(Work& work) {
  const JobView& job = work.job;
  work.min = job.pinned_cores.value_or(std::max(1, job.min_cores));
  work.max = job.pinned_cores.value_or(std::max(work.min, std::min(job.max_cores, cores_)));
  turns_.want(work, std::clamp(wanted_cores(job), work.min, work.max));
  work.held = job.held;
  if (job.held == Bytes{})
    holding_.erase(&work);
  else
    holding_.insert(&work);
  work.barred.clear();
  for (const auto& node : job.barred)
    if (const auto it = index_.find(node); it != index_.end()) work.barred.push_back(it->second);
  ask(work);
  needs_.put(work);
}

/// From where it goes on: what it has; without that, its home.
void Planner::State::stand(Work& work) {
  const auto& now = work.now();
  const auto& home = work.moved_to && !work.before.empty() ? work.before : work.job.home;
  work.now_on.clear();
  work.own.clear();
  for (const auto& grant : now) {
    const auto it = index_.find(grant.node);
    work.now_on.push_back(it == index_.end() ? -1 : it->second);
    if (it != index_.end()) add(work.own, it->second, static_cast<int>(grant.cores.size()));
  }
  work.own_cores = total(work.own);
  work.kept_on = work.own.empty() ? spread_of(now.empty() ? home : work.job.home) : work.own;
  if (work.kept_on.empty() && !index_.empty()) work.kept_on = {{0, 1}};
  work.own_stays.reset();
  work.runs = !now.empty();
  running_ += work.runs ? 1 : 0;
  base_.stand(work, +1);
}

void Planner::State::leave(Work& work) {
  base_.stand(work, -1);
  running_ -= work.runs ? 1 : 0;
}

void Planner::State::set_devices(const std::vector<DeviceView>& devices) {
  devices_ = devices;
  index_.clear();
  index_.reserve(devices_.size());
  cores_ = running_ = 0;
  for (std::size_t d = 0; d < devices_.size(); ++d) {
    index_[devices_[d].node] = static_cast<int>(d);
    cores_ += static_cast<int>(devices_[d].cores.size());
  }
  base_ = Pool(devices_);
  for (auto& [name, work] : works_) {
    work.moved_to.reset();
    begin(work);
    stand(work);
  }
}

void Planner::State::set_rules(const PlanRules& rules) {
  const bool reorders = rules.shortest_first != rules_.shortest_first;
  for (auto& [name, work] : works_)
    if (reorders) turns_.remove(work);
  rules_ = rules;
  turns_.take_shortest_first(rules.shortest_first);
  turns_.weigh(rules.weights);
  for (auto& [name, work] : works_)
    if (reorders) turns_.add(work);
}

void Planner::State::put(const JobView& job, const std::vector<Grant>* now) {
  const auto [it, is_new] = works_.try_emplace(job.name);
  Work& work = it->second;
  const bool turn = !is_new && same_turn(work.job, job, rules_.shortest_first);
  if (!is_new) leave(work);
  if (!is_new && !turn) turns_.remove(work);
  work.job = job;
  work.moved_to.reset();
  if (now)
    work.before = *now;
  else
    work.before.clear();
  begin(work);
  stand(work);
  if (!turn) turns_.add(work);
}

void Planner::State::remove(const std::string& name) {
  const auto it = works_.find(name);
  if (it == works_.end()) return;
  leave(it->second);
  turns_.remove(it->second);
  needs_.remove(it->second);
  holding_.erase(&it->second);
  reasons_.forget(name);
  std::erase(placed_, &it->second);
  std::erase(adopted_, &it->second);
  works_.erase(it);
}

void Planner::State::place() {
  for (Work* work : placed_) work->put({});
  needs_.set(works_, base_, rules_);
  base_.expect(needs_.beside());
  pool_ = base_;
  placing_.emplace(turns_, pool_, rules_, ++round_);
  placing_->run();
  const auto works = reached();
  stay_where_possible(works, holding_, devices_);
  dealt_ = deal(devices_, works);
}

/// The first of the line, with all that run or were given something among them.
std::span<Work* const> Planner::State::reached() {
  placed_.clear();
  std::size_t n = 0;
  for (int running = 0; n < placing_->reached() || running < running_; ++n) {
    Work& work = turns_.at(n);
    if (work.cores > 0) placed_.push_back(&work);
    running += work.runs ? 1 : 0;
  }
  return {turns_.known().data(), n};
}

/// The next round starts from where this one leads to.
void Planner::State::adopt() {
  for (auto& [work, grants] : dealt_) {
    if (!work->moved_to) adopted_.push_back(work);
    leave(*work);
    work->moved_to = std::move(grants);
    stand(*work);
  }
}

std::vector<std::string> Planner::State::plan() {
  for (Work* work : adopted_) {
    if (!work->moved_to) continue;
    leave(*work);
    work->moved_to.reset();
    stand(*work);
  }
  adopted_.clear();
  holders_.reset();
  turns_.update(cores_);
  place();
  // Over many devices a place may show up only once others have been moved: until nothing moves any more. A
  // round that moved nothing would come to the same again.
  const int rounds = devices_.size() > 1 ? most_rounds : 0;
  for (int n = 0; n < rounds && !dealt_.empty(); ++n) {
    adopt();
    place();
  }
  for (auto& [work, grants] : dealt_) {  // what the rest lacks is still told from where they stood
    if (!work->moved_to) adopted_.push_back(work);
    work->moved_to = std::move(grants);
  }
  std::vector<const Work*> moving;
  for (const Work* work : adopted_)
    if (*work->moved_to != work->before) moving.push_back(work);
  std::sort(moving.begin(), moving.end(), [](const Work* a, const Work* b) { return a->place < b->place; });
  std::vector<std::string> names;
  for (const Work* work : moving) names.push_back(work->job.name);
  return names;
}

const std::string& Planner::State::words_of(Work& work) {
  if (!holders_) holders_.emplace(std::span(turns_.known()).first(placing_->reached()));
  placing_->tell(work);
  return reasons_.of({work, holders_->before(turns_.place_of(work)), pool_, rules_});
}

void Planner::State::tell(Plan& plan) {
  plan.order.clear();
  plan.order.reserve(works_.size());
  for (std::size_t n = 0; n < turns_.size(); ++n) plan.order.push_back(turns_.at(n).job.name);
  auto at = plan.jobs.begin();  // both are in the order of names
  for (auto& [name, work] : works_) {
    int order = 1;
    while (at != plan.jobs.end() && (order = at->first.compare(name)) < 0) at = plan.jobs.erase(at);
    if (at == plan.jobs.end() || order != 0) at = plan.jobs.emplace_hint(at, name, Decision{});
    Decision& decision = at++->second;
    decision.stays = !work.moved_to || *work.moved_to == work.before;
    if (decision.grants != work.now()) decision.grants = work.now();
    decision.wanted_cores = work.wanted;
    const auto& words = words_of(work);
    if (decision.reason != words) decision.reason = words;
  }
  plan.jobs.erase(at, plan.jobs.end());
}

Planner::Planner() : state_(std::make_unique<State>()) {}
Planner::~Planner() = default;
void Planner::set_devices(const std::vector<DeviceView>& devices) { state_->set_devices(devices); }
void Planner::set_rules(const PlanRules& rules) { state_->set_rules(rules); }
void Planner::put(const JobView& job, const std::vector<Grant>* now) { state_->put(job, now); }
void Planner::remove(const std::string& name) { state_->remove(name); }
std::vector<std::string> Planner::plan() { return state_->plan(); }
const std::vector<Grant>& Planner::grants(const std::string& name) const { return state_->work(name).now(); }
bool Planner::stays(const std::string& name) const {
  const Work& work = state_->work(name);
  return work.now() == work.before;
}
const std::string& Planner::reason(const std::string& name) const { return state_->reason(name); }
void Planner::tell(Plan& plan) const { state_->tell(plan); }

}  // namespace troupe::planning
