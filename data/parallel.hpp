#pragma once
// A loop over independent items on a few threads of its own.
#include <cstdint>
#include <functional>

#include "base/error.hpp"

namespace troupe {
/// Calls work(i) for i = 0 … n-1 on `threads` threads (the caller's among them) and waits for all. After a
/// failure no further item is begun; of several failures that of the smallest i is returned. Exceptions
/// become Errors.
Result<void> parallel_for(int threads, std::int64_t n, const std::function<Result<void>(std::int64_t)>& work);
}  // namespace troupe
