// No bytes crash the NIfTI reader; what it accepts is whole and finite.
#include <cmath>
#include <cstdlib>

#include "data/nifti.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto volume = troupe::parse_nifti({bytes, size}, "fuzz", {troupe::mib(4)});
  if (!volume) {
    if (volume.error().what.empty() || volume.error().code != troupe::ErrorCode::bad_data) std::abort();
    return 0;
  }
  std::size_t voxels = 1;
  for (int d = 0; d < 3; ++d) {
    voxels *= static_cast<std::size_t>(volume->size[d]);
    if (!(volume->spacing[d] > 0)) std::abort();
  }
  if (voxels != volume->voxels.size()) std::abort();
  for (const float v : volume->voxels) {
    if (!std::isfinite(v)) std::abort();
  }
  return 0;
}
