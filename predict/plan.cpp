#include "predict/plan.hpp"

#include <algorithm>
#include <memory>
#include <string_view>
#include <unordered_map>

#include "predict/deal.hpp"
#include "predict/placement.hpp"
#include "predict/planner.hpp"
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

Bytes needed(const JobView& job) {
  if (job.memory) return std::max(*job.memory, job.held);
  const double more = job.headroom > 0 ? job.headroom * static_cast<double>(job.demand.bytes.count) : 0;
  return std::max(job.demand.bytes + Bytes{static_cast<std::int64_t>(more)}, job.held);
}

/// A prediction may overshoot: it is tried with all there is, or all that its user may have, rather than
/// refused. A user's wall is meant as it stands.
void set_needs(std::vector<Work>& works, const Pool& pool, const PlanRules& rules) {
  for (auto& work : works) {
    work.need = needed(*work.job);
    Bytes most = std::max(pool.memory_free(), Bytes{}) + work.job->held;
    if (rules.user_memory) most = std::max(std::min(most, *rules.user_memory), work.job->held);
    work.capped = !work.job->memory && work.need > most;
    if (work.capped) work.need = most;
  }
}

/// All jobs placed once, in their order.
class Placing {
 public:
  Placing(std::vector<Work>& works, Pool& pool, const PlanRules& rules, const std::vector<double>& weights)
      : works_(works),
        pool_(pool),
        rules_(rules),
        weights_(weights),
        cores_(weights.size()),
        memory_(weights.size()) {}

  void run() {
    for (std::size_t first = 0, last = 0; first < works_.size(); first = last) {
      while (last < works_.size() && same_rank(works_[last], works_[first])) ++last;
      share_out(first, last, &Work::wanted);
      for (std::size_t i = first; i < last; ++i) place_within_share(works_[i]);
      grow_within_shares(first, last, &Work::wanted, true);
      for (std::size_t i = first; i < last; ++i)
        if (works_[i].take.empty() && works_[i].lacks == Work::Short::nothing) place(works_[i]);
      grow_all(first, last, &Work::wanted, true);
    }
    share_out(0, works_.size(), &Work::max);
    grow_within_shares(0, works_.size(), &Work::max, false);
    grow_all(0, works_.size(), &Work::max, false);
  }

 private:
  static bool same_rank(const Work& a, const Work& b) {
    return a.first == b.first && (a.first || a.job->priority == b.job->priority);
  }
  static std::size_t user(const Work& work) { return static_cast<std::size_t>(work.user); }

  bool place(Work& work) {
    if (waiting_first_ && !work.first && work.own.empty() && work.job->held == Bytes{}) {
      work.lacks = Work::Short::turn;
      work.waits_for = waiting_first_;
      return false;
    }
    if (rules_.user_cores && cores_[user(work)] + work.min > *rules_.user_cores) {
      work.lacks = Work::Short::quota_cores;
      work.cores_missing = cores_[user(work)] + work.min - *rules_.user_cores;
      return false;
    }
    if (rules_.user_memory && memory_[user(work)] + work.need > *rules_.user_memory) {
      work.lacks = Work::Short::quota_memory;
      work.memory_free = *rules_.user_memory - memory_[user(work)];
      return false;
    }
    if (pool_.place(work)) {
      cores_[user(work)] += work.min;
      memory_[user(work)] += work.need;
    } else if (work.first && !waiting_first_ && work.lacks != Work::Short::ever) {
      waiting_first_ = work.job;
    }
    return work.lacks == Work::Short::nothing;
  }

  int room(const Work& work) const {
    return rules_.user_cores ? std::max(0, *rules_.user_cores - cores_[user(work)]) : pool_.cores();
  }

  /// Returns how many it got.
  int grow(Work& work, int more, bool elsewhere) {
    const int before = planning::total(work.take);
    pool_.grow(work, before + std::min(more, room(work)), elsewhere);
    const int got = planning::total(work.take) - before;
    cores_[user(work)] += got;
    return got;
  }

  /// What each user may take of what is left and what these jobs have already, if they go up to `goal`; less
  /// what they have.
  void share_out(std::size_t first, std::size_t last, int Work::*goal) {
    served_.assign(weights_.size(), false);
    std::vector<planning::Claim> claims(weights_.size());
    std::vector<int> taken(weights_.size());
    int all_taken = 0;
    for (std::size_t i = first; i < last; ++i) {
      const int take = planning::total(works_[i].take);
      claims[user(works_[i])].more += goal == &Work::max && take == 0 ? 0 : works_[i].*goal;
      taken[user(works_[i])] += take;
      all_taken += take;
    }
    for (std::size_t u = 0; u < claims.size(); ++u) {
      claims[u].weight = weights_[u];
      if (rules_.user_cores)
        claims[u].more = std::clamp(*rules_.user_cores - cores_[u] + taken[u], 0, claims[u].more);
    }
    shares_ = planning::fair_shares(claims, pool_.cores_free() + all_taken);
    for (std::size_t u = 0; u < shares_.size(); ++u) shares_[u] -= taken[u];
    // nobody to share with: minimums come before what any job wants on top
    if (shares_.size() == 1) shares_[0] = pool_.cores_free();
  }

  /// The first job of each user may take more than its share: what is wide would never start else.
  void place_within_share(Work& work) {
    int& share = shares_[user(work)];
    if ((share < work.min && served_[user(work)] && shares_.size() > 1) || !place(work)) return;
    share -= work.min;
    served_[user(work)] = true;
  }

  void grow_within_shares(std::size_t first, std::size_t last, int Work::*goal, bool elsewhere) {
    for (std::size_t i = first; i < last; ++i) {
      int& share = shares_[user(works_[i])];
      if (const int more = std::min(share, missing(works_[i], goal)); more > 0)
        share -= grow(works_[i], more, elsewhere);
    }
  }

  /// In their order: what nobody could take of his share.
  void grow_all(std::size_t first, std::size_t last, int Work::*goal, bool elsewhere) {
    for (std::size_t i = first; i < last && pool_.cores_free() > 0; ++i)
      if (const int more = missing(works_[i], goal); more > 0) grow(works_[i], more, elsewhere);
  }

  static int missing(const Work& work, int Work::*goal) {
    return work.take.empty() ? 0 : std::max(0, work.*goal - planning::total(work.take));
  }

  std::vector<Work>& works_;
  Pool& pool_;
  const PlanRules& rules_;
  const std::vector<double>& weights_;
  std::vector<int> cores_;     // of each user, in this plan
  std::vector<Bytes> memory_;  // the same
  std::vector<int> shares_;    // of each user, not yet taken
  std::vector<bool> served_;   // users with a job that was placed out of these
  const JobView* waiting_first_ = nullptr;
};

/// Whether every job may stay exactly where it is, with as many cores as the plan gives it.
bool may_stay(const std::vector<Work>& works, const std::vector<DeviceView>& devices) {
  std::vector<Bytes> left;
  left.reserve(devices.size());
  for (const auto& work : works)
    if (total(work.take) != total(work.own)) return false;
  for (const auto& device : devices) left.push_back(device.memory);
  for (const auto& work : works) {
    const Spread& where = work.take.empty() ? work.kept_on : work.own;
    const int whole = total(where);
    for (const auto& share : work.own)
      if (!work.may_use(share.device)) return false;
    for (const auto& share : where)
      left[static_cast<std::size_t>(share.device)] -=
          planning::share_of(work.take.empty() ? work.job->held : work.need, share.cores, whole);
  }
  return std::all_of(left.begin(), left.end(), [](Bytes b) { return b >= Bytes{}; });
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
    set_needs(works_, *pool_, rules_);
    Placing(works_, *pool_, rules_, weights_).run();
    if (may_stay(works_, devices_))
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
std::vector<std::string> Memory::plan(const std::vector<DeviceView>& devices, const std::vector<Seat>& seats,
                                      const PlanRules& rules, Plan& plan) {
  return Planner(devices, seats, rules).plan(reasons_, plan);
}
}  // namespace planning

}  // namespace troupe
