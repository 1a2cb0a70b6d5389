#pragma once
// CAF's connections over TLS: an actor that opens and connects as CAF's own middleman does. CAF has a library
// for that (caf::openssl), which is not used: in 0.17.6 one refused handshake, or a command that ends, breaks
// other connections (it does not empty OpenSSL's error queue), a stranger that says nothing keeps a core
// busy, and the process dies when a stranger comes after the key's file was moved away.
#include <caf/io/all.hpp>
#include <mutex>

#include "transport/tls.hpp"
#include "transport/tls_guard.hpp"

namespace troupe {

/// How the last connection that this process opened came to its end; any thread.
class ConnectTrouble {
 public:
  struct Seen {
    TlsRefusal refusal = TlsRefusal::none;
    bool by_peer = false;          // the other side said no
    std::string unreachable = {};  // nothing answers there: why
  };
  void put(Seen seen) {
    const std::lock_guard lock(mutex_);
    seen_ = std::move(seen);
  }
  Seen get() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

 private:
  mutable std::mutex mutex_;
  Seen seen_;
};

/// One a listening or connecting end. Understands what caf::io::middleman_actor does.
struct TlsEnd {
  std::shared_ptr<const TlsContext> context;
  std::shared_ptr<TlsGuard> guard;          // of the accepting end
  std::shared_ptr<ConnectTrouble> trouble;  // of the connecting end
  double connect_seconds = 3;
};

/// Detached: connecting blocks. To be ended by `end_tls_middleman` before its actor system.
caf::io::middleman_actor spawn_tls_middleman(caf::actor_system& system, TlsEnd end);
void end_tls_middleman(caf::actor_system& system, caf::io::middleman_actor& middleman);

}  // namespace troupe
