#include "actors/row_tail.hpp"

#include <algorithm>

namespace troupe {

void RowTail::append(const StepStats& step) {
  std::vector<std::string> names;
  std::vector<double> values;
  for (const auto& score : step.scores) {
    names.push_back(score.name);
    values.push_back(score.value);
  }
  if (names != names_) {
    rows_.clear();
    names_ = std::move(names);
  }
  stand_at(step.step);
  rows_.push_back(std::move(values));
  if (rows_.size() <= most_) return;
  rows_.pop_front();
  ++from_;
}

void RowTail::stand_at(std::int64_t step) {
  if (step < from_ || step > to()) rows_.clear();
  if (rows_.empty()) from_ = step;
  rows_.resize(static_cast<std::size_t>(step - from_));
}

void RowTail::drop_before(std::int64_t step) {
  while (!rows_.empty() && from_ < step) {
    rows_.pop_front();
    ++from_;
  }
}

std::vector<StepStats> RowTail::rows(std::int64_t from, std::int64_t to, std::size_t limit) const {
  std::vector<StepStats> found;
  for (std::int64_t at = std::max(from, from_); at < std::min(to, this->to()) && found.size() < limit; ++at) {
    StepStats step;
    step.step = at;
    const auto& values = rows_[static_cast<std::size_t>(at - from_)];
    for (std::size_t i = 0; i < values.size(); ++i) step.scores.push_back({names_[i], values[i]});
    found.push_back(std::move(step));
  }
  return found;
}

}  // namespace troupe
