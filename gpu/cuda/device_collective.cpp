#include "gpu/cuda/device_collective.hpp"

#include <atomic>

#include "gpu/call_guards.hpp"

namespace troupe::cuda {
namespace {

using Call = Meeting::Call;

class DeviceCollective final : public Collective {
 public:
  DeviceCollective(std::shared_ptr<Collective> host, std::unique_ptr<DeviceSums> sums, double timeout_seconds)
      : meeting_(std::move(host), timeout_seconds), sums_(std::move(sums)) {}
  ~DeviceCollective() override { sums_->stop(); }

  int rank() const noexcept override { return meeting_.rank(); }
  int ranks() const noexcept override { return meeting_.ranks(); }
  int ranks_here() const noexcept override { return 1; }
  bool leads() const noexcept override { return true; }
  std::pair<std::size_t, std::size_t> part(std::size_t n) const override { return {0, n}; }

  Result<void> sum(const Contribution<float>& mine, float* out, std::size_t n, float scale, bool all,
                   const ParallelFor& parallel) override {
    TimedCall timed(nanoseconds_);
    const FloatSum one{mine, out, n, scale};
    const CallShape shape = shape_of("", mine, n, scale, all);
    return caught([&]() -> Result<void> {
      if (auto met = meeting_.come(Call::sum_float, {&shape, 1}); !met) return met;
      if (auto added = add_up({&one, 1}); !added) return added;
      spread(parallel, n, [](std::size_t, std::size_t) {});
      return all ? meeting_.come(Call::end) : Result<void>();
    });
  }
  Result<void> sum(const Contribution<double>& mine, double* out, std::size_t n, double scale, bool all,
                   const ParallelFor& parallel) override {
    return sum_on_host(Call::sum_double, mine, out, n, scale, all, parallel);
  }
  Result<void> sum(const Contribution<std::int64_t>& mine, std::int64_t* out, std::size_t n,
                   std::int64_t scale, bool all, const ParallelFor& parallel) override {
    return sum_on_host(Call::sum_int64, mine, out, n, scale, all, parallel);
  }

  Result<void> sum_each(std::span<const FloatSum> sums, const ParallelFor& parallel,
                        const Then& then) override {
    TimedCall timed(nanoseconds_);
    std::vector<CallShape> shapes;
    for (const auto& s : sums) shapes.push_back(shape_of("", s.mine, s.n, s.scale, false));
    return caught([&]() -> Result<void> {
      if (auto met = meeting_.come(Call::several, shapes); !met) return met;
      if (auto added = add_up(sums); !added) return added;
      for (std::size_t i = 0; i < sums.size(); ++i)
        spread(parallel, sums[i].n, [&](std::size_t begin, std::size_t end) { then(i, begin, end); });
      return {};
    });
  }
  bool sums_as_ready() const noexcept override { return sums_->as_ready(); }

  Result<void> barrier() override {
    TimedCall timed(nanoseconds_);
    return meeting_.come(Call::barrier);
  }
  Result<void> barrier_here() override {
    if (auto failed = meeting_.failure()) return fail(*failed);
    return {};
  }
  Result<std::int64_t> broadcast(std::int64_t value) override {
    TimedCall timed(nanoseconds_);
    if (auto met = meeting_.come(Call::broadcast, {}, value); !met) return fail(met.error());
    return meeting_.value();
  }
  void abort(const std::string& reason) noexcept override { meeting_.abort(reason); }
  std::optional<Error> failure() const override { return meeting_.failure(); }

  std::int64_t bytes() const noexcept override { return bytes_.load(std::memory_order_relaxed); }
  double seconds() const noexcept override {
    return 1e-9 * static_cast<double>(nanoseconds_.load(std::memory_order_relaxed));
  }

 private:
  /// The caller may free its buffers when it hears of an error.
  Result<void> add_up(std::span<const FloatSum> sums) {
    std::size_t elements = 0, bytes = 0;
    for (const auto& s : sums) {
      elements += s.n;
      bytes += (s.mine.buffers.size() + 1) * s.n * sizeof(float);
    }
    bytes_.fetch_add(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
    if (elements == 0) return {};
    auto added = sums_->add_up(meeting_, sums);
    if (added) return added;
    const Error first = meeting_.fail(added.error());
    sums_->stop();
    return fail(first);
  }

  template <class T>
  Result<void> sum_on_host(Call call, const Contribution<T>& mine, T* out, std::size_t n, T scale, bool all,
                           const ParallelFor& parallel) {
    TimedCall timed(nanoseconds_);
    const CallShape shape = shape_of("", mine, n, scale, all);
    if (auto met = meeting_.come(call, {&shape, 1}); !met) return met;
    bytes_.fetch_add(static_cast<std::int64_t>((mine.buffers.size() + 1) * n * sizeof(T)),
                     std::memory_order_relaxed);
    return meeting_.host()->sum(mine, out, n, scale, true, parallel);  // its parts are not those of a process
  }

  /// What is called back may throw.
  template <class F>
  Result<void> caught(const F& work) {
    try {
      return work();
    } catch (...) {
      const auto error = from_current_exception("collective of devices");
      meeting_.abort(error.text());
      return fail(error);
    }
  }

  Meeting meeting_;
  const std::unique_ptr<DeviceSums> sums_;
  std::atomic<std::int64_t> bytes_{0}, nanoseconds_{0};
};

}  // namespace

std::shared_ptr<Collective> make_device_collective(std::shared_ptr<Collective> host,
                                                   std::unique_ptr<DeviceSums> sums, double timeout_seconds) {
  return std::make_shared<DeviceCollective>(std::move(host), std::move(sums), timeout_seconds);
}

}  // namespace troupe::cuda
