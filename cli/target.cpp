#include "cli/target.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string_view>

#include "base/config.hpp"
#include "base/config_rule.hpp"
#include "cli/run_folder.hpp"
#include "cli/text.hpp"

namespace troupe {

namespace {

std::optional<int> read_port(std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool good = error == std::errc() && end == text.data() + text.size() && port >= 1 && port <= 65535;
  return good ? std::optional<int>(port) : std::nullopt;
}

Result<void> read_run(const std::filesystem::path& run, ClusterAddress& address) {
  const auto control = read_control(run);
  address.port = member<int>(control, "port", 0);
  address.host = member<std::string>(control, "host", address.host);
  address.keys = member<std::string>(control, "keys", "");
  if (address.port > 0) return {};
  return fail({ErrorCode::not_connected, "no cluster runs in this folder", run.string(),
               "no control.json that names a port", "",
               fmt::format("`troupe resume {}` goes on with it", shell_word(run.string()))});
}

Result<void> read_environment(const Services& services, ClusterAddress& address) {
  const auto given = services.environment("TROUPE_PORT");
  address.port = ClusterConfig{}.port;
  if (!given || given->empty()) return {};
  const auto port = read_port(*given);
  if (!port)
    return fail(
        {ErrorCode::bad_usage, "not a port", "TROUPE_PORT", *given, "1 … 65535", "Unset it, or give --port"});
  address.port = *port;
  return {};
}

bool is_here(const std::string& host) { return host == "localhost" || schema::is_loopback(host); }

}  // namespace

Result<ClusterAddress> read_place(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  std::string host = text.substr(0, colon == std::string::npos ? 0 : colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto port =
      colon == std::string::npos ? std::nullopt : read_port(std::string_view(text).substr(colon + 1));
  if (!port || host.empty() || (!bracketed && host.find(':') != std::string::npos))
    return fail({ErrorCode::bad_usage, "no place of a cluster", "--at", text, "HOST:PORT, [IPv6]:PORT", ""});
  return ClusterAddress{.host = host, .port = *port, .keys = {}};
}

Result<ClusterAddress> resolve_address(const Target& target, const Services& services) {
  ClusterAddress address;
  Result<void> good;
  const bool placed = !target.at.empty() || target.port;
  if (!target.run.empty()) {
    good = read_run(target.run, address);
    if (placed) good = {};  // of the folder only the keys count
  } else if (!placed) {
    good = read_environment(services, address);
  }
  if (target.port) address = {.port = *target.port, .keys = address.keys};
  if (good && !target.at.empty()) {
    const auto place = read_place(target.at);
    if (!place) return fail(place.error());
    address.host = place->host;
    address.port = place->port;
  }
  if (!good) return fail(good.error());
  if (!target.keys.empty()) address.keys = target.keys;
  if (address.keys.empty() && target.run.empty())  // a run folder knows whether its cluster has keys
    address.keys = services.environment("TROUPE_KEYS").value_or("");
  if (address.keys.empty() && !is_here(address.host))
    return fail({ErrorCode::bad_usage, "another machine's cluster is reached with keys alone", "--at",
                 target.at, "--at HOST:PORT --keys DIR",
                 "`troupe keys add DIR NAME --role client` makes a user's keys"});
  return address;
}

Result<Request> connect(const Target& target, const Services& services) {
  const auto address = resolve_address(target, services);
  if (!address) return fail(address.error());
  auto request = services.connect(*address);
  if (request || request.error().code != ErrorCode::not_connected) return request;
  Error error = request.error();
  if (error.hint.empty())
    error.hint = "Start one with `troupe up cluster.toml`, or name another with --port or --run";
  return fail(error);
}

}  // namespace troupe
