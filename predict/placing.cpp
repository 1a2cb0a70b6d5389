#include "predict/placing.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "predict/turns.hpp"

namespace troupe::planning {
namespace {

/// So much memory as no job will need: what is counted stays within what an __int128 holds.
constexpr Bytes kMostCounted{std::int64_t{1} << 50};

std::size_t user(const Work& work) { return static_cast<std::size_t>(work.user); }

int missing(const Work& work, int Work::*goal) {
  return work.cores == 0 ? 0 : std::max(0, work.*goal - work.cores);
}

/// Whether all bytes have room with every job where it is.
bool has_room(std::span<Work* const> works, const std::set<Work*>& holding,
              const std::vector<DeviceView>& devices) {
  std::vector<Bytes> left;
  left.reserve(devices.size());
  for (const auto& device : devices) left.push_back(device.memory);
  const auto take = [&](const Spread& where, Bytes bytes) {
    const int whole = total(where);
    for (const auto& share : where)
      left[static_cast<std::size_t>(share.device)] -= share_of(bytes, share.cores, whole);
  };
  for (const Work* work : works)
    if (work->cores > 0) take(work->own, work->taken());
  for (const Work* work : holding)
    if (work->cores == 0) take(work->kept_on, work->held);
  return std::all_of(left.begin(), left.end(), [](Bytes b) { return b >= Bytes{}; });
}

}  // namespace

void ask(Work& work) {
  const JobView& job = work.job;
  const Demand asked = asked_bytes(job);
  work.need = asked.bytes;
  work.need_per_core = asked.bytes_per_core;
  work.capped = false;
}

void Needs::count(Work& work, int cores, Bytes need) {
  const auto add = [this](std::int64_t n, std::int64_t bytes, int sign) {
    if (n == 0) return;
    const __int128 all = bytes;
    cores_ += sign * n;
    sum_ += sign * all;
    squares_ += sign * (all * all / n);
  };
  add(work.counted_cores, work.counted_bytes, -1);
  work.counted_cores = cores;
  work.counted_bytes = std::min(need, kMostCounted).count;
  add(work.counted_cores, work.counted_bytes, +1);
}

void Needs::put(Work& work) {
  most_ = std::max(most_, bytes_with(work.need, work.need_per_core, work.min));
  count(work, work.wanted, work.need_for(work.wanted));
}

void Needs::set(std::map<std::string, Work>& works, const Pool& pool, const PlanRules& rules) {
  const Bytes free = std::max(pool.memory_free(), Bytes{});
  if (!capped_ && most_ <= (rules.user_memory ? std::min(free, *rules.user_memory) : free)) return;
  capped_ = false;
  most_ = {};
  for (auto& [name, work] : works) {
    const Bytes need = work.need, each = work.need_per_core;
    ask(work);
    most_ = std::max(most_, bytes_with(work.need, work.need_per_core, work.min));
    Bytes most = free + work.held;
    if (rules.user_memory) most = std::max(std::min(most, *rules.user_memory), work.held);
    work.capped = !work.job.memory && work.need_for(work.min) > most;
    if (work.capped) {
      work.need = most;
      work.need_per_core = {};
      capped_ = true;
    }
    if (work.need == need && work.need_per_core == each) continue;
    work.own_stays.reset();
    count(work, work.wanted, work.need_for(work.wanted));
  }
}

pack::Beside Needs::beside() const {
  if (cores_ == 0) return {};
  const auto cores = static_cast<double>(cores_);
  const double mean = static_cast<double>(sum_) / cores;
  return {mean, std::sqrt(std::max(0.0, static_cast<double>(squares_) / cores - mean * mean))};
}

Placing::Placing(Turns& turns, Pool& pool, const PlanRules& rules, std::int64_t round)
    : turns_(turns),
      pool_(pool),
      rules_(rules),
      round_(round),
      cores_(turns.users()),
      memory_(turns.users()) {}

void Placing::run() {
  const auto& ranks = turns_.ranks();
  for (; rank_ < ranks.size(); first_ = ranks[rank_++]) {
    const std::size_t last = ranks[rank_];
    share_out_rank();
    for (next_ = first_; next_ < last && open_ > 0 && !full(); ++next_) {
      place_within_share(turns_.at(next_));
      if (turns_.at(next_).lacks == Work::Short::cores && hopeless()) break;
    }
    reached_ = next_ = std::min(next_ + (next_ < last && open_ > 0 && !full() ? 1 : 0), last);
    shares_then_ = shares_;
    free_then_ = pool_.cores_free();
    if (!full()) grow_within_shares(first_, next_, &Work::wanted, true);
    if (!full()) place_passed_over(last);
    if (!full()) grow_all(first_, last, &Work::wanted, true);
    if (full()) return;
  }
  share_out_rest();
  grow_within_shares(0, reached_, &Work::max, false);
  grow_all(0, reached_, &Work::max, false);
}

/// With no core left nobody is given anything, so none changes what another is told; but the first of those
/// that are due holds up all others.
void Placing::tell(Work& work) {
  const bool in_first = rank_ == 0 && !turns_.first().empty();
  if (full() && in_first && !std::exchange(first_told_, true)) {
    for (; next_ < turns_.first().size(); ++next_) place_within_share(turns_.at(next_));
    place_passed_over(next_);
  }
  place_late(work);
}

/// Whoever has a share left needs more cores than there are. Not told where users have quotas: those are
/// looked at before.
bool Placing::hopeless() const {
  const auto* rows = turns_.rows(rank_);
  if (!rows || rows->size() == 1 || rules_.user_cores || rules_.user_memory) return false;
  return std::all_of(rows->begin(), rows->end(), [&](const auto& row) {
    const auto u = static_cast<std::size_t>(row.first);
    return (served_[u] && shares_[u] < least_[u]) || least_[u] > pool_.cores_free();
  });
}

/// What its share did not get it; whom run() passed over as hopeless is told how few cores there were then.
void Placing::place_late(Work& work) {
  const bool was_met = work.round == round_;
  meet(work);
  if (work.cores > 0 || work.lacks != Work::Short::nothing) return;
  place(work);
  const bool of_rank = rank_ < turns_.ranks().size() && !work.first && !turns_.at(first_).first &&
                       work.job.priority == turns_.at(first_).job.priority;
  const auto u = user(work);
  if (!was_met && of_rank && free_then_ > 0 && work.lacks == Work::Short::cores &&
      (shares_then_[u] >= work.min || !served_[u]))
    work.cores_missing = work.min - free_then_;
}

/// In this round it has been given nothing yet.
void Placing::meet(Work& work) {
  if (work.round == round_) return;
  work.round = round_;
  work.lacks = Work::Short::nothing;
  work.cores_missing = 0;
}

/// Those of the rank to whom no share was left, until no core is.
void Placing::place_passed_over(std::size_t last) {
  for (std::size_t i = first_; i < last && (!full() || first_told_); ++i) {
    Work& work = turns_.at(i);
    place_late(work);
    reached_ = std::max(reached_, i + 1);
  }
}

bool Placing::place(Work& work) {
  if (waiting_first_ && !work.first && work.own_cores == 0 && work.held == Bytes{}) {
    work.lacks = Work::Short::turn;
    work.waits_for = &waiting_first_->job.name;
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
    waiting_first_ = &work;
  }
  return work.lacks == Work::Short::nothing;
}

/// How many of `more` cores its user may have with their bytes.
int Placing::room(const Work& work, int more) const {
  if (rules_.user_cores) more = std::min(more, std::max(0, *rules_.user_cores - cores_[user(work)]));
  if (!rules_.user_memory || work.need_per_core == Bytes{}) return more;
  const int before = work.cores;
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
  const int before = work.cores;
  const Bytes bytes = work.need_for(before);
  pool_.grow(work, before + room(work, more), elsewhere);
  cores_[user(work)] += work.cores - before;
  memory_[user(work)] += work.need_for(work.cores) - bytes;
  return work.cores - before;
}

/// How many of `free` each user may have that has taken some of them, and wants so many in all.
std::vector<int> Placing::shares_of(const std::vector<std::int64_t>& more, const std::vector<int>& taken,
                                    int free) const {
  std::vector<Claim> claims;
  for (const int number : turns_.by_rank()) {
    const auto u = static_cast<std::size_t>(number);
    std::int64_t most = std::min<std::int64_t>(more[u], std::numeric_limits<int>::max());
    if (rules_.user_cores)
      most = std::clamp<std::int64_t>(*rules_.user_cores - cores_[u] + taken[u], 0, most);
    claims.push_back({0, static_cast<int>(most), turns_.user(number).weight});
  }
  const auto shares = fair_shares(claims, free);
  std::vector<int> by_number(turns_.users());
  for (std::size_t r = 0; r < shares.size(); ++r) {
    const auto u = static_cast<std::size_t>(turns_.by_rank()[r]);
    by_number[u] = shares[r] - taken[u];
  }
  return by_number;
}

/// What each user may take of what is left, if the jobs of the rank, of which nobody has anything yet, go up
/// to what they want.
void Placing::share_out_rank() {
  served_.assign(turns_.users(), false);
  least_.assign(turns_.users(), 0);
  open_ = std::numeric_limits<int>::max();
  std::vector<std::int64_t> more(turns_.users());
  const std::vector<int> taken(turns_.users());
  if (const auto* rows = turns_.rows(rank_)) {
    for (const auto& [number, row] : *rows) {
      more[static_cast<std::size_t>(number)] = row.wanted;
      least_[static_cast<std::size_t>(number)] = row.least.begin()->first;
    }
    open_ = static_cast<int>(rows->size());
  } else {
    for (const Work* work : turns_.first()) more[user(*work)] += work->wanted;
  }
  // nobody to share with: minimums come before what any job wants on top
  const bool alone = turns_.by_rank().size() == 1;
  shares_ = alone ? std::vector<int>(turns_.users(), pool_.cores_free())
                  : shares_of(more, taken, pool_.cores_free());
}

/// The same of all that have something, up to the most that they may use; less what they have.
void Placing::share_out_rest() {
  if (turns_.by_rank().size() == 1) {
    shares_.assign(turns_.users(), pool_.cores_free());
    return;
  }
  std::vector<std::int64_t> more(turns_.users());
  std::vector<int> taken(turns_.users());
  int all_taken = 0;
  for (std::size_t i = 0; i < reached_; ++i) {
    const Work& work = turns_.at(i);
    if (work.cores == 0) continue;
    more[user(work)] += work.max;
    taken[user(work)] += work.cores;
    all_taken += work.cores;
  }
  shares_ = shares_of(more, taken, pool_.cores_free() + all_taken);
}

/// The first job of each user may take more than its share: what is wide would never start else. Once none of
/// its other jobs could have what is left of a share, its user is not asked any more.
void Placing::place_within_share(Work& work) {
  meet(work);
  const auto u = user(work);
  int& share = shares_[u];
  const bool sharing = turns_.by_rank().size() > 1;
  if ((sharing && share < work.min && served_[u]) || !place(work)) return;
  const bool was_open = !served_[u] || share >= least_[u];
  share -= work.min;
  // such jobs are best one after the other, the first to end first
  const int lossless = rules_.shortest_first ? std::min(lossless_cores(work.job), work.max) : 0;
  if (const int more = std::min(share, lossless - work.cores); more > 0) share -= grow(work, more, false);
  served_[u] = true;
  if (sharing && was_open && share < least_[u]) --open_;
}

void Placing::grow_within_shares(std::size_t first, std::size_t last, Goal goal, bool elsewhere) {
  for (std::size_t i = first; i < last && !full(); ++i) {
    Work& work = turns_.at(i);
    int& share = shares_[user(work)];
    if (const int more = std::min(share, missing(work, goal)); more > 0) share -= grow(work, more, elsewhere);
  }
}

/// In their order: what nobody could take of his share.
void Placing::grow_all(std::size_t first, std::size_t last, Goal goal, bool elsewhere) {
  for (std::size_t i = first; i < last && !full(); ++i)
    if (const int more = missing(turns_.at(i), goal); more > 0) grow(turns_.at(i), more, elsewhere);
}

void stay_where_possible(std::span<Work* const> works, const std::set<Work*>& holding,
                         const std::vector<DeviceView>& devices) {
  bool elsewhere = false;
  for (const Work* work : works)
    if (work->cores != work->own_cores) return;
  for (const Work* work : works) {
    if (work->cores == 0) continue;
    elsewhere = elsewhere || work->take != work->own;
    for (const auto& share : work->own)
      if (!work->may_use(share.device)) return;
  }
  if (!elsewhere || !has_room(works, holding, devices)) return;
  for (Work* work : works)
    if (work->take != work->own) work->put(work->own);
}

}  // namespace troupe::planning
