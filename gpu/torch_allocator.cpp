#include "gpu/torch_allocator.hpp"

#include <ATen/Parallel.h>
#include <c10/core/Allocator.h>

#include <torch/version.h>
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <mutex>
#include <new>

#include "gpu/account.hpp"

namespace troupe {
namespace {

constexpr std::size_t kAlign = 64;  // LibTorch's own alignment: a cache line, an AVX-512 vector

/// In front of every block. Holds the account alive: a tensor may outlive the scope and the slice.
struct alignas(kAlign) Header {
  std::shared_ptr<Account> account;
  void* base = nullptr;  // what malloc gave
  std::int64_t charged = 0;
};
static_assert(sizeof(Header) == kAlign);

void free_block(void* data) {
  if (!data) return;
  auto* header = static_cast<Header*>(data) - 1;
  void* const base = header->base;
  if (header->account) header->account->release(header->charged);
  header->~Header();
  std::free(base);
}

void* allocate_block(std::size_t bytes) {
  if (bytes > std::numeric_limits<std::int64_t>::max() / 2) throw std::bad_alloc();
  const std::int64_t charged = charged_bytes(bytes).count;
  auto account = share_current_account();
  if (account && !account->charge(charged)) throw ErrorException(account->refusal(charged));
  // malloc and a shift by hand: malloc's own alignment is 16.
  void* const base = std::malloc(static_cast<std::size_t>(charged) + kAlign - 16);
  if (!base) {
    if (account) account->release(charged);
    throw std::bad_alloc();
  }
  const auto start = (reinterpret_cast<std::uintptr_t>(base) + kAlign - 1) / kAlign * kAlign;
  auto* header = new (reinterpret_cast<void*>(start)) Header{std::move(account), base, charged};
  return header + 1;
}

class CountingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    void* const data = bytes == 0 ? nullptr : allocate_block(bytes);
    return {data, data, &free_block, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override {
    return &free_block;
  }  // oneDNN's scratch comes by raw_allocate
  void copy_data(void* dest, const void* src, std::size_t count) const override {
    default_copy_data(dest, src, count);
  }
};

}  // namespace

Bytes charged_bytes(std::size_t bytes) noexcept {
  if (bytes == 0) return {0};
  return {static_cast<std::int64_t>((bytes + sizeof(Header) + kAlign - 1) / kAlign * kAlign)};
}

void install_torch_allocator() {
  static std::once_flag once;
  std::call_once(once, [] {
    // Never destroyed: tensors in static storage are freed after everything else.
    static auto* const allocator = new CountingAllocator;
    constexpr std::uint8_t kPriority = 100;  // above LibTorch's own registrations (0)
    c10::SetAllocator(c10::DeviceType::CPU, allocator, kPriority);
  });
}

void use_one_torch_thread() {
  at::get_num_threads();  // the first look of a thread sets it to the process's count: look before setting
  at::set_num_threads(1);
}

const char* torch_version() noexcept { return TORCH_VERSION; }

}  // namespace troupe
