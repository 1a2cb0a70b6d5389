#include "gpu/cpu_slice.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <span>
#include <thread>
#include <utility>

#include "gpu/affinity.hpp"
#include "gpu/futex.hpp"

namespace troupe {
namespace {

using Job = std::function<void(int worker)>;

bool pin(pthread_t thread, int cpu) noexcept { return run_on(thread, std::span(&cpu, 1)); }

/// The countdown that the caller waits on: workers still busy, times two, plus one when the caller sleeps.
class Countdown {
 public:
  void start(int workers) noexcept { word_.store(static_cast<std::uint32_t>(workers) * 2); }
  void done() noexcept {
    if (word_.fetch_sub(2) == 3) futex_wake_all(word_);
  }
  void wait(bool spins) noexcept {
    const auto zero = [this] { return word_.load(std::memory_order_acquire) < 2; };
    if (zero() || (spins && spin_until(zero))) return;
    for (auto word = word_.fetch_or(1) | 1; word >= 2; word = word_.load()) futex_wait(word_, word);
  }

 private:
  alignas(64) std::atomic<std::uint32_t> word_{0};
};

/// A thread that runs one call after another. Its word counts calls in steps of two; bit 0: it sleeps.
class Thread {
 public:
  Thread(const Core& core, bool spins, std::shared_ptr<Account> account, const std::function<void()>& setup,
         Countdown& countdown)
      : core_(core), spins_(spins), account_(std::move(account)), setup_(setup), countdown_(countdown) {
    thread_ = std::thread([this] { loop(); });
    move_to(core);
  }
  ~Thread() {
    start(-1, nullptr);
    thread_.join();
  }
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  int cpu() const noexcept { return core_.cpu; }
  bool pinned() const noexcept { return pinned_; }
  void set_spins(bool spins) noexcept { spins_.store(spins, std::memory_order_relaxed); }
  void move_to(const Core& core) noexcept {
    if (!pinned_ || core.cpu != core_.cpu) pinned_ = pin(thread_.native_handle(), core.cpu);
    core_ = core;
  }
  /// Hands over a call; f null: the thread ends.
  void start(int worker, const Job* f) noexcept {
    worker_ = worker, job_ = f;
    const auto next = (word_.load(std::memory_order_relaxed) & ~1u) + 2;
    if (word_.exchange(next) & 1) futex_wake_all(word_);
  }
  std::exception_ptr take_error() noexcept { return std::exchange(error_, nullptr); }
  std::int64_t busy() const noexcept { return busy_.load(std::memory_order_relaxed); }

 private:
  void loop() {
    AccountScope scope(account_);
    std::exception_ptr unset;
    try {
      if (setup_) setup_();
    } catch (...) {
      unset = std::current_exception();
    }
    for (std::uint32_t seen = 0;;) {
      seen = next_after(seen);
      if (!job_) return;
      if (unset)
        error_ = std::exchange(unset, nullptr);
      else
        call();
      countdown_.done();
    }
  }

  std::uint32_t next_after(std::uint32_t seen) noexcept {
    const auto changed = [&] { return (word_.load(std::memory_order_acquire) & ~1u) != seen; };
    if (!changed() && !(spins_.load(std::memory_order_relaxed) && spin_until(changed))) {
      auto expected = seen;
      word_.compare_exchange_strong(expected, seen | 1);
      while (!changed()) futex_wait(word_, seen | 1);
    }
    return word_.load(std::memory_order_acquire) & ~1u;
  }

  void call() noexcept {
    const auto start = std::chrono::steady_clock::now();
    try {
      (*job_)(worker_);
    } catch (...) {
      error_ = std::current_exception();
    }
    const std::chrono::nanoseconds spent = std::chrono::steady_clock::now() - start;
    busy_.fetch_add(spent.count(), std::memory_order_relaxed);
  }

  alignas(64) std::atomic<std::uint32_t> word_{0};
  int worker_ = 0;
  const Job* job_ = nullptr;
  std::exception_ptr error_;
  alignas(64) std::atomic<std::int64_t> busy_{0};
  Core core_;
  bool pinned_ = false;
  std::atomic<bool> spins_;
  const std::shared_ptr<Account> account_;
  const std::function<void()>& setup_;
  Countdown& countdown_;
  std::thread thread_;
};

}  // namespace

struct CpuSlice::Impl {
  std::vector<Core> cores;
  std::shared_ptr<Account> account;
  std::function<void()> setup;
  std::shared_ptr<BusyMeter> meter;
  Countdown countdown;
  std::vector<std::unique_ptr<Thread>> threads, parked;  // threads[i] is worker i + 1
  std::atomic<std::int64_t> busy{0};                     // worker 0's
  bool spins = true, running = false;
  // The calling thread: who it is, which cpu it is pinned to (-1: none) and its mask before.
  std::thread::id caller;
  int caller_cpu = -1;
  CpuSet before;

  void take_cores(std::vector<Core> wanted);
  std::unique_ptr<Thread> thread_for(const Core& core);
  void enter();
  void leave() noexcept;
  std::exception_ptr call(const Job& f) noexcept;
};

void CpuSlice::Impl::take_cores(std::vector<Core> wanted) {
  if (wanted.empty())
    throw ErrorException(
        {ErrorCode::internal, "a slice without cores", "CpuSlice", "0 cores", "at least 1", ""});
  spins = std::none_of(wanted.begin(), wanted.end(), [](const Core& c) { return c.shared; });
  for (std::size_t i = 0; i < wanted.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) spins = spins && wanted[i].cpu != wanted[j].cpu;
  std::move(threads.begin(), threads.end(), std::back_inserter(parked));
  threads.clear();
  cores = std::move(wanted);
  for (std::size_t i = 1; i < cores.size(); ++i) threads.push_back(thread_for(cores[i]));
}

std::unique_ptr<Thread> CpuSlice::Impl::thread_for(const Core& core) {
  if (parked.empty()) return std::make_unique<Thread>(core, spins, account, setup, countdown);
  auto found = std::find_if(parked.begin(), parked.end(), [&](auto& t) { return t->cpu() == core.cpu; });
  if (found == parked.end()) found = parked.end() - 1;
  auto thread = std::move(*found);
  parked.erase(found);
  thread->set_spins(spins);
  thread->move_to(core);
  return thread;
}

void CpuSlice::Impl::enter() {
  if (running)
    throw ErrorException(
        {ErrorCode::internal, "CpuSlice::run called from inside a run", "CpuSlice", "", "", ""});
  if (caller != std::this_thread::get_id()) {
    if (setup) setup();
    caller = std::this_thread::get_id();
    pthread_getaffinity_np(pthread_self(), before.bytes(), before.get());
    caller_cpu = -1;
  }
  if (caller_cpu != cores[0].cpu) caller_cpu = pin(pthread_self(), cores[0].cpu) ? cores[0].cpu : -1;
}

/// Another thread's mask is left alone: it may be gone, and its number be another thread's.
void CpuSlice::Impl::leave() noexcept {
  if (caller_cpu >= 0 && caller == std::this_thread::get_id())
    pthread_setaffinity_np(pthread_self(), before.bytes(), before.get());
}

std::exception_ptr CpuSlice::Impl::call(const Job& f) noexcept {
  const auto start = std::chrono::steady_clock::now();
  std::exception_ptr error;
  try {
    AccountScope scope(account);
    f(0);
  } catch (...) {
    error = std::current_exception();
  }
  const std::chrono::nanoseconds spent = std::chrono::steady_clock::now() - start;
  busy.fetch_add(spent.count(), std::memory_order_relaxed);
  return error;
}

CpuSlice::CpuSlice(std::vector<Core> cores, std::shared_ptr<Account> account,
                   std::function<void()> thread_setup, std::shared_ptr<BusyMeter> meter)
    : impl_(std::make_unique<Impl>()) {
  impl_->meter = std::move(meter);
  impl_->account = std::move(account);
  impl_->setup = std::move(thread_setup);
  impl_->take_cores(std::move(cores));
}

CpuSlice::~CpuSlice() { impl_->leave(); }

int CpuSlice::workers() const noexcept { return static_cast<int>(impl_->cores.size()); }
const std::vector<Core>& CpuSlice::cores() const noexcept { return impl_->cores; }
const std::shared_ptr<Account>& CpuSlice::account() const noexcept { return impl_->account; }

void CpuSlice::run(const std::function<void(int worker)>& f) {
  impl_->enter();
  impl_->running = true;
  impl_->countdown.start(static_cast<int>(impl_->threads.size()));
  for (std::size_t i = 0; i < impl_->threads.size(); ++i)
    impl_->threads[i]->start(static_cast<int>(i) + 1, &f);
  auto error = impl_->call(f);
  impl_->countdown.wait(impl_->spins);
  impl_->running = false;
  for (auto& thread : impl_->threads)
    if (auto other = thread->take_error(); other && !error) error = other;
  if (error) std::rethrow_exception(error);
}

void CpuSlice::resize(std::vector<Core> cores) { impl_->take_cores(std::move(cores)); }

int CpuSlice::pinned() const noexcept {
  return (impl_->caller_cpu >= 0 ? 1 : 0) +
         static_cast<int>(std::count_if(impl_->threads.begin(), impl_->threads.end(),
                                        [](auto& t) { return t->pinned(); }));
}

void CpuSlice::show_busy() noexcept {
  if (impl_->meter) impl_->meter->store(busy_seconds(), std::memory_order_relaxed);
}

double CpuSlice::busy_seconds() const noexcept {
  auto total = impl_->busy.load(std::memory_order_relaxed);
  for (const auto* group : {&impl_->threads, &impl_->parked})
    for (const auto& thread : *group) total += thread->busy();
  return 1e-9 * static_cast<double>(total);
}

}  // namespace troupe
