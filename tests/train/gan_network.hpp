#pragma once
// Networks with random parameters, for tests that hold one way of computing gradients against another.
#include <vector>

#include "base/random.hpp"
#include "train/gan/program.hpp"

namespace troupe::test {

/// generator: -1 is the critic.
inline gan::GanReplica make_network(const gan::NetShape& shape, int generator) {
  gan::ReplicaSettings settings;
  settings.name = "r";
  settings.shape = shape;
  settings.generator = generator;
  settings.phase_first.assign(8, 0);
  return gan::GanReplica(settings);
}

/// All parameters of the phase, biases too.
inline void randomise(gan::GanReplica& network, int phase, std::int64_t seed) {
  Moment moment;
  moment.phase = phase;
  network.enter(moment);
  std::vector<float> all(network.size());
  Draw(seed, network.makes_images(), 0, Purpose::test).fill_normal(all);
  network.set_raw(all);
}

}  // namespace troupe::test
