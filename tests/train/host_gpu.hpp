#pragma once
// A "GPU" made of the host's memory: the driver's blocks are malloc's, LibTorch's half runs what it is given.
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <set>

#include "gpu/cuda/torch_half.hpp"
#include "tests/gpu/fake_driver.hpp"

namespace troupe::test {

class HostDriver final : public cuda::FakeDriver {
 public:
  explicit HostDriver(cuda::FakeOptions options = {}) : FakeDriver(options) {}
  ~HostDriver() override {
    for (void* at : here_) std::free(at);
  }
  Result<cuda::Address> allocate(cuda::Pool pool, cuda::Stream stream, Bytes bytes) override {
    auto counted = FakeDriver::allocate(pool, stream, bytes);
    if (!counted) return counted;
    void* const at = std::aligned_alloc(64, static_cast<std::size_t>((bytes.count + 63) / 64 * 64));
    here_.insert(at);
    counted_[at] = *counted;
    return cuda::Address{reinterpret_cast<std::uintptr_t>(at)};
  }
  Result<void> free(cuda::Address address, cuda::Stream stream) override {
    void* const at = reinterpret_cast<void*>(address.value);
    if (auto freed = FakeDriver::free(counted_.at(at), stream); !freed) return freed;
    counted_.erase(at);
    here_.erase(at);
    std::free(at);
    return {};
  }
  Result<void> copy(void* to, const void* from, Bytes bytes, cuda::Stream stream) override {
    std::memcpy(to, from, static_cast<std::size_t>(bytes.count));
    return FakeDriver::copy(to, from, bytes, stream);
  }

 private:
  std::set<void*> here_;
  std::map<void*, cuda::Address> counted_;
};

/// Runs eagerly, and counts how often each key was asked for.
class HostHalf final : public cuda::TorchHalf, private cuda::GraphMaker {
 public:
  /// A graph of it replays by doing the first call's work again, as a GPU's would: what a later call brings
  /// along counts only if it lies at the same addresses.
  Result<void> run(const std::function<void()>& work) override {
    try {
      work();
      return {};
    } catch (...) {
      return fail(from_current_exception("host"));
    }
  }
  Result<cuda::Ran> run_as_graph(cuda::GraphKey key, const std::function<void()>& work) override {
    return graphs_.run(key, work);
  }
  Result<void> renew() override {
    graphs_.forget();
    return {};
  }
  cuda::TorchHalfFacts facts() const override {
    return {{}, graphs_.captures(), graphs_.replays(), graphs_.eager_runs(), graphs_.trouble()};
  }

 private:
  struct Graph final : cuda::StepGraph {
    Graph(HostHalf& h, std::function<void()> w) : half(h), work(std::move(w)) {}
    Result<void> replay() override { return half.run(work); }
    HostHalf& half;
    std::function<void()> work;
  };
  Result<std::unique_ptr<cuda::StepGraph>> capture(const std::function<void()>& work) override {
    return std::make_unique<Graph>(*this, work);
  }
  cuda::StepGraphs graphs_{*this, 16, 1};
};

/// The host's half of a slice, whose tensors count against the slice's wall as a GPU's would.
class ChargedHalf final : public cuda::TorchHalf {
 public:
  explicit ChargedHalf(std::shared_ptr<Account> account) : account_(std::move(account)) {}
  Result<void> run(const std::function<void()>& work) override {
    const AccountScope charge(account_);
    return half_.run(work);
  }
  Result<cuda::Ran> run_as_graph(cuda::GraphKey key, const std::function<void()>& work) override {
    const AccountScope charge(account_);
    return half_.run_as_graph(std::move(key), work);
  }
  Result<void> renew() override { return half_.renew(); }
  cuda::TorchHalfFacts facts() const override { return half_.facts(); }

 private:
  std::shared_ptr<Account> account_;
  HostHalf half_;
};

}  // namespace troupe::test
