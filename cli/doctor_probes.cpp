#include "cli/doctor_probes.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "base/clock.hpp"
#include "base/descriptor.hpp"
#include "transport/tcp.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;

constexpr double kReachSeconds = 3;

using Found = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Result<Found> look_up(const std::string& name, const std::string& port) {
  addrinfo want{}, *first = nullptr;
  want.ai_socktype = SOCK_STREAM;
  want.ai_flags = port.empty() ? 0 : AI_NUMERICSERV;
  const int failed = ::getaddrinfo(name.c_str(), port.empty() ? nullptr : port.c_str(), &want, &first);
  if (failed == 0) return Found(first, &::freeaddrinfo);
  return fail({.code = ErrorCode::not_found, .what = ::gai_strerror(failed), .given = name});
}

Result<std::vector<std::string>> resolve(const std::string& name) {
  const auto found = look_up(name, "");
  if (!found) return fail(found.error());
  std::vector<std::string> addresses;
  for (const addrinfo* a = found->get(); a; a = a->ai_next) {
    char text[NI_MAXHOST] = {};
    if (::getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0)
      addresses.emplace_back(text);
  }
  return addresses;
}

Result<void> listen_at(const std::string& address, int port) {
  const auto found = look_up(address, std::to_string(port));
  if (!found) return fail(found.error());
  const addrinfo& a = **found;
  const Descriptor socket(::socket(a.ai_family, a.ai_socktype | SOCK_CLOEXEC, a.ai_protocol));
  const int on = 1;  // what an earlier cluster left in TIME_WAIT does not stop a new one
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (socket.get() >= 0 && ::bind(socket.get(), a.ai_addr, a.ai_addrlen) == 0 &&
      ::listen(socket.get(), 1) == 0)
    return {};
  return fail(
      {.code = ErrorCode::io, .what = std::strerror(errno), .where = address, .given = std::to_string(port)});
}

Result<double> reach(const std::string& host, int port) {
  const SystemClock clock;
  const double began = clock.now();
  const auto connected = tcp_connect(host, port, kReachSeconds);
  if (!connected) return fail(connected.error());
  return clock.now() - began;
}

PlaceFacts place(const fs::path& path) {
  PlaceFacts facts;
  std::error_code none;
  facts.nearest = fs::absolute(path, none).lexically_normal();
  facts.there = fs::exists(facts.nearest, none);
  while (!fs::exists(facts.nearest, none) && facts.nearest.has_relative_path())
    facts.nearest = facts.nearest.parent_path();
  facts.folder = fs::is_directory(facts.nearest, none);
  facts.readable = ::access(facts.nearest.c_str(), facts.folder ? R_OK | X_OK : R_OK) == 0;
  facts.writable = ::access(facts.nearest.c_str(), facts.folder ? W_OK | X_OK : W_OK) == 0;
  struct statvfs disk {};
  if (::statvfs(facts.nearest.c_str(), &disk) == 0)
    facts.free = {static_cast<std::int64_t>(disk.f_bavail) * static_cast<std::int64_t>(disk.f_frsize)};
  return facts;
}

unsigned mode(const fs::path& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0 ? facts.st_mode & 07777u : 0;
}

std::int64_t descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<std::int64_t>(limit.rlim_max);
}

}  // namespace

DoctorProbes real_probes() {
  return {
      resolve, listen_at, reach, place, mode, descriptors, [clock = SystemClock()] { return clock.now(); }};
}

}  // namespace troupe
