#include "transport/node_group_hub.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/hash.hpp"
#include "base/seconds.hpp"

namespace troupe::group {
namespace {

std::uint64_t digest_of(const NodeGroupOptions& options) {
  Hasher hasher;
  const auto add = [&](auto value) { hasher.add(&value, sizeof value); };
  for (const auto& process : options.processes) {
    add(process.name.size());
    hasher.add(process.name);
    add(process.ranks);
  }
  add(options.chunk.count);
  add(options.small.count);
  add(options.fast);
  add(options.fast_from.count);
  return hasher.value();
}

int ranks_of_self(const NodeGroupOptions& options) {
  for (const auto& process : options.processes)
    if (process.name == options.self) return process.ranks;
  return 1;
}

}  // namespace

Hub::Hub(const NodeGroupOptions& options, std::vector<std::optional<Channel>> channels)
    : options_(options),
      digest_(digest_of(options)),
      come_(static_cast<std::size_t>(ranks_of_self(options))),
      barrier_(ranks_of_self(options), options.timeout_seconds, [this](const auto&) { return late(); }),
      others_(options.processes.size()) {
  int next = 0;
  for (const auto& process : options_.processes) {
    if (process.name == options_.self) self_ = static_cast<int>(first_rank_.size());
    first_rank_.push_back(next);
    next += process.ranks;
  }
  first_rank_.push_back(next);
  for (int p = 0; p < processes(); ++p)
    if (auto& channel = channels[static_cast<std::size_t>(p)])
      other(p).link = std::make_unique<Link>(std::move(*channel));
  if (options_.fast)
    desk_ = std::make_shared<Desk>([this](const std::string& key, const std::string& value) {
      for (auto& one : others_)
        if (one.link) one.link->post(encode_note(key, value));
    });
  for (int p = 0; p < processes(); ++p) {
    if (!other(p).link) continue;
    other(p).link->start({[this, p](Message message) { came(p, std::move(message)); },
                          [this, p](const Error& error) { broke(p, error); },
                          [this](const Error& error) { fail(error); },
                          [this] {
                            const std::lock_guard lock(mutex_);
                            changed_.notify_all();
                          }});
  }
}

Hub::~Hub() {
  (void)drain();  // where it fails there is nobody to tell
  {
    const std::scoped_lock lock(fail_mutex_, mutex_);
    stopped_ = true;  // that the channels end is no failure
  }
  if (desk_) {
    desk_->close({ErrorCode::interrupted, "the group of ranks is gone", where(), "", "", ""});
    desk_->retire();
  }
  for (auto& one : others_)
    if (one.link) one.link->close();
  for (auto& one : others_)
    if (one.link) one.link->join();  // a thread of one link may look at another until then
}

std::string Hub::where() const { return fmt::format("collective over {} processes", processes()); }

std::string Hub::name(int process) const {
  return fmt::format("process {} (rank {} of {})", options_.processes[static_cast<std::size_t>(process)].name,
                     fmt::join(ranks_of(process), ", "), ranks());
}

Hub::Ranks Hub::ranks_of(int process) const {
  Ranks ranks;
  for (int r = first_rank(process); r < first_rank(process + 1); ++r) ranks.push_back(r);
  return ranks;
}

Error Hub::disagreement(const std::string& why) const {
  return {ErrorCode::internal,
          "the ranks of a collective disagree: " + why,
          where(),
          "",
          "",
          "This is a defect of troupe or of a plugin: every rank makes the same calls"};
}

Error Hub::nonsense(int process, const std::string& what) const {
  return {ErrorCode::peer_failed,
          fmt::format("{} sent what no call expects: {}", name(process), what),
          where(),
          "",
          "",
          "See its log; every process of a cluster runs the same version"};
}

template <class Ready>
Result<bool> Hub::wait(std::unique_lock<std::mutex>& lock, double seconds, const Ready& ready) {
  const auto limit = waitable(seconds);
  const bool settled = changed_.wait_for(lock, limit, [&] { return stopped_ || ready(); });
  if (stopped_) return troupe::fail(error());
  return settled;
}

void Hub::post(int process, const Head& head, const std::vector<SumShape>& sums, Payload payload) {
  Head complete = head;
  complete.count = static_cast<std::uint32_t>(sums.size());
  auto header = encode(complete, sums);
  sent_.fetch_add(static_cast<std::int64_t>(header.size() + payload.size()), std::memory_order_relaxed);
  other(process).link->post(std::move(header), std::move(payload));
}

Result<void> Hub::drain() {
  const auto idle = [this] {
    return std::all_of(others_.begin(), others_.end(),
                       [](const Other& one) { return !one.link || one.ended || one.link->idle(); });
  };
  std::unique_lock lock(mutex_);
  const auto drained = wait(lock, options_.timeout_seconds, idle);
  lock.unlock();
  if (!drained) return troupe::fail(drained.error());
  if (*drained) return {};
  Ranks stuck;
  for (int p = 0; p < processes(); ++p)
    if (other(p).link && !other(p).link->idle())
      for (const auto rank : ranks_of(p)) stuck.push_back(rank);
  fail(did_not_come(stuck));
  return troupe::fail(error());
}

Result<Arrival> Hub::take(int process, const Expected& expected) {
  auto& from = other(process);
  std::unique_lock lock(mutex_);
  while (from.inbox.empty() && !from.ended) {
    const auto come = wait(lock, options_.timeout_seconds, [&] { return from.ended || !from.inbox.empty(); });
    if (!come) return troupe::fail(come.error());
    if (*come) break;
    lock.unlock();
    const std::unique_lock asking(late_mutex_);
    auto who = missing(expected.call);
    if (who.empty()) who = ranks_of(process);  // it has come, and sends nothing
    lock.lock();
    if (!from.inbox.empty()) break;
    lock.unlock();
    fail(did_not_come(who));
    return troupe::fail(error());
  }
  if (stopped_) return troupe::fail(error());
  std::optional<Error> wrong;
  if (from.inbox.empty()) {
    wrong = from.ended;
  } else {
    wrong = check(process, from.inbox.front(), expected);
  }
  if (wrong) {
    lock.unlock();
    fail(*wrong);
    return troupe::fail(error());
  }
  auto arrival = std::move(from.inbox.front());
  from.inbox.pop_front();
  advance();
  return arrival;
}

std::optional<Error> Hub::check(int process, const Arrival& arrival, const Expected& expected) const {
  const Head& head = arrival.parsed.head;
  const int mine = first_rank_here(), theirs = first_rank(process);
  if (head.kind != expected.kind && head.what == What::call) {
    const bool first = mine < theirs;
    return disagreement(fmt::format("rank {} calls {}, rank {} calls {}", std::min(mine, theirs),
                                    to_string(first ? expected.kind : head.kind), std::max(mine, theirs),
                                    to_string(first ? head.kind : expected.kind)));
  }
  if (head.call != expected.call)
    return disagreement(fmt::format("rank {} is at call {} ({}), rank {} at call {} ({})", mine,
                                    expected.call, to_string(expected.kind), theirs, head.call,
                                    to_string(head.kind)));
  // Of a first message the sums' shapes say more than the digest does: who takes it compares both.
  const bool same_digest = head.digest == expected.digest || head.what == What::call;
  if (head.what != expected.what || head.chunk != expected.chunk || !same_digest)
    return nonsense(process,
                    fmt::format("message {} with chunk {} of call {} ({}), not message {} with chunk {}",
                                static_cast<int>(head.what), head.chunk, head.call,
                                same_digest ? "of this shape" : "of another shape",
                                static_cast<int>(expected.what), expected.chunk));
  return std::nullopt;
}

/// The others are told before anybody here wakes: who wakes may destroy the ends, and with them the channels.
void Hub::fail(Error error) noexcept {
  const std::lock_guard failing(fail_mutex_);
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
  }
  const auto first = barrier_.failed() ? barrier_.error() : std::move(error);
  for (auto& one : others_)
    if (one.link) one.link->cancel(first);
  barrier_.fail(first);
  if (desk_) desk_->close(first);
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

Error Hub::left(int rank) const {
  return {ErrorCode::peer_failed,
          fmt::format("rank {} of {} left before the others were done", rank, ranks()),
          where(),
          "",
          "",
          "The first error of the job's log names the cause"};
}

void Hub::leave(int index) noexcept {
  const int rank = first_rank_here() + index;
  barrier_.fail(left(rank));
  const auto header = encode({.what = What::left, .count = 1}, {}, {rank});
  for (auto& one : others_)
    if (one.link) one.link->post(header);
}

}  // namespace troupe::group
