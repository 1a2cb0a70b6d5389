#include "gpu/cuda/made_context.hpp"

#include <algorithm>

namespace troupe::cuda {
namespace {

Result<void> check(const PieceSet& set, unsigned pieces) {
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

/// One piece that is all of it.
Result<std::shared_ptr<const CutDevice>> whole_device(Driver& driver, int device, const std::string& why) {
  const auto facts = driver.device(device);
  if (!facts) return fail(facts.error());
  const unsigned sms = facts->sms;
  if (sms == 0) return fail({ErrorCode::internal, "the driver tells of a GPU without SMs", "gpu slice"});
  const SmResource whole{sms, sms, sms, device, nullptr};
  return std::make_shared<const CutDevice>(CutDevice{device, Grid{sms, sms, 1, 0}, whole, {whole}, why});
}

}  // namespace

Result<std::shared_ptr<const CutDevice>> cut_device(Driver& driver, int device) {
  auto whole = driver.sm_resource(device);
  if (!whole && whole.error().code == ErrorCode::not_found)
    return whole_device(driver, device, whole.error().what);
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

Result<MadeContext> make_context(const std::shared_ptr<Driver>& driver, const CutDevice& cut,
                                 const PieceSet& run) {
  if (auto ok = check(run, cut.grid.pieces); !ok) return fail(std::move(ok.error()));
  MadeContext made;
  unsigned sms = cut.grid.sms;
  if (cut.uncut.empty()) {
    std::vector<SmResource> parts;
    if (run.count() == cut.grid.pieces)
      parts.push_back(cut.whole);
    else
      for (const Pieces& some : run.runs())
        for (unsigned piece = some.first; piece < some.end(); ++piece) parts.push_back(cut.pieces[piece]);
    auto context = driver->make_context(parts);
    if (!context) return fail(std::move(context.error()));
    made.context = Owned<Context>(driver, *context);
    auto in_force = driver->sms_in_force(*context);
    if (!in_force) return fail(std::move(in_force.error()));
    sms = *in_force;
  }
  auto stream = driver->make_stream(made.context.get());
  if (!stream) return fail(std::move(stream.error()));
  made.stream = Owned<Stream>(driver, *stream);
  made.facts = {run, sms_of(cut.grid, run), sms, *stream};
  return made;
}

Result<void> ContextsAhead::make(const PieceSet& run) {
  const std::lock_guard alone(making_);
  {
    const std::lock_guard lock(mutex_);
    const auto is_made = [&run](const MadeContext& made) { return made.facts.run == run; };
    if (std::find(had_.begin(), had_.end(), run) != had_.end() ||
        std::any_of(made_.begin(), made_.end(), is_made))
      return {};
  }
  if (auto entered = driver_->enter(cut_->device); !entered) return entered;
  auto made = make_context(driver_, *cut_, run);
  if (!made) return fail(std::move(made.error()));
  const std::lock_guard lock(mutex_);
  made_.clear();
  made_.push_back(std::move(*made));
  return {};
}

std::vector<MadeContext> ContextsAhead::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(made_, {});
}

void ContextsAhead::has(std::vector<PieceSet> runs) {
  const std::lock_guard lock(mutex_);
  had_ = std::move(runs);
}

}  // namespace troupe::cuda
