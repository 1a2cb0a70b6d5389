#include "actors/node_process.hpp"

#include <atomic>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>

#include "actors/agent.hpp"
#include "actors/node_plane.hpp"
#include "actors/wire.hpp"
#include "base/seconds.hpp"
#include "base/version.hpp"
#include "transport/control_door.hpp"
#include "transport/control_gate.hpp"
#include "transport/incarnation.hpp"
#include "transport/join_desk.hpp"

namespace troupe {
namespace {

constexpr double kKnockSeconds = 3;

struct SystemConfig : caf::actor_system_config {
  SystemConfig() {
    set("scheduler.policy", caf::atom("sharing"));  // see actors/cluster.cpp
    set("scheduler.max-threads", static_cast<size_t>(2));
    load_transport(*this);
  }
};

}  // namespace

struct NodeProcess::Impl {
  NodeProcessOptions options;
  std::shared_ptr<const Clock> clock = std::make_shared<SystemClock>();
  std::shared_ptr<DataPlane> plane;
  std::shared_ptr<std::atomic<bool>> joined = std::make_shared<std::atomic<bool>>(false);
  SystemConfig config;
  caf::actor_system system{config};
  caf::actor agent_actor;
  ControlDoor door;
  wire::Card card;

  explicit Impl(NodeProcessOptions o) : options(std::move(o)) {}
  ~Impl() {
    caf::anon_send_exit(agent_actor, caf::exit_reason::user_shutdown);
    agent_actor = nullptr;
    close_control_door(system, door);
  }

  Result<void> open() {
    const auto& keys = options.head.keys;
    auto opened =
        start_node_plane({options.node.name, options.cluster, options.node.address, options.node.data_port,
                          keys, options.failure_timeout_seconds, options.log});
    if (!opened) return fail(opened.error());
    plane = std::move(*opened);
    card = {options.node.name,
            kVersion,
            new_incarnation(),
            static_cast<int>(options.device.cores.size()),
            options.device.memory,
            options.device.instruction_set,
            {options.node.name, plane->endpoint(), keys ? keys->card.curve : std::string()}};
    card.gpus = options.gpus;
    AgentArgs args;
    args.followers = {options.node.name,
                      options.runs,
                      options.kinds,
                      std::make_shared<const CpuDevice>(options.device),
                      plane,
                      options.thread_setup,
                      {},
                      clock,
                      options.failure_timeout_seconds,
                      options.make_fast,
                      options.gpus};
    args.news.head_lost = [joined = joined] { *joined = false; };
    args.news.say = options.say;
    agent_actor = system.spawn(agent, std::move(args));
    return {};
  }

  /// What the head gives a node to sign, signed; "" without keys.
  Result<std::string> proof(caf::scoped_actor& self, const std::string& text) {
    const auto& keys = options.head.keys;
    if (!keys) return std::string();
    Result<nlohmann::json> challenge;
    self->request(door.gate, microseconds(kKnockSeconds), prove_word::value)
        .receive([&](const std::string& reply) { challenge = unwrap_reply(reply); },
                 [&](caf::error& e) {
                   challenge = fail(nobody_there(options.head, "the head did not answer: " + describe(e)));
                 });
    if (!challenge) return fail(challenge.error());
    if (challenge->is_string()) return prove_join(*keys, challenge->get<std::string>(), text);
    return fail({.code = ErrorCode::wrong_version, .what = "the head's challenge is not understood"});
  }

  Result<wire::Welcome> ask_in() {
    Result<wire::Welcome> welcome;
    caf::scoped_actor self(system);
    self->request(agent_actor, microseconds(kKnockSeconds), copies_word::value)
        .receive([&](const std::string& copies) { card.copies = nlohmann::json::parse(copies); },
                 [&](caf::error&) { card.copies.clear(); });
    const std::string text = wire::to_json(card).dump();
    const auto proven = proof(self, text);
    if (!proven) return fail(proven.error());
    self->request(door.gate, microseconds(kKnockSeconds), join_word::value, text, *proven, agent_actor)
        .receive(
            [&](const std::string& reply) {
              const auto json = unwrap_reply(reply);
              if (!json) {
                welcome = fail(json.error());
                return;
              }
              try {
                welcome = wire::decode<wire::Welcome>(*json);
              } catch (...) {
                welcome = fail(from_current_exception("the head's welcome"));
              }
            },
            [&](caf::error& e) {
              welcome = fail(nobody_there(options.head, "the head did not answer: " + describe(e)));
            });
    return welcome;
  }
};

NodeProcess::NodeProcess(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
NodeProcess::~NodeProcess() = default;

Result<std::unique_ptr<NodeProcess>> NodeProcess::start(NodeProcessOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  if (auto opened = impl->open(); !opened) return fail(opened.error());
  return std::unique_ptr<NodeProcess>(new NodeProcess(std::move(impl)));
}

Result<void> NodeProcess::join() {
  close_control_door(impl_->system, impl_->door);
  auto door = open_control_door(impl_->system, impl_->options.head, kKnockSeconds);
  if (!door) return fail(door.error());
  impl_->door = std::move(*door);
  const auto welcome = impl_->ask_in();
  if (!welcome) return fail(welcome.error());
  if (auto known = impl_->plane->ensure_peer(welcome->plane); !known) return fail(known.error());
  *impl_->joined = true;
  caf::anon_send(impl_->agent_actor, join_word::value, impl_->door.gate, welcome->failure_timeout_seconds,
                 welcome->run);
  return {};
}

void NodeProcess::leave(double seconds) {
  if (!joined()) return;
  caf::scoped_actor self(impl_->system);
  self->request(impl_->door.gate, microseconds(seconds), ask_word::value, std::string("drain"),
                nlohmann::json{{"node", impl_->card.name}}.dump())
      .receive([](const std::string&) {}, [](caf::error&) {});  // it goes in any case
}

bool NodeProcess::joined() const { return *impl_->joined; }
const std::string& NodeProcess::endpoint() const { return impl_->plane->endpoint(); }

}  // namespace troupe
