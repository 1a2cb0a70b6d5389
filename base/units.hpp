#pragma once
// Quantities with their unit in the type.
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace troupe {

/// A count of bytes. Text form: "512 MiB", "1.5 GiB", "64 B" (powers of 1024; kB/MB/GB are powers of 1000).
struct Bytes {
  std::int64_t count = 0;
  friend constexpr auto operator<=>(Bytes, Bytes) = default;
  friend constexpr Bytes operator+(Bytes a, Bytes b) { return {a.count + b.count}; }
  friend constexpr Bytes operator-(Bytes a, Bytes b) { return {a.count - b.count}; }
  Bytes& operator+=(Bytes b) {
    count += b.count;
    return *this;
  }
  Bytes& operator-=(Bytes b) {
    count -= b.count;
    return *this;
  }
};

constexpr Bytes kib(std::int64_t n) { return {n << 10}; }
constexpr Bytes mib(std::int64_t n) { return {n << 20}; }
constexpr Bytes gib(std::int64_t n) { return {n << 30}; }

std::string to_string(Bytes b);  // three significant digits: "26.7 MiB"
/// Fails on a missing number, an unknown unit, a negative or an overflowing value.
Result<Bytes> parse_bytes(std::string_view text);

/// "2 min 05 s", "0.8 ms": for people.
std::string format_duration(double seconds);

}  // namespace troupe
