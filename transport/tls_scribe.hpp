#pragma once
// One TLS connection of CAF: what CAF's event loop calls, on its thread. Holds back what CAF wants to say
// until the handshake is done, so that a stranger hears nothing and costs nothing while it is silent.
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/io/network/stream_impl.hpp>
#include <caf/io/scribe.hpp>

#include "transport/tls_middleman.hpp"

namespace troupe {

class TlsScribe;

/// What CAF's stream asks for bytes.
class TlsBytes {
 public:
  using State = caf::io::network::rw_state;
  using Socket = caf::io::network::native_socket;
  explicit TlsBytes(TlsScribe* owner) : owner_(owner) {}
  State read_some(std::size_t& moved, Socket, void* into, std::size_t size);
  State write_some(std::size_t& moved, Socket, const void* from, std::size_t size);
  bool must_read_more(Socket, std::size_t threshold);

 private:
  TlsScribe* owner_;
};

class TlsScribe final : public caf::io::scribe {
 public:
  using Loop = caf::io::network::default_multiplexer;
  /// Of one message to a cluster. CAF makes room for as much as a peer announces, up to 4 GiB.
  static constexpr std::size_t kMostFrame = 64 << 20;
  /// Takes the socket, which does not block.
  TlsScribe(Loop& loop, int socket, const TlsEnd& end, TlsSession::End side);
  ~TlsScribe() override;

  void configure_read(caf::io::receive_policy::config config) override;
  void ack_writes(bool enable) override { stream_.ack_writes(enable); }
  std::vector<char>& wr_buf() override { return stream_.wr_buf(); }
  std::vector<char>& rd_buf() override { return stream_.rd_buf(); }
  void graceful_shutdown() override;
  void flush() override;
  std::string addr() const override;
  std::uint16_t port() const override;
  void add_to_loop() override { stream_.activate(this); }
  void remove_from_loop() override { stream_.passivate(); }

 private:
  friend class TlsBytes;
  using Step = TlsSession::Step;
  /// The handshake's next part; done once bytes may flow.
  Step shake_hands();
  /// Tells guard and trouble how it went; the first time counts.
  void tell(TlsRefusal refusal);
  /// One who was let in is shown out: the next read fails, which ends the connection.
  void expel(TlsRefusal why);

  TlsEnd end_;
  TlsSession session_;
  std::int64_t stranger_ = -1;  // the guard's number for it
  bool launched_ = false, expelled_ = false;
  caf::io::network::stream_impl<TlsBytes> stream_;
};

}  // namespace troupe
