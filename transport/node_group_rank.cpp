#include "transport/node_group_rank.hpp"

#include <fmt/format.h>

#include <cstring>
#include <type_traits>
#include <utility>

namespace troupe::group {
namespace {

constexpr const char* kWhere = "collective over processes";

template <class T>
LocalSum local_sum(const Contribution<T>& mine, T* out, std::size_t n, T scale, bool all) {
  LocalSum sum;
  sum.shape = {.n = n, .members = mine.members, .first = mine.first, .all = all};
  sum.shape.count = static_cast<std::int32_t>(mine.buffers.size());
  std::memcpy(&sum.shape.scale, &scale, sizeof scale);
  sum.buffers.assign(mine.buffers.begin(), mine.buffers.end());
  sum.out = out;
  return sum;
}

}  // namespace

NodeRank::~NodeRank() {
  hub_.leave(index_);
  process_->readers.outlast();
}

void NodeRank::abort(const std::string& reason) noexcept {
  hub_.fail({ErrorCode::peer_failed, fmt::format("rank {} of {} failed: {}", rank(), ranks(), reason), kWhere,
             "", "", "The first error of the job's log names the cause"});
}

/// A caller that hears of an error may free its buffers at once: so it hears of it when nobody reads them any
/// more. What is on its way to other processes lies in buffers of the group's own.
Result<void> NodeRank::settled(Result<void> result) {
  if (!result) process_->readers.outlast();
  return result;
}

Result<void> NodeRank::shared(Result<void> result) {
  if (result) return result;
  hub_.fail(result.error());
  return fail(hub_.error());
}

Slot& NodeRank::begin_call(Kind kind) {
  ++calls_;
  auto& slot = slots()[static_cast<std::size_t>(index_)];
  slot.kind = kind;
  slot.sums.clear();
  return slot;
}

/// The same on every rank of this process.
std::string NodeRank::mismatch() {
  const auto& zero = slots()[0];
  const int first = hub_.first_rank_here();
  for (int i = 1; i < hub_.ranks_here(); ++i) {
    const auto& slot = slots()[static_cast<std::size_t>(i)];
    if (slot.kind != zero.kind)
      return fmt::format("rank {} calls {}, rank {} calls {}", first, to_string(zero.kind), first + i,
                         to_string(slot.kind));
    if (slot.sums.size() != zero.sums.size())
      return fmt::format("rank {} makes {} sums, rank {} makes {}", first, zero.sums.size(), first + i,
                         slot.sums.size());
    for (std::size_t s = 0; s < zero.sums.size(); ++s)
      if (auto why = difference(first, zero.sums[s].shape, first + i, slot.sums[s].shape); !why.empty())
        return why;
  }
  for (std::size_t s = 0; s < zero.sums.size(); ++s) {
    std::optional<std::int64_t> next;
    for (int i = 0; i < hub_.ranks_here(); ++i) {
      const auto& shape = slots()[static_cast<std::size_t>(i)].sums[s].shape;
      if (shape.count == 0) continue;
      if (next && shape.first != *next)
        return fmt::format("rank {} starts at member {}, but the ranks before it end at {}", first + i,
                           shape.first, *next);
      next = std::int64_t{shape.first} + shape.count;
    }
  }
  return {};
}

/// The barrier after this rank has published its slot: what follows may read all slots of this call.
Result<void> NodeRank::meet() {
  hub_.come(index_, calls_);
  if (auto come = hub_.barrier().arrive(index_); !come) return shared(come);
  if (const auto why = mismatch(); !why.empty()) return shared(fail(hub_.disagreement(why)));
  return {};
}

/// A message without elements to everyone, and one from everyone.
Result<void> NodeRank::exchange_words(Kind kind) {
  if (auto drained = hub_.drain(); !drained) return drained;
  const auto& slot = slots()[0];
  for (int p = 0; p < hub_.processes(); ++p)
    if (p != hub_.self()) hub_.post(p, head(slot));
  for (int p = 0; p < hub_.processes(); ++p) {
    if (p == hub_.self()) continue;
    if (auto word = hub_.take(p, call_of(kind)); !word) return fail(word.error());
  }
  return {};
}

Result<void> NodeRank::barrier() {
  TimedCall timed(nanoseconds_);
  begin_call(Kind::barrier);
  return settled([this]() -> Result<void> {
    if (auto met = meet(); !met) return met;
    if (leads())
      if (auto exchanged = shared(exchange_words(Kind::barrier)); !exchanged) return exchanged;
    return hub_.ranks_here() > 1 ? hub_.barrier().arrive(index_) : Result<void>();
  }());
}

Result<void> NodeRank::barrier_here() {
  TimedCall timed(nanoseconds_);
  begin_call(Kind::barrier_here);
  return settled(meet());
}

/// Rank 0's process sends it when its ranks have met; the others' leaders wait for it before they come.
Result<std::int64_t> NodeRank::hear_value(std::int64_t value) {
  auto& slot = begin_call(Kind::broadcast);
  slot.value = value;
  hub_.come(index_, calls_);
  if (leads() && hub_.self() != 0) {
    auto word = hub_.take(0, call_of(Kind::broadcast));
    if (!word) return fail(word.error());
    slot.value = word->parsed.head.value;
  }
  if (auto met = meet(); !met) return fail(met.error());
  const auto heard = slots()[0].value;
  if (leads() && hub_.self() == 0) {
    if (auto drained = hub_.drain(); !drained) return fail(drained.error());
    auto word = head(slot);
    word.value = heard;
    for (int p = 1; p < hub_.processes(); ++p) hub_.post(p, word);
  }
  return heard;
}

Result<std::int64_t> NodeRank::broadcast(std::int64_t value) {
  TimedCall timed(nanoseconds_);
  auto heard = hear_value(value);
  if (heard) return heard;
  auto failed = settled(shared(fail(heard.error())));
  return fail(failed.error());
}

template <class T>
std::vector<Job<T>> NodeRank::jobs() {
  std::vector<Job<T>> jobs;
  const auto& lead = slots()[0].sums;
  for (std::size_t s = 0; s < lead.size(); ++s) {
    Job<T> job;
    job.members = lead[s].shape.members, job.n = lead[s].shape.n;
    job.out = static_cast<T*>(lead[s].out);
    std::memcpy(&job.scale, &lead[s].shape.scale, sizeof job.scale);
    job.ready = lead[s].ready;
    for (const auto& slot : slots()) {
      if (job.buffers.empty()) job.first = slot.sums[s].shape.first;
      for (const void* buffer : slot.sums[s].buffers) job.buffers.push_back(static_cast<const T*>(buffer));
    }
    jobs.push_back(std::move(job));
  }
  return jobs;
}

/// Of all sums of floats that the call makes.
std::int64_t NodeRank::bytes_of_call() noexcept {
  std::size_t n = 0;
  for (const auto& sum : slots()[0].sums) n += sum.shape.n;
  return static_cast<std::int64_t>(n * sizeof(float));
}

template <class Sums>
Result<void> NodeRank::run(Sums sums) {
  auto done = sums.run();
  bytes_.fetch_add(sums.bytes(), std::memory_order_relaxed);
  return shared(std::move(done));
}

/// `parallel` and `then` run on other threads, whose errors come back as exceptions.
template <class T>
Result<void> NodeRank::lead(bool all, const ParallelFor& parallel, const Then& then) {
  if (auto drained = hub_.drain(); !drained) return drained;
  const Kind kind = slots()[0].kind;
  try {
    if constexpr (std::is_same_v<T, float>)
      if (auto& fast = process_->fast; fast && bytes_of_call() >= hub_.options().fast_from.count)
        return run(FastSums(hub_, *fast, kind, calls_, all, jobs<float>(), parallel, then));
    return run(Exchange<T>(hub_, kind, calls_, all, jobs<T>(), parallel, then));
  } catch (...) {
    abort(from_current_exception(kWhere).text());
    return fail(hub_.error());
  }
}

bool NodeRank::same_out() noexcept {
  for (const auto& slot : slots())
    if (slot.sums[0].out != slots()[0].sums[0].out) return false;
  return true;
}

/// The rank that leads sums; where all are to have it, the others wait, and copy what they want elsewhere.
template <class T>
Result<void> NodeRank::meet_and_sum(bool all, const ParallelFor& parallel, const Then& then) {
  Readers::Reading reading(process_->readers);
  if (auto met = meet(); !met) return met;
  if (leads())
    if (auto led = lead<T>(all, parallel, then); !led) return led;
  if (!all || hub_.ranks_here() == 1) return {};
  auto& barrier = hub_.barrier();
  if (auto summed = barrier.arrive(index_); !summed || same_out()) return summed;
  const auto &mine = slots()[static_cast<std::size_t>(index_)].sums[0], &lead = slots()[0].sums[0];
  if (mine.out != lead.out && mine.shape.n > 0) {
    std::memcpy(mine.out, lead.out, mine.shape.n * sizeof(T));
    bytes_.fetch_add(static_cast<std::int64_t>(2 * mine.shape.n * sizeof(T)), std::memory_order_relaxed);
  }
  return barrier.arrive(index_);  // nobody's `out` changes while others copy from it
}

template <class T>
Result<void> NodeRank::sum_any(Kind kind, const Contribution<T>& mine, T* out, std::size_t n, T scale,
                               bool all, const ParallelFor& parallel) {
  TimedCall timed(nanoseconds_);
  begin_call(kind).sums = {local_sum(mine, out, n, scale, all)};
  return settled(meet_and_sum<T>(all, parallel, {}));
}

Result<void> NodeRank::sum(const Contribution<float>& mine, float* out, std::size_t n, float scale, bool all,
                           const ParallelFor& parallel) {
  return sum_any(Kind::sum_float, mine, out, n, scale, all, parallel);
}
Result<void> NodeRank::sum(const Contribution<double>& mine, double* out, std::size_t n, double scale,
                           bool all, const ParallelFor& parallel) {
  return sum_any(Kind::sum_double, mine, out, n, scale, all, parallel);
}
Result<void> NodeRank::sum(const Contribution<std::int64_t>& mine, std::int64_t* out, std::size_t n,
                           std::int64_t scale, bool all, const ParallelFor& parallel) {
  return sum_any(Kind::sum_int64, mine, out, n, scale, all, parallel);
}

Result<void> NodeRank::sum_each(std::span<const FloatSum> sums, const ParallelFor& parallel,
                                const Then& then) {
  TimedCall timed(nanoseconds_);
  std::size_t done = 0;
  do {
    const auto lot = sums.subspan(done, std::min(kMostSums, sums.size() - done));
    auto& slot = begin_call(Kind::several);
    for (const auto& sum : lot) {
      slot.sums.push_back(local_sum(sum.mine, sum.out, sum.n, sum.scale, false));
      slot.sums.back().ready = sum.ready;
    }
    const auto followed = [&then, done](std::size_t i, std::size_t begin, std::size_t end) {
      then(done + i, begin, end);
    };
    if (auto summed = settled(meet_and_sum<float>(false, parallel, followed)); !summed) return summed;
    done += lot.size();
  } while (done < sums.size());
  return {};
}

}  // namespace troupe::group
