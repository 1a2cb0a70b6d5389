// A training job whose head was started again: it goes on from the newest copy that nodes come back with, or
// from the newest checkpoint. docs/design.md, "A lost head".
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "actors/training_job.hpp"
#include "base/seconds.hpp"
#include "base/times.hpp"

namespace troupe {

namespace {

/// A head's first number is above the clock; should that have gone back, above what was given out too.
void raise(std::atomic<std::int64_t>& epochs, const std::vector<LeaseNote>& leases) {
  std::int64_t highest = 0;
  for (const auto& lease : leases) highest = std::max(highest, lease.epoch);
  for (auto now = epochs.load(); now < highest && !epochs.compare_exchange_weak(now, highest);) {
  }
}

std::string joined(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

void TrainingJob::look_for_copies() {
  ask<Records>(args_.recorder, AskRecords{args_.config.name}, [this](Records& records) {
    if (records.outcome.error) {
      auto warning = event(EventKind::warning);
      warning.text = "no node's copy can be gone on from: " + records.outcome.error->text();
      tell(std::move(warning));
    }
    raise(*args_.epochs, records.leases);
    const auto nodes = args_.plane ? awaited_nodes(records.leases) : std::vector<std::string>();
    returning_.emplace();
    returning_->rows = records.rows;
    returning_->leases = std::move(records.leases);
    returning_->damaged = records.outcome.error.has_value();
    if (nodes.empty()) return go_on_from_checkpoint();
    const double most = times_of(args_.failure_timeout_seconds).returns;
    reason_ = fmt::format("waits for the copies of {}, at most {:g} s", joined(nodes), most);
    push_status(true);
    for (const auto& node : nodes) await_copy(node, most - (args_.clock->now() - started_at_));
  });
}

void TrainingJob::await_copy(const std::string& node, double seconds) {
  constexpr double kAtOnce = 0.01;  // for one that is there already
  ++returning_->left;
  self_->request(args_.supervisor, microseconds(std::max(seconds, kAtOnce)), AwaitNode{node})
      .then([this, node](FoundNode& found) { find_copy(node, found); },
            [this](caf::error&) { one_returned(); });
}

void TrainingJob::find_copy(const std::string& node, const FoundNode& found) {
  if (!returning_ || !found.link || !found.copies.contains(args_.config.name)) return one_returned();
  fellows_[node].address = found.address;
  self_->request(found.link, caf::infinite, MakeProxy{args_.config.name, steps_sink{self_}})
      .then(
          [this, node](follower_actor& made) {
            const auto known = fellows_.find(node);
            if (ended_ || known == fellows_.end() || known->second.actor) {
              self_->send_exit(made, caf::exit_reason::remote_link_unreachable);
              return one_returned();
            }
            known->second.actor = made;
            returning_ ? ask_copy(node) : one_returned();
          },
          [this](caf::error&) { one_returned(); });
}

void TrainingJob::ask_copy(const std::string& node) {
  self_
      ->request(fellows_[node].actor, caf::infinite,
                OpenFollower{args_.config, std::numeric_limits<std::int64_t>::max(), args_.run_id,
                             args_.epochs->fetch_add(1) + 1})
      .then(
          [this, node](FollowerOpened& opened) {
            copy_told(node, opened);
            one_returned();
          },
          [this](caf::error&) { one_returned(); });
}

/// What cannot be is no copy: it is asked anew, and judged as any other, when the job has gone on.
void TrainingJob::copy_told(const std::string& node, const FollowerOpened& opened) {
  if (!returning_ || !fellows_.contains(node) || opened.outcome.error) return;
  if (opened.step > program_->steps() || opened.entered > program_->steps()) return;
  returning_->copies.push_back(
      {node, opened.step, opened.entered, opened.epoch, opened.first, opened.rows_from, opened.rows_to});
}

void TrainingJob::one_returned() {
  if (!returning_) return;
  --returning_->left;
  next();
}

/// When all that are waited for are there, or it is time to end.
void TrainingJob::weigh_copies() {
  if (returning_->choice || (returning_->left > 0 && stops_.empty())) return;
  std::erase_if(returning_->copies, [this](const HeldCopy& copy) { return !fellows_.contains(copy.node); });
  returning_->choice = choose_copy(returning_->copies, returning_->leases, step_, returning_->rows);
  returning_->fetched.clear();
  returning_->choice ? fetch_rows() : go_on_from_checkpoint();
}

void TrainingJob::fetch_rows() {
  const auto& rows = returning_->choice->rows;
  if (rows.empty()) return go_on_from_copy();
  const auto failed = [this](Error error) { rows_fetched({{}, {std::move(error)}}); };
  const auto fellow = fellows_.find(rows.front().node);
  if (fellow == fellows_.end() || !fellow->second.actor) return failed({.what = "the node is lost"});
  self_->request(fellow->second.actor, caf::infinite, AskRows{rows.front().from, rows.front().to})
      .then([this](TailRows& got) { rows_fetched(std::move(got)); },
            [failed](caf::error& e) { failed({.what = describe(e)}); });
}

/// A node that is lost meanwhile, or does not have what it told of, counts no more.
void TrainingJob::rows_fetched(TailRows got) {
  if (!returning_ || ended_ || error_) return;
  auto& rows = returning_->choice->rows;
  auto& wanted = rows.front();
  bool good = !got.outcome.error && !got.steps.empty();
  for (const auto& step : got.steps) good = good && step.step == wanted.from++ && step.step < wanted.to;
  if (!good) {
    std::erase_if(returning_->copies, [&](const HeldCopy& copy) { return copy.node == wanted.node; });
    returning_->choice.reset();
    return next();
  }
  std::move(got.steps.begin(), got.steps.end(), std::back_inserter(returning_->fetched));
  if (wanted.from == wanted.to) rows.erase(rows.begin());
  fetch_rows();
}

void TrainingJob::go_on_from_copy() {
  if (!fellows_.contains(returning_->choice->node)) {  // lost meanwhile
    returning_->choice.reset();
    return next();
  }
  auto back = *std::exchange(returning_, std::nullopt);
  const GoOn chosen = *back.choice;
  step_ = told_steps_ = chosen.step;
  found_.reset();  // kept on disk: gone back to where the copy is lost before another has its state
  has_state_ = true;
  reason_ = "waits for its first slice";
  for (const auto& copy : back.copies)
    if (copy.first >= 0) back.leases.push_back({copy.epoch, copy.first, {}});
  for (const auto& copy : back.copies) {
    const auto known = fellows_.find(copy.node);
    if (known == fellows_.end()) continue;
    Fellow& fellow = known->second;
    // copies of the same step that came to it apart from each other differ where sums are not exact
    const bool one = args_.config.reduction == SumOrder::exact || copy.node == chosen.node;
    fellow.open = committed(copy, back.leases);
    if (fellow.open && one) fellow.place = {copy.step, copy.entered};
  }
  account_->set_budget(kNoWall);  // until it has slices
  open_losses(false);
  if (!back.fetched.empty())
    self_->send(args_.recorder, LossRows{args_.config.name, std::move(back.fetched)});
  auto e = event(EventKind::resumed);
  e.node = chosen.node;
  e.text = "the copy on node " + chosen.node;
  tell(std::move(e));
  const Moment last = program_->moment(step_ - 1);
  const bool edge = step_ >= program_->steps() || program_->moment(step_).phase != last.phase;
  if (!edge || program_->moment(chosen.entered).phase != last.phase) return;
  entered_ = last;  // the head ended before the pictures of the phase were drawn
  phase_began_ = args_.clock->now();
  phase_over_ = true;
}

void TrainingJob::go_on_from_checkpoint() {
  const auto back = *std::exchange(returning_, std::nullopt);
  reason_ = "waits for its first slice";
  if (const auto nodes = args_.plane ? awaited_nodes(back.leases) : std::vector<std::string>();
      !nodes.empty()) {
    auto warning = event(EventKind::warning);
    warning.text = fmt::format("no copy on {} can be gone on from: goes on from {}", joined(nodes),
                               found_ ? "the newest checkpoint" : "the beginning");
    tell(std::move(warning));
  }
  open_losses(back.damaged);
}

void TrainingJob::open_losses(bool fresh) {
  ask<Outcome>(args_.recorder, OpenLosses{args_.config.name, step_, fresh}, [this](Outcome& o) {
    if (o.error) fail(*o.error);
  });
}

}  // namespace troupe
