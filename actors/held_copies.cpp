#include "actors/held_copies.hpp"

#include <algorithm>

namespace troupe {
namespace {

/// Where the rows [from, to) are; none where one of them is nowhere.
std::optional<std::vector<RowsThere>> find_rows(const std::vector<HeldCopy>& copies, std::int64_t from,
                                                std::int64_t to) {
  std::vector<RowsThere> found;
  while (from < to) {
    const HeldCopy* best = nullptr;
    for (const auto& copy : copies)
      if (copy.rows_from <= from && copy.rows_to > from && (!best || copy.rows_to > best->rows_to))
        best = &copy;
    if (!best) return std::nullopt;
    found.push_back({best->node, from, std::min(best->rows_to, to)});
    from = found.back().to;
  }
  return found;
}

}  // namespace

std::vector<std::string> awaited_nodes(const std::vector<LeaseNote>& leases) {
  return leases.empty() ? std::vector<std::string>() : leases.back().nodes;
}

bool committed(const HeldCopy& copy, const std::vector<LeaseNote>& leases) {
  return std::none_of(leases.begin(), leases.end(), [&](const LeaseNote& lease) {
    return lease.epoch > copy.epoch && lease.first < copy.step;
  });
}

std::optional<GoOn> choose_copy(std::vector<HeldCopy> copies, std::vector<LeaseNote> leases,
                                std::int64_t checkpoint, std::int64_t rows) {
  for (const auto& copy : copies)
    if (copy.first >= 0) leases.push_back({copy.epoch, copy.first, {}});
  std::erase_if(copies, [&](const HeldCopy& copy) {
    return copy.step < 0 || copy.entered < 0 || !committed(copy, leases);
  });
  std::stable_sort(copies.begin(), copies.end(),
                   [](const HeldCopy& a, const HeldCopy& b) { return a.step > b.step; });
  for (const auto& copy : copies) {
    if (copy.step <= checkpoint) break;
    if (auto found = find_rows(copies, rows, copy.step))
      return GoOn{copy.node, copy.step, copy.entered, std::move(*found)};
  }
  return std::nullopt;
}

}  // namespace troupe
