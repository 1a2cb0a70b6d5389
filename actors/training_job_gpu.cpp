// A training job's share of a GPU, of this process or of a node that joined. docs/design.md, "GPU slices".
#include "actors/gpu_choice.hpp"
#include "actors/training_job.hpp"

namespace troupe {

/// Others are not told of what this job gives back before the device has let go of it.
void TrainingJob::take_share(const Assignment& a, int before) {
  if (ranks_on(home()) > 0 || (grants_.empty() && !gpu_here_.empty())) return take_share_here(a, before);
  for (const auto& [node, fellow] : fellows_) {
    if (!fellow.actor || !fellow.open || !fellow.share || fellow.share->node.empty()) continue;
    const Grant wanted = grants_.empty() ? Grant{fellow.share->node, {}, {}} : share_of(node);
    if (*fellow.share == wanted) continue;
    return share_there(node, wanted, [this, a, before] { in_place(a, before); });
  }
  in_place(a, before);  // a node where it has none yet is asked before the lease
}

void TrainingJob::take_share_here(const Assignment& a, int before) {
  const std::string gpu = grants_.empty() ? gpu_here_ : grants_.front().node;
  const auto make = args_.gpus.find(gpu);
  if (make == args_.gpus.end())
    return fail({.code = ErrorCode::not_found,
                 .what = "no such GPU",
                 .where = "job " + args_.config.name,
                 .given = gpu});
  with_slice(0, [this, gpu, make = make->second, a, before](const slice_actor& slice) {
    TakeShare order{gpu, make, {}, budget(), program_};
    if (!grants_.empty()) order.pieces = grants_.front().cores;
    ask<ShareTaken>(slice, std::move(order), [this, gpu, a, before](ShareTaken& taken) {
      if (taken.outcome.error) return fail(*taken.outcome.error);
      if (std::exchange(gpu_here_, gpu) != gpu) shards_phase_ = -1;
      sms_ = taken.sms;
      if (taken.prepare) prepare_ = std::move(taken.prepare);
      if (grants_.empty()) account_->set_budget(account_->held());  // without what it kept for reuse
      in_place(a, before);
    });
  });
}

/// What the job has of a GPU of that node, as it is assigned; none, without a node.
Grant TrainingJob::share_of(const std::string& node) const {
  for (const auto& grant : grants_)
    if (process_of(grant.node) == node) return grant;
  return {};
}

void TrainingJob::share_there(const std::string& node, const Grant& share,
                              const std::function<void()>& then) {
  fellows_[node].share.reset();  // nobody knows until it answers
  ask_or<ShareTaken>(
      fellows_[node].actor, HoldShare{gpu_of(share.node), share.cores, share.memory},
      [this, node, share, then](ShareTaken& taken) {
        share_told(node, share, taken);
        then();
      },
      [this, node, then](const caf::error&) {
        node_silent(node);
        then();
        --asking_;
        next();
      });
}

void TrainingJob::share_told(const std::string& node, const Grant& share, const ShareTaken& taken) {
  const auto known = fellows_.find(node);
  if (known == fellows_.end()) return;  // lost meanwhile
  const auto& error = taken.outcome.error;
  if (error && error->code == ErrorCode::peer_missing) return node_silent(node);
  if (error && !share.node.empty()) {
    known->second.open = false;  // it is asked anew what it holds
    return of_others(error->code) ? node_trouble(*error) : fail(*error);
  }
  known->second.share = share;
  if (error) return;  // a copy that is no good any more had nothing to leave
  known->second.held = taken.held;
  if (!share.cores.empty()) sms_ = taken.sms;
}

/// True when the copy that computes has its share, and no other copy holds one; else sees to it.
bool TrainingJob::shares_stand() {
  if (!on_gpu()) return true;
  bool all = true;
  for (const auto& [node, fellow] : fellows_) {
    const Grant wanted = share_of(node);
    if (!fellow.actor || fellow.share == wanted) continue;
    all = false;
    share_there(node, wanted, [] {});
  }
  return all;
}

}  // namespace troupe
