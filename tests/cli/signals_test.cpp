#include "cli/signals.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace troupe {
namespace {

/// What `body` makes of its signals, in a process of its own: its exit code, or 128 + the signal that killed
/// it.
template <class Body>
int in_a_process(Body body) {
  const pid_t child = ::fork();
  if (child == 0) {
    SignalInterrupts interrupts;
    ::_exit(body(interrupts));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST(SignalInterrupts, TellTheFirstSignal) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    EXPECT_EQ(in_a_process([signal](Interrupts& interrupts) {
                ::kill(::getpid(), signal);
                return interrupts.wait(60) && interrupts.wait(0) ? 7 : 8;
              }),
              7);
  }
}

TEST(SignalInterrupts, LeaveAtOnceOnTheSecond) {
  EXPECT_EQ(in_a_process([](Interrupts& interrupts) {
              ::kill(::getpid(), SIGINT);
              interrupts.wait(60);
              ::kill(::getpid(), SIGINT);
              for (;;) ::pause();  // busy with something that does not look
              return 0;
            }),
            130);
}

TEST(SignalInterrupts, SayNoWhenNobodyAsked) {
  EXPECT_EQ(in_a_process([](Interrupts& interrupts) { return interrupts.wait(0.01) ? 8 : 7; }), 7);
}

TEST(SignalInterrupts, EndWithoutASignal) {
  EXPECT_EQ(in_a_process([](Interrupts&) {
              { const SignalInterrupts another; }
              return 7;
            }),
            7);
}

}  // namespace
}  // namespace troupe
