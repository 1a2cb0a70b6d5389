#include "predict/plan.hpp"

#include <algorithm>
#include <memory>
#include <string_view>
#include <unordered_map>

#include "predict/deal.hpp"
#include "predict/placing.hpp"
#include "predict/planner.hpp"
#include "predict/reasons.hpp"
#include "predict/turns.hpp"

namespace troupe {
namespace {

using planning::Pool;
using planning::Spread;
using planning::Work;
using Index = std::unordered_map<std::string_view, int>;  // of the devices' names

constexpr std::size_t holders_told = 3;  // names in a reason
constexpr int most_rounds = 8;           // of improving a plan over many devices; one or two do

Spread spread_of(const std::vector<Grant>& grants, const Index& index) {
  Spread spread;
  for (const auto& grant : grants)
    if (const auto it = index.find(grant.node); it != index.end())
      planning::add(spread, it->second, static_cast<int>(grant.cores.size()));
  return spread;
}

std::vector<int> devices_of(const std::vector<Grant>& grants, const Index& index) {
  std::vector<int> devices;
  devices.reserve(grants.size());
  for (const auto& grant : grants) {
    const auto it = index.find(grant.node);
    devices.push_back(it == index.end() ? -1 : it->second);
  }
  return devices;
}

/// From where the job stands: `now`, or if that is null `home`.
void stand(Work& work, const std::vector<Grant>* now, const std::vector<Grant>& home, const Index& index) {
  work.now = now;
  work.now_on.clear();
  work.own.clear();
  if (now) {
    work.now_on = devices_of(*now, index);
    for (std::size_t i = 0; i < work.now_on.size(); ++i)
      if (work.now_on[i] >= 0)
        planning::add(work.own, work.now_on[i], static_cast<int>((*now)[i].cores.size()));
  }
  work.kept_on = work.own.empty() ? spread_of(home, index) : work.own;
  if (work.kept_on.empty() && !index.empty()) work.kept_on = {{0, 1}};
}

Work begin(const planning::Turn& turn, const Index& index, int cores) {
  const JobView& job = *turn.job;
  Work work;
  work.job = &job;
  work.user = turn.user;
  work.first = turn.first;
  work.min = job.pinned_cores.value_or(std::max(1, job.min_cores));
  work.max = job.pinned_cores.value_or(std::max(work.min, std::min(job.max_cores, cores)));
  work.wanted = std::clamp(wanted_cores(job), work.min, work.max);
  for (const auto& node : job.barred)
    if (const auto it = index.find(node); it != index.end()) work.barred.push_back(it->second);
  return work;
}

void remember(std::vector<const Work*>& holders, const Work& work) {
  if (work.take.empty()) return;
  const auto more = [](const Work* a, const Work* b) { return total(a->take) > total(b->take); };
  if (holders.size() == holders_told && !more(&work, holders.back())) return;
  holders.insert(std::upper_bound(holders.begin(), holders.end(), &work, more), &work);
  if (holders.size() > holders_told) holders.pop_back();
}

class Planner {
 public:
  Planner(const std::vector<DeviceView>& devices, const std::vector<planning::Seat>& seats,
          const PlanRules& rules)
      : devices_(devices), rules_(rules) {
    index_.reserve(devices.size());
    for (std::size_t d = 0; d < devices.size(); ++d) {
      index_[devices[d].node] = static_cast<int>(d);
      cores_ += static_cast<int>(devices[d].cores.size());
    }
    std::vector<const JobView*> jobs;
    jobs.reserve(seats.size());
    for (const auto& seat : seats) jobs.push_back(seat.job);
    const auto turns = planning::turns_of(jobs, rules, cores_);
    weights_ = turns.weights;
    works_.reserve(seats.size());
    seat_.reserve(seats.size());
    before_.reserve(seats.size());
    moved_to_.resize(seats.size());
    for (const auto& turn : turns.jobs) {
      seat_.push_back(turn.index);
      before_.push_back(seats[turn.index].now);
      Work& work = works_.emplace_back(begin(turn, index_, cores_));
      const auto* running = before_.back() && !before_.back()->empty() ? before_.back() : nullptr;
      stand(work, running, turn.job->home, index_);
    }
  }

  std::vector<std::string> plan(planning::Reasons& reasons, Plan& plan) {
    place();
    // Over many devices a place may show up only once others have been moved: until nothing moves any more. A
    // round that moved nothing would come to the same again.
    const int rounds = devices_.size() > 1 ? most_rounds : 0;
    for (int n = 0; n < rounds && moved(); ++n) {
      adopt();
      place();
    }
    if (moved()) adopt();
    return tell(reasons, plan);
  }

 private:
  void place() {
    for (auto& work : works_) {
      work.take.clear();
      work.lacks = Work::Short::nothing;
      work.cores_missing = 0;
      work.memory_free = {};
    }
    pool_ = std::make_unique<Pool>(devices_, works_);
    planning::set_needs(works_, *pool_, rules_);
    pool_->expect(works_);
    planning::Placing(works_, *pool_, rules_, weights_).run();
    if (planning::may_stay(works_, devices_))
      for (auto& work : works_)
        if (work.take != work.own) work.take = work.own;
    dealt_ = planning::deal(devices_, works_);
  }

  bool moved() const {
    return std::any_of(dealt_.begin(), dealt_.end(), [](const auto& dealt) { return !dealt.stays; });
  }

  /// The next round starts from where this one leads to.
  void adopt() {
    for (std::size_t i = 0; i < works_.size(); ++i) {
      if (dealt_[i].stays) continue;
      moved_to_[i] = std::move(dealt_[i].grants);
      const auto& grants = *moved_to_[i];
      auto take = std::move(works_[i].take);
      stand(works_[i], grants.empty() ? nullptr : &grants,
            grants.empty() && before_[i] ? *before_[i] : works_[i].job->home, index_);
      works_[i].take = std::move(take);
      dealt_[i].stays = true;
    }
  }

  /// A place in the plan for each seat; both are in the order of names.
  std::vector<Decision*> places_in(Plan& plan) const {
    std::vector<const JobView*> jobs(works_.size());
    for (std::size_t i = 0; i < works_.size(); ++i) jobs[seat_[i]] = works_[i].job;
    std::vector<Decision*> places;
    places.reserve(jobs.size());
    auto at = plan.jobs.begin();
    for (const auto* job : jobs) {
      int order = 1;
      while (at != plan.jobs.end() && (order = at->first.compare(job->name)) < 0) at = plan.jobs.erase(at);
      if (at == plan.jobs.end() || order != 0) at = plan.jobs.emplace_hint(at, job->name, Decision{});
      places.push_back(&at++->second);
    }
    plan.jobs.erase(at, plan.jobs.end());
    return places;
  }

  /// Into what may be the plan before: most of it is the same.
  std::vector<std::string> tell(planning::Reasons& reasons, Plan& plan) {
    static const std::vector<Grant> none;
    const auto places = places_in(plan);
    std::vector<std::string> moving;
    std::vector<const Work*> holders;
    plan.order.resize(works_.size());
    for (std::size_t i = 0; i < works_.size(); ++i) {
      const auto& work = works_[i];
      plan.order[i] = work.job->name;
      Decision& decision = *places[seat_[i]];
      const auto& before = before_[i] ? *before_[i] : none;
      if (moved_to_[i]) {
        decision.stays = *moved_to_[i] == before;
        decision.grants = std::move(*moved_to_[i]);
      } else {
        decision.stays = true;
        if (decision.grants != before) decision.grants = before;
      }
      if (!decision.stays) moving.push_back(work.job->name);
      decision.wanted_cores = work.wanted;
      const auto& words = reasons.of({work, holders, *pool_, rules_});
      if (decision.reason != words) decision.reason = words;
      remember(holders, work);
    }
    return moving;
  }

  const std::vector<DeviceView>& devices_;
  const PlanRules& rules_;
  Index index_;
  int cores_ = 0;
  std::vector<double> weights_;                    // of users
  std::vector<Work> works_;                        // in the order of planning
  std::vector<std::size_t> seat_;                  // beside works_: where it stood in what was given
  std::vector<const std::vector<Grant>*> before_;  // beside works_: what the caller gave, if anything
  std::vector<std::optional<std::vector<Grant>>> moved_to_;  // beside works_: where a round has moved it
  std::vector<planning::Dealt> dealt_;                       // beside works_, of the last round
  std::unique_ptr<Pool> pool_;
};

}  // namespace

int wanted_cores(const JobView& job) {
  if (job.pinned_cores) return *job.pinned_cores;
  int low = std::max(1, job.min_cores), high = std::max(low, job.max_cores);
  while (low < high) {
    const int middle = low + (high - low) / 2;
    if (job.demand.step_seconds(middle) <= job.target_step_seconds)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

Plan make_plan(const std::vector<DeviceView>& devices, const std::vector<JobView>& jobs,
               const std::map<std::string, std::vector<Grant>>& now, const PlanRules& rules) {
  std::vector<planning::Seat> seats;
  for (const auto& job : jobs) {
    const auto it = now.find(job.name);
    seats.push_back({&job, it == now.end() ? nullptr : &it->second});
  }
  std::sort(seats.begin(), seats.end(),
            [](const auto& a, const auto& b) { return a.job->name < b.job->name; });
  Plan plan;
  planning::Memory().plan(devices, seats, rules, plan);
  return plan;
}

namespace planning {
Memory::Memory() : reasons_(std::make_shared<Reasons>()) {}
void Memory::forget(const std::string& job) { reasons_->forget(job); }
std::vector<std::string> Memory::plan(const std::vector<DeviceView>& devices, const std::vector<Seat>& seats,
                                      const PlanRules& rules, Plan& plan) {
  return Planner(devices, seats, rules).plan(*reasons_, plan);
}
}  // namespace planning

}  // namespace troupe
