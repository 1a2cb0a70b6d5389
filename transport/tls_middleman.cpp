#include "transport/tls_middleman.hpp"

#include <caf/all.hpp>
#include <caf/io/basp_broker.hpp>
#include <caf/io/middleman_actor_impl.hpp>
#include <caf/io/network/doorman_impl.hpp>

#include "transport/tcp.hpp"
#include "transport/tls_scribe.hpp"

namespace troupe {
namespace {

using Loop = caf::io::network::default_multiplexer;

/// Accepts; every newcomer is a stranger to the guard until it has shaken hands.
class TlsDoorman final : public caf::io::network::doorman_impl {
 public:
  TlsDoorman(Loop& loop, int socket, TlsEnd end) : doorman_impl(loop, socket), end_(std::move(end)) {}

  bool new_connection() override {
    const int socket = acceptor_.accepted_socket();
    if (detached()) {
      ::close(socket);
      return false;
    }
    if (end_.guard && end_.guard->barred(socket)) {
      ::close(socket);
      return true;
    }
    auto& loop = acceptor_.backend();
    caf::io::network::nonblocking(socket, true);
    auto newcomer = caf::make_counted<TlsScribe>(loop, socket, end_, TlsSession::End::accepting);
    const auto handle = newcomer->hdl();
    parent()->add_scribe(std::move(newcomer));
    return doorman::new_connection(&loop, handle);
  }

 private:
  TlsEnd end_;
};

class TlsMiddleman final : public caf::io::middleman_actor_impl {
 public:
  TlsMiddleman(caf::actor_config& config, caf::actor broker, TlsEnd end)
      : middleman_actor_impl(config, std::move(broker)), end_(std::move(end)) {}
  const char* name() const override { return "tls_middleman"; }

 protected:
  caf::expected<caf::io::scribe_ptr> connect(const std::string& host, std::uint16_t port) override {
    auto socket = tcp_connect(host, port, end_.connect_seconds);
    if (!socket) {
      if (end_.trouble) end_.trouble->put({TlsRefusal::none, false, socket.error().what});
      return caf::make_error(caf::sec::cannot_connect_to_node);
    }
    caf::io::scribe_ptr made =
        caf::make_counted<TlsScribe>(loop(), socket->get(), end_, TlsSession::End::connecting);
    socket->release();
    return made;
  }

  caf::expected<caf::io::doorman_ptr> open(std::uint16_t port, const char* address, bool reuse) override {
    auto socket = caf::io::network::new_tcp_acceptor_impl(port, address, reuse);
    if (!socket) return std::move(socket.error());
    caf::io::doorman_ptr made = caf::make_counted<TlsDoorman>(loop(), *socket, end_);
    return made;
  }

 private:
  Loop& loop() { return static_cast<Loop&>(system().middleman().backend()); }
  TlsEnd end_;
};

}  // namespace

caf::io::middleman_actor spawn_tls_middleman(caf::actor_system& system, TlsEnd end) {
  auto broker = system.middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP"));
  return system.spawn<TlsMiddleman, caf::detached + caf::hidden>(std::move(broker), std::move(end));
}

void end_tls_middleman(caf::actor_system& system, caf::io::middleman_actor& middleman) {
  if (!middleman) return;
  caf::scoped_actor self(system, true);
  self->send_exit(middleman, caf::exit_reason::kill);
  self->wait_for(middleman);
  middleman = nullptr;
}

}  // namespace troupe
