#include "transport/node_group_fast.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace troupe::group {
namespace {

constexpr const char* kWhere = "fast sum over processes";
/// No network is slower; a sum that takes longer than this, and the group's timeout, hangs.
constexpr double kLeastBytesPerSecond = 1e6;
/// Shares of the group's timeout. A process's death is seen by the library and by the data plane, which knows
/// its name: so long that one may be behind. And how often the ranks that wait here hear that it goes on.
constexpr double kGrace = 1.0 / 16, kLook = 1.0 / 4;

}  // namespace

FastSums::FastSums(Hub& hub, ProcessSum& sum, Kind kind, std::uint64_t call, bool all,
                   std::vector<Job<float>> jobs, const ParallelFor& parallel, const Collective::Then& then)
    : hub_(hub),
      sum_(sum),
      kind_(kind),
      call_(call),
      jobs_(std::move(jobs)),
      parallel_(parallel),
      then_(then),
      shapes_(shapes_of(jobs_, all)),
      starts_{0} {
  for (const auto& job : jobs_) starts_.push_back(starts_.back() + job.n);
}

Result<void> FastSums::run() {
  for (const auto& job : jobs_)
    if (job.ready) job.ready(0, job.n);
  tell();
  sum_here();
  if (auto heard = hear(); !heard) return heard;
  if (starts_.back() == 0) return {};
  hub_.advance();
  if (auto summed = sum_over_processes(); !summed) return summed;
  hub_.advance();
  hand_out();
  return {};
}

void FastSums::tell() {
  const Head head{.kind = kind_, .call = call_, .digest = hub_.digest()};
  for (int p = 0; p < hub_.processes(); ++p)
    if (p != hub_.self()) hub_.post(p, head, shapes_);
}

template <class F>
void FastSums::spread_sums(const F& f) const {
  spread(parallel_, starts_.back(), [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      const std::size_t from = std::max(begin, starts_[i]), until = std::min(end, starts_[i + 1]);
      if (from < until) f(i, from - starts_[i], until - starts_[i]);
    }
  });
}

void FastSums::sum_here() {
  if (starts_.back() == 0) return;
  const auto buffer = hub_.pool().take(starts_.back() * sizeof(float));
  data_ = {buffer, reinterpret_cast<float*>(buffer.get())};
  for (const auto& job : jobs_)
    bytes_ += static_cast<std::int64_t>((job.buffers.size() + 3) * job.n * sizeof(float));
  spread_sums([&](std::size_t i, std::size_t begin, std::size_t end) {
    tree_sum(std::span<const float* const>(jobs_[i].buffers), data_.get() + starts_[i], begin, end, 1.0f);
  });
}

/// What every other process sums; an error where that is not what is summed here.
Result<void> FastSums::hear() {
  std::vector<std::vector<SumShape>> said(static_cast<std::size_t>(hub_.processes()), shapes_);
  for (int p = 0; p < hub_.processes(); ++p) {
    if (p == hub_.self()) continue;
    auto word = hub_.take(p, {What::call, kind_, call_, hub_.digest(), 0});
    if (!word) return fail(word.error());
    auto& theirs = word->parsed.sums;
    if (const auto why = difference(hub_, shapes_, p, theirs); !why.empty())
      return fail(hub_.disagreement(why));
    if (word->parsed.head.digest != hub_.digest()) return fail(hub_.disagreement(other_group(hub_, p)));
    said[static_cast<std::size_t>(p)] = std::move(theirs);
  }
  for (std::size_t i = 0; i < jobs_.size(); ++i)
    if (const auto why = gap(hub_, said, i); !why.empty()) return fail(hub_.disagreement(why));
  return {};
}

Result<void> FastSums::sum_over_processes() {
  const auto desk = hub_.desk();
  sum_.start(data_, starts_.back(),
             [desk, call = call_](Result<void> result) { desk->end(call, std::move(result)); });
  auto ended = wait();
  if (ended) {
    const auto p = static_cast<std::int64_t>(hub_.processes());
    const auto size = static_cast<std::int64_t>(starts_.back() * sizeof(float));
    hub_.add_sent(2 * size * (p - 1) / p);  // what a ring sends
    return {};
  }
  if (desk->wait_closed(kGrace * hub_.options().timeout_seconds)) return fail(hub_.error());
  return ended;
}

Result<void> FastSums::wait() {
  const double timeout = hub_.options().timeout_seconds;
  const double limit = timeout + static_cast<double>(starts_.back() * sizeof(float)) / kLeastBytesPerSecond;
  for (double waited = 0; waited < limit; waited += kLook * timeout) {
    auto ended = hub_.desk()->wait(call_, kLook * timeout);
    if (!ended) return fail(ended.error());
    if (*ended) return **ended;
    hub_.advance();
  }
  return fail({ErrorCode::peer_missing, "the sum did not come to its end", kWhere,
               fmt::format("waited {:g} s", limit), "", "A network hangs; see the log"});
}

void FastSums::hand_out() {
  spread_sums([&](std::size_t i, std::size_t begin, std::size_t end) {
    const float* const from = data_.get() + starts_[i];
    float* const to = jobs_[i].out;
    const float scale = jobs_[i].scale;
    for (std::size_t at = begin; at < end; ++at) to[at] = from[at] * scale;
    if (then_) then_(i, begin, end);
  });
}

}  // namespace troupe::group
