#pragma once
// The process's malloc, under tensors and everything else: jemalloc, where the build has it. glibc's keeps
// holes between what lives long and what a step frees, in arenas of its own for every few threads: over days
// of jobs that come and go they add up.
#include "base/units.hpp"

namespace troupe {

/// What was freed goes back to the kernel now; else malloc keeps it for some seconds (jemalloc) or for good
/// (glibc).
void return_freed_memory() noexcept;
/// Handed out and not freed.
Bytes heap_in_use() noexcept;

}  // namespace troupe
