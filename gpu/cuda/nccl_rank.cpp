#include "gpu/cuda/nccl_rank.hpp"

#include <utility>

namespace troupe::cuda {

NcclRank::NcclRank(std::shared_ptr<Nccl> nccl, ReduceLimits limits, Detached detached, ReduceWatch watch)
    : nccl_(std::move(nccl)), machine_(limits), detached_(std::move(detached)), watch_(std::move(watch)) {}

NcclRank::~NcclRank() { stop(0); }

/// One event, and those that its actions give rise to.
void NcclRank::step(const reduce::Event& event, double now) {
  own_.push_back(event);
  if (busy_) return;  // from within a report, say: it comes to it
  busy_ = true;
  for (std::size_t i = 0; i < own_.size(); ++i) {
    const auto actions = machine_.step(reduce::Event(own_[i]), now);
    for (const auto& action : actions) std::visit([&](const auto& a) { act(a); }, action);
  }
  own_.clear();
  busy_ = false;
}

void NcclRank::rebuild(const Group& group, double now) { step(reduce::Rebuild{group}, now); }
void NcclRank::lost(const reduce::Lost& lost, double now) { step(lost, now); }
void NcclRank::stop(double now) { step(reduce::Stop{}, now); }

void NcclRank::start(ReduceSum sum, double now) {
  sums_.emplace(++last_sum_, std::move(sum));
  step(reduce::Start{last_sum_}, now);
}

void NcclRank::poll(double now) {
  std::vector<reduce::Event> news;
  {
    const std::lock_guard lock(mail_->mutex);
    news.swap(mail_->events);
  }
  for (const auto& event : news) step(event, now);
  std::vector<std::pair<int, Comm>> comms(comms_.begin(), comms_.end());
  for (const auto& [number, comm] : comms) {
    if (comms_.count(number) == 0) continue;  // went while others were asked
    auto ready = nccl_->ready(comm);
    if (!ready) {
      step(reduce::Failed{number, std::move(ready.error())}, now);
    } else if (*ready) {
      step(reduce::IsReady{number}, now);
    }
  }
  std::vector<std::int64_t> under_way;
  for (const auto& [number, sum] : sums_) under_way.push_back(number);
  for (const auto number : under_way) {
    const auto it = sums_.find(number);
    if (it == sums_.end()) continue;
    auto done = it->second.done();
    // the device's own error: the group's other ranks wait for this one, so it ends for all
    if (!done) {
      if (!comms_.empty()) step(reduce::Failed{comms_.rbegin()->first, std::move(done.error())}, now);
    } else if (*done) {
      step(reduce::Finished{number}, now);
    }
  }
  step(reduce::Tick{}, now);
}

void NcclRank::opened(int comm, Result<Comm> made) {
  if (made) {
    comms_[comm] = *made;
  } else {
    own_.push_back(reduce::Failed{comm, std::move(made.error())});
  }
}

void NcclRank::act(const reduce::Init& a) {
  opened(a.comm, nccl_->start_init(a.group.ranks, a.group.rank, a.group.id));
}

void NcclRank::act(const reduce::Shrink& a) {
  const auto parent = comms_.find(a.parent);
  if (parent == comms_.end()) {
    own_.push_back(reduce::Failed{a.comm, {ErrorCode::internal, "the group's parent is gone", "NCCL"}});
    return;
  }
  opened(a.comm, nccl_->start_shrink(parent->second, a.without));
}

void NcclRank::act(const reduce::Launch& a) {
  auto launched = sums_.at(a.sum).launch(*nccl_, comms_.at(a.comm));
  if (!launched) own_.push_back(reduce::Failed{a.comm, std::move(launched.error())});
}

void NcclRank::act(const reduce::Abort& a) {
  const auto it = comms_.find(a.comm);
  if (it == comms_.end()) {  // it never came to be
    own_.push_back(reduce::Aborted{a.comm});
    return;
  }
  const Comm comm = it->second;
  comms_.erase(it);  // not to be asked any more
  detached_([nccl = nccl_, mail = mail_, comm, number = a.comm] {
    auto done = nccl->abort(comm);
    const std::lock_guard lock(mail->mutex);
    if (done) {
      mail->events.push_back(reduce::Aborted{number});
    } else {
      mail->events.push_back(reduce::Failed{number, std::move(done.error())});
    }
  });
}

void NcclRank::act(const reduce::Abandon&) { ++abandoned_; }

void NcclRank::act(const reduce::Report& a) {
  auto node = sums_.extract(a.sum);
  if (node.empty() || !node.mapped().report) return;
  node.mapped().report(a.error ? Result<void>(fail(*a.error)) : Result<void>());
}

void NcclRank::act(const reduce::Formed& a) {
  if (watch_.formed) watch_.formed(a);
}
void NcclRank::act(const reduce::AskRebuild& a) {
  if (watch_.ask_rebuild) watch_.ask_rebuild(a);
}

}  // namespace troupe::cuda
