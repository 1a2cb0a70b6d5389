#pragma once
// Stores that go past the caches: a large output that is written whole need not be read first.
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace troupe {

/// Whether an output of that many bytes is better written past the caches (measured with bench reducer).
inline bool streams_past_cache(std::size_t bytes) noexcept {
#if defined(__SSE2__)
  return bytes >= (std::size_t{2} << 20);
#else
  return static_cast<void>(bytes), false;
#endif
}

/// memcpy from a small buffer that is in cache; `stream_fence` before another thread may read.
inline void stream_copy(void* to, const void* from, std::size_t bytes) noexcept {
#if defined(__SSE2__)
  auto* t = static_cast<char*>(to);
  const auto* f = static_cast<const char*>(from);
  const std::size_t head = (16 - reinterpret_cast<std::uintptr_t>(t) % 16) % 16;
  if (bytes >= head + 64) {
    std::memcpy(t, f, head);
    t += head, f += head, bytes -= head;
    for (; bytes >= 16; t += 16, f += 16, bytes -= 16)
      _mm_stream_si128(reinterpret_cast<__m128i*>(t), _mm_loadu_si128(reinterpret_cast<const __m128i*>(f)));
  }
  std::memcpy(t, f, bytes);
#else
  std::memcpy(to, from, bytes);
#endif
}

inline void stream_fence() noexcept {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

}  // namespace troupe
