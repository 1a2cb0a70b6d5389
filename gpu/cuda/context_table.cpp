#include "gpu/cuda/context_table.hpp"

#include <algorithm>

namespace troupe::cuda {

Result<std::shared_ptr<const CutDevice>> cut_device(Driver& driver, int device) {
  auto whole = driver.sm_resource(device);
  if (!whole) return fail(std::move(whole.error()));
  auto grid = make_grid(whole->sms, whole->least, whole->alignment);
  if (!grid) return fail(std::move(grid.error()));
  auto split = driver.split(*whole, grid->pieces, grid->piece);
  if (!split) return fail(std::move(split.error()));
  if (split->parts.empty())
    return fail({ErrorCode::no_capacity, "the driver cut the GPU into no part", "gpu slice"});
  // The driver rounds as it likes: what it made is what counts.
  grid->piece = split->parts.front().sms;
  grid->pieces = static_cast<unsigned>(split->parts.size());
  grid->left_over = grid->sms - std::min(grid->sms, grid->piece * grid->pieces);
  return std::make_shared<const CutDevice>(
      CutDevice{device, *grid, std::move(*whole), std::move(split->parts)});
}

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

const InForce& ContextTable::now() const noexcept { return now_->facts; }
std::optional<PieceSet> ContextTable::pending() const noexcept {
  return next_ ? std::optional(next_->facts.run) : std::nullopt;
}

ContextTable::Entry* ContextTable::find(const PieceSet& run) const noexcept {
  for (const auto& entry : entries_)
    if (entry->facts.run == run) return entry.get();
  return nullptr;
}

Result<void> ContextTable::check(const PieceSet& set) const {
  const unsigned pieces = cut_->grid.pieces;
  const auto there = [pieces](const Pieces& run) {
    return run.count > 0 && run.count <= pieces && run.first <= pieces - run.count;
  };
  if (set.count() > 0 && std::all_of(set.runs().begin(), set.runs().end(), there)) return {};
  std::string given;
  for (const Pieces& run : set.runs())
    given += (given.empty() ? "" : ", ") + std::to_string(run.count) + " from " + std::to_string(run.first) +
             " on";
  return fail({ErrorCode::no_capacity, "the GPU has no such pieces", "gpu slice",
               given.empty() ? "none" : given, "within " + std::to_string(pieces) + " pieces"});
}

/// Drops the context that was used longest ago, where there are as many as may be.
Result<void> ContextTable::make_room(std::span<const Pieces> keep) {
  if (entries_.size() < bound_) return {};
  auto oldest = entries_.end();
  for (auto it = entries_.begin(); it != entries_.end(); ++it) {
    const bool kept = it->get() == now_ || it->get() == next_ ||
                      std::find(keep.begin(), keep.end(), (*it)->facts.run) != keep.end();
    if (!kept && (oldest == entries_.end() || (*it)->used < (*oldest)->used)) oldest = it;
  }
  if (oldest == entries_.end())
    return fail({ErrorCode::internal, "no context may make room for another", "gpu slice"});
  // what was given to it before the last switch may still run
  if (auto ok = driver_->synchronize((*oldest)->stream.get()); !ok) return ok;
  entries_.erase(oldest);
  return {};
}

Result<ContextTable::Entry*> ContextTable::make(const PieceSet& run, std::span<const Pieces> keep) {
  if (auto ok = check(run); !ok) return fail(std::move(ok.error()));
  if (auto ok = make_room(keep); !ok) return fail(std::move(ok.error()));
  auto entry = std::make_unique<Entry>();
  std::vector<SmResource> parts;
  if (run.count() == cut_->grid.pieces)
    parts.push_back(cut_->whole);
  else
    for (const Pieces& some : run.runs())
      for (unsigned piece = some.first; piece < some.end(); ++piece) parts.push_back(cut_->pieces[piece]);
  auto context = driver_->make_context(parts);
  if (!context) return fail(std::move(context.error()));
  entry->context = Owned<Context>(driver_, *context);
  auto sms = driver_->sms_in_force(*context);
  if (!sms) return fail(std::move(sms.error()));
  auto stream = driver_->make_stream(*context);
  if (!stream) return fail(std::move(stream.error()));
  entry->stream = Owned<Stream>(driver_, *stream);
  entry->facts = {run, sms_of(cut_->grid, run), *sms, *stream};
  entry->used = ++tick_;
  ++made_;
  entries_.push_back(std::move(entry));
  return entries_.back().get();
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
  if (run == now_->facts.run) {
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
  if (auto ok = driver_->record(edge_.get(), now_->facts.stream); !ok) return fail(std::move(ok.error()));
  if (auto ok = driver_->wait(next_->facts.stream, edge_.get()); !ok) return fail(std::move(ok.error()));
  const Switch done{now_->facts, next_->facts, next_was_prepared_};
  now_->used = ++tick_;
  now_ = std::exchange(next_, nullptr);
  now_->used = ++tick_;
  ++switches_;
  return done;
}

}  // namespace troupe::cuda
