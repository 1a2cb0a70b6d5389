#pragma once
// A collective's inner loop over the workers of a slice.
#include "gpu/collective.hpp"
#include "gpu/cpu_slice.hpp"

namespace troupe {
/// Equal runs of [0, n) on the slice's workers, cut at multiples of 64 elements so that no two write to one
/// cache line of an aligned buffer; small n on the calling thread alone. The slice must outlive the result.
ParallelFor over_workers(CpuSlice& slice);
}  // namespace troupe
