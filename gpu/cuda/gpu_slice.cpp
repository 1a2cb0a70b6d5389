#include "gpu/cuda/gpu_slice.hpp"

#include <algorithm>
#include <utility>

namespace troupe::cuda {

Result<std::unique_ptr<GpuSlice>> GpuSlice::open(std::shared_ptr<Driver> driver,
                                                 const std::shared_ptr<const CutDevice>& cut,
                                                 const GpuSliceOptions& options) {
  auto table = ContextTable::open(driver, cut, options.run, options.contexts);
  if (!table) return fail(std::move(table.error()));
  const auto pool = driver->make_pool(cut->device, options.most);
  if (!pool) return fail(pool.error());
  Owned<Pool> owned(driver, *pool);
  return std::unique_ptr<GpuSlice>(
      new GpuSlice(std::move(driver), cut, std::move(*table), std::move(owned), options));
}

GpuSlice::GpuSlice(std::shared_ptr<Driver> driver, const std::shared_ptr<const CutDevice>& cut,
                   std::unique_ptr<ContextTable> table, Owned<Pool> pool, const GpuSliceOptions& options)
    : driver_(std::move(driver)),
      budget_(options.account ? options.account : std::make_shared<Account>(options.owner, Bytes{}),
              std::min(options.budget, options.most), options.granule),
      most_(options.most),
      asked_budget_(std::min(options.budget, options.most)),
      pool_(std::move(pool)),
      table_(std::move(table)),
      ahead_(std::make_shared<ContextsAhead>(driver_, cut)) {
  ahead_->has(table_->runs());
}

GpuSlice::~GpuSlice() {
  for (const auto& [at, bytes] : blocks_) {
    (void)driver_->free(at, stream());
    budget_.release(bytes);
  }
}

Result<Address> GpuSlice::allocate_on(Stream stream, Bytes bytes) {
  const auto charged = budget_.charge(bytes);
  if (!charged) return fail(charged.error());
  auto made = driver_->allocate(pool_.get(), stream, *charged);
  if (!made) {
    budget_.release(*charged);
    made.error().where = budget_.account()->owner();
    return made;
  }
  blocks_[*made] = *charged;
  return made;
}

Result<void> GpuSlice::free_on(Stream stream, Address at) {
  const auto block = blocks_.find(at);
  if (block == blocks_.end())
    return fail(
        {ErrorCode::internal, "a block was freed that is none of this slice's", budget_.account()->owner()});
  if (auto freed = driver_->free(at, stream); !freed) return freed;
  budget_.release(block->second);
  blocks_.erase(block);
  return {};
}

Result<Address> GpuSlice::allocate(Bytes bytes) {
  const std::lock_guard lock(mutex_);
  return allocate_on(stream(), bytes);
}

Result<void> GpuSlice::free(Address at) {
  const std::lock_guard lock(mutex_);
  return free_on(stream(), at);
}

Result<Address> GpuSlice::allocate_aside(Bytes bytes) {
  const std::lock_guard lock(mutex_);
  auto made = allocate_on(kThreadStream, bytes);
  if (!made) return made;
  if (const auto there = driver_->synchronize(kThreadStream); !there) {
    (void)free_on(kThreadStream, *made);
    return fail(there.error());
  }
  return made;
}

Result<void> GpuSlice::free_aside(Address at) {
  const std::lock_guard lock(mutex_);
  if (!blocks_.contains(at)) return free_on(kThreadStream, at);  // which says what is wrong
  if (auto done = driver_->synchronize(stream()); !done) return done;
  return free_on(kThreadStream, at);
}

Result<Owned<Event>> GpuSlice::event() {
  if (!spare_.empty()) {
    Owned<Event> one = std::move(spare_.back());
    spare_.pop_back();
    return one;
  }
  const auto made = driver_->make_event();
  if (!made) return fail(made.error());
  return Owned<Event>(driver_, *made);
}

Result<void> GpuSlice::step_begins() {
  if (auto counted = harvest(); !counted) return counted;
  if (!begun_) {
    auto from = event();
    if (!from) return fail(std::move(from.error()));
    begun_ = std::move(*from);
  }
  return driver_->record(begun_->get(), stream());
}

Result<void> GpuSlice::step_ends() {
  if (!begun_)
    return fail({ErrorCode::internal, "a step ends that did not begin", budget_.account()->owner()});
  auto to = event();
  if (!to) return fail(std::move(to.error()));
  if (auto recorded = driver_->record(to->get(), stream()); !recorded) {
    spare_.push_back(std::move(*to));
    return recorded;
  }
  steps_.push_back({std::move(*begun_), std::move(*to)});
  begun_.reset();
  return {};
}

Result<void> GpuSlice::harvest() {
  while (!steps_.empty()) {
    Step& oldest = steps_.front();
    const auto over = driver_->done(oldest.to.get());
    if (!over) return fail(over.error());
    if (!*over) return {};
    const auto seconds = driver_->seconds_between(oldest.from.get(), oldest.to.get());
    if (!seconds) return fail(seconds.error());
    busy_ += *seconds;
    spare_.push_back(std::move(oldest.from));
    spare_.push_back(std::move(oldest.to));
    steps_.pop_front();
  }
  return {};
}

Result<void> GpuSlice::ask(const PieceSet& run, Bytes budget) {
  if (budget > most_)
    return fail({ErrorCode::no_capacity, "more memory asked for than the slice's pool may ever hold",
                 budget_.account()->owner(), to_string(budget), "at most " + to_string(most_), ""});
  for (auto& made : ahead_->take())
    if (auto kept = table_->adopt(std::move(made)); !kept) return kept;
  const auto asked = table_->ask(run);
  ahead_->has(table_->runs());
  if (!asked) return asked;
  asked_budget_ = budget;
  return {};
}

Result<std::optional<ContextTable::Switch>> GpuSlice::at_step_edge() {
  const std::lock_guard lock(mutex_);
  auto switched = table_->at_step_edge();
  if (!switched) return switched;
  budget_.set_budget(asked_budget_);
  const auto counts = driver_->pool_counts(pool_.get());
  if (!counts) return fail(counts.error());
  if (const auto settled = budget_.settle(*counts); settled.trim)
    if (auto trimmed = driver_->trim(pool_.get(), settled.keep); !trimmed) return fail(trimmed.error());
  return switched;
}

Result<double> GpuSlice::busy_seconds() {
  if (auto counted = harvest(); !counted) return fail(counted.error());
  return busy_;
}

Result<GpuSliceFacts> GpuSlice::facts() {
  if (auto counted = harvest(); !counted) return fail(counted.error());
  const std::lock_guard lock(mutex_);
  const auto counts = driver_->pool_counts(pool_.get());
  if (!counts) return fail(counts.error());
  const Account& account = *budget_.account();
  return GpuSliceFacts{table_->now().asked, table_->now().sms, account.held(), account.peak(),
                       account.budget(),    counts->reserved,  busy_,          table_->switches(),
                       table_->made()};
}

}  // namespace troupe::cuda
