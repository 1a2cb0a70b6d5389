#include "gpu/cuda/context_table.hpp"

#include <algorithm>

namespace troupe::cuda {

ContextTable::ContextTable(std::shared_ptr<Driver> driver, std::shared_ptr<const CutDevice> cut,
                           std::size_t bound)
    : driver_(std::move(driver)), cut_(std::move(cut)), bound_(bound) {}

Result<std::unique_ptr<ContextTable>> ContextTable::open(std::shared_ptr<Driver> driver,
                                                         std::shared_ptr<const CutDevice> cut,
                                                         const PieceSet& first, std::size_t bound) {
  if (bound < 2)
    return fail({ErrorCode::bad_config, "a slice keeps at least two contexts", "gpu slice",
                 std::to_string(bound), "2 or more"});
  std::unique_ptr<ContextTable> table(new ContextTable(std::move(driver), std::move(cut), bound));
  auto edge = table->driver_->make_event();
  if (!edge) return fail(std::move(edge.error()));
  table->edge_ = Owned<Event>(table->driver_, *edge);
  auto entry = table->make(first, {});
  if (!entry) return fail(std::move(entry.error()));
  table->now_ = *entry;
  return table;
}

const InForce& ContextTable::now() const noexcept { return now_->facts(); }
std::optional<PieceSet> ContextTable::pending() const noexcept {
  return next_ ? std::optional(next_->facts().run) : std::nullopt;
}

ContextTable::Entry* ContextTable::find(const PieceSet& run) const noexcept {
  for (const auto& entry : entries_)
    if (entry->facts().run == run) return entry.get();
  return nullptr;
}

/// Drops the context that was used longest ago, where there are as many as may be.
Result<void> ContextTable::make_room(std::span<const Pieces> keep) {
  if (entries_.size() < bound_) return {};
  auto oldest = entries_.end();
  for (auto it = entries_.begin(); it != entries_.end(); ++it) {
    const bool kept = it->get() == now_ || it->get() == next_ ||
                      std::find(keep.begin(), keep.end(), (*it)->facts().run) != keep.end();
    if (!kept && (oldest == entries_.end() || (*it)->used < (*oldest)->used)) oldest = it;
  }
  if (oldest == entries_.end())
    return fail({ErrorCode::internal, "no context may make room for another", "gpu slice"});
  // what was given to it before the last switch may still run
  if (auto ok = driver_->synchronize((*oldest)->made.stream.get()); !ok) return ok;
  entries_.erase(oldest);
  return {};
}

ContextTable::Entry* ContextTable::keep(MadeContext made) {
  entries_.push_back(std::make_unique<Entry>(Entry{std::move(made), ++tick_}));
  ++made_;
  return entries_.back().get();
}

Result<ContextTable::Entry*> ContextTable::make(const PieceSet& run, std::span<const Pieces> others) {
  if (auto ok = make_room(others); !ok) return fail(std::move(ok.error()));
  auto made = make_context(driver_, *cut_, run);
  if (!made) return fail(std::move(made.error()));
  return keep(std::move(*made));
}

Result<void> ContextTable::adopt(MadeContext made) {
  if (find(made.facts.run) != nullptr) return {};
  if (auto ok = make_room({}); !ok) return ok;
  keep(std::move(made));
  return {};
}

std::vector<PieceSet> ContextTable::runs() const {
  std::vector<PieceSet> all;
  for (const auto& entry : entries_) all.push_back(entry->facts().run);
  return all;
}

Result<std::size_t> ContextTable::prepare(std::span<const Pieces> likely) {
  const std::size_t taken = 1 + (next_ ? 1 : 0);
  const auto wanted = likely.first(std::min(likely.size(), bound_ - std::min(bound_, taken)));
  for (const Pieces& run : wanted) {
    if (auto* entry = find(run)) {
      entry->used = ++tick_;
    } else if (auto made = make(run, wanted); !made) {
      return fail(std::move(made.error()));
    }
  }
  return wanted.size();
}

Result<void> ContextTable::ask(const PieceSet& run) {
  if (run == now_->facts().run) {
    next_ = nullptr;
    return {};
  }
  Entry* entry = find(run);
  const bool prepared = entry != nullptr;
  if (!prepared) {
    const auto before = pending();
    if (bound_ == 2) next_ = nullptr;  // it alone can make room
    auto made = make(run, {});
    if (!made) {
      next_ = before ? find(*before) : nullptr;
      return fail(std::move(made.error()));
    }
    entry = *made;
  }
  if (entry != next_) next_was_prepared_ = prepared;
  next_ = entry;
  return {};
}

Result<std::optional<ContextTable::Switch>> ContextTable::at_step_edge() {
  if (next_ == nullptr) return std::nullopt;
  if (auto ok = driver_->record(edge_.get(), now_->facts().stream); !ok) return fail(std::move(ok.error()));
  if (auto ok = driver_->wait(next_->facts().stream, edge_.get()); !ok) return fail(std::move(ok.error()));
  const Switch done{now_->facts(), next_->facts(), next_was_prepared_};
  now_->used = ++tick_;
  now_ = std::exchange(next_, nullptr);
  now_->used = ++tick_;
  ++switches_;
  return done;
}

}  // namespace troupe::cuda
