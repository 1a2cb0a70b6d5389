#include "base/random.hpp"

#include <bit>
#include <cmath>

namespace troupe {
namespace {

std::uint32_t low(std::uint64_t v) { return static_cast<std::uint32_t>(v); }
std::uint32_t high(std::uint64_t v) { return static_cast<std::uint32_t>(v >> 32); }

// The C library picks its logarithm and cosine by instruction set, and their last bits differ between them.
// These use nothing but correctly rounded operations, so that a draw has the same bits on every machine.

// ln(x) for 2^-33 < x <= 1 to 1e-12: x = m 2^e with m in [sqrt(1/2), sqrt(2)), ln m = 2 artanh((m-1)/(m+1)).
double portable_log(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  int e = static_cast<int>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0x000fffffffffffffULL) | 0x3ff0000000000000ULL);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    ++e;
  }
  const double z = (m - 1) / (m + 1), q = z * z;
  double sum = 1.0 / 15;
  for (int k = 13; k >= 1; k -= 2) sum = sum * q + 1.0 / k;
  return e * 0.69314718055994530942 + 2 * z * sum;
}

struct Turn {
  double cosine, sine;
};

// cos and sin of 2 pi n / 2^32 to 1e-11: the quadrant is taken off in integers, the rest is a Taylor series.
Turn portable_turn(std::uint32_t n) {
  const std::uint32_t quadrant = (n + 0x20000000U) >> 30;  // nearest quarter turn; 4 wraps to 0
  const auto rest = static_cast<std::int32_t>(n - (quadrant << 30));
  const double x = rest * (1.57079632679489661923 / 1073741824.0), q = x * x;
  const double s =
      x * (1 + q * (-1.0 / 6 + q * (1.0 / 120 + q * (-1.0 / 5040 + q * (1.0 / 362880 - q / 39916800)))));
  const double c =
      1 + q * (-0.5 +
               q * (1.0 / 24 + q * (-1.0 / 720 + q * (1.0 / 40320 + q * (-1.0 / 3628800 + q / 479001600)))));
  switch (quadrant & 3) {
    case 0:
      return {c, s};
    case 1:
      return {-s, c};
    case 2:
      return {-c, -s};
    default:
      return {s, -c};
  }
}

}  // namespace

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key) noexcept {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53U} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57U} * counter[2];
    counter = {high(b) ^ counter[1] ^ key[0], low(b), high(a) ^ counter[3] ^ key[1], low(a)};
    key[0] += 0x9E3779B9U;
    key[1] += 0xBB67AE85U;
  }
  return counter;
}

// Counter words: block, step's low half, step's next 24 bits and the purpose, shard.
Draw::Draw(std::int64_t seed, std::int64_t step, std::int32_t shard, Purpose purpose) noexcept
    : key_{low(static_cast<std::uint64_t>(seed)), high(static_cast<std::uint64_t>(seed))},
      counter_{0, low(static_cast<std::uint64_t>(step)),
               (high(static_cast<std::uint64_t>(step)) & 0xffffffU) | static_cast<std::uint32_t>(purpose)
                                                                          << 24,
               static_cast<std::uint32_t>(shard)},
      block_{} {}

void Draw::refill() noexcept {
  const auto block = philox4x32({counter_[0], counter_[1], counter_[2], counter_[3]}, {key_[0], key_[1]});
  for (int i = 0; i < 4; ++i) block_[i] = block[static_cast<std::size_t>(i)];
  ++counter_[0];
  used_ = 0;
}

std::uint32_t Draw::bits() noexcept {
  if (used_ == 4) refill();
  return block_[used_++];
}

float Draw::uniform() noexcept { return static_cast<float>(bits() >> 8) * 0x1p-24F; }

float Draw::normal() noexcept {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double u = (static_cast<double>(bits()) + 1) * 0x1p-32;  // in (0, 1]
  const double radius = std::sqrt(-2 * portable_log(u));
  const Turn turn = portable_turn(bits());
  spare_ = static_cast<float>(radius * turn.sine);
  has_spare_ = true;
  return static_cast<float>(radius * turn.cosine);
}

// Lemire's multiplication with rejection: no value is likelier than another.
std::uint64_t Draw::below(std::uint64_t n) noexcept {
  __extension__ using Wide = unsigned __int128;
  const std::uint64_t threshold = (0 - n) % n;
  for (;;) {
    const std::uint64_t first = bits();
    const Wide product = Wide{first << 32 | bits()} * n;
    if (static_cast<std::uint64_t>(product) >= threshold) return static_cast<std::uint64_t>(product >> 64);
  }
}

void Draw::fill_normal(std::span<float> out) noexcept {
  for (float& value : out) value = normal();
}

void Draw::fill_uniform(std::span<float> out) noexcept {
  for (float& value : out) value = uniform();
}

}  // namespace troupe
