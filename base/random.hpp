#pragma once
// Counter-based random numbers (Philox 4x32-10, Salmon et al., SC 2011): a pure function of
// (seed, step, shard, purpose), so that a draw does not depend on who makes it, or when.
#include <array>
#include <cstdint>
#include <span>

namespace troupe {
enum class Purpose : std::uint32_t { initial = 1, latent, mix, sample, order, augment, test };

/// The bare bijection, ten rounds.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key) noexcept;

/// A stream of 2^34 words for one (seed, step, shard, purpose); steps differ up to 2^56.
class Draw {
 public:
  Draw(std::int64_t seed, std::int64_t step, std::int32_t shard, Purpose purpose) noexcept;
  std::uint32_t bits() noexcept;
  /// Uniform in [0, 1), 24 bits.
  float uniform() noexcept;
  /// Standard normal by Box-Muller.
  float normal() noexcept;
  /// Uniform integer in [0, n), n >= 1.
  std::uint64_t below(std::uint64_t n) noexcept;
  void fill_normal(std::span<float> out) noexcept;
  void fill_uniform(std::span<float> out) noexcept;

 private:
  void refill() noexcept;
  std::uint32_t key_[2], counter_[4], block_[4];
  int used_ = 4;
  float spare_ = 0;
  bool has_spare_ = false;
};
}  // namespace troupe
