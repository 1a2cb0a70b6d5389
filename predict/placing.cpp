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

Bytes with_headroom(Bytes bytes, const JobView& job) {
  if (job.headroom <= 0) return bytes;
  return bytes + Bytes{static_cast<std::int64_t>(job.headroom * static_cast<double>(bytes.count))};
}

}  // namespace

void set_needs(std::vector<Work>& works, const Pool& pool, const PlanRules& rules) {
  for (auto& work : works) {
    const JobView& job = *work.job;
    work.need = job.memory ? *job.memory : with_headroom(job.demand.bytes, job);
    work.need_per_core = job.memory ? Bytes{} : with_headroom(job.demand.bytes_per_core, job);
    Bytes most = std::max(pool.memory_free(), Bytes{}) + job.held;
    if (rules.user_memory) most = std::max(std::min(most, *rules.user_memory), job.held);
    work.capped = !job.memory && work.need_for(work.min) > most;
    if (!work.capped) continue;
    work.need = most;
    work.need_per_core = {};
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
  const Bytes need = work.need_for(work.min);
  if (rules_.user_memory && memory_[user(work)] + need > *rules_.user_memory) {
    work.lacks = Work::Short::quota_memory;
    work.memory_free = *rules_.user_memory - memory_[user(work)];
    return false;
  }
  if (pool_.place(work) || make_room(work)) {
    cores_[user(work)] += work.min;
    memory_[user(work)] += need;
  } else if (work.first && !waiting_first_ && work.lacks != Work::Short::ever) {
    waiting_first_ = work.job;
  }
  return work.lacks == Work::Short::nothing;
}

/// How many of `more` cores its user may have with their bytes.
int Placing::room(const Work& work, int more) const {
  if (rules_.user_cores) more = std::min(more, std::max(0, *rules_.user_cores - cores_[user(work)]));
  if (!rules_.user_memory || work.need_per_core == Bytes{}) return more;
  const int before = total(work.take);
  const Bytes left = *rules_.user_memory - memory_[user(work)] + work.need_for(before);
  int fit = 0;
  for (int none = more + 1; none - fit > 1;) {
    const int n = none > more ? more : fit + (none - fit) / 2;
    (work.need_for(before + n) <= left ? fit : none) = n;
  }
  return fit;
}

/// Returns how many it got.
int Placing::grow(Work& work, int more, bool elsewhere) {
  const int before = total(work.take);
  pool_.grow(work, before + room(work, more), elsewhere);
  const int after = total(work.take);
  cores_[user(work)] += after - before;
  memory_[user(work)] += work.need_for(after) - work.need_for(before);
  return after - before;
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
          share_of(work.take.empty() ? work.job->held : work.need_for(whole), share.cores, whole);
  }
  return std::all_of(left.begin(), left.end(), [](Bytes b) { return b >= Bytes{}; });
}

}  // namespace troupe::planning
