#pragma once
// How a device's SMs are cut into slices. Pure: knows no driver. The device is cut once into equal pieces,
// the smallest that the driver makes; a slice is a set of pieces, most often a run of neighbours. On an H100:
// 132 SMs, 16 pieces of 8 and 4 left over.
#include <compare>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace troupe::cuda {

/// Pieces first … first+count-1.
struct Pieces {
  unsigned first = 0, count = 0;
  unsigned end() const noexcept { return first + count; }
  friend auto operator<=>(const Pieces&, const Pieces&) = default;
};
bool overlap(const Pieces& a, const Pieces& b) noexcept;

/// Any pieces of a device, ascending, each once.
class PieceSet {
 public:
  PieceSet() = default;
  PieceSet(Pieces run) : runs_{run} {}  // a run is a set
  PieceSet(unsigned first, unsigned count) : PieceSet(Pieces{first, count}) {}
  /// In any order; negative ones are none.
  static PieceSet of(std::span<const int> numbers);
  unsigned count() const noexcept;
  /// Runs that do not touch each other.
  std::span<const Pieces> runs() const noexcept { return runs_; }
  friend bool operator==(const PieceSet&, const PieceSet&) = default;

 private:
  std::vector<Pieces> runs_;
};

struct Grid {
  unsigned sms = 0;        // of the device
  unsigned piece = 0;      // SMs of a piece
  unsigned pieces = 0;     // at least 1
  unsigned left_over = 0;  // SMs in no piece: only who has the whole device runs on them
};

/// `least` and `alignment` as the driver tells them for the device. no_capacity: the device is smaller than
/// one piece; internal: the driver's figures make no sense (a zero).
Result<Grid> make_grid(unsigned sms, unsigned least, unsigned alignment);

/// "8, 16, … 128, or all 132": what may be asked for.
std::string allowed_sms(const Grid& grid);

/// SMs of a set. Of all pieces: the whole device, what is left over too.
unsigned sms_of(const Grid& grid, const PieceSet& set) noexcept;

/// Pieces that hold `sms` SMs, rounded up. bad_config: none asked for; no_capacity: more than there are.
Result<unsigned> pieces_for(const Grid& grid, unsigned sms);

/// Runs side by side, in the order of `asks` (SMs). no_capacity where they do not all fit; the text tells
/// what they come to once rounded up.
Result<std::vector<Pieces>> place(const Grid& grid, std::span<const unsigned> asks);

/// Slices are to move from `before` to `after` (same order in both; disjoint in each). True for each that
/// moves and whose new run nobody else holds: those may switch now, and then it is asked again. Where both
/// are in the order of their firsts, as place() makes them, all get there.
std::vector<bool> may_switch(std::span<const Pieces> before, std::span<const Pieces> after);

/// Runs that a slice is likely to want next, likeliest first, at most `bound`, `now` not among them: a piece
/// more or less at either side, twice, half, the whole device.
std::vector<Pieces> likely_next(const Grid& grid, const Pieces& now, std::size_t bound);

}  // namespace troupe::cuda
