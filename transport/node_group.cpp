#include "transport/node_group.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "transport/node_group_rank.hpp"

namespace troupe {
namespace {

constexpr Bytes kLeastChunk = kib(4), kMostChunk = mib(16);

Error bad_option(std::string what, std::string given, std::string allowed) {
  return {ErrorCode::bad_usage, std::move(what),    "group of processes",
          std::move(given),     std::move(allowed), ""};
}

Result<void> check(const NodeGroupOptions& options) {
  std::set<std::string> names;
  for (const auto& process : options.processes) {
    if (!names.insert(process.name).second)
      return fail(bad_option("a process is in the group twice", process.name, "each once"));
    if (process.ranks < 1 || process.ranks > static_cast<int>(group::kMostRanks))
      return fail(bad_option("ranks of process " + process.name, std::to_string(process.ranks),
                             fmt::format("1 to {}", group::kMostRanks)));
  }
  if (!names.contains(options.self))
    return fail(bad_option("this process is not one of its group", options.self,
                           fmt::format("{}", fmt::join(names, ", "))));
  if (!(options.timeout_seconds > 0))
    return fail(
        bad_option("timeout_seconds", fmt::format("{:g} s", options.timeout_seconds), "more than 0 s"));
  if (options.chunk < kLeastChunk || options.chunk > kMostChunk)
    return fail(bad_option("chunk", to_string(options.chunk),
                           to_string(kLeastChunk) + " to " + to_string(kMostChunk)));
  if (options.fast_from < Bytes{0})
    return fail(bad_option("fast_from", to_string(options.fast_from), "0 B or more"));
  if (options.small < Bytes{0}) return fail(bad_option("small", to_string(options.small), "0 B or more"));
  return {};
}

Error no_fast() {
  return {ErrorCode::bad_config,   "this program makes no fast sums between processes: it has no LibTorch",
          "group of processes",    "reduction = \"fast\"",
          "reduction = \"exact\"", ""};
}

/// Of tcp://HOST:PORT, brackets taken off; all else reaches no further than this machine.
std::string host_of(const std::string& endpoint) {
  constexpr std::string_view kTcp = "tcp://";
  if (endpoint.rfind(kTcp, 0) != 0) return "127.0.0.1";
  auto host = endpoint.substr(kTcp.size());
  host.resize(std::min(host.rfind(':'), host.size()));
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  return host;
}

}  // namespace

Result<std::vector<std::shared_ptr<Collective>>> make_node_group(DataPlane& plane,
                                                                 const NodeGroupOptions& options,
                                                                 const MakeProcessSum& make_fast) {
  if (auto good = check(options); !good) return fail(good.error());
  if (options.processes.size() == 1)
    return make_in_process(options.processes[0].ranks, options.timeout_seconds);
  if (options.fast && !make_fast) return fail(no_fast());
  std::vector<std::optional<Channel>> channels;
  for (const auto& process : options.processes) {
    if (process.name == options.self) {
      channels.emplace_back();
      continue;
    }
    auto channel = plane.open(process.name, options.channel, Priority::gradients);
    if (!channel) return fail(channel.error());
    channels.emplace_back(std::move(*channel));
  }
  const auto shared =
      std::make_shared<group::Process>(options, std::move(channels), host_of(plane.endpoint()), make_fast);
  std::vector<std::shared_ptr<Collective>> ends;
  for (int i = 0; i < shared->hub.ranks_here(); ++i)
    ends.push_back(std::make_shared<group::NodeRank>(i, shared));
  return ends;
}

}  // namespace troupe
