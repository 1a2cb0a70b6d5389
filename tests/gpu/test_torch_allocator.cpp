#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <torch/csrc/autograd/variable.h>

#include <barrier>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "gpu/account.hpp"
#include "gpu/torch_allocator.hpp"

namespace troupe {
namespace {

class TorchAllocator : public testing::Test {
 protected:
  static void SetUpTestSuite() { install_torch_allocator(); }
  std::shared_ptr<Account> account_ = std::make_shared<Account>("job a", mib(64));
  static std::int64_t cost(std::int64_t floats) {
    return charged_bytes(static_cast<std::size_t>(floats) * 4).count;
  }
};

TEST_F(TorchAllocator, charges_a_header_and_rounds_up_to_a_cache_line) {
  EXPECT_EQ(charged_bytes(0).count, 0);
  EXPECT_EQ(charged_bytes(1).count, 128);
  EXPECT_EQ(charged_bytes(64).count, 128);
  EXPECT_EQ(charged_bytes(65).count, 192);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they bring a malloc of their own
/// What malloc_info() tells of: arenas, each of which keeps what was freed in it.
int arenas() {
  char* text = nullptr;
  std::size_t length = 0;
  std::FILE* stream = ::open_memstream(&text, &length);
  ::malloc_info(0, stream);
  std::fclose(stream);
  int count = 0;
  for (const char* at = text; (at = std::strstr(at, "<heap nr=")) != nullptr; ++at) ++count;
  std::free(text);
  return count;
}

TEST_F(TorchAllocator, many_threads_share_few_arenas) {
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  std::barrier all_hold_one(8 * cores + 8);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8 * cores + 8; ++i)
    threads.emplace_back([&] {
      const auto block = at::zeros({1000});
      all_hold_one.arrive_and_wait();
    });
  threads.clear();
  EXPECT_LE(arenas(), cores + 1);
}
#endif

TEST_F(TorchAllocator, held_is_right_to_the_byte) {
  AccountScope scope(account_);
  {
    const auto a = at::empty({1000});
    EXPECT_EQ(account_->held().count, cost(1000));
    const auto b = at::zeros({3, 333});
    const auto view = b.view({-1});
    const auto none = at::empty({0});
    EXPECT_EQ(account_->held().count, cost(1000) + cost(999));
    for (const auto& t : {a, b}) EXPECT_EQ(reinterpret_cast<std::uintptr_t>(t.data_ptr()) % 64, 0u);
  }
  EXPECT_EQ(account_->held().count, 0);
  EXPECT_EQ(account_->peak().count, cost(1000) + cost(999));
}

TEST_F(TorchAllocator, refuses_past_the_budget_with_the_typed_error_and_leaves_neighbours_alone) {
  auto neighbour = std::make_shared<Account>("job b", mib(64));
  AccountScope mine(account_);
  const auto kept = at::ones({1 << 20});
  try {
    const auto refused = at::empty({16 << 20});
    FAIL() << "64 MiB more than 60 MiB were allocated";
  } catch (const ErrorException& e) {
    EXPECT_EQ(e.error().code, ErrorCode::over_budget);
    EXPECT_NE(e.error().text().find("job a"), std::string::npos);
  }
  EXPECT_EQ(account_->held().count, cost(1 << 20));
  EXPECT_EQ(account_->refusals(), 1);
  EXPECT_EQ(kept.sum().item<float>(), static_cast<float>(1 << 20));
  AccountScope theirs(neighbour);
  EXPECT_EQ(at::full({15 << 20}, 2.0f)[5].item<float>(), 2.0f);
  EXPECT_EQ(neighbour->refusals(), 0);
}

TEST_F(TorchAllocator, an_allocation_inside_an_operator_is_refused_too) {
  AccountScope scope(account_);
  const auto image = at::ones({1, 8, 512, 512});  // 8 MiB
  const auto weight = at::ones({128, 8, 3, 3});   // output: 128 MiB
  EXPECT_THROW(at::conv2d(image, weight, {}, 1, 1), ErrorException);
  EXPECT_GT(at::conv2d(image, weight.slice(0, 0, 2), {}, 1, 1).sum().item<float>(), 0);
}

TEST_F(TorchAllocator, releases_from_the_account_charged_wherever_it_is_freed) {
  at::Tensor tensor;
  {
    AccountScope scope(account_);
    tensor = at::zeros({1000});
  }
  auto other = std::make_shared<Account>("job b", mib(1));
  std::thread([&, t = std::move(tensor)]() mutable {
    AccountScope scope(other);
    t.reset();
    EXPECT_EQ(other->held().count, 0);
  }).join();
  EXPECT_EQ(account_->held().count, 0);
}

TEST_F(TorchAllocator, a_tensor_keeps_its_account_alive) {
  at::Tensor tensor;
  std::weak_ptr<Account> watch = account_;
  {
    AccountScope scope(account_);
    tensor = at::zeros({10});
  }
  account_.reset();
  ASSERT_FALSE(watch.expired());
  EXPECT_EQ(watch.lock()->held().count, cost(10));
  tensor.reset();
  EXPECT_TRUE(watch.expired());
}

TEST_F(TorchAllocator, outside_a_scope_nobody_is_charged) {
  const auto tensor = at::ones({1000});
  EXPECT_EQ(account_->held().count, 0);
  EXPECT_EQ(tensor.sum().item<float>(), 1000);
}

TEST_F(TorchAllocator, a_backward_pass_is_charged_to_the_thread_that_called_it) {
  std::thread([this] {
    AccountScope scope(account_);
    use_one_torch_thread();
    const auto w = at::ones({256, 256}).set_requires_grad(true);
    const auto x = at::ones({64, 256});
    const auto loss = at::relu(x.matmul(w)).pow(2).sum();
    account_->reset_peak();
    const auto before = account_->held().count;
    loss.backward();
    EXPECT_EQ(account_->held().count, before - cost(64 * 256) + cost(256 * 256))
        << "relu's result, which pow saved too, goes; the gradient stays";
    EXPECT_GE(account_->peak().count, before + cost(256 * 256));
  }).join();
  EXPECT_EQ(account_->held().count, 0);
}

TEST_F(TorchAllocator, a_backward_pass_past_the_budget_fails_with_the_typed_error) {
  AccountScope scope(account_);
  const auto w = at::ones({1024, 1024}).set_requires_grad(true);
  const auto loss = at::relu(w.matmul(w)).sum();
  account_->set_budget(account_->held() + kib(64));
  try {
    loss.backward();
    FAIL() << "the gradient of 4 MiB went past the budget";
  } catch (const ErrorException& e) {
    EXPECT_EQ(e.error().code, ErrorCode::over_budget);
  }
}

TEST_F(TorchAllocator, one_thread_a_thread) {
  std::thread([] {
    use_one_torch_thread();
    EXPECT_EQ(at::get_num_threads(), 1);
  }).join();
}

}  // namespace
}  // namespace troupe
