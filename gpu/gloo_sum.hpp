#pragma once
// Sums over processes by Gloo's ring all-reduce, which LibTorch brings (c10d::ProcessGroupGloo).
#include "gpu/process_sum.hpp"

namespace troupe {

/// Connections are plain TCP between the processes' addresses, on ports of the system's choice; they are made
/// at the first sum, addresses told by the notes: no port is opened to meet at. Nothing can interrupt Gloo:
/// what was given up is left to end, within the timeout, on threads that the last copy of the returned
/// function waits for.
MakeProcessSum gloo_sums();

}  // namespace troupe
