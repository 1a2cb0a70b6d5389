#include "predict/placing.hpp"

#include <algorithm>

#include "predict/turns.hpp"

namespace troupe::planning {
namespace {

bool same_rank(const Work& a, const Work& b) {
  return a.first == b.first && (a.first || a.job->priority == b.job->priority);
}

std::size_t user(const Work& work) { return static_cast<std::size_t>(work.user); }

int missing(const Work& work, int Work::*goal) {
  return work.take.empty() ? 0 : std::max(0, work.*goal - total(work.take));
}

Bytes needed(const JobView& job) {
  if (job.memory) return std::max(*job.memory, job.held);
  const double more = job.headroom > 0 ? job.headroom * static_cast<double>(job.demand.bytes.count) : 0;
  return std::max(job.demand.bytes + Bytes{static_cast<std::int64_t>(more)}, job.held);
}

}  // namespace

void set_needs(std::vector<Work>& works, const Pool& pool, const PlanRules& rules) {
  for (auto& work : works) {
    work.need = needed(*work.job);
    Bytes most = std::max(pool.memory_free(), Bytes{}) + work.job->held;
    if (rules.user_memory) most = std::max(std::min(most, *rules.user_memory), work.job->held);
    work.capped = !work.job->memory && work.need > most;
    if (work.capped) work.need = most;
  }
}

Placing::Placing(std::vector<Work>& works, Pool& pool, const PlanRules& rules,
                 const std::vector<double>& weights)
    : works_(works),
      pool_(pool),
      rules_(rules),
      weights_(weights),
      cores_(weights.size()),
      memory_(weights.size()) {}

void Placing::run() {
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

bool Placing::place(Work& work) {
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
  if (pool_.place(work) || make_room(work)) {
    cores_[user(work)] += work.min;
    memory_[user(work)] += work.need;
  } else if (work.first && !waiting_first_ && work.lacks != Work::Short::ever) {
    waiting_first_ = work.job;
  }
  return work.lacks == Work::Short::nothing;
}

int Placing::room(const Work& work) const {
  return rules_.user_cores ? std::max(0, *rules_.user_cores - cores_[user(work)]) : pool_.cores();
}

/// Returns how many it got.
int Placing::grow(Work& work, int more, bool elsewhere) {
  const int before = total(work.take);
  pool_.grow(work, before + std::min(more, room(work)), elsewhere);
  const int got = total(work.take) - before;
  cores_[user(work)] += got;
  return got;
}

/// What each user may take of what is left and what these jobs have already, if they go up to `goal`; less
/// what they have.
void Placing::share_out(std::size_t first, std::size_t last, Goal goal) {
  served_.assign(weights_.size(), false);
  std::vector<Claim> claims(weights_.size());
  std::vector<int> taken(weights_.size());
  int all_taken = 0;
  for (std::size_t i = first; i < last; ++i) {
    const int take = total(works_[i].take);
    claims[user(works_[i])].more += goal == &Work::max && take == 0 ? 0 : works_[i].*goal;
    taken[user(works_[i])] += take;
    all_taken += take;
  }
  for (std::size_t u = 0; u < claims.size(); ++u) {
    claims[u].weight = weights_[u];
    if (rules_.user_cores)
      claims[u].more = std::clamp(*rules_.user_cores - cores_[u] + taken[u], 0, claims[u].more);
  }
  shares_ = fair_shares(claims, pool_.cores_free() + all_taken);
  for (std::size_t u = 0; u < shares_.size(); ++u) shares_[u] -= taken[u];
  // nobody to share with: minimums come before what any job wants on top
  if (shares_.size() == 1) shares_[0] = pool_.cores_free();
}

/// The first job of each user may take more than its share: what is wide would never start else.
void Placing::place_within_share(Work& work) {
  int& share = shares_[user(work)];
  if ((share < work.min && served_[user(work)] && shares_.size() > 1) || !place(work)) return;
  share -= work.min;
  served_[user(work)] = true;
}

void Placing::grow_within_shares(std::size_t first, std::size_t last, Goal goal, bool elsewhere) {
  for (std::size_t i = first; i < last; ++i) {
    int& share = shares_[user(works_[i])];
    if (const int more = std::min(share, missing(works_[i], goal)); more > 0)
      share -= grow(works_[i], more, elsewhere);
  }
}

/// In their order: what nobody could take of his share.
void Placing::grow_all(std::size_t first, std::size_t last, Goal goal, bool elsewhere) {
  for (std::size_t i = first; i < last && pool_.cores_free() > 0; ++i)
    if (const int more = missing(works_[i], goal); more > 0) grow(works_[i], more, elsewhere);
}

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
          share_of(work.take.empty() ? work.job->held : work.need, share.cores, whole);
  }
  return std::all_of(left.begin(), left.end(), [](Bytes b) { return b >= Bytes{}; });
}

}  // namespace troupe::planning
