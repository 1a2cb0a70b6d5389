#pragma once
// The folder of pyramids, which all jobs of a machine share: who uses which, and what may go. Beside
// KEY.pyramid lies KEY.use: locked by who has the pyramid open, and as old as its last use.
#include <filesystem>

#include "base/descriptor.hpp"

namespace troupe {

/// While it lives, sweep_pyramids() leaves the pyramid alone, in whatever process.
class PyramidUse {
 public:
  PyramidUse() = default;
  /// Notes the use too. Holds nothing where the folder can't be written to: nobody sweeps there as this user.
  static PyramidUse take(const std::filesystem::path& pyramid);

 private:
  explicit PyramidUse(Descriptor lock) : lock_(std::move(lock)) {}
  Descriptor lock_{-1};
};

/// Removes what builders that died left half-written (*.part), and of the pyramids that nobody has open all
/// but the `keep` that were used last; those in use count among these. What can't be removed stays: a full
/// cache is no reason to fail.
void sweep_pyramids(const std::filesystem::path& cache, int keep);

}  // namespace troupe
