#pragma once
// A group's channel to one other process: a thread that takes what comes, and sends that never block the
// caller.
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "transport/channel.hpp"

namespace troupe::group {

class Link {
 public:
  struct Events {
    std::function<void(Message)> came;  // on the reading thread; nothing comes after `broke`
    std::function<void(Error)> broke;   // on the reading thread: the channel failed
    std::function<void(Error)> unsent;  // on any: a message was refused for good
    std::function<void()> drained;      // on any: nothing waits for credit any more
  };

  explicit Link(Channel channel) : channel_(std::move(channel)) {}
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  /// Before any other call.
  void start(Events events);

  /// Any thread; messages of one thread keep their order. Where there is no credit, a thread of the link's
  /// own waits for it.
  void post(std::string header, Payload payload = {});
  /// Nothing waits for credit: all that was posted will leave.
  bool idle() const;
  void cancel(const Error& reason) { channel_.cancel(reason); }
  /// What waits for credit is dropped; both threads come to their ends.
  void close();
  void join();  // behind close()

 private:
  struct Entry {
    std::string header;
    Payload payload;
  };
  void read();
  void send_waiting();
  /// Of the channel's errors those that its reader does not hear of.
  void judge(const Error& error);

  Channel channel_;
  Events events_;
  mutable std::mutex mutex_;  // of what follows; held while an entry is tried, for the order
  std::condition_variable changed_;
  std::deque<Entry> waiting_;
  bool closed_ = false;
  std::thread reader_, sender_;
};

}  // namespace troupe::group
