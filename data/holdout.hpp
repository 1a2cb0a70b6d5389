#pragma once
// Which images of a run of neighbours are kept from training.
#include <cstdint>
#include <vector>

namespace troupe {
/// For a run of n images, which are held out: ceil(share * n) of them, but never the last one left for
/// training. They stand in blocks of about 8, spread evenly over the run. Neighbouring slices look alike:
/// held out one by one, each would have a near copy of itself on both sides in the training set, and the
/// distance between held-out and training images would measure nothing. Of a block only the rims have such
/// neighbours.
std::vector<bool> held_out(std::int64_t n, double share);
}  // namespace troupe
