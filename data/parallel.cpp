#include "data/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace troupe {

Result<void> parallel_for(int threads, std::int64_t n,
                          const std::function<Result<void>(std::int64_t)>& work) {
  std::atomic<std::int64_t> next{0};
  std::atomic<bool> failed{false};
  std::mutex mutex;
  std::optional<std::pair<std::int64_t, Error>> first;
  const auto guarded = [&](std::int64_t i) -> Result<void> {
    try {
      return work(i);
    } catch (...) {
      return fail(from_current_exception(""));
    }
  };
  const auto run = [&] {
    while (!failed) {
      const auto i = next++;
      if (i >= n) return;
      const auto done = guarded(i);
      if (done) continue;
      failed = true;
      const std::lock_guard lock(mutex);
      if (!first || i < first->first) first = {i, done.error()};
    }
  };
  {
    std::vector<std::jthread> others;
    const auto extra = std::min<std::int64_t>(threads, n) - 1;
    for (std::int64_t t = 0; t < extra; ++t) others.emplace_back(run);
    run();
  }
  if (first) return fail(std::move(first->second));
  return {};
}

}  // namespace troupe
