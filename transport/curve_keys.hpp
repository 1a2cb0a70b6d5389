#pragma once
// A CURVE key pair, as ZeroMQ's text of 40 characters (Z85). Whoever shows one shows the public half only.
#include <ostream>
#include <string>

#include "base/error.hpp"

namespace troupe {

inline constexpr std::size_t kCurveText = 40;  // characters of a key

struct CurveKeys {
  std::string public_key;
  std::string secret_key;  // never in a log, an error or an argument list

  friend bool operator==(const CurveKeys&, const CurveKeys&) = default;
  friend std::ostream& operator<<(std::ostream&, const CurveKeys&) = delete;
};

/// A new pair from the system's random numbers.
Result<CurveKeys> make_curve_keys();
/// The public half of a secret key; empty for what is none.
std::string curve_public(const std::string& secret);
/// Error bad_config where `key` is no CURVE key; `where` says whose it is. The key itself is not told.
Result<void> check_curve_key(const std::string& key, const std::string& where);
/// Besides, the public half must be the secret one's.
Result<void> check_curve_keys(const CurveKeys& keys, const std::string& where);

}  // namespace troupe
