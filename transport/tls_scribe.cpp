#include "transport/tls_scribe.hpp"

#include <caf/io/network/interfaces.hpp>

namespace troupe {
namespace {

TlsBytes::State state_of(TlsSession::Step step) {
  return step == TlsSession::Step::failed ? TlsBytes::State::failure : TlsBytes::State::success;
}

}  // namespace

TlsBytes::State TlsBytes::read_some(std::size_t& moved, Socket, void* into, std::size_t size) {
  moved = 0;
  if (owner_->expelled_) return State::failure;
  if (const auto step = owner_->shake_hands(); step != TlsSession::Step::done) return state_of(step);
  if (size == 0) return State::indeterminate;
  const auto step = owner_->session_.read(into, size, moved);
  if (step == TlsSession::Step::failed) owner_->tell(owner_->session_.refusal());
  return state_of(step);
}

TlsBytes::State TlsBytes::write_some(std::size_t& moved, Socket, const void* from, std::size_t size) {
  moved = 0;
  if (const auto step = owner_->shake_hands(); step == TlsSession::Step::failed) return State::failure;
  // with nothing to say the socket is watched for writing no longer
  if (size == 0 || !owner_->session_.ready()) return State::indeterminate;
  return state_of(owner_->session_.write(from, size, moved));
}

bool TlsBytes::must_read_more(Socket, std::size_t threshold) {
  return owner_->session_.pending() >= threshold;
}

TlsScribe::TlsScribe(Loop& loop, int socket, const TlsEnd& end, TlsSession::End side)
    : scribe(caf::io::connection_handle::from_int(socket)),
      end_(end),
      session_(end.context, socket, side),
      stream_(loop, socket, this) {
  if (end_.guard && side == TlsSession::End::accepting) stranger_ = end_.guard->began(socket);
  if (side == TlsSession::End::connecting) session_.shake_hands();  // who connects speaks first
}

TlsScribe::~TlsScribe() { tell(session_.ready() ? TlsRefusal::none : TlsRefusal::broken_off); }

TlsSession::Step TlsScribe::shake_hands() {
  if (session_.ready()) return Step::done;
  const Step step = session_.shake_hands();
  if (step == Step::failed) tell(session_.refusal());
  if (step == Step::wants_write) stream_.force_empty_write(this);
  if (step == Step::done) {
    if (end_.guard) tell(TlsRefusal::none);
    flush();
  }
  return step;
}

void TlsScribe::tell(TlsRefusal refusal) {
  if (end_.guard) {
    // whether it was this side's certificate or its own that displeased the peer is the peer's to know
    end_.guard->ended(stranger_, session_.refused_by_peer() ? TlsRefusal::by_peer : refusal);
    stranger_ = -1;
  }
  if (end_.trouble && refusal != TlsRefusal::none) {
    end_.trouble->put({refusal, session_.refused_by_peer(), {}});
    end_.trouble = nullptr;
  }
}

void TlsScribe::expel(TlsRefusal why) {
  if (!end_.guard || !session_.ready() || expelled_) return;
  expelled_ = true;
  end_.guard->expelled(why);
}

void TlsScribe::configure_read(caf::io::receive_policy::config config) {
  if (end_.guard && config.second > kMostFrame) {
    expel(TlsRefusal::oversized);
    config.second = 1;
  }
  stream_.configure_read(config);
  if (launched_) return;
  launched_ = true;
  stream_.start(this);
}

void TlsScribe::graceful_shutdown() {
  expel(TlsRefusal::malformed);  // who ends by itself, or is lost, does not come by here
  stream_.graceful_shutdown();
  detach(&stream_.backend(), false);
}

void TlsScribe::flush() {
  if (session_.ready()) stream_.flush(this);
}

std::string TlsScribe::addr() const {
  const auto address = caf::io::network::remote_addr_of_fd(stream_.fd());
  return address ? *address : "";
}

std::uint16_t TlsScribe::port() const {
  const auto port = caf::io::network::remote_port_of_fd(stream_.fd());
  return port ? *port : std::uint16_t{0};
}

}  // namespace troupe
