// Nodes that come and go.
#include <fmt/core.h>

#include <numeric>

#include "actors/supervisor.hpp"
#include "base/times.hpp"
#include "base/version.hpp"

namespace troupe {
namespace {

constexpr int kMostCores = 65536;  // of a node
constexpr std::chrono::seconds kLookAtPlane{1};
constexpr double kSilentPings = 2.5;  // without an answer: its name may be taken over

Error refused(const wire::Card& card, std::string what, std::string given, std::string allowed,
              std::string hint) {
  return {ErrorCode::bad_config, std::move(what),    "node " + card.name,
          std::move(given),      std::move(allowed), std::move(hint)};
}

DeviceView view_of(const wire::Card& card) {
  DeviceView view{card.name, std::vector<int>(static_cast<std::size_t>(card.cores)), card.memory};
  std::iota(view.cores.begin(), view.cores.end(), 0);
  return view;
}

/// Of the newest sign of life; null before the first.
nlohmann::json round_trip(const NodeEntry& node) {
  const double seconds = node.pulse->round_trip_seconds;
  return seconds < 0 ? nlohmann::json(nullptr) : nlohmann::json(seconds);
}

}  // namespace

Result<void> Supervisor::check(const wire::Card& card) const {
  if (!args_.plane)
    return fail(refused(card, "this cluster takes no nodes", "no keys", "",
                        "Give it keys (`troupe keys init DIR`, cluster.keys), or, for nodes of this machine "
                        "alone, cluster.unencrypted = true"));
  if (card.version != kVersion)
    return fail({ErrorCode::wrong_version, "the node is of another version", "node " + card.name,
                 card.version, kVersion, "Install the head's version there"});
  if (names_gpu(card.name))
    return fail(refused(card, "a node's name has no colon: what has one is a GPU's", card.name, "",
                        "Give it another one: `troupe up FILE --node NAME`"));
  if (card.name.empty() || card.name == args_.devices.front().node)
    return fail(refused(card, "the head's own node has that name", card.name, "",
                        "Give it another one: `troupe up FILE --node NAME`"));
  if (card.cores < 1 || card.cores > kMostCores || card.memory.count < 1)
    return fail(refused(card, "a node of that size makes no sense",
                        fmt::format("{} cores, {} bytes", card.cores, card.memory.count),
                        fmt::format("1 … {} cores", kMostCores), ""));
  if (card.instruction_set != args_.instruction_set)
    return fail(refused(card, "its processor would compute other bits than the head's", card.instruction_set,
                        args_.instruction_set,
                        "Bound both to what they share: ONEDNN_MAX_CPU_ISA and ATEN_CPU_CAPABILITY"));
  return check_gpus(card);
}

/// The name of a process that answers is not to be had; that of one that fell silent is, before it counts as
/// lost: a machine that was switched off and on again must not wait. The same process may come anew at any
/// time.
Result<void> Supervisor::check_name(const wire::Card& card) {
  const auto old = nodes_.find(card.name);
  if (old == nodes_.end() || !old->second.link || old->second.card.incarnation == card.incarnation) return {};
  const double silent = args_.clock->now() - old->second.pulse->heard_at;
  if (silent > kSilentPings * times_of(args_.config.cluster.failure_timeout_seconds).ping) return {};
  Event e{.kind = EventKind::connections_refused, .node = card.name, .text = "join_name_taken", .count = 1};
  self_->send(args_.recorder, Events{{e}});
  return troupe::fail({.code = ErrorCode::bad_usage,
                       .what = "another process is this node already, and answers",
                       .where = "node " + card.name,
                       .given = card.plane.endpoint,
                       .allowed = "one at a time: now " + old->second.card.plane.endpoint,
                       .hint = "End that one first (`troupe drain " + card.name +
                               "`, then stop it), or give this one another name"});
}

Result<wire::Welcome> Supervisor::join(const std::string& text, const caf::actor& agent) try {
  auto card = wire::decode<wire::Card>(nlohmann::json::parse(text));
  if (auto good = check(card); !good) return troupe::fail(good.error());
  if (card.plane.name != card.name)
    return troupe::fail(refused(card, "its data plane has another name", card.plane.name, card.name, ""));
  if (auto free = check_name(card); !free) return troupe::fail(free.error());
  if (auto known = args_.plane->ensure_peer(card.plane); !known) return troupe::fail(known.error());
  if (const auto old = nodes_.find(card.name); old != nodes_.end() && old->second.link) {
    // not user_shutdown: if it is the same process, its copies are worth keeping
    self_->send_exit(old->second.link, caf::exit_reason::remote_link_unreachable);
    lose_node({card.name, old->second.card.incarnation, "a new process of that name came"});
  }
  NodeEntry& node = nodes_[card.name];
  node = {};
  node.card = card;
  node.since = args_.clock->now();
  node.pulse = std::make_shared<NodePulse>();
  node.pulse->heard_at = node.since;
  node.link =
      self_->spawn(node_link, NodeLinkArgs{card, agent, supervisor_actor{self_}, args_.recorder, args_.clock,
                                           args_.config.cluster.failure_timeout_seconds, node.pulse});
  ledger_.add_device(view_of(card));
  ledger_.allow(card.name);
  for (const auto& [job, run] : card.copies)
    if (run == args_.run_id) node.copies.insert(job);
  tell_node(EventKind::node_up, node, fmt::format("{} cores, {}", card.cores, to_string(card.memory)));
  for (const auto& gpu : card.gpus) node.gpus.push_back(place_of(card.name, gpu));
  add_gpus(node.gpus);
  for (auto& [called, job] : jobs_) job.unfit.erase(card.name);
  bind_anew();
  plan_soon();
  if (auto awaited = awaited_.extract(card.name))
    for (auto& promise : awaited.mapped()) promise.deliver(find_node({card.name}));
  return wire::Welcome{args_.config.cluster.failure_timeout_seconds, args_.address, args_.run_id};
} catch (...) {
  return troupe::fail(from_current_exception("a node that would join"));
}

void Supervisor::look_at_plane() {
  auto events = refused_.news(args_.devices.front().node, args_.plane->statistics().refused);
  if (!events.empty()) self_->send(args_.recorder, Events{std::move(events)});
  self_->delayed_send(supervisor_actor{self_}, kLookAtPlane, LookAtPlane{});
}

void Supervisor::node_down(const NodeDown& m) {
  lose_node(m);
  bind_anew();
  plan_soon();
}

/// Jobs hear of it before the plan that does without it.
void Supervisor::lose_node(const NodeDown& m) {
  const auto found = nodes_.find(m.node);
  if (found == nodes_.end() || !found->second.link || found->second.card.incarnation != m.incarnation) return;
  found->second.link = nullptr;
  found->second.why = m.why;
  found->second.since = args_.clock->now();
  if (!found->second.drained) {
    ledger_.remove_device(m.node);
    remove_gpus(found->second, m.why);
  }
  found->second.drained = false;
  for (const auto& [called, job] : jobs_)
    if (job.actor) self_->send(job.actor, NodeLost{m.node, m.why});
  tell_node(EventKind::node_down, found->second, m.why);
}

/// Until the node joins anew, or gets work again after it was drained, the job gets nothing of it.
void Supervisor::node_unfit(const NodeUnfit& m) {
  if (const auto job = jobs_.find(m.job); job != jobs_.end() && job->second.on_gpu()) {
    job->second.unfit.insert(m.node);
    bind_anew();
  }
  ledger_.bar(m.job, m.node);
  Event e{.kind = EventKind::warning, .job = m.job, .node = m.node};
  e.text = fmt::format("job {} goes on without node {} until that joins again: {}", m.job, m.node, m.why);
  self_->send(args_.recorder, Events{{e}});
  plan_soon();
}

void Supervisor::tell_node(EventKind kind, const NodeEntry& node, const std::string& text) {
  Event e{.kind = kind, .node = node.card.name, .text = text};
  e.cores = node.card.cores;
  self_->send(args_.recorder, Events{{e}});
}

Result<NodeEntry*> Supervisor::find_node_entry(const nlohmann::json& arguments) {
  const std::string wanted = arguments.value("node", std::string());
  if (const auto found = nodes_.find(wanted); found != nodes_.end()) return &found->second;
  std::string known;
  for (const auto& [called, node] : nodes_) known += (known.empty() ? "" : ", ") + called;
  const bool own = wanted == args_.devices.front().node;
  return troupe::fail({.code = own ? ErrorCode::bad_usage : ErrorCode::not_found,
                       .what = own ? "the head's own node stays while the head does" : "no such node",
                       .given = wanted,
                       .allowed = known.empty() ? "no other node ever joined" : known,
                       .hint = "`troupe nodes` lists them"});
}

/// Its jobs finish the step in hand and go on elsewhere, or wait; answered when they have. With `undo` it
/// gets work again.
caf::result<std::string> Supervisor::drain(const nlohmann::json& arguments) {
  const auto found = find_node_entry(arguments);
  if (!found) return wire::bad(found.error());
  NodeEntry& node = **found;
  const std::string called = node.card.name;
  const bool undo = arguments.value("undo", false);
  if (!node.link)
    return wire::bad({.code = ErrorCode::bad_usage,
                      .what = "the node is lost already",
                      .given = called,
                      .hint = "`troupe node remove` takes it off the list"});
  if (node.drained != undo) return wire::good({{"node", called}, {"jobs", nlohmann::json::array()}});
  node.drained = !undo;
  node.since = args_.clock->now();
  tell_node(undo ? EventKind::node_up : EventKind::node_drained, node, undo ? "gets work again" : "");
  plan_soon();
  if (undo) {
    ledger_.add_device(view_of(node.card));
    ledger_.allow(called);
    add_gpus(node.gpus);
    for (auto& [job_name, job] : jobs_) job.unfit.erase(called);
    bind_anew();
    return wire::good({{"node", called}, {"jobs", nlohmann::json::array()}});
  }
  ledger_.remove_device(called);
  remove_gpus(node, "the node is drained");
  auto promise = self_->make_response_promise<std::string>();
  auto left = std::make_shared<int>(1);
  auto one_less = [left, promise, called]() mutable {
    if (--*left == 0) promise.deliver(wire::good({{"node", called}}));
  };
  for (const auto& [job_name, job] : jobs_) {
    if (job.over() || !job.actor) continue;
    ++*left;
    self_->request(job.actor, caf::infinite, LeaveNode{called})
        .then([one_less](Outcome&) mutable { one_less(); }, [one_less](caf::error&) mutable { one_less(); });
  }
  one_less();
  bind_anew();  // after they were told to leave
  return promise;
}

/// Takes a node off the list that is lost, or that was drained.
Result<nlohmann::json> Supervisor::remove_node(const nlohmann::json& arguments) {
  const auto found = find_node_entry(arguments);
  if (!found) return troupe::fail(found.error());
  NodeEntry& node = **found;
  const std::string called = node.card.name;
  if (node.link && !node.drained)
    return troupe::fail({.code = ErrorCode::bad_usage,
                         .what = "the node is at work",
                         .given = called,
                         .hint = "`troupe drain " + called + "` first"});
  if (node.link) self_->send_exit(node.link, caf::exit_reason::user_shutdown);
  args_.plane->remove_peer(called);
  nodes_.erase(called);
  return nlohmann::json{{"node", called}};
}

FoundNode Supervisor::find_node(const FindNode& m) const {
  const auto found = nodes_.find(m.node);
  if (found == nodes_.end()) return {};
  return {found->second.link, found->second.card.plane, found->second.copies};
}

caf::result<FoundNode> Supervisor::await_node(const AwaitNode& m) {
  auto found = find_node({m.node});
  if (found.link) return found;
  auto promise = self_->make_response_promise<FoundNode>();
  awaited_[m.node].push_back(promise);
  return promise;
}

nlohmann::json Supervisor::nodes_json() const {
  const double now = args_.clock->now();
  const auto jobs_on = [this](const std::string& node) {
    auto names = nlohmann::json::array();
    for (const auto& [called, job] : jobs_)
      for (const auto& grant : ledger_of(job).in_force(called))
        if (process_of(grant.node) == node && (names.empty() || names.back() != called))
          names.push_back(called);
    return names;
  };
  auto all = nlohmann::json::array();
  for (const auto& d : args_.devices)
    all.push_back({{"name", d.node},
                   {"state", "up"},
                   {"head", true},
                   {"cores", d.cores.size()},
                   {"memory", d.memory.count},
                   {"address", args_.plane ? args_.address.endpoint : std::string()},
                   {"since_seconds", now - started_at_},
                   {"version", kVersion},
                   {"round_trip_seconds", nullptr},
                   {"heartbeats", 0},
                   {"jobs", jobs_on(d.node)},
                   {"gpus", gpus_json(args_.gpus, "up")},
                   {"why", nullptr}});
  for (const auto& [called, node] : nodes_) {
    const std::string state = !node.link ? "lost" : node.drained ? "drained" : "up";
    all.push_back({{"name", called},
                   {"state", state},
                   {"head", false},
                   {"cores", node.card.cores},
                   {"memory", node.card.memory.count},
                   {"address", node.card.plane.endpoint},
                   {"since_seconds", now - node.since},
                   {"version", node.card.version},
                   {"round_trip_seconds", round_trip(node)},
                   {"heartbeats", node.pulse->heard.load()},
                   {"jobs", jobs_on(called)},
                   {"gpus", gpus_json(node.gpus, state)},
                   {"why", node.link ? nlohmann::json(nullptr) : nlohmann::json(node.why)}});
  }
  return all;
}

}  // namespace troupe
