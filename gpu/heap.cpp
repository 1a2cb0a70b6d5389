#include "gpu/heap.hpp"

#ifdef TROUPE_JEMALLOC
#include <jemalloc/jemalloc.h>

/// Read by jemalloc before main(). No arena apart for large blocks, which would give each back at once and
/// take it back page by page at the next step; a thread of its own that returns what was not used for ten
/// seconds.
extern "C" {
const char* malloc_conf = "oversize_threshold:0,background_thread:true";
}
#else
#include <malloc.h>
#endif

namespace troupe {

#ifdef TROUPE_JEMALLOC

#define TROUPE_TEXT_OF(number) #number
#define TROUPE_TEXT(number) TROUPE_TEXT_OF(number)
void return_freed_memory() noexcept {
  mallctl("arena." TROUPE_TEXT(MALLCTL_ARENAS_ALL) ".purge", nullptr, nullptr, nullptr, 0);
}
#undef TROUPE_TEXT
#undef TROUPE_TEXT_OF

Bytes heap_in_use() noexcept {
  std::uint64_t epoch = 1;
  std::size_t allocated = 0, size = sizeof allocated;
  mallctl("epoch", nullptr, nullptr, &epoch, sizeof epoch);
  mallctl("stats.allocated", &allocated, &size, nullptr, 0);
  return {static_cast<std::int64_t>(allocated)};
}

#else

void return_freed_memory() noexcept { malloc_trim(0); }

Bytes heap_in_use() noexcept {
  const struct mallinfo2 heap = mallinfo2();
  return {static_cast<std::int64_t>(heap.uordblks + heap.hblkhd)};
}

#endif

}  // namespace troupe
