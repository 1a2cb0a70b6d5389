#include "train/gan/replica.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/hash.hpp"
#include "base/random.hpp"
#include "train/gan/kernels.hpp"
#include "train/gan/weights.hpp"

namespace troupe::gan {

GanReplica::GanReplica(ReplicaSettings settings)
    : settings_(std::move(settings)),
      table_(settings_.generator < 0 ? critic_table(settings_.shape) : generator_table(settings_.shape)) {}

void GanReplica::initialise(const Param& param, float* out) const {
  Hasher hasher;
  hasher.add(settings_.name);
  hasher.add("/");
  hasher.add(param.name);
  hasher.add(&settings_.seed, sizeof settings_.seed);
  Draw draw(static_cast<std::int64_t>(hasher.value()), 0, 0, Purpose::initial);
  if (param.random) draw.fill_normal({out, param.count});
}

void GanReplica::enter(const Moment& moment) { grow(moment.phase); }

void GanReplica::grow(int phase) {
  if (phase <= phase_) return;
  const std::size_t n = table_.count(phase);
  Side& side = sides_[committed_];
  side.p.resize(n, 0.0F);
  side.v.resize(n, 0.0F);
  if (makes_images()) side.e.resize(n, 0.0F);
  for (const Param& param : table_.params()) {
    if (param.phase <= phase_ || param.phase > phase) continue;
    initialise(param, side.p.data() + param.offset);
    if (makes_images()) std::copy_n(side.p.data() + param.offset, param.count, side.e.data() + param.offset);
  }
  sides_[1 - committed_] = side;
  effective_.resize(table_.effective_count(phase), 0.0F);
  phase_ = phase;
  pending_ = false;
  stale_ = true;
}

void GanReplica::set_raw(std::span<const float> values) {
  Side& side = sides_[committed_];
  std::copy(values.begin(), values.end(), side.p.begin());
  if (makes_images()) side.e = side.p;
  sides_[1 - committed_] = side;
  stale_ = true;
}

std::uint64_t GanReplica::hash() const {
  Hasher hasher;
  const Side& side = sides_[committed_];
  for (const Floats* floats : {&side.p, &side.v, &side.e})
    hasher.add(floats->data(), floats->size() * sizeof(float));
  return hasher.value();
}

std::vector<std::span<std::byte>> GanReplica::state() {
  std::vector<std::span<std::byte>> all;
  Side& side = sides_[committed_];
  for (Floats* floats : {&side.p, &side.v, &side.e})
    all.push_back(std::as_writable_bytes(std::span(floats->data(), floats->size())));
  return all;
}

void GanReplica::adopt() {
  sides_[1 - committed_] = sides_[committed_];
  pending_ = false;
  stale_ = true;
}

const float* GanReplica::effective() {
  if (!stale_.load(std::memory_order_acquire)) return effective_.data();
  const std::lock_guard lock(mutex_);
  if (stale_.load(std::memory_order_relaxed)) {
    const Floats& raw = sides_[pending_ ? 1 - committed_ : committed_].p;
    for (const Param& param : table_.params())
      if (param.phase <= phase_)
        make_effective(param, raw.data() + param.offset, effective_.data() + param.effective);
    stale_.store(false, std::memory_order_release);
  }
  return effective_.data();
}

AdamStep GanReplica::adam_step(int phase, std::int64_t step) const {
  const std::int64_t t = step - settings_.phase_first[static_cast<std::size_t>(phase)] + 1;
  AdamStep adam_step{};
  adam_step.rate = static_cast<float>(settings_.learning_rate);
  adam_step.beta2 = static_cast<float>(settings_.beta2);
  adam_step.correction = static_cast<float>(1 / (1 - std::pow(settings_.beta2, static_cast<double>(t))));
  adam_step.decay = static_cast<float>(settings_.average);
  return adam_step;
}

void GanReplica::update(const float* g, std::size_t begin, std::size_t end, std::int64_t step) {
  const Side& from = sides_[committed_];
  Side& to = sides_[1 - committed_];
  for (const Param& param : table_.params()) {
    if (param.phase > phase_) break;
    const std::size_t first = std::max(begin, param.offset), last = std::min(end, param.offset + param.count);
    if (first >= last) continue;
    const bool averaged = makes_images();
    adam(adam_step(param.phase, step), g + first, from.p.data() + first, from.v.data() + first,
         averaged ? from.e.data() + first : nullptr, to.p.data() + first, to.v.data() + first,
         averaged ? to.e.data() + first : nullptr, last - first);
  }
  pending_.store(true, std::memory_order_release);
  stale_.store(true, std::memory_order_release);
}

void GanReplica::commit() {
  if (pending_.exchange(false)) committed_ = 1 - committed_;
}

void GanReplica::roll_back() {
  if (pending_.exchange(false)) stale_ = true;
}

}  // namespace troupe::gan
