#include "predict/plan.hpp"

#include <algorithm>
#include <memory>
#include <string_view>
#include <tuple>
#include <unordered_map>

#include "predict/deal.hpp"
#include "predict/placement.hpp"
#include "predict/reasons.hpp"

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
      spread = planning::plus(std::move(spread), it->second, static_cast<int>(grant.cores.size()));
  return spread;
}

/// Where a job stands before a round.
struct Start {
  const JobView* job = nullptr;
  const std::vector<Grant>* now = nullptr;   // null: it does not run
  const std::vector<Grant>* home = nullptr;  // of what it keeps while it does not
  const std::vector<int>* on = nullptr;      // the devices of `now`; null: to be looked up
};

std::vector<int> devices_of(const std::vector<Grant>& grants, const Index& index) {
  std::vector<int> devices;
  devices.reserve(grants.size());
  for (const auto& grant : grants) {
    const auto it = index.find(grant.node);
    devices.push_back(it == index.end() ? -1 : it->second);
  }
  return devices;
}

Work begin(const Start& start, const Index& index, int cores) {
  const JobView& job = *start.job;
  Work work;
  work.job = &job;
  work.now = start.now;
  work.min = job.pinned_cores.value_or(std::max(1, job.min_cores));
  work.max = job.pinned_cores.value_or(std::max(work.min, std::min(job.max_cores, cores)));
  work.wanted = std::clamp(wanted_cores(job), work.min, work.max);
  work.need = job.memory.value_or(job.demand.bytes);
  if (!job.memory) work.need_per_core = job.demand.bytes_per_core;
  if (work.now) {
    work.now_on = start.on ? *start.on : devices_of(*work.now, index);
    for (std::size_t i = 0; i < work.now_on.size(); ++i)
      if (work.now_on[i] >= 0)
        work.own = planning::plus(std::move(work.own), work.now_on[i],
                                  static_cast<int>((*work.now)[i].cores.size()));
  }
  work.kept_on = work.own.empty() ? spread_of(*start.home, index) : work.own;
  if (work.kept_on.empty() && !index.empty()) work.kept_on = {{0, 1}};
  for (const auto& node : job.barred)
    if (const auto it = index.find(node); it != index.end()) work.barred.push_back(it->second);
  return work;
}

/// A prediction may overshoot: it is tried with all there is rather than refused. A user's wall is meant as
/// it stands.
void cap_demands(std::vector<Work>& works, const Pool& pool) {
  for (auto& work : works) {
    const Bytes most = std::max(pool.memory_free(), Bytes{}) + work.job->held;
    if (work.job->memory || work.need_for(work.min) <= most) continue;
    work.need = most;
    work.need_per_core = {};
    work.capped = true;
  }
}

void place_all(std::vector<Work>& works, Pool& pool) {
  for (std::size_t first = 0, last = 0; first < works.size(); first = last) {
    while (last < works.size() && works[last].job->priority == works[first].job->priority) ++last;
    for (std::size_t i = first; i < last; ++i) pool.place(works[i]);
    for (std::size_t i = first; i < last; ++i) pool.grow(works[i], works[i].wanted, true);
  }
  for (auto& work : works) pool.grow(work, work.max, false);
}

/// Whether every job may stay exactly where it is, with as many cores as the plan gives it.
bool may_stay(const std::vector<Work>& works, const std::vector<DeviceView>& devices) {
  std::vector<Bytes> left;
  for (const auto& device : devices) left.push_back(device.memory);
  for (const auto& work : works) {
    if (total(work.take) != total(work.own)) return false;
    const Spread& where = work.take.empty() ? work.kept_on : work.own;
    for (const auto& share : work.own)
      if (!work.may_use(share.device)) return false;
    for (const auto& share : where)
      left[static_cast<std::size_t>(share.device)] -= planning::share_of(
          work.take.empty() ? work.job->held : work.need_for(total(where)), share.cores, total(where));
  }
  return std::all_of(left.begin(), left.end(), [](Bytes b) { return b >= Bytes{}; });
}

void remember(std::vector<const Work*>& holders, const Work& work) {
  if (work.take.empty()) return;
  const auto more = [](const Work* a, const Work* b) { return total(a->take) > total(b->take); };
  holders.insert(std::upper_bound(holders.begin(), holders.end(), &work, more), &work);
  if (holders.size() > holders_told) holders.pop_back();
}

/// All jobs placed once, in their order, from where they stand.
struct Round {
  std::vector<Work> works;
  std::unique_ptr<Pool> pool;
  std::vector<std::vector<Grant>> grants;  // beside works
  std::vector<std::vector<int>> on;        // the devices of these
};

/// They were dealt share by share.
std::vector<int> devices_of(const std::vector<Grant>& grants, const Spread& take,
                            const std::vector<DeviceView>& devices) {
  std::vector<int> on;
  on.reserve(grants.size());
  auto share = take.begin();
  for (const auto& grant : grants) {
    while (devices[static_cast<std::size_t>(share->device)].node != grant.node) ++share;
    on.push_back(share->device);
  }
  return on;
}

class Planner {
 public:
  Planner(const std::vector<DeviceView>& devices, const std::vector<JobView>& jobs,
          const std::map<std::string, std::vector<Grant>>& now)
      : devices_(devices) {
    index_.reserve(devices.size());
    for (std::size_t d = 0; d < devices.size(); ++d) {
      index_[devices[d].node] = static_cast<int>(d);
      cores_ += static_cast<int>(devices[d].cores.size());
    }
    for (const auto& job : jobs) order_.push_back({&job, nullptr, &job.home, nullptr});
    std::sort(order_.begin(), order_.end(), [](const Start& a, const Start& b) {
      if (a.job->priority != b.job->priority) return a.job->priority > b.job->priority;
      return std::tie(a.job->order, a.job->name) < std::tie(b.job->order, b.job->name);
    });
    for (auto& start : order_) {
      const auto it = now.find(start.job->name);
      before_.push_back(it == now.end() ? nullptr : &it->second);
      start.now = before_.back() && !before_.back()->empty() ? before_.back() : nullptr;
    }
  }

  Plan plan() {
    Round round = place();
    // Over many devices a place may show up only once others have been moved: until nothing moves any more. A
    // round that moved nothing would come to the same again.
    const int rounds = devices_.size() > 1 && moved(round) ? most_rounds : 0;
    for (int n = 0; n < rounds; ++n) {
      start_from(round);
      Round next = place();
      if (next.grants == round.grants) break;
      round = std::move(next);
    }
    return in_words(std::move(round));
  }

 private:
  Round place() const {
    std::vector<Work> works;
    works.reserve(order_.size());
    for (const auto& start : order_) works.push_back(begin(start, index_, cores_));
    auto pool = std::make_unique<Pool>(devices_, works);
    cap_demands(works, *pool);
    place_all(works, *pool);
    if (may_stay(works, devices_))
      for (auto& work : works) work.take = work.own;
    auto grants = planning::deal(devices_, works);
    std::vector<std::vector<int>> on;
    on.reserve(grants.size());
    for (std::size_t i = 0; i < grants.size(); ++i)
      on.push_back(devices_of(grants[i], works[i].take, devices_));
    return {std::move(works), std::move(pool), std::move(grants), std::move(on)};
  }

  bool moved(const Round& round) const {
    for (std::size_t i = 0; i < order_.size(); ++i) {
      const auto* now = order_[i].now;
      if (now ? *now != round.grants[i] : !round.grants[i].empty()) return true;
    }
    return false;
  }

  void start_from(const Round& round) {
    for (std::size_t i = 0; i < order_.size(); ++i) {
      const auto& grants = round.grants[i];
      order_[i].now = grants.empty() ? nullptr : &grants;
      order_[i].on = grants.empty() ? nullptr : &round.on[i];
      if (grants.empty() && before_[i]) order_[i].home = before_[i];
    }
  }

  static Plan in_words(Round round) {
    Plan plan;
    std::vector<const Work*> holders;
    for (std::size_t i = 0; i < round.works.size(); ++i) {
      const auto& work = round.works[i];
      plan.jobs[work.job->name] = {std::move(round.grants[i]), work.wanted,
                                   planning::reason(work, holders, *round.pool)};
      remember(holders, work);
    }
    return plan;
  }

  const std::vector<DeviceView>& devices_;
  Index index_;
  int cores_ = 0;
  std::vector<Start> order_;
  std::vector<const std::vector<Grant>*> before_;  // beside order_: what the caller gave, if anything
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
               const std::map<std::string, std::vector<Grant>>& now) {
  return Planner(devices, jobs, now).plan();
}

}  // namespace troupe
