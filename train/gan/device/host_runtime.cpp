#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "train/gan/device/runtime.hpp"

namespace troupe::gan {
namespace {

class HostRuntime final : public DeviceRuntime {
 public:
  explicit HostRuntime(DeviceOptions options) : options_(options) { options_.device = at::kCPU; }
  const DeviceOptions& options() const override { return options_; }
  at::Tensor buffer(std::int64_t n) override {
    const c10::InferenceMode no_autograd;
    return at::zeros({n}, at::kFloat);
  }
  void run(const std::function<void()>& work) override {
    const c10::InferenceMode no_autograd;
    work();
  }
  void run(const cuda::GraphKey&, const std::function<void()>& work) override { run(work); }
  void renew() override {}
  void adam(const AdamStep& step, const at::Tensor& gradient, const DeviceSide& from, DeviceSide& to,
            std::int64_t first, std::int64_t n) override {
    const auto at = [&](const at::Tensor& t) { return t.defined() ? t.data_ptr<float>() + first : nullptr; };
    gan::adam(step, at(gradient), at(from.parameters), at(from.moment), at(from.average), at(to.parameters),
              at(to.moment), at(to.average), static_cast<std::size_t>(n));
  }
  void to_host(float* out, const at::Tensor& from) override {
    std::copy_n(from.data_ptr<float>(), from.numel(), out);
  }
  void from_host(at::Tensor& out, const float* from) override {
    std::copy_n(from, out.numel(), out.data_ptr<float>());
  }

 private:
  DeviceOptions options_;
};

}  // namespace

std::unique_ptr<DeviceRuntime> make_host_runtime(DeviceOptions options) {
  return std::make_unique<HostRuntime>(options);
}

}  // namespace troupe::gan
