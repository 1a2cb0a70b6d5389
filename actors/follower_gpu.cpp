// A node's copy of a job on a GPU: its share of it. docs/design.md, "GPU slices".
#include "actors/follower.hpp"

namespace troupe {

caf::result<ShareTaken> Follower::share(const HoldShare& m) {
  auto promise = self_->make_response_promise<ShareTaken>();
  const auto refuse = [&](ErrorCode code, std::string what) {
    promise.deliver(ShareTaken{
        .outcome = {
            Error{.code = code, .what = std::move(what), .where = "node " + args_.node, .given = m.gpu}}});
    return promise;
  };
  if (!program_ || lease_ || !on_gpu())
    return refuse(ErrorCode::peer_failed, "the node is not ready for a share of a GPU");
  TakeShare order{m.gpu, {}, m.pieces, m.budget, program_};
  for (const auto& gpu : args_.gpus)
    if (gpu.name == m.gpu) order.make = gpu.make;
  if (!m.gpu.empty() && !order.make) return refuse(ErrorCode::not_found, "the node offers no such GPU");
  headless_ = false;
  if (m.gpu != gpu_) shards_phase_ = -1;  // they are made anew where it goes
  gpu_.clear();                           // nobody knows until it answers
  if (!m.pieces.empty()) account_->set_budget(m.budget);
  self_->request(slices_.front(), caf::infinite, std::move(order))
      .then(
          [this, m, promise](ShareTaken& taken) mutable {
            share_taken(m, taken);
            promise.deliver(taken);
          },
          [this, promise](caf::error& e) mutable {
            promise.deliver(ShareTaken{.outcome = {lost("a slice", e)}});
          });
  return promise;
}

/// Whoever comes next may give the pieces to others: the copy waits in the host's memory.
void Follower::leave_gpu() {
  if (!headless_ || lease_ || !program_ || gpu_.empty()) return;
  gpu_.clear();
  shards_phase_ = -1;
  self_->request(slices_.front(), caf::infinite, TakeShare{"", {}, {}, {}, program_})
      .then([](ShareTaken&) {}, [](caf::error&) {});  // where it fails, the next share does
}

void Follower::share_taken(const HoldShare& m, ShareTaken& taken) {
  if (taken.outcome.error) return;
  gpu_ = m.gpu;
  if (m.pieces.empty()) account_->set_budget(account_->held());  // without what was kept for reuse
  taken.held = account_->held();
  leave_gpu();
}

}  // namespace troupe
