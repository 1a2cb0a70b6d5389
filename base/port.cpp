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
int try_to_listen(int port, const std::string& text) {
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(static_cast<std::uint16_t>(port));
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = four.sin_port;
  const bool is_six = ::inet_pton(AF_INET6, text.c_str(), &six.sin6_addr) == 1;
  if (!is_six && ::inet_pton(AF_INET, text.c_str(), &four.sin_addr) != 1) return EINVAL;
  const Descriptor fd(::socket(is_six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return errno;
  const auto* address =
      is_six ? reinterpret_cast<const sockaddr*>(&six) : reinterpret_cast<const sockaddr*>(&four);
  const bool listens =
      ::bind(fd.get(), address, is_six ? sizeof six : sizeof four) == 0 && ::listen(fd.get(), 1) == 0;
  return listens ? 0 : errno;
}

}  // namespace

Error cannot_listen(int port, const std::string& key, const std::string& allowed,
                    const std::string& address) {
  const int reason = try_to_listen(port, address);
  Error e;
  e.code = ErrorCode::bad_config;
  e.where = key;
  e.given = std::to_string(port);
  e.allowed = allowed;
  if (reason == EADDRINUSE) {
    e.what = "the port is in use";
    e.hint = "Is another cluster up? (`troupe jobs`) Choose another port";
  } else if (reason == EADDRNOTAVAIL) {
    e.what = "this machine has no such address";
    e.where = "cluster.listen";
    e.given = address;
    e.allowed = "an address of this machine, 0.0.0.0 or :: for all of them";
  } else {
    e.what = "the port can't be opened" +
             (reason == 0 ? std::string() : ": " + std::system_category().message(reason));
    e.hint = reason == 0 ? "Try again, or choose another port" : "Choose another port";
  }
  return e;
}

std::string asked_locally_at(const std::string& listen) {
  return listen == "0.0.0.0" ? "127.0.0.1" : listen == "::" ? "::1" : listen;
}

}  // namespace troupe
