// The hub's side towards the threads that read, and who is missing.
#include <fmt/format.h>

#include <algorithm>

#include "transport/node_group_hub.hpp"

namespace troupe::group {
namespace {

constexpr double kAnswerSeconds = 2;  // how long an answer of a process that lives may take

/// Looks without progress after which whoever leads here is held to hang.
constexpr int kIdleLooks = 2;

}  // namespace

void Hub::came(int process, Message message) {
  auto parsed = parse(message.header());
  if (!parsed) return fail(nonsense(process, fmt::format("a header of {} bytes", message.header().size())));
  const Head head = parsed->head;
  switch (head.what) {
    case What::ask: {
      const auto ranks = missing_here(head.call);
      const Head answer{.what = What::tell,
                        .call = head.call,
                        .value = head.value,
                        .count = static_cast<std::uint32_t>(ranks.size())};
      return other(process).link->post(encode(answer, {}, ranks));
    }
    case What::tell:
      return hear_answer(process, head, std::move(parsed->ranks));
    case What::left:
      return hear_leave(process, parsed->ranks);
    case What::note:
      if (!desk_ || !desk_->came(std::move(parsed->key), std::move(parsed->value)))
        fail(nonsense(process, "a note that nobody asked for"));
      return;
    case What::call:
    case What::partial:
    case What::result:
      break;
  }
  const std::lock_guard lock(mutex_);
  other(process).inbox.push_back({std::move(*parsed), std::move(message)});
  changed_.notify_all();
}

void Hub::hear_answer(int process, const Head& head, Ranks ranks) {
  for (const auto rank : ranks)
    if (rank < first_rank(process) || rank >= first_rank(process + 1))
      return fail(nonsense(process, fmt::format("an answer about rank {}", rank)));
  const std::lock_guard lock(mutex_);
  other(process).answered = static_cast<std::uint64_t>(head.value);
  other(process).missing = std::move(ranks);
  changed_.notify_all();
}

void Hub::hear_leave(int process, const Ranks& ranks) {
  if (ranks.size() != 1 || ranks[0] < first_rank(process) || ranks[0] >= first_rank(process + 1))
    return fail(nonsense(process, "a leave of no rank of its own"));
  const std::lock_guard lock(mutex_);
  if (!other(process).ended) other(process).ended = left(ranks[0]);
  changed_.notify_all();
}

/// The channel's own errors name a channel; what another process cancelled it with is the group's own error.
void Hub::broke(int process, const Error& error) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_ || other(process).ended) return;
  }
  const auto& peer = options_.processes[static_cast<std::size_t>(process)].name;
  Error ours{error.code, error.what, where(), "", "", ""};
  const bool gone =
      error.code == ErrorCode::peer_missing && error.what.rfind("peer " + peer + " is not there", 0) == 0;
  if (gone || error.code == ErrorCode::interrupted)
    ours = {gone ? ErrorCode::peer_missing : ErrorCode::peer_failed,
            fmt::format("{} is gone: {}", name(process), error.what),
            where(),
            "",
            "",
            "See its log"};
  fail(std::move(ours));
}

Hub::Ranks Hub::missing_here(std::uint64_t call) const {
  Ranks ranks;
  for (std::size_t i = 0; i < come_.size(); ++i)
    if (come_[i].load() < call) ranks.push_back(first_rank_here() + static_cast<int>(i));
  return ranks;
}

Hub::Ranks Hub::missing(std::uint64_t call) {
  const auto question = ++questions_;
  const auto header = encode({.what = What::ask, .call = call, .value = static_cast<std::int64_t>(question)});
  for (auto& one : others_)
    if (one.link) one.link->post(header);
  std::unique_lock lock(mutex_);
  const auto has_answered = [question](const Other& one) {
    return !one.link || one.ended || one.answered == question;
  };
  changed_.wait_for(lock, std::chrono::duration<double>(kAnswerSeconds),
                    [&] { return stopped_ || std::all_of(others_.begin(), others_.end(), has_answered); });
  Ranks all;
  for (int p = 0; p < processes(); ++p) {
    const auto& one = other(p);
    auto ranks = !one.link ? missing_here(call) : one.answered == question ? one.missing : ranks_of(p);
    all.insert(all.end(), ranks.begin(), ranks.end());
  }
  return all;
}

Error Hub::did_not_come(const Ranks& ranks) const {
  return {ErrorCode::peer_missing,
          fmt::format("rank {} of {} did not come in time", fmt::join(ranks, ", "), this->ranks()),
          where(),
          fmt::format("waited {:g} s", options_.timeout_seconds),
          "",
          "A slice hangs or died without a word; see the log, or raise cluster.failure_timeout"};
}

/// The barrier knows who of this process is missing; who of the others is, and whether the rank that leads
/// here is at work, it does not.
std::optional<Error> Hub::late() {
  const std::lock_guard asking(late_mutex_);
  std::uint64_t call = 0;
  for (const auto& come : come_) call = std::max(call, come.load());
  const auto who = missing(call);
  if (!who.empty()) {
    auto error = did_not_come(who);
    fail(error);
    return error;
  }
  const auto progress = progress_.load(std::memory_order_relaxed);
  idle_looks_ = progress == seen_progress_ ? idle_looks_ + 1 : 0;
  seen_progress_ = progress;
  if (idle_looks_ < kIdleLooks * std::max(1, ranks_here() - 1)) return std::nullopt;
  auto error = did_not_come({first_rank_here()});
  fail(error);
  return error;
}

}  // namespace troupe::group
