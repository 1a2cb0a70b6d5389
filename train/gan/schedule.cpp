#include "train/gan/schedule.hpp"

#include <algorithm>
#include <string>

namespace troupe::gan {

Schedule::Schedule(const GanConfig& config)
    : images_per_step_(config.shards * config.shard_batch),
      from_(config.from),
      fade_(config.fade),
      first_{0} {
  std::size_t phase = 0;
  for (int r = config.from; r <= config.to; r *= 2, ++phase) {
    const std::int64_t images =
        config.images.empty() ? 0 : config.images[std::min(phase, config.images.size() - 1)];
    first_.push_back(first_.back() +
                     std::max<std::int64_t>(1, (images + images_per_step_ - 1) / images_per_step_));
  }
}

Moment Schedule::moment(std::int64_t step) const {
  Moment m;
  m.step = step;
  while (m.phase + 1 < phases() && step >= first_step(m.phase + 1)) ++m.phase;
  m.resolution = resolution(m.phase);
  m.phase_name = std::to_string(m.resolution) + "x" + std::to_string(m.resolution);
  m.images = step * images_per_step_;
  m.phase_first = first_step(m.phase);
  m.phase_end = first_step(m.phase + 1);
  const auto fading = static_cast<std::int64_t>(fade_ * static_cast<double>(m.phase_end - m.phase_first));
  const std::int64_t within = step - m.phase_first;
  if (m.phase > 0 && within < fading && step < steps())
    m.fade = static_cast<double>(within + 1) / static_cast<double>(fading + 1);
  return m;
}

}  // namespace troupe::gan
