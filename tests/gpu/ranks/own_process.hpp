#pragma once
// What the ends of ranks that are processes of their own have in common.
#include "gpu/collective.hpp"

namespace troupe::test {

/// Sums of every type go to Self's sum_any, of which this is a friend.
template <class Self>
class OwnProcess : public Collective {
 public:
  int rank() const noexcept override { return rank_; }
  int ranks() const noexcept override { return ranks_; }
  int ranks_here() const noexcept override { return 1; }
  bool leads() const noexcept override { return true; }
  std::pair<std::size_t, std::size_t> part(std::size_t n) const override { return {0, n}; }

  Result<void> sum(const Contribution<float>& mine, float* out, std::size_t n, float scale, bool all,
                   const ParallelFor& parallel) override {
    return self().sum_any(mine, out, n, scale, all, parallel);
  }
  Result<void> sum(const Contribution<double>& mine, double* out, std::size_t n, double scale, bool all,
                   const ParallelFor& parallel) override {
    return self().sum_any(mine, out, n, scale, all, parallel);
  }
  Result<void> sum(const Contribution<std::int64_t>& mine, std::int64_t* out, std::size_t n,
                   std::int64_t scale, bool all, const ParallelFor& parallel) override {
    return self().sum_any(mine, out, n, scale, all, parallel);
  }

 protected:
  OwnProcess(int rank, int ranks) : rank_(rank), ranks_(ranks) {}
  const int rank_, ranks_;

 private:
  Self& self() { return static_cast<Self&>(*this); }
};

}  // namespace troupe::test
