// The ways between nodes, measured when somebody asks.
#include <algorithm>

#include "actors/prober.hpp"
#include "actors/supervisor.hpp"
#include "base/seconds.hpp"
#include "base/whole.hpp"

namespace troupe {
namespace {

using nlohmann::json;

/// A node that is gone answers nobody.
constexpr double kAnswerSeconds = 2 * kMostProbeSeconds;

json rate(double bytes_per_second) { return bytes_per_second > 0 ? json(bytes_per_second) : json(nullptr); }

std::string answer_of(const Probed& probed) {
  if (probed.outcome.error) return wire::bad(*probed.outcome.error);
  return wire::good({{"round_trip_seconds", probed.speed.round_trip_seconds},
                     {"there_bytes_per_second", rate(probed.speed.there)},
                     {"back_bytes_per_second", rate(probed.speed.back)}});
}

}  // namespace

Result<Supervisor::LinkEnd> Supervisor::link_end(const nlohmann::json& arguments, const char* field) {
  const auto wanted = arguments.value(field, std::string());
  if (wanted == args_.devices.front().node) return LinkEnd{wanted, {}, args_.address};
  const auto found = nodes_.find(wanted);
  if (found == nodes_.end()) return troupe::fail(find_node_entry({{"node", wanted}}).error());
  if (found->second.link) return LinkEnd{wanted, found->second.link, found->second.card.plane};
  return troupe::fail({.code = ErrorCode::peer_missing,
                       .what = "the node is lost: " + found->second.why,
                       .where = "node " + wanted});
}

/// One measurement at a time for each node: two at once would measure each other.
caf::result<std::string> Supervisor::measure(const nlohmann::json& arguments) {
  if (!args_.plane)
    return wire::bad({.code = ErrorCode::bad_usage, .what = "this cluster takes no nodes: there is no way"});
  const Bytes bytes{whole_at(arguments, "bytes", mib(16).count)};
  if (bytes < Bytes{} || bytes > kMostProbeBytes)
    return wire::bad({.code = ErrorCode::bad_usage,
                      .what = "so much is not sent to measure a way",
                      .given = std::to_string(bytes.count),
                      .allowed = "0 … " + std::to_string(kMostProbeBytes.count) + " bytes"});
  const auto from = link_end(arguments, "from"), to = link_end(arguments, "to");
  if (!from || !to) return wire::bad(from ? to.error() : from.error());
  if (from->node == to->node)
    return wire::bad({.code = ErrorCode::bad_usage, .what = "a way has two ends", .given = from->node});
  for (const auto* end : {&*from, &*to})
    if (measured_.contains(end->node))
      return wire::bad({.code = ErrorCode::no_capacity,
                        .what = "a way to this node is being measured already",
                        .where = "node " + end->node,
                        .hint = "Ask again in some seconds"});
  measured_.insert({from->node, to->node});
  auto promise = self_->make_response_promise<std::string>();
  const auto channel = static_cast<std::uint32_t>(args_.epochs->fetch_add(1) + 1);
  // answered when both are done: who asks again at once must find them free
  auto left = std::make_shared<int>(2);
  auto seen = std::make_shared<Probed>();
  auto done = [this, from = from->node, to = to->node, left, seen, promise]() mutable {
    if (--*left > 0) return;
    measured_.erase(from);
    measured_.erase(to);
    promise.deliver(answer_of(*seen));
  };
  probe(*to, {false, from->address, channel, bytes}, [done](const Probed&) mutable { done(); });
  probe(*from, {true, to->address, channel, bytes}, [done, seen](const Probed& probed) mutable {
    *seen = probed;
    done();
  });
  return promise;
}

void Supervisor::probe(const LinkEnd& end, const ProbeLink& order, std::function<void(const Probed&)> done) {
  const auto ask = [&](const auto& actor) {
    self_->request(actor, microseconds(kAnswerSeconds), order)
        .then([done](Probed& probed) { done(probed); },
              [done, node = end.node](caf::error& e) {
                done({{},
                      {Error{.code = ErrorCode::peer_missing,
                             .what = "the node did not answer: " + describe(e),
                             .where = "node " + node}}});
              });
  };
  if (end.link) return ask(end.link);
  // detached: waits for the network
  ask(self_->spawn<caf::detached>(prober, args_.plane, args_.clock));
}

}  // namespace troupe
