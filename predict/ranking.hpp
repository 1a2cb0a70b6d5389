#pragma once
// Devices in the order of a small whole number each has (free cores), ascending by number and then by device.
// A bit a device and number: a device moves in constant time, which is what a plan does most.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace troupe::planning {

class Ranking {
 public:
  explicit Ranking(std::size_t devices) : words_((devices + 63) / 64) {}

  void insert(int count, int device) {
    auto& at = level(count);
    at.bits[static_cast<std::size_t>(device) / 64] |= bit(device);
    ++at.devices;
  }
  void erase(int count, int device) {
    auto& at = level(count);
    at.bits[static_cast<std::size_t>(device) / 64] &= ~bit(device);
    --at.devices;
  }
  void move(int from, int to, int device) {
    if (from == to) return;
    erase(from, device);
    insert(to, device);
  }
  /// Calls take(count, device) for those with at least `least`, the least first, until it returns true; it
  /// may change the ranking in that case only. Returns whether it did.
  template <class Take>
  bool ascend(int least, Take take) const {
    for (auto count = static_cast<std::size_t>(least < 0 ? 0 : least); count < levels_.size(); ++count)
      for (std::size_t w = 0, left = levels_[count].devices; left > 0 && w < words_; ++w)
        for (std::uint64_t bits = levels_[count].bits[w]; bits != 0; bits &= bits - 1, --left)
          if (take(static_cast<int>(count), static_cast<int>(w * 64) + std::countr_zero(bits))) return true;
    return false;
  }
  /// The same from the greatest down to `least`.
  template <class Take>
  bool descend(int least, Take take) const {
    for (auto count = static_cast<std::ptrdiff_t>(levels_.size()) - 1; count >= least && count >= 0;
         --count) {
      const auto& at = levels_[static_cast<std::size_t>(count)];
      std::size_t left = at.devices;
      for (std::size_t w = words_; w-- > 0 && left > 0;)
        for (std::uint64_t bits = at.bits[w]; bits != 0; --left) {
          const int high = 63 - std::countl_zero(bits);
          if (take(static_cast<int>(count), static_cast<int>(w * 64) + high)) return true;
          bits &= ~(std::uint64_t{1} << static_cast<unsigned>(high));
        }
    }
    return false;
  }

 private:
  struct Level {
    std::vector<std::uint64_t> bits;
    std::size_t devices = 0;
  };
  static std::uint64_t bit(int device) { return std::uint64_t{1} << (static_cast<unsigned>(device) % 64); }
  Level& level(int count) {
    const auto at = static_cast<std::size_t>(count);
    if (at >= levels_.size()) levels_.resize(at + 1);
    if (levels_[at].bits.empty()) levels_[at].bits.resize(words_);
    return levels_[at];
  }

  std::size_t words_;
  std::vector<Level> levels_;
};

}  // namespace troupe::planning
