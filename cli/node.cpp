#include "cli/node.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <ostream>

#include "base/port.hpp"
#include "cli/capacity.hpp"
#include "cli/gpus.hpp"
#include "cli/target.hpp"
#include "cli/text.hpp"

namespace troupe {
namespace {

constexpr double kLookSeconds = 0.2, kKnockAgainSeconds = 1, kLeaveSeconds = 60, kNameTakenSeconds = 3;

NodeConfig node_of(const Config& config, const NodeOptions& options) {
  NodeConfig node;
  for (const auto& named : config.nodes)
    if (named.name == options.name) node = named;
  node.name = options.name;
  if (!options.address.empty()) node.address = options.address;
  return node;
}

Result<ControlAddress> head_of(const Config& config, const NodeOptions& options) {
  if (!options.at.empty()) {
    const auto place = read_place(options.at);
    if (!place) return fail(place.error());
    return ControlAddress{.host = place->host, .port = place->port};
  }
  const auto& cluster = config.cluster;
  const bool everywhere = asked_locally_at(cluster.listen) != cluster.listen;
  if (everywhere || cluster.port == 0)
    return fail({ErrorCode::bad_config, "the file does not say where the head is",
                 config.file.string() + ": cluster.listen, cluster.port",
                 fmt::format("{}, {}", cluster.listen, cluster.port), "an address and a port",
                 "Name it: `troupe up FILE --node NAME --at HOST:PORT`"});
  return ControlAddress{.host = cluster.listen, .port = cluster.port};
}

Error own_name(const Config& config, const NodeOptions& options) {
  return {ErrorCode::bad_usage, "that is the head's own node: the first one of the file",
          config.file.string(), options.name,
          "another name",       fmt::format("The head is started by `troupe up {}`", config.file.string())};
}

class Life {
 public:
  Life(RunningNode& node, const ControlAddress& head, const Services& services, const Terminal& terminal,
       double failure_timeout)
      : node_(node),
        head_(head),
        services_(services),
        terminal_(terminal),
        failure_timeout_(failure_timeout) {}

  int live() {
    for (;;) {
      if (!node_.joined()) {
        const auto joined = node_.join();
        if (!joined && !may_change(joined.error())) return report(terminal_, joined.error());
        say(joined ? fmt::format("joined the cluster at {}", to_string(head_))
                   : joined.error().text() + ". Knocks on");
      }
      if (services_.interrupts->wait(node_.joined() ? kLookSeconds : kKnockAgainSeconds)) break;
    }
    say("leaves at the edge of its jobs' steps; Ctrl-C again leaves at once");
    node_.leave(kLeaveSeconds);
    say("left the cluster");
    return kInterrupted;
  }

 private:
  /// A head that is not there may come. A process of this name that was there before, on a machine that was
  /// just started again, is forgotten within failure_timeout; one that is there after that is another one.
  bool may_change(const Error& error) {
    if (error.code == ErrorCode::bad_usage)
      return ++name_taken_ * kKnockAgainSeconds <= std::max(kNameTakenSeconds, failure_timeout_);
    name_taken_ = 0;
    return error.code == ErrorCode::not_connected;
  }
  /// The same again and again is said once.
  void say(const std::string& what) {
    if (what == said_) return;
    said_ = what;
    terminal_.out << what << "\n";
    terminal_.out.flush();
  }

  RunningNode& node_;
  const ControlAddress& head_;
  const Services& services_;
  const Terminal& terminal_;
  double failure_timeout_;
  int name_taken_ = 0;  // times in a row
  std::string said_;
};

}  // namespace

int run_node(const NodeOptions& options, const Services& services, const Terminal& terminal) {
  const auto config = load_config(options.file);
  if (!config) return report(terminal, config.error());
  if (options.name == config->nodes.front().name) return report(terminal, own_name(*config, options));
  const auto head = head_of(*config, options);
  if (!head) return report(terminal, head.error());
  const auto machine = services.discover();
  if (!machine) return report(terminal, machine.error());
  const NodeConfig node = node_of(*config, options);
  const auto device = fit_to_machine(*config, node, *machine, services.kinds);
  if (!device) return report(terminal, device.error());
  const auto gpus = offer_gpus(*config, node, services.gpus, services.slice_gpus);
  if (!gpus) return report(terminal, gpus.error());
  NodeProcessOptions start;
  start.cluster = config->cluster.name;
  start.node = node;
  start.head = *head;
  start.runs = config->cluster.runs;
  start.device = *device;
  start.gpus = gpus->devices;
  start.kinds = services.kinds;
  start.thread_setup = services.thread_setup;
  start.make_fast = services.make_fast;
  start.failure_timeout_seconds = config->cluster.failure_timeout_seconds;
  const auto saying = std::make_shared<std::mutex>();
  start.say = [saying, &terminal](const std::string& what) {
    const std::lock_guard lock(*saying);
    terminal.out << what << "\n";
    terminal.out.flush();
  };
  start.log = make_log("warning");
  auto running = services.start_node(std::move(start), config->cluster.keys);
  if (!running) return report(terminal, running.error());
  terminal.out << fmt::format("node {}: {} of {}, {}; tensors at {}\n", node.name,
                              counted(static_cast<long>(device->cores.size()), "core"), device->model,
                              to_string(device->memory), (*running)->endpoint())
               << gpu_line(*gpus);
  terminal.out.flush();
  return Life(**running, *head, services, terminal, config->cluster.failure_timeout_seconds).live();
}

}  // namespace troupe
