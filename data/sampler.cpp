#include "data/sampler.hpp"

#include <bit>
#include <string>

#include "base/error.hpp"

namespace troupe {
namespace {

constexpr int kRounds = 10;        // as Philox; balanced Feistel networks look random from 4 on
constexpr int kLeastHalfBits = 4;  // on fewer, the round function has too few outputs to mix well

// The finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
std::uint64_t mix(std::uint64_t v) {
  v += 0x9e3779b97f4a7c15U;
  v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9U;
  v = (v ^ (v >> 27)) * 0x94d049bb133111ebU;
  return v ^ (v >> 31);
}

// A bijection of 0 … 4^half_bits - 1.
std::uint64_t feistel(std::uint64_t value, int half_bits, std::uint64_t key) {
  const std::uint64_t mask = (std::uint64_t{1} << half_bits) - 1;
  std::uint64_t left = value >> half_bits, right = value & mask;
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t next = left ^ (mix(mix(key + static_cast<std::uint64_t>(round)) ^ right) & mask);
    left = right;
    right = next;
  }
  return left << half_bits | right;
}

[[noreturn]] void refuse(const char* what, std::int64_t given, std::string allowed) {
  throw ErrorException({ErrorCode::internal, what, "", std::to_string(given), std::move(allowed), ""});
}

}  // namespace

Sampler::Sampler(std::int64_t seed, std::int64_t n) : seed_(seed), n_(n), bits_(kLeastHalfBits) {
  if (n < 1) refuse("a sampler needs images to choose from", n, "at least 1");
  const int needed = std::bit_width(static_cast<std::uint64_t>(n - 1));
  if (needed > 2 * kLeastHalfBits) bits_ = (needed + 1) / 2;
}

std::int64_t Sampler::at(std::int64_t epoch, std::int64_t position) const {
  if (position < 0 || position >= n_)
    refuse("a position outside the epoch", position, "0 … " + std::to_string(n_ - 1));
  const std::uint64_t key = mix(mix(static_cast<std::uint64_t>(seed_)) ^ static_cast<std::uint64_t>(epoch));
  // Walk the cycle until it is back inside 0 … n-1: the walk ends, for the position itself lies on the cycle.
  auto value = static_cast<std::uint64_t>(position);
  do {
    value = feistel(value, bits_, key);
  } while (value >= static_cast<std::uint64_t>(n_));
  return static_cast<std::int64_t>(value);
}

}  // namespace troupe
