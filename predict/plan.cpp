#include "predict/plan.hpp"

#include <algorithm>
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
using Index = std::unordered_map<std::string, int>;

constexpr std::size_t holders_told = 3;  // names in a reason
constexpr int most_rounds = 8;           // of improving a plan over many devices; one or two do

Spread spread_of(const std::vector<Grant>& grants, const Index& index) {
  Spread spread;
  for (const auto& grant : grants)
    if (const auto it = index.find(grant.node); it != index.end())
      spread = planning::plus(std::move(spread), it->second, static_cast<int>(grant.cores.size()));
  return spread;
}

Work begin(const JobView& job, const std::vector<Grant>* now, const Index& index, int cores) {
  Work work;
  work.job = &job;
  work.now = now && !now->empty() ? now : nullptr;
  work.min = job.pinned_cores.value_or(std::max(1, job.min_cores));
  work.max = job.pinned_cores.value_or(std::max(work.min, std::min(job.max_cores, cores)));
  work.wanted = std::clamp(wanted_cores(job), work.min, work.max);
  work.need = std::max(job.memory.value_or(job.demand.bytes), job.held);
  if (work.now) work.own = spread_of(*work.now, index);
  work.kept_on = work.own.empty() ? spread_of(job.home, index) : work.own;
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
    if (work.job->memory || work.need <= most) continue;
    work.need = most;
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
      left[static_cast<std::size_t>(share.device)] -=
          planning::share_of(work.take.empty() ? work.job->held : work.need, share.cores, total(where));
  }
  return std::all_of(left.begin(), left.end(), [](Bytes b) { return b >= Bytes{}; });
}

void remember(std::vector<const Work*>& holders, const Work& work) {
  if (work.take.empty()) return;
  const auto more = [](const Work* a, const Work* b) { return total(a->take) > total(b->take); };
  holders.insert(std::upper_bound(holders.begin(), holders.end(), &work, more), &work);
  if (holders.size() > holders_told) holders.pop_back();
}

Plan plan_once(const std::vector<DeviceView>& devices, const std::vector<JobView>& jobs,
               const std::map<std::string, std::vector<Grant>>& now) {
  Index index;
  int cores = 0;
  for (std::size_t d = 0; d < devices.size(); ++d) {
    index[devices[d].node] = static_cast<int>(d);
    cores += static_cast<int>(devices[d].cores.size());
  }
  std::vector<Work> works;
  works.reserve(jobs.size());
  for (const auto& job : jobs) {
    const auto it = now.find(job.name);
    works.push_back(begin(job, it == now.end() ? nullptr : &it->second, index, cores));
  }
  std::sort(works.begin(), works.end(), [](const Work& a, const Work& b) {
    if (a.job->priority != b.job->priority) return a.job->priority > b.job->priority;
    return std::tie(a.job->order, a.job->name) < std::tie(b.job->order, b.job->name);
  });
  Pool pool(devices, works);
  cap_demands(works, pool);
  place_all(works, pool);
  if (may_stay(works, devices))
    for (auto& work : works) work.take = work.own;
  auto grants = planning::deal(devices, works);
  Plan plan;
  std::vector<const Work*> holders;
  for (std::size_t i = 0; i < works.size(); ++i) {
    const auto& work = works[i];
    plan.jobs[work.job->name] = {std::move(grants[i]), work.wanted, planning::reason(work, holders, pool)};
    remember(holders, work);
  }
  return plan;
}

std::map<std::string, std::vector<Grant>> grants_of(const Plan& plan) {
  std::map<std::string, std::vector<Grant>> grants;
  for (const auto& [name, decision] : plan.jobs)
    if (!decision.grants.empty()) grants[name] = decision.grants;
  return grants;
}

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
  Plan plan = plan_once(devices, jobs, now);
  if (devices.size() < 2) return plan;
  // Over many devices a place may show up only once others have been moved: until nothing moves any more.
  std::vector<JobView> parked = jobs;
  for (int round = 0; round < most_rounds; ++round) {
    auto start = grants_of(plan);
    for (auto& job : parked)
      if (const auto it = now.find(job.name); it != now.end() && !start.contains(job.name))
        job.home = it->second;
    Plan next = plan_once(devices, parked, start);
    if (grants_of(next) == start) break;
    plan = std::move(next);
  }
  return plan;
}

}  // namespace troupe
