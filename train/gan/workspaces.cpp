#include "train/gan/workspaces.hpp"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cstdint>
#include <future>
#include <limits>
#include <memory>
#include <vector>

#include "gpu/account.hpp"
#include "gpu/torch_allocator.hpp"

namespace troupe::gan {

namespace {

/// The most that f takes beyond what it returns.
template <class F>
std::int64_t beside_result(Account& account, const F& f) {
  const std::int64_t before = account.held().count;
  account.reset_peak();
  const at::Tensor result = f();
  return account.peak().count - before - charged_bytes(result.nbytes()).count;
}

}  // namespace

Workspaces::Bytes Workspaces::measure(const Conv& conv, std::int64_t images, std::int64_t size) {
  const c10::InferenceMode no_autograd;
  const auto account =
      std::make_shared<Account>("workspaces", troupe::Bytes{std::numeric_limits<std::int64_t>::max()});
  const AccountScope charge(account);
  const std::int64_t low = conv.kind == Kernel::plain ? size : size / 2;
  const at::Tensor x = features(images, conv.in, conv.kind == Kernel::up ? low : size).zero_();
  const at::Tensor y = features(images, conv.out, conv.kind == Kernel::down ? low : size).zero_();
  const std::size_t taps = conv.kind == Kernel::plain ? 9 : 16;
  const std::vector<float> weights(taps * static_cast<std::size_t>(conv.in) *
                                   static_cast<std::size_t>(conv.out));
  const at::Tensor w = weight_view(conv, weights.data());
  return {{beside_result(*account, [&] { return forward(conv, x, w); }),
           beside_result(*account, [&] { return backward_data(conv, y, x, w); }),
           beside_result(*account, [&] { return backward_weight(conv, y, x, w); })}};
}

std::int64_t Workspaces::of(const Conv& conv, Pass pass, std::int64_t images, std::int64_t size) {
  images = std::min(images, std::max<std::int64_t>(2, kPixels / (size * size)));
  const std::lock_guard lock(mutex_);
  const Key key{conv.kind, conv.in, conv.out, images, size};
  auto found = known_.find(key);
  if (found == known_.end()) {
    // on a thread as a slice's workers are: the backend takes more for more LibTorch threads
    const auto measured = [&] {
      use_one_torch_thread();
      return measure(conv, images, size);
    };
    found = known_.emplace(key, std::async(std::launch::async, measured).get()).first;
  }
  return found->second.of_pass[static_cast<int>(pass)];
}

std::size_t Workspaces::measured() const {
  const std::lock_guard lock(mutex_);
  return known_.size();
}

}  // namespace troupe::gan
