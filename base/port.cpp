#include "base/port.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>

#include "base/descriptor.hpp"

namespace troupe {
namespace {

/// errno of binding and listening; 0 where it is free by now.
int try_to_listen(int port) {
  const Descriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return errno;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool listens = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                       ::listen(fd.get(), 1) == 0;
  return listens ? 0 : errno;
}

}  // namespace

Error cannot_listen(int port, const std::string& key, const std::string& allowed) {
  const int reason = try_to_listen(port);
  Error e;
  e.code = ErrorCode::bad_config;
  e.where = key;
  e.given = std::to_string(port);
  e.allowed = allowed;
  if (reason == EADDRINUSE) {
    e.what = "the port is in use";
    e.hint = "Is another cluster up? (`troupe jobs`) Choose another port";
  } else {
    e.what = "the port can't be opened" +
             (reason == 0 ? std::string() : ": " + std::system_category().message(reason));
    e.hint = reason == 0 ? "Try again, or choose another port" : "Choose another port";
  }
  return e;
}

}  // namespace troupe
