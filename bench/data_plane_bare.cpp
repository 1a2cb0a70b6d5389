#include "bench/data_plane_bare.hpp"

#include <zmq.hpp>

namespace troupe::bench {
namespace {

void set(zmq::socket_t& socket, const BareLink& link, bool server) {
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::sndhwm, static_cast<int>(link.ahead));
  socket.set(zmq::sockopt::rcvhwm, static_cast<int>(link.ahead));
  if (!link.encrypted) return;
  socket.set(zmq::sockopt::curve_secretkey, link.keys.secret_key);
  socket.set(zmq::sockopt::curve_publickey, link.keys.public_key);
  if (server) {
    socket.set(zmq::sockopt::curve_server, true);
  } else {
    socket.set(zmq::sockopt::curve_serverkey, link.keys.public_key);
  }
}

void let_go(void*, void* owner) { delete static_cast<std::shared_ptr<std::vector<std::byte>>*>(owner); }

}  // namespace

void bare_receiver(const BareLink& link) {
  zmq::context_t context;
  zmq::socket_t router(context, zmq::socket_type::router);
  set(router, link, true);
  router.bind(link.endpoint);
  while (true) {
    zmq::message_t route, body;
    if (!router.recv(route) || !router.recv(body) || body.size() != 1) continue;
    router.send(route, zmq::send_flags::sndmore);
    router.send(body, zmq::send_flags::none);
  }
}

struct BareSender::Impl {
  zmq::context_t context;
  zmq::socket_t dealer{context, zmq::socket_type::dealer};
};

BareSender::BareSender(const BareLink& link) : impl_(std::make_unique<Impl>()) {
  set(impl_->dealer, link, false);
  impl_->dealer.connect(link.endpoint);
}

BareSender::~BareSender() = default;

void BareSender::send(const std::shared_ptr<std::vector<std::byte>>& memory, int messages) {
  for (int i = 0; i < messages; ++i) {
    auto owner = std::make_unique<std::shared_ptr<std::vector<std::byte>>>(memory);
    zmq::message_t body(memory->data(), memory->size(), let_go, owner.release());
    impl_->dealer.send(body, zmq::send_flags::none);
  }
  impl_->dealer.send(zmq::buffer("E", 1), zmq::send_flags::none);
  zmq::message_t done;
  if (!impl_->dealer.recv(done)) throw zmq::error_t();
}

}  // namespace troupe::bench
