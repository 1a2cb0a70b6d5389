#pragma once
// TLS 1.3 over a socket that does not block, both sides' certificates checked against the cluster's
// authority. Knows no actor. OpenSSL checks by itself that a certificate's use fits: a client's opens no
// door.
#include <cstddef>
#include <memory>
#include <string>

#include "transport/keys.hpp"
#include "transport/openssl_ptr.hpp"

namespace troupe {

/// Why a peer was not let in, or did not let in.
enum class TlsRefusal {
  none,
  no_tls,           // what came is no TLS 1.3
  no_certificate,   // the peer has none
  expired,          // the certificate's time is over
  not_yet_valid,    // or has not come
  other_authority,  // another cluster's, or broken
  wrong_role,       // a client's key on the accepting end
  by_peer,          // the peer refused this side's certificate and did not say more
  broken_off,       // the connection ended in the middle
  too_slow,         // no handshake within its time
  too_many,         // dropped to make room for another that had not proved itself either
  barred,           // its address has been refused too often
  oversized,        // let in, and then sent a frame past the limit
  malformed,        // let in, and then did not speak the actors' protocol
};
/// As a metric's label: "no_tls".
const char* to_string(TlsRefusal refusal) noexcept;

/// What all connections of one holder of keys share. The files are not needed again.
class TlsContext {
 public:
  static Result<std::shared_ptr<const TlsContext>> make(const Keys& keys);
  SSL_CTX* get() const { return context_.get(); }
  const BIO_METHOD* socket() const { return socket_.get(); }

 private:
  TlsContext() = default;
  ossl::Context context_;
  std::unique_ptr<BIO_METHOD, ossl::Freed<BIO_meth_free>> socket_;
};

/// One connection. One thread at a time. Does not own the socket.
class TlsSession {
 public:
  enum class End { accepting, connecting };
  enum class Step { done, wants_read, wants_write, failed };

  TlsSession(std::shared_ptr<const TlsContext> context, int socket, End end);

  /// Goes on with the handshake as far as the socket allows.
  Step shake_hands();
  /// Both sides have shown their certificates and this side is content.
  bool ready() const { return ready_; }
  /// `moved`: how many bytes; 0 unless done.
  Step read(void* into, std::size_t size, std::size_t& moved);
  Step write(const void* from, std::size_t size, std::size_t& moved);
  /// Bytes that are here already, of which the socket tells nothing any more.
  std::size_t pending() const;
  /// After a failed step: why. A peer that said no in a TLS alert is told by `refused_by_peer`.
  TlsRefusal refusal() const { return refusal_; }
  bool refused_by_peer() const { return by_peer_; }

 private:
  Step judge(int result);
  void find_reason();
  void hear_out();

  std::shared_ptr<const TlsContext> context_;
  ossl::Stream stream_;
  bool ready_ = false, by_peer_ = false;
  TlsRefusal refusal_ = TlsRefusal::none;
};

}  // namespace troupe
