#include "transport/tcp.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <memory>
#include <system_error>

namespace troupe {
namespace {

using Clock = std::chrono::steady_clock;

struct Freed {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

/// errno of the whole attempt; 0 once it is connected.
int wait_connected(int socket, Clock::time_point deadline) {
  for (;;) {
    const double left = std::chrono::duration<double, std::milli>(deadline - Clock::now()).count();
    pollfd waited{socket, POLLOUT, 0};
    const int n = left <= 0 ? 0 : ::poll(&waited, 1, static_cast<int>(std::ceil(left)));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) return ETIMEDOUT;
    int error = 0;
    socklen_t size = sizeof error;
    return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
  }
}

tl::expected<Descriptor, int> try_one(const addrinfo& to, Clock::time_point deadline) {
  Descriptor socket(::socket(to.ai_family, to.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, to.ai_protocol));
  if (socket.get() < 0) return tl::unexpected<int>(errno);
  const int one = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  int error = ::connect(socket.get(), to.ai_addr, to.ai_addrlen) == 0 ? 0 : errno;
  if (error == EINPROGRESS) error = wait_connected(socket.get(), deadline);
  if (error != 0) return tl::unexpected<int>(error);
  return socket;
}

}  // namespace

Result<Descriptor> tcp_connect(const std::string& host, int port, double timeout_seconds) {
  Error none{.code = ErrorCode::not_connected, .what = "", .where = host + ":" + std::to_string(port)};
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int bad = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found); bad != 0) {
    none.what = std::string("no address of that name is known: ") + ::gai_strerror(bad);
    return fail(none);
  }
  const std::unique_ptr<addrinfo, Freed> list(found);
  const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                           std::chrono::duration<double>(timeout_seconds));
  for (const addrinfo* to = list.get(); to != nullptr; to = to->ai_next) {
    auto socket = try_one(*to, deadline);
    if (socket) return std::move(*socket);
    none.what = "nothing answers there: " + std::system_category().message(socket.error());
  }
  return fail(none);
}

}  // namespace troupe
