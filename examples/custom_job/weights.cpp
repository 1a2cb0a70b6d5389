#include "weights.hpp"

#include "base/hash.hpp"
#include "network.hpp"
#include "train/safetensors.hpp"

namespace classifier {
namespace {

/// A copy, so that the file can be written while training goes on.
class Copy : public troupe::Snapshot {
 public:
  Copy(std::vector<float> values, std::vector<float> momentum)
      : values_(std::move(values)), momentum_(std::move(momentum)) {}
  troupe::Result<void> write(const std::filesystem::path& file) const override {
    const auto n = static_cast<std::int64_t>(values_.size());
    const std::vector<troupe::TensorRef> tensors = {{"values", {n}, values_}, {"momentum", {n}, momentum_}};
    return troupe::write_safetensors(file, tensors, {});
  }

 private:
  std::vector<float> values_, momentum_;
};

}  // namespace

Weights::Weights(int size, std::int64_t seed) : values_(parameter_count(size)), momentum_(values_.size()) {
  initialise(values_, size, seed);
}

std::uint64_t Weights::hash() const {
  troupe::Hasher hasher;
  hasher.add(values_.data(), values_.size() * sizeof(float));
  hasher.add(momentum_.data(), momentum_.size() * sizeof(float));
  return hasher.value();
}

std::shared_ptr<const troupe::Snapshot> Weights::snapshot() const {
  return std::make_shared<Copy>(values_, momentum_);
}

troupe::Result<void> Weights::restore(const std::filesystem::path& file, const troupe::Moment&) {
  auto read = troupe::read_safetensors(file);
  if (!read) return troupe::fail(read.error());
  for (auto [tensor, target] : {std::pair{"values", &values_}, std::pair{"momentum", &momentum_}}) {
    auto& found = read->values[tensor];
    if (found.size() != target->size())
      return troupe::fail({.code = troupe::ErrorCode::bad_data,
                           .what = std::string("the tensor ") + tensor + " does not fit the network",
                           .where = file.string(),
                           .given = std::to_string(found.size()) + " elements",
                           .allowed = std::to_string(target->size())});
    *target = std::move(found);
  }
  return {};
}

void Weights::descend(const float* gradient, float rate, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i) {
    momentum_[i] = 0.9f * momentum_[i] + gradient[i];
    values_[i] -= rate * momentum_[i];
  }
}

void Weights::remember() {
  old_values_ = values_;
  old_momentum_ = momentum_;
}

void Weights::go_back() {
  if (old_values_.empty()) return;  // no step was begun yet
  values_ = old_values_;
  momentum_ = old_momentum_;
}

}  // namespace classifier
