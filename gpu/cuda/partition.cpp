#include "gpu/cuda/partition.hpp"

#include <algorithm>
#include <cstdint>

namespace troupe::cuda {
namespace {

std::string sms_text(unsigned sms) { return std::to_string(sms) + (sms == 1 ? " SM" : " SMs"); }

}  // namespace

bool overlap(const Pieces& a, const Pieces& b) noexcept { return a.first < b.end() && b.first < a.end(); }

PieceSet PieceSet::of(std::span<const int> numbers) {
  std::vector<int> sorted(numbers.begin(), numbers.end());
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  PieceSet set;
  for (const int number : sorted) {
    if (number < 0) continue;
    const auto piece = static_cast<unsigned>(number);
    if (!set.runs_.empty() && set.runs_.back().end() == piece)
      ++set.runs_.back().count;
    else
      set.runs_.push_back({piece, 1});
  }
  return set;
}

unsigned PieceSet::count() const noexcept {
  unsigned sum = 0;
  for (const Pieces& run : runs_) sum += run.count;
  return sum;
}

Result<Grid> make_grid(unsigned sms, unsigned least, unsigned alignment) {
  if (least == 0 || alignment == 0)
    return fail({ErrorCode::internal, "the driver tells no smallest part of the GPU", "gpu slice",
                 "least " + std::to_string(least) + ", alignment " + std::to_string(alignment)});
  const unsigned piece = (least + alignment - 1) / alignment * alignment;
  if (sms < piece)
    return fail({ErrorCode::no_capacity, "the GPU is too small to be cut into slices", "gpu slice",
                 sms_text(sms), "at least " + std::to_string(piece), "give the job the whole GPU."});
  return Grid{sms, piece, sms / piece, sms % piece};
}

std::string allowed_sms(const Grid& g) {
  // All pieces are the whole device, with what is left over.
  std::string text;
  for (unsigned count = 1; count < g.pieces; ++count) {
    if (count > 2 && count + 1 < g.pieces) continue;
    text += std::to_string(count * g.piece) + (count == 2 && g.pieces > 4 ? ", … " : ", ");
  }
  text += (text.empty() ? "all " : "or all ") + std::to_string(g.sms);
  return text;
}

unsigned sms_of(const Grid& g, const PieceSet& set) noexcept {
  return set.count() == g.pieces ? g.sms : set.count() * g.piece;
}

Result<unsigned> pieces_for(const Grid& g, unsigned sms) {
  if (sms == 0)
    return fail({ErrorCode::bad_config, "a slice needs SMs", "gpu slice", sms_text(sms), allowed_sms(g)});
  if (sms > g.sms)
    return fail({ErrorCode::no_capacity, "the GPU has fewer SMs than are asked for", "gpu slice",
                 sms_text(sms), allowed_sms(g)});
  return std::min((sms - 1) / g.piece + 1, g.pieces);
}

Result<std::vector<Pieces>> place(const Grid& g, std::span<const unsigned> asks) {
  std::vector<Pieces> runs;
  std::uint64_t at = 0;
  for (const unsigned sms : asks) {
    auto count = pieces_for(g, sms);
    if (!count) return fail(std::move(count.error()));
    runs.push_back({static_cast<unsigned>(std::min<std::uint64_t>(at, g.pieces)), *count});
    at += *count;
  }
  if (at <= g.pieces) return runs;
  return fail({ErrorCode::no_capacity, "the slices do not fit on the GPU together", "gpu slices",
               std::to_string(asks.size()) + " slices, rounded up to " + sms_text(g.piece) +
                   " each piece: " + std::to_string(at * g.piece),
               std::to_string(g.pieces * g.piece) + " of " + std::to_string(g.sms) + " in pieces of " +
                   std::to_string(g.piece)});
}

std::vector<bool> may_switch(std::span<const Pieces> before, std::span<const Pieces> after) {
  std::vector<bool> may(before.size(), false);
  for (std::size_t i = 0; i < before.size() && i < after.size(); ++i) {
    may[i] = before[i] != after[i];
    for (std::size_t j = 0; j < before.size(); ++j)
      if (j != i && overlap(after[i], before[j])) may[i] = false;
  }
  return may;
}

std::vector<Pieces> likely_next(const Grid& g, const Pieces& now, std::size_t bound) {
  std::vector<Pieces> runs;
  const auto add = [&](std::int64_t first, std::int64_t count) {
    if (first < 0 || count < 1 || first + count > g.pieces || runs.size() >= bound) return;
    const Pieces run{static_cast<unsigned>(first), static_cast<unsigned>(count)};
    if (run != now && std::find(runs.begin(), runs.end(), run) == runs.end()) runs.push_back(run);
  };
  const std::int64_t first = now.first, count = now.count;
  add(first, count + 1);
  add(first, count - 1);
  add(first - 1, count + 1);
  add(first + 1, count - 1);
  add(first, 2 * count);
  add(first, count / 2);
  add(first - count, 2 * count);
  add(first + count / 2, count - count / 2);
  add(0, g.pieces);
  return runs;
}

}  // namespace troupe::cuda
