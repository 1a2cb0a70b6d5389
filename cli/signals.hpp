#pragma once
// Ctrl-C, SIGTERM and SIGHUP, taken by a thread that waits for them: no handler runs inside somebody's code.
#include <condition_variable>
#include <mutex>
#include <thread>

#include "cli/services.hpp"

namespace troupe {

/// To be made before any other thread: those made later inherit that the signals are blocked. The first
/// signal is told by wait(); the second leaves the process at once with 130.
class SignalInterrupts final : public Interrupts {
 public:
  SignalInterrupts();
  ~SignalInterrupts() override;
  bool wait(double seconds) override;

 private:
  void listen();
  std::mutex mutex_;
  std::condition_variable changed_;
  bool asked_ = false, ending_ = false;
  std::thread listener_;
};

}  // namespace troupe
