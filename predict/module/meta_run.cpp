#include "predict/module/meta_run.hpp"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/record_function.h>
#include <c10/core/Allocator.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <c10/util/Exception.h>
#include <torch/library.h>

#include <limits>
#include <mutex>
#include <new>
#include <utility>

#include "gpu/account.hpp"
#include "gpu/torch_allocator.hpp"
#include "predict/module/kernels.hpp"

namespace troupe::meta {
namespace {

thread_local MetaRun* the_run = nullptr;

/// Of one storage without memory. Alive until the storage dies: LibTorch calls a deleter only where its
/// context is not null.
struct Charge {
  std::shared_ptr<Account> account;
  std::int64_t bytes;
};

void release(void* context) {
  auto* charge = static_cast<Charge*>(context);
  if (charge->account) charge->account->release(charge->bytes);
  delete charge;
}

[[noreturn]] void refused(const Account& account, std::int64_t charged) {
  if (auto* run = MetaRun::current()) run->refuse(account.refusal(charged));
  throw ErrorException(account.refusal(charged));
}

class MetaAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    const c10::Device meta(c10::DeviceType::Meta);
    if (bytes == 0) return {nullptr, meta};
    if (bytes > std::numeric_limits<std::int64_t>::max() / 4) throw std::bad_alloc();
    auto account = share_current_account();
    const std::int64_t charged = charged_bytes(bytes).count;
    if (account && !account->charge(charged)) refused(*account, charged);
    return {nullptr, new Charge{std::move(account), charged}, &release, meta};
  }
  void copy_data(void*, const void*, std::size_t) const override {}
};

/// torch.device("meta") as a context manager, in C++: whatever device an operator is given, it is the meta
/// device.
void rewrite_device(const c10::OperatorHandle& op, c10::DispatchKeySet keys, torch::jit::Stack* stack) {
  if (auto* run = MetaRun::current()) run->tick();
  const c10::impl::ExcludeDispatchKeyGuard once(kMode);
  const auto& arguments = op.schema().arguments();
  const std::size_t first = stack->size() - arguments.size();
  for (std::size_t i = 0; i < arguments.size(); ++i)
    if (arguments[i].name() == "device") (*stack)[first + i] = c10::Device(c10::DeviceType::Meta);
  op.redispatchBoxed(keys.remove(kMode), stack);  // the same call, so that it is recorded once
}

}  // namespace

void install_meta_device() {
  static std::once_flag once;
  std::call_once(once, [] {
    // Never destroyed: tensors in static storage are freed after everything else.
    static auto* const allocator = new MetaAllocator;
    constexpr std::uint8_t kPriority = 100;  // above LibTorch's own registration (0)
    c10::SetAllocator(c10::DeviceType::Meta, allocator, kPriority);
    static auto* const mode = new torch::Library(torch::Library::IMPL, "_", kMode, __FILE__, __LINE__);
    mode->fallback(torch::CppFunction::makeFromBoxedFunction<&rewrite_device>());
    add_missing_kernels();
  });
}

MetaRun::MetaRun(Measured& m, const ForecastLimits& l) : measured(m), limits(l) {
  if (the_run != nullptr) throw ErrorException({.what = "a forecast is under way on this thread"});
  the_run = this;
  const auto enter = [](const at::RecordFunction&) -> std::unique_ptr<at::ObserverContext> {
    if (the_run != nullptr) ++the_run->nodes_;
    return nullptr;
  };
  const auto leave = [](const at::RecordFunction&, at::ObserverContext*) {
    if (the_run != nullptr) --the_run->nodes_;
  };
  watch_ = at::addThreadLocalCallback(
      at::RecordFunctionCallback(enter, leave).scopes({at::RecordScope::BACKWARD_FUNCTION}));
  c10::impl::tls_set_dispatch_key_included(kMode, true);
}

MetaRun::~MetaRun() {
  c10::impl::tls_set_dispatch_key_included(kMode, false);
  at::removeCallback(watch_);
  the_run = nullptr;
}

MetaRun* MetaRun::current() noexcept { return the_run; }

void MetaRun::tick() {
  if (++ticks_ > limits.operators)
    refuse({.code = ErrorCode::bad_data,
            .what = "the step runs too many operators and turns of loops to be foreseen",
            .given = "more than " + std::to_string(limits.operators),
            .hint = "A loop without an end? Else raise the limit on operators"});
}

void MetaRun::refuse(Error error) {
  refused_ = error;
  throw ErrorException(std::move(error));
}

Error MetaRun::why(const std::string& where) const {
  Error error;
  try {
    throw;
  } catch (const c10::Error& e) {
    error = {.code = ErrorCode::bad_data, .what = e.what_without_backtrace()};
  } catch (...) {
    error = from_current_exception(where);
  }
  if (refused_) error = *refused_;
  if (error.where.empty()) error.where = where;
  return error;
}

}  // namespace troupe::meta
