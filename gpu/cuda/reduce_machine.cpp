#include "gpu/cuda/reduce_machine.hpp"

#include <algorithm>

namespace troupe::cuda {
namespace {

std::string listed(const std::vector<int>& ranks) {
  std::string text;
  for (const int r : ranks) text += (text.empty() ? "" : ", ") + std::to_string(r);
  return text;
}

}  // namespace

using State = ReduceMachine::State;

const char* to_string(State state) noexcept {
  switch (state) {
    case State::none:
      return "none";
    case State::forming:
      return "forming";
    case State::ready:
      return "ready";
    case State::working:
      return "working";
    case State::shrinking:
      return "shrinking";
    case State::stopped:
      return "stopped";
  }
  return "?";
}

std::vector<reduce::Action> ReduceMachine::step(const reduce::Event& event, double now) {
  now_ = now;
  out_.clear();
  std::visit([&](const auto& e) { on(e); }, event);
  return std::move(out_);
}

std::optional<double> ReduceMachine::deadline() const noexcept {
  std::optional<double> first;
  const auto take = [&](double t) { first = std::min(first.value_or(t), t); };
  if (state_ == State::forming || state_ == State::shrinking) take(until_);
  for (const auto& [sum, t] : sums_) take(t);
  for (const auto& [comm, t] : retiring_) take(t);
  return first;
}

Error ReduceMachine::error(ErrorCode code, std::string what) const {
  return {code, std::move(what),
          "rank " + std::to_string(group_.rank) + " of " + std::to_string(group_.ranks) + ", group " +
              std::to_string(group_.epoch)};
}

void ReduceMachine::fail_sums(const Error& error) {
  for (const auto& [sum, t] : sums_) out_.push_back(reduce::Report{sum, error});
  sums_.clear();
}

void ReduceMachine::retire(int& comm) {
  if (comm == 0) return;
  out_.push_back(reduce::Abort{comm});
  retiring_[comm] = now_ + limits_.abort;
  comm = 0;
}

/// The group as it is can't go on.
void ReduceMachine::give_up(Error error) {
  fail_sums(error);
  retire(comm_);
  retire(parent_);
  state_ = State::none;
  // who knows the next group already needs not ask for it
  if (!pending_) out_.push_back(reduce::AskRebuild{group_.epoch, std::move(error)});
  form_pending();
}

void ReduceMachine::form_pending() {
  if (!pending_ || state_ != State::none || !retiring_.empty()) return;
  group_ = *pending_;
  pending_.reset();
  comm_ = ++last_comm_;
  state_ = State::forming;
  until_ = now_ + limits_.init;
  out_.push_back(reduce::Init{comm_, group_});
}

void ReduceMachine::on(const reduce::Rebuild& e) {
  const std::int64_t newest = std::max({group_.epoch, shrunk_epoch_, pending_ ? pending_->epoch : 0});
  if (state_ == State::stopped || e.group.epoch <= newest) return;
  pending_ = e.group;
  if (state_ == State::working) return;  // at the step's edge
  retire(comm_);
  retire(parent_);
  state_ = State::none;
  form_pending();
}

void ReduceMachine::on(const reduce::Lost& e) {
  auto gone = e.ranks;
  std::sort(gone.begin(), gone.end());
  gone.erase(std::unique(gone.begin(), gone.end()), gone.end());
  std::erase_if(gone, [&](int r) { return r < 0 || r >= group_.ranks; });
  if (state_ == State::stopped || state_ == State::none || e.epoch != group_.epoch || gone.empty()) return;
  const Error lost = error(ErrorCode::peer_failed, "ranks that are gone: " + listed(gone));
  const bool self = std::find(gone.begin(), gone.end(), group_.rank) != gone.end();
  const bool usable = state_ == State::ready || state_ == State::working;
  if (self || !usable || pending_ || !limits_.can_shrink || e.next_epoch <= e.epoch) return give_up(lost);
  fail_sums(lost);
  parent_ = comm_;
  comm_ = ++last_comm_;
  without_ = gone;
  shrunk_epoch_ = e.next_epoch;
  state_ = State::shrinking;
  until_ = now_ + limits_.shrink;
  out_.push_back(reduce::Shrink{parent_, comm_, gone});
}

void ReduceMachine::on(const reduce::Start& e) {
  const bool usable = state_ == State::ready || state_ == State::working;
  if (!usable || pending_ || sums_.count(e.sum) > 0) {
    // a number that is under way already is reported when that one is: a second report would be taken for its
    if (sums_.count(e.sum) == 0)
      out_.push_back(reduce::Report{
          e.sum, error(ErrorCode::peer_failed, std::string("no group to sum in: ") + to_string(state_))});
    return;
  }
  sums_[e.sum] = now_ + limits_.sum;
  state_ = State::working;
  out_.push_back(reduce::Launch{comm_, e.sum});
}

void ReduceMachine::on(const reduce::Finished& e) {
  if (sums_.erase(e.sum) == 0) return;
  out_.push_back(reduce::Report{e.sum, std::nullopt});
  if (!sums_.empty()) return;
  state_ = State::ready;
  if (!pending_) return;
  retire(comm_);
  state_ = State::none;
  form_pending();
}

void ReduceMachine::on(const reduce::IsReady& e) {
  if (e.comm != comm_ || comm_ == 0) return;
  if (state_ == State::shrinking) {
    const int before = static_cast<int>(
        std::count_if(without_.begin(), without_.end(), [&](int r) { return r < group_.rank; }));
    group_.rank -= before;
    group_.ranks -= static_cast<int>(without_.size());
    group_.epoch = shrunk_epoch_;
    retire(parent_);
  } else if (state_ != State::forming) {
    return;
  }
  state_ = State::ready;
  out_.push_back(reduce::Formed{group_.epoch, group_.ranks, group_.rank});
}

void ReduceMachine::on(const reduce::Failed& e) {
  if (e.comm != 0 && (e.comm == comm_ || e.comm == parent_)) return give_up(e.error);
  // an abort that was refused: nothing more can be done for it
  if (retiring_.erase(e.comm) == 0) return;
  out_.push_back(reduce::Abandon{e.comm});
  form_pending();
}

void ReduceMachine::on(const reduce::Aborted& e) {
  if (retiring_.erase(e.comm) > 0) form_pending();
}

void ReduceMachine::on(const reduce::Tick&) {
  for (auto it = retiring_.begin(); it != retiring_.end();) {
    if (it->second > now_) {
      ++it;
      continue;
    }
    out_.push_back(reduce::Abandon{it->first});
    it = retiring_.erase(it);
  }
  const bool late =
      std::any_of(sums_.begin(), sums_.end(), [&](const auto& sum) { return sum.second <= now_; });
  if (state_ == State::forming && until_ <= now_) {
    give_up(error(ErrorCode::peer_missing, "a rank did not come to form the group"));
  } else if (state_ == State::shrinking && until_ <= now_) {
    give_up(error(ErrorCode::peer_missing, "a rank did not come to go on without those that are gone"));
  } else if (late) {
    give_up(error(ErrorCode::peer_missing, "a rank did not come to a sum"));
  } else {
    form_pending();
  }
}

void ReduceMachine::on(const reduce::Stop&) {
  if (state_ == State::stopped) return;
  pending_.reset();
  fail_sums(error(ErrorCode::interrupted, "the job's sums were stopped"));
  retire(comm_);
  retire(parent_);
  state_ = State::stopped;
}

}  // namespace troupe::cuda
