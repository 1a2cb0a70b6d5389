#pragma once
// Sleeping on a 32-bit word with a time limit, which std::atomic::wait has not; and the short spin before it.
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <climits>
#include <cstdint>
#include <ctime>

namespace troupe {

/// A futex's sleep and wake cost 5 to 50 us; a worker is awaited again within some tens of us, at the next
/// fork of its step, so that spinning a little longer than that is what keeps a step's seams short.
constexpr std::chrono::microseconds kSpin{100};

inline void cpu_relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Sleeps while word == value, for at most `limit`; may return early.
inline void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t value,
                       std::chrono::nanoseconds limit = std::chrono::hours(1)) noexcept {
  const auto count = limit.count() < 0 ? 0 : limit.count();
  const timespec relative{static_cast<time_t>(count / 1'000'000'000),
                          static_cast<long>(count % 1'000'000'000)};
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, &relative, nullptr, 0);
}

inline void futex_wake_all(const std::atomic<std::uint32_t>& word) noexcept {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

/// Spins until `done()`, for at most kSpin; true where done.
template <class Done>
bool spin_until(const Done& done) noexcept {
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 32; ++i) {
      if (done()) return true;
      cpu_relax();
    }
  } while (std::chrono::steady_clock::now() < end);
  return done();
}

}  // namespace troupe
