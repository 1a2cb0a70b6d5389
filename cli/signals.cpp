#include "cli/signals.hpp"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>

#include "cli/terminal.hpp"

namespace troupe {
namespace {

/// Wakes the listener at the end; blocked, and nobody else's.
constexpr int kWake = SIGUSR2;

sigset_t watched() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, kWake}) sigaddset(&set, signal);
  return set;
}

}  // namespace

SignalInterrupts::SignalInterrupts() {
  const sigset_t set = watched();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);  // `troupe logs | head` ends by a failed write, not by a signal
  listener_ = std::thread([this] { listen(); });
}

SignalInterrupts::~SignalInterrupts() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  pthread_kill(listener_.native_handle(), kWake);
  listener_.join();
}

bool SignalInterrupts::wait(double seconds) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return asked_; });
}

void SignalInterrupts::listen() {
  const sigset_t set = watched();
  for (int signal = 0;;) {
    if (sigwait(&set, &signal) != 0) continue;
    const std::lock_guard lock(mutex_);
    if (signal == kWake && ending_) return;
    if (signal == kWake) continue;
    if (asked_) ::_exit(kInterrupted);
    asked_ = true;
    changed_.notify_all();
  }
}

}  // namespace troupe
