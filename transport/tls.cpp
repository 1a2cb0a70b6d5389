#include "transport/tls.hpp"

#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>

namespace troupe {
namespace {

/// OpenSSL's own socket BIO calls write(), which raises SIGPIPE where the peer is gone.
int socket_of(BIO* bio) { return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio))); }
bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

int bio_write(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t n = ::send(socket_of(bio), data, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (n < 0 && would_block()) BIO_set_retry_write(bio);
  return static_cast<int>(n);
}
int bio_read(BIO* bio, char* data, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t n = ::recv(socket_of(bio), data, static_cast<std::size_t>(size), 0);
  if (n < 0 && would_block()) BIO_set_retry_read(bio);
  return static_cast<int>(n);
}
long bio_control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

bool fill(SSL_CTX* context, const Keys& keys) {
  const auto authority = ossl::parse_certificate(keys.authority),
             own = ossl::parse_certificate(keys.certificate);
  const auto key = ossl::parse_key(keys.private_key.reveal());
  if (!authority || !own || !key) return false;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_verify_depth(context, 1);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  // memory of idle connections is given back; a write may be tried again from another buffer
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
         SSL_CTX_set_num_tickets(context, 0) == 1 &&
         X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get()) == 1 &&
         SSL_CTX_use_certificate(context, own.get()) == 1 && SSL_CTX_use_PrivateKey(context, key.get()) == 1;
}

TlsRefusal of_certificate(long verdict) {
  switch (verdict) {
    case X509_V_OK:
      return TlsRefusal::none;
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return TlsRefusal::expired;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return TlsRefusal::not_yet_valid;
    case X509_V_ERR_INVALID_PURPOSE:
      return TlsRefusal::wrong_role;
    default:
      return TlsRefusal::other_authority;
  }
}

/// What a peer's alert says of this side's certificate.
TlsRefusal of_alert(int alert) {
  switch (alert) {
    case SSL_AD_CERTIFICATE_EXPIRED:
      return TlsRefusal::expired;
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_DECRYPT_ERROR:
      return TlsRefusal::other_authority;
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
      return TlsRefusal::wrong_role;
    case SSL_AD_CERTIFICATE_REQUIRED:
      return TlsRefusal::no_certificate;
    default:
      return TlsRefusal::by_peer;
  }
}

}  // namespace

const char* to_string(TlsRefusal refusal) noexcept {
  switch (refusal) {
    case TlsRefusal::none:
      return "none";
    case TlsRefusal::no_tls:
      return "no_tls";
    case TlsRefusal::no_certificate:
      return "no_certificate";
    case TlsRefusal::expired:
      return "expired";
    case TlsRefusal::not_yet_valid:
      return "not_yet_valid";
    case TlsRefusal::other_authority:
      return "other_authority";
    case TlsRefusal::wrong_role:
      return "wrong_role";
    case TlsRefusal::by_peer:
      return "by_peer";
    case TlsRefusal::broken_off:
      return "broken_off";
    case TlsRefusal::too_slow:
      return "too_slow";
    case TlsRefusal::too_many:
      return "too_many";
    case TlsRefusal::barred:
      return "barred";
    case TlsRefusal::oversized:
      return "oversized";
    case TlsRefusal::malformed:
      return "malformed";
  }
  return "none";
}

Result<std::shared_ptr<const TlsContext>> TlsContext::make(const Keys& keys) {
  std::shared_ptr<TlsContext> made(new TlsContext);
  made->context_.reset(SSL_CTX_new(TLS_method()));
  made->socket_.reset(BIO_meth_new(BIO_TYPE_SOURCE_SINK, "socket without SIGPIPE"));
  BIO_METHOD* socket = made->socket_.get();
  const bool good = made->context_ && socket != nullptr && BIO_meth_set_write(socket, bio_write) == 1 &&
                    BIO_meth_set_read(socket, bio_read) == 1 && BIO_meth_set_ctrl(socket, bio_control) == 1 &&
                    fill(made->context_.get(), keys);
  if (!good) return fail(ossl::failure("the keys can't be used for TLS"));
  ERR_clear_error();
  return std::shared_ptr<const TlsContext>(made);
}

TlsSession::TlsSession(std::shared_ptr<const TlsContext> context, int socket, End end)
    : context_(std::move(context)), stream_(SSL_new(context_->get())) {
  BIO* bio = stream_ ? BIO_new(context_->socket()) : nullptr;
  if (bio == nullptr) {
    stream_.reset();
    refusal_ = TlsRefusal::broken_off;  // no memory left: as if the peer had gone
    return;
  }
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(socket)));
  BIO_set_init(bio, 1);
  SSL_set_bio(stream_.get(), bio, bio);
  if (end == End::accepting) {
    SSL_set_accept_state(stream_.get());
  } else {
    SSL_set_connect_state(stream_.get());
  }
}

// The thread's error queue is emptied before every call: what another connection left there would otherwise
// be taken for this one's failure.
TlsSession::Step TlsSession::shake_hands() {
  if (ready_) return Step::done;
  if (!stream_ || refusal_ != TlsRefusal::none) return Step::failed;
  ERR_clear_error();
  const Step step = judge(SSL_do_handshake(stream_.get()));
  ready_ = step == Step::done;
  return step;
}

TlsSession::Step TlsSession::read(void* into, std::size_t size, std::size_t& moved) {
  moved = 0;
  if (!ready_ || refusal_ != TlsRefusal::none) return Step::failed;
  ERR_clear_error();
  return judge(SSL_read_ex(stream_.get(), into, size, &moved));
}

TlsSession::Step TlsSession::write(const void* from, std::size_t size, std::size_t& moved) {
  moved = 0;
  if (!ready_ || refusal_ != TlsRefusal::none) return Step::failed;
  ERR_clear_error();
  const Step step = judge(SSL_write_ex(stream_.get(), from, size, &moved));
  if (step == Step::failed && refusal_ == TlsRefusal::broken_off) hear_out();
  return step;
}

/// A peer that refuses this side says why and goes, at once: the next write may fail before that was read.
void TlsSession::hear_out() {
  char byte = 0;
  std::size_t moved = 0;
  ERR_clear_error();
  const int result = SSL_peek_ex(stream_.get(), &byte, sizeof byte, &moved);
  if (result != 1 && SSL_get_error(stream_.get(), result) == SSL_ERROR_SSL) find_reason();
}

std::size_t TlsSession::pending() const {
  return stream_ ? static_cast<std::size_t>(std::max(0, SSL_pending(stream_.get()))) : 0;
}

TlsSession::Step TlsSession::judge(int result) {
  if (result == 1) return Step::done;
  switch (SSL_get_error(stream_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Step::wants_read;
    case SSL_ERROR_WANT_WRITE:
      return Step::wants_write;
    default:
      find_reason();
      return Step::failed;
  }
}

void TlsSession::find_reason() {
  const unsigned long error = ERR_peek_error();
  const int reason = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
  ERR_clear_error();
  refusal_ = of_certificate(SSL_get_verify_result(stream_.get()));
  if (refusal_ != TlsRefusal::none) return;
  by_peer_ = reason > SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256;
  if (by_peer_) {
    refusal_ = of_alert(reason - SSL_AD_REASON_OFFSET);
  } else if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
    refusal_ = TlsRefusal::no_certificate;
  } else if (reason == 0 || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    refusal_ = TlsRefusal::broken_off;
  } else {
    refusal_ = TlsRefusal::no_tls;
  }
}

}  // namespace troupe
