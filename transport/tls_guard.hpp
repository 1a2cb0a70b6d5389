#pragma once
// Keeps a door's strangers few and short: connections that have not finished their handshake, addresses from
// which nothing but such comes, and a count of those that were refused. Any thread.
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "base/clock.hpp"
#include "transport/knocks.hpp"
#include "transport/tls.hpp"

namespace troupe {

class TlsGuard {
 public:
  /// A handshake over a slow link takes a few round trips; who needs longer is dropped.
  static constexpr double kSeconds = 10;
  /// Strangers at a time; a newcomer pushes the oldest out. About 30 KiB each.
  static constexpr std::size_t kMost = 256;

  explicit TlsGuard(std::shared_ptr<const Clock> clock, double seconds = kSeconds, std::size_t most = kMost)
      : clock_(std::move(clock)), seconds_(seconds), most_(most) {}

  /// Whether nobody from its peer's address is listened to for now: then it is counted as refused.
  bool barred(int socket);
  /// A connection has come; its socket stays open until `ended`. Returns a number for it.
  std::int64_t began(int socket);
  /// It was let in (TlsRefusal::none) or not; after that its socket is not touched any more. A second call
  /// for the same number does nothing.
  void ended(std::int64_t number, TlsRefusal why);
  /// One that was let in, and is shown out after all.
  void expelled(TlsRefusal why);
  /// Now and then: shuts down the sockets of those that took too long, whose owners then see them fail, and
  /// forgets who is forgiven.
  void drop_slow();
  /// Refused since the last call, by reason.
  std::map<TlsRefusal, std::int64_t> take_refused();

 private:
  struct Stranger {
    int socket;
    double since;
    std::string address;
    TlsRefusal dropped = TlsRefusal::none;
  };
  void drop(Stranger& stranger, TlsRefusal why);

  std::shared_ptr<const Clock> clock_;
  double seconds_;
  std::size_t most_;
  std::mutex mutex_;
  std::int64_t next_ = 0;
  std::map<std::int64_t, Stranger> strangers_;  // oldest first
  std::size_t waiting_ = 0;                     // those that were not dropped yet
  std::map<TlsRefusal, std::int64_t> refused_;
  Knocks knocks_;
};

}  // namespace troupe
