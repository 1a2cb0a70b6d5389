#pragma once
// The classifier's one replica: parameters and momentum in flat buffers, kept and restored through
// safetensors.
#include <span>
#include <vector>

#include "train/program.hpp"

namespace classifier {

class Weights : public troupe::Replica {
 public:
  Weights(int size, std::int64_t seed);

  std::string name() const override { return "classifier"; }
  void enter(const troupe::Moment&) override {}  // one phase: there is nothing to grow
  std::uint64_t hash() const override;
  std::int64_t parameters() const override { return static_cast<std::int64_t>(values_.size()); }
  std::shared_ptr<const troupe::Snapshot> snapshot() const override;
  troupe::Result<void> restore(const std::filesystem::path& file, const troupe::Moment& moment) override;

  // parameters and momentum as they lie in memory: how a copy on another node is brought up to date
  std::vector<std::span<std::byte>> state() override {
    return {std::as_writable_bytes(std::span(values_)), std::as_writable_bytes(std::span(momentum_))};
  }

  std::span<const float> values() const { return values_; }
  /// Stochastic gradient descent with momentum 0.9 over [begin, end): elementwise, so any split gives the
  /// same bits.
  void descend(const float* gradient, float rate, std::size_t begin, std::size_t end);
  /// What a step that fails goes back to.
  void remember();
  void go_back();

 private:
  std::vector<float> values_, momentum_, old_values_, old_momentum_;
};

}  // namespace classifier
