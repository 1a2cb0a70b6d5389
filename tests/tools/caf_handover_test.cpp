// How CAF hands messages from thread to thread, each way once and in a fixed order of events: what the thread
// sanitizer must be told (caf_under_tsan.cpp). Under any build: every message made is destroyed.
//
// The order is kept by relaxed atomics, which order nothing for the sanitizer: only CAF's own hand-over may.
#include <gtest/gtest.h>

#include <atomic>
#include <caf/all.hpp>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

namespace {

class Flag {
 public:
  void raise() { up_.store(true, std::memory_order_relaxed); }
  void wait() const {
    while (!up_.load(std::memory_order_relaxed)) std::this_thread::yield();
  }

 private:
  std::atomic<bool> up_{false};
};

using Count = std::atomic<int>;

/// A message that counts itself, and whose end reads and writes what its maker wrote.
class Parcel {
 public:
  Parcel() = default;
  explicit Parcel(Count& alive) : alive_(&alive) { count(1); }
  Parcel(const Parcel& other) : alive_(other.alive_), content_(other.content_) { count(1); }
  Parcel& operator=(const Parcel&) = delete;
  ~Parcel() {
    content_.clear();
    count(-1);
  }
  int sum() const { return content_[0] + content_[1]; }
  void write(int value) { content_[0] = value; }

 private:
  void count(int by) {
    if (alive_ != nullptr) alive_->fetch_add(by, std::memory_order_relaxed);
  }
  Count* alive_ = nullptr;
  std::vector<int> content_{20, 22};
};

}  // namespace
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(Parcel)
namespace {

struct TwoThreads : caf::actor_system_config {
  TwoThreads() { set("scheduler.max-threads", 2); }
};

struct Events {
  Count alive{0};
  Flag started, posted, done;
};

using Begin = caf::atom_constant<caf::atom("begin")>;

/// Detached: makes a parcel, and posts it once its receiver is in the midst of another message.
void post_when_started(caf::actor_system& system, Events& events, const caf::actor& to) {
  system.spawn<caf::detached>([&events, to](caf::event_based_actor* self) {
    self->send(to, Begin::value);
    events.started.wait();
    self->send(to, Parcel(events.alive));
    events.posted.raise();
  });
}

TEST(CafHandover, AMessageIsHandled) {
  Events events;
  int sum = 0;
  {
    TwoThreads config;
    caf::actor_system system(config);
    const auto receiver = system.spawn([&](caf::event_based_actor*) -> caf::behavior {
      return {[&](Begin) { events.started.raise(); }, [&](const Parcel& parcel) { sum = parcel.sum(); }};
    });
    post_when_started(system, events, receiver);
    events.posted.wait();
  }
  EXPECT_EQ(sum, 42);
  EXPECT_EQ(events.alive.load(), 0);
}

TEST(CafHandover, AMessageIsThrownAwayByAReceiverThatEnds) {
  Events events;
  int handled = 0;
  {
    TwoThreads config;
    caf::actor_system system(config);
    const auto receiver = system.spawn([&](caf::event_based_actor* self) -> caf::behavior {
      return {[&, self](Begin) {
                events.started.raise();
                events.posted.wait();
                self->quit();
              },
              [&](const Parcel&) { ++handled; }};
    });
    post_when_started(system, events, receiver);
  }
  EXPECT_EQ(handled, 0);
  EXPECT_EQ(events.alive.load(), 0);
}

TEST(CafHandover, AReplyIsThrownAwayByARequesterThatEnds) {
  Events events;
  int handled = 0;
  {
    TwoThreads config;
    caf::actor_system system(config);
    // the message behind the reply tells that the reply was sent
    const auto answerer = system.spawn<caf::detached>([&](caf::event_based_actor*) -> caf::behavior {
      return {[&](Begin) {
                events.started.wait();
                return Parcel(events.alive);
              },
              [&](int) { events.posted.raise(); }};
    });
    system.spawn([&, answerer](caf::event_based_actor* self) {
      self->request(answerer, caf::infinite, Begin::value).then([&](const Parcel&) { ++handled; });
      self->send(answerer, 1);
      self->send(self, Begin::value);
      self->become([&, self](Begin) {
        events.started.raise();
        events.posted.wait();
        self->quit();
      });
    });
  }
  EXPECT_EQ(handled, 0);
  EXPECT_EQ(events.alive.load(), 0);
}

TEST(CafHandover, AMessageIsThrownAwayByABlockingReceiverThatEnds) {
  Events events;
  {
    TwoThreads config;
    caf::actor_system system(config);
    const caf::scoped_actor receiver(system);
    events.started.raise();
    post_when_started(system, events, caf::actor_cast<caf::actor>(receiver));
    events.posted.wait();
  }
  EXPECT_EQ(events.alive.load(), 0);
}

TEST(CafHandover, AMessageThatIsNotYetSentIsThrownAwayByTheClock) {
  Events events;
  int handled = 0;
  {
    TwoThreads config;
    caf::actor_system system(config);
    system.spawn([&](caf::event_based_actor* self) -> caf::behavior {
      self->delayed_send(self, std::chrono::hours(1), Parcel(events.alive));
      self->send(self, Begin::value);
      return {[self](Begin) { self->quit(); }, [&](const Parcel&) { ++handled; }};
    });
  }
  EXPECT_EQ(handled, 0);
  EXPECT_EQ(events.alive.load(), 0);
}

// The first reader refers to the message while the second is not yet handed it, and no longer when it is: the
// second writes into it in place.
TEST(CafHandover, AMessageOnceSharedIsWrittenByItsLastReader) {
  Events events;
  std::atomic<int> first{0}, second{0};  // that the actors have ended is known to CAF alone
  {
    TwoThreads config;
    caf::actor_system system(config);
    const auto reader = system.spawn<caf::detached>([&](caf::event_based_actor*) -> caf::behavior {
      return {[&](const Parcel& parcel) { first = parcel.sum(); }, [&](Begin) { events.done.raise(); }};
    });
    const auto writer = system.spawn<caf::detached>([&](caf::event_based_actor*) -> caf::behavior {
      return {[&](Begin) { events.done.wait(); },
              [&](Parcel& parcel) {
                parcel.write(1);
                second = parcel.sum();
              }};
    });
    {
      const caf::message shared = caf::make_message(Parcel(events.alive));
      caf::anon_send(writer, Begin::value);
      caf::anon_send(writer, shared);
      caf::anon_send(reader, shared);
    }
    caf::anon_send(reader, Begin::value);
  }
  EXPECT_EQ(first.load(), 42);
  EXPECT_EQ(second.load(), 23);
  EXPECT_EQ(events.alive.load(), 0);
}

}  // namespace
