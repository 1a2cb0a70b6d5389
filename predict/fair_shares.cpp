#include <algorithm>
#include <cmath>

#include "predict/turns.hpp"

namespace troupe::planning {
namespace {

constexpr double kRounding = 1e-9;  // of levels, in cores

}  // namespace

std::vector<int> fair_shares(const std::vector<Claim>& claims, int free) {
  std::vector<int> shares(claims.size());
  std::int64_t asked = 0;
  double low = 0, high = 0;
  for (const auto& claim : claims) {
    asked += claim.more;
    high = std::max(high, (claim.base + claim.more) / claim.weight);
  }
  if (asked <= free) {
    for (std::size_t i = 0; i < claims.size(); ++i) shares[i] = claims[i].more;
    return shares;
  }
  const auto at = [&](std::size_t i, double level) {
    return static_cast<int>(std::clamp(std::floor(level * claims[i].weight + kRounding) - claims[i].base, 0.0,
                                       static_cast<double>(claims[i].more)));
  };
  const auto sum = [&](double level) {
    std::int64_t all = 0;
    for (std::size_t i = 0; i < claims.size(); ++i) all += at(i, level);
    return all;
  };
  for (int halvings = 0; halvings < 60; ++halvings) {  // past the precision of any count of cores
    const double middle = (low + high) / 2;
    (sum(middle) <= free ? low : high) = middle;
  }
  std::int64_t left = free;
  for (std::size_t i = 0; i < claims.size(); ++i) left -= shares[i] = at(i, low);
  for (const bool next_in_level : {true, false})
    for (std::size_t i = 0; i < claims.size() && left > 0; ++i) {
      const int most = next_in_level ? at(i, high) : claims[i].more;
      const int extra = static_cast<int>(std::min<std::int64_t>(left, std::max(0, most - shares[i])));
      shares[i] += extra;
      left -= extra;
    }
  return shares;
}

}  // namespace troupe::planning
