#include "train/gan/device/slice_runtime.hpp"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <utility>

namespace troupe::gan {
namespace {

void want(const Result<void>& result) {
  if (!result) throw ErrorException(result.error());
}
Bytes bytes_of(const at::Tensor& t) { return {static_cast<std::int64_t>(t.nbytes())}; }

class SliceRuntime final : public DeviceRuntime {
 public:
  SliceRuntime(SliceParts parts, const DeviceOptions& options)
      : parts_(std::move(parts)), options_(options) {}
  const DeviceOptions& options() const override { return options_; }

  at::Tensor buffer(std::int64_t n) override {
    const auto at = parts_.slice->allocate({n * static_cast<std::int64_t>(sizeof(float))});
    if (!at) throw ErrorException(at.error());
    cuda::GpuSlice* const slice = parts_.slice;
    const auto let_go = [slice](void* p) {
      (void)slice->free(cuda::Address{reinterpret_cast<std::uintptr_t>(p)});
    };
    at::Tensor made;
    try {
      const c10::InferenceMode no_autograd;
      made = at::from_blob(reinterpret_cast<void*>(at->value), {n}, let_go,
                           at::TensorOptions(options_.device).dtype(at::kFloat), options_.device);
    } catch (...) {
      (void)slice->free(*at);
      throw;
    }
    run([&] { made.zero_(); });
    return made;
  }

  void run(const std::function<void()>& work) override {
    want(parts_.half->run([&] {
      const c10::InferenceMode no_autograd;
      work();
    }));
  }
  void run(const cuda::GraphKey& key, const std::function<void()>& work) override {
    // by value: a half may keep what it captured (the stand-ins replay it)
    const auto ran = parts_.half->run_as_graph(key, [work] {
      const c10::InferenceMode no_autograd;
      work();
    });
    if (!ran) throw ErrorException(ran.error());
  }

  void renew() override { want(parts_.half->renew()); }

  void adam(const AdamStep& s, const at::Tensor& gradient, const DeviceSide& from, DeviceSide& to,
            std::int64_t first, std::int64_t n) override {
    const auto at = [&](const at::Tensor& t) {
      return t.defined() ? static_cast<float*>(t.data_ptr()) + first : nullptr;
    };
    want(parts_.kernels->adam(
        {s.rate, s.beta2, s.correction, s.decay, at(gradient), at(from.parameters), at(from.moment),
         at(from.average), at(to.parameters), at(to.moment), at(to.average)},
        static_cast<std::size_t>(n), parts_.slice->stream()));
  }
  void to_host(float* out, const at::Tensor& from) override {
    want(parts_.driver->copy(out, from.data_ptr(), bytes_of(from), parts_.slice->stream()));
    want(parts_.driver->synchronize(parts_.slice->stream()));
  }
  void from_host(at::Tensor& out, const float* from) override {
    want(parts_.driver->copy(out.data_ptr(), from, bytes_of(out), parts_.slice->stream()));
  }
  void step_begins() override { want(parts_.slice->step_begins()); }
  void step_ends() override { want(parts_.slice->step_ends()); }

 private:
  SliceParts parts_;
  DeviceOptions options_;
};

}  // namespace

std::unique_ptr<DeviceRuntime> make_slice_runtime(SliceParts parts, const DeviceOptions& options) {
  return std::make_unique<SliceRuntime>(std::move(parts), options);
}

}  // namespace troupe::gan
