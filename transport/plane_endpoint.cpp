#include "transport/plane_endpoint.hpp"

#include <charconv>
#include <string_view>

namespace troupe::plane {
namespace {

constexpr std::string_view kTcp = "tcp://";
constexpr std::string_view kIpc = "ipc://";
constexpr std::size_t kIpcLimit = 107;  // what a sockaddr_un holds

bool is_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port <= 65535;
}

std::string_view host_of(std::string_view tcp) {
  tcp.remove_prefix(kTcp.size());
  return tcp.substr(0, tcp.rfind(':'));
}

}  // namespace

Result<void> check_endpoint(const std::string& endpoint) {
  const std::string_view text = endpoint;
  bool good = text.find_first_of("; \t\r\n") == std::string_view::npos;  // ';' would bind a source address
  if (text.starts_with(kTcp)) {
    const auto colon = text.rfind(':');
    good = good && colon > kTcp.size() && is_port(text.substr(colon + 1)) && !host_of(text).empty();
  } else {
    good = good && text.starts_with(kIpc) && text.size() > kIpc.size() &&
           text.size() <= kIpc.size() + kIpcLimit && text.find('\0') == std::string_view::npos;
  }
  if (good) return {};
  return fail({.code = ErrorCode::bad_config,
               .what = "this is no address of the data plane",
               .given = endpoint,
               .allowed = "tcp://ADDRESS:PORT with a port of 0 to 65535, or ipc://PATH"});
}

bool is_local(const std::string& endpoint) {
  if (endpoint.starts_with(kIpc)) return true;
  const auto host = host_of(endpoint);
  if (host == "localhost" || host == "[::1]") return true;
  // digits and dots only: a name may start with "127." and lead anywhere
  return host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace troupe::plane
