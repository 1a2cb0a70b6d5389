#include "actors/cluster.hpp"

#include <unistd.h>

#include <algorithm>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <cctype>

#include "actors/node_plane.hpp"
#include "actors/plan_json.hpp"
#include "actors/tree.hpp"
#include "base/files.hpp"
#include "base/port.hpp"
#include "base/seconds.hpp"
#include "base/version.hpp"
#include "transport/control_gate.hpp"
#include "transport/control_link.hpp"
#include "transport/hex.hpp"
#include "transport/key_list.hpp"

namespace troupe {
namespace {

/// Event-based actors share these; they only pass messages on.
constexpr int kSchedulerThreads = 2;

struct SystemConfig : caf::actor_system_config {
  explicit SystemConfig(bool serve) {
    // "stealing" polls, and sleeps up to 10 ms when idle; "sharing" wakes at once, which a resize needs
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", static_cast<size_t>(kSchedulerThreads));
    if (serve) load_transport(*this);
  }
};

Result<void> write_run_files(const ClusterOptions& o) {
  if (auto made = make_writable_folder(o.run); !made) return made;
  if (auto written = write_file(o.run / "config.toml", to_toml(o.config)); !written) return written;
  for (const auto& job : o.config.jobs) {
    if (auto made = make_writable_folder(o.run / job.name); !made) return made;
    if (auto written = write_file(o.run / job.name / "job.toml", to_toml(job)); !written) return written;
  }
  return {};
}

/// Of the run in this folder: the same for every head that goes on with it, and nobody else's.
Result<std::string> run_identity(const std::filesystem::path& run) {
  const auto file = run / "run.id";
  constexpr std::size_t kDigits = 32;
  if (auto known = read_file(file)) {
    known->erase(std::find(known->begin(), known->end(), '\n'), known->end());
    if (known->size() == kDigits &&
        std::all_of(known->begin(), known->end(), [](unsigned char c) { return std::isxdigit(c) != 0; }))
      return *known;
  }
  auto id = random_hex(kDigits / 2);
  if (!id) return id;
  if (auto written = write_file(file, *id + "\n"); !written) return fail(written.error());
  return id;
}

Error no_node(const Keys& keys, const std::filesystem::path& folder) {
  return {.code = ErrorCode::bad_config,
          .what = "a cluster can't be served with a user's key",
          .where = folder.string(),
          .given = keys.card.name + ", role client",
          .allowed = "role node",
          .hint = "Make one by `troupe keys add DIR NAME --role node`"};
}

}  // namespace

struct Cluster::Impl {
  ClusterOptions options;
  SystemConfig config;
  std::shared_ptr<const Clock> clock = std::make_shared<SystemClock>();
  std::shared_ptr<Metrics> metrics;
  std::shared_ptr<std::atomic<int>> port = std::make_shared<std::atomic<int>>(-1);
  std::shared_ptr<DataPlane> plane;  // null: no node is let in
  PeerAddress address;
  caf::actor_system system;
  Tree tree;
  ControlGate gate;

  explicit Impl(ClusterOptions o) : options(std::move(o)), config(options.serve), system(config) {}

  ~Impl() {
    for (auto& [name, node] : tree.nodes) caf::anon_send_exit(node, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(tree.predictor, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(tree.recorder, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(tree.supervisor, caf::exit_reason::user_shutdown);
    close_control_gate(system, gate);
    gate = {};
    tree = {};
    std::error_code ignored;
    std::filesystem::remove(options.run / "control.json", ignored);
  }

  Result<void> open() {
    const auto keys = cluster_keys();
    if (!keys) return fail(keys.error());
    if (auto written = write_run_files(options); !written) return written;
    const auto id = run_identity(options.run);
    if (!id) return fail(id.error());
    auto journal = Journal::open(options.run / "journal.jsonl");
    if (!journal) return fail(journal.error());
    auto opened = Metrics::open(options.serve ? options.config.cluster.metrics_port : -1);
    if (!opened) return fail(opened.error());
    metrics = std::move(*opened);
    watch_gpus();
    auto bound = open_plane(*keys);
    if (!bound) return bound;
    tree = plant(system, {&options, std::move(*journal), metrics, clock,
                          [port = port] { return port->load(); }, plane, address, *id});
    caf::anon_send(tree.recorder,
                   Events{{Event{.kind = EventKind::cluster_started, .text = options.config.cluster.name}}});
    if (!options.serve) return {};
    if (auto opened_gate = open_gate(*keys); !opened_gate) return opened_gate;
    return write_file(options.run / "control.json", control_json().dump(2));
  }

  void watch_gpus() {
    std::vector<WatchedDevice> watched;
    for (const auto& gpu : options.gpus)
      if (gpu.sample)
        watched.push_back({place_of(options.config.nodes.front().name, gpu).node, gpu.model, gpu.sample});
    if (!watched.empty()) metrics->watch(std::move(watched));
  }

  /// Null where the cluster has none, or opens no port.
  Result<std::shared_ptr<const Keys>> cluster_keys() const {
    const auto& folder = options.config.cluster.keys;
    if (folder.empty() || !options.serve) return nullptr;
    auto keys = load_keys(folder, clock->unix_time());
    if (keys && (*keys)->card.role != KeyRole::node) return fail(no_node(**keys, folder));
    return keys;
  }

  /// With keys, or where the file says that it may do without.
  Result<void> open_plane(const std::shared_ptr<const Keys>& keys) {
    const auto& cluster = options.config.cluster;
    const auto& node = options.config.nodes.front();
    if (!options.serve || (!keys && !cluster.unencrypted)) return {};
    auto opened = start_node_plane({node.name, cluster.name, node.address, node.data_port, keys,
                                    cluster.failure_timeout_seconds, options.log});
    if (!opened) return fail(opened.error());
    plane = std::move(*opened);
    address = {node.name, plane->endpoint(), keys ? keys->card.curve : std::string()};
    return {};
  }

  /// A node's name, certificate and key have to be on the list of the cluster's keys.
  std::function<Result<void>(const std::string&, const KeyCard&)> admission(const Keys& keys) const {
    const auto list = std::make_shared<KeyList>(options.config.cluster.keys, keys.cluster);
    return [list, clock = clock](const std::string& text, const KeyCard& shown) -> Result<void> {
      try {
        const auto card = wire::decode<wire::Card>(nlohmann::json::parse(text));
        if (card.name == shown.name) return list->check(shown, card.plane.public_key, clock->unix_time());
        return fail({.code = ErrorCode::bad_config,
                     .what = "a node has the name that its key has",
                     .where = "node " + card.name,
                     .given = "the key of " + shown.name,
                     .hint = "`troupe up FILE --node NAME` with the keys of NAME"});
      } catch (...) {
        return fail(from_current_exception("a node that would join"));
      }
    };
  }

  Result<void> open_gate(const std::shared_ptr<const Keys>& keys) {
    const auto& cluster = options.config.cluster;
    GateOptions how{.port = cluster.port, .address = cluster.listen, .keys = keys};
    if (keys) how.admit = admission(*keys);
    how.refused = [recorder = tree.recorder](const std::string& reason, std::int64_t count) {
      caf::anon_send(recorder,
                     Events{{Event{.kind = EventKind::connections_refused, .text = reason, .count = count}}});
    };
    auto opened = open_control_gate(system, how, caf::actor_cast<caf::actor>(tree.supervisor));
    if (!opened) return fail(opened.error());
    gate = *opened;
    *port = gate.port;
    return {};
  }

  nlohmann::json control_json() const {
    const auto& cluster = options.config.cluster;
    nlohmann::json control = {
        {"pid", ::getpid()}, {"port", gate.port}, {"metrics_port", metrics->port()}, {"version", kVersion}};
    control["host"] = asked_locally_at(cluster.listen);
    if (!cluster.keys.empty()) control["keys"] = std::filesystem::absolute(cluster.keys).string();
    return control;
  }

  Result<void> submit_all() {
    caf::scoped_actor self(system);
    Result<void> result;
    for (const auto& job : options.config.jobs)
      self->request(tree.supervisor, caf::infinite, Submit{job, options.resume})
          .receive(
              [&](Outcome& o) {
                if (o.error && result) result = fail(*o.error);
              },
              [&](caf::error& e) {
                result = fail({.what = "the supervisor did not answer: " + describe(e)});
              });
    return result;
  }
};

Cluster::Cluster(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Cluster::~Cluster() = default;

Result<std::unique_ptr<Cluster>> Cluster::start(ClusterOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  if (auto opened = impl->open(); !opened) return fail(opened.error());
  if (auto submitted = impl->submit_all(); !submitted) return fail(submitted.error());
  return std::unique_ptr<Cluster>(new Cluster(std::move(impl)));
}

int Cluster::port() const { return *impl_->port; }
int Cluster::metrics_port() const { return impl_->metrics->port(); }

Result<nlohmann::json> Cluster::request(const std::string& verb, const nlohmann::json& arguments,
                                        double timeout_seconds) {
  caf::scoped_actor self(impl_->system);
  Result<nlohmann::json> result;
  self->request(impl_->tree.supervisor, microseconds(timeout_seconds), verb, arguments.dump())
      .receive([&](std::string& reply) { result = unwrap_reply(reply); },
               [&](caf::error& e) {
                 result = fail({.code = ErrorCode::not_connected,
                                .what = "the cluster did not answer: " + describe(e),
                                .given = verb});
               });
  return result;
}

namespace {
/// The ledgers of GPUs, empty, and what is bound to them.
struct DryGpus {
  std::vector<GpuPlace> places;
  std::map<std::string, Ledger> ledgers;
  std::map<std::string, int> bound;

  DryGpus(const std::string& node, const std::vector<GpuDevice>& gpus) {
    for (const auto& gpu : gpus) {
      places.push_back(place_of(node, gpu));
      Ledger& ledger = ledgers[places.back().node];
      PlanRules rules;
      rules.core = kPieceWord;
      ledger.set_rules(rules);
      ledger.add_device(view_of(places.back()));
    }
  }
};
}  // namespace

Result<nlohmann::json> dry_run(const Config& config, const CpuDevice& device,
                               const std::vector<GpuDevice>& gpus) {
  Ledger ledger;
  DryGpus on(config.nodes.front().name, gpus);
  DeviceView view{config.nodes.front().name, {}, device.memory};
  for (const auto& core : device.cores) view.cores.push_back(core.id);
  ledger.add_device(view);
  ledger.set_rules(plan_rules(config));
  std::int64_t order = 0;
  for (const auto& job : config.jobs) {
    const auto gpu = choose_gpu(job, on.places, on.bound);
    if (!gpu) return fail(gpu.error());
    if (!gpu->empty()) ++on.bound[*gpu];
    Ledger& its = gpu->empty() ? ledger : on.ledgers.at(*gpu);
    const auto there = static_cast<int>(its.devices().front().cores.size());
    const int shards = job.kind == "gan" && gpu->empty() ? job.gan.shards : job.max_cores.value_or(there);
    const Demand first = DemandTable().demand({.phase = 0, .name = "first", .forecast = {}, .rates = {}}, {});
    auto added = its.add_job({.name = job.name,
                              .priority = job.priority,
                              .order = order++,
                              .min_cores = job.min_cores,
                              .max_cores = std::min(job.max_cores.value_or(shards), shards),
                              .slices = gpu->empty() ? job.slices : 1,
                              .memory = job.memory,
                              .target_step_seconds = job.target_step_seconds,
                              .demand = first,
                              .pinned_cores = {},
                              .held = {},
                              .user = job.user.value_or("default")});
    if (!added) return fail(added.error());
  }
  ledger.advance();
  auto jobs = plan_to_json(ledger.plan());
  for (auto& [node, its] : on.ledgers) {
    its.advance();
    jobs.update(plan_to_json(its.plan()));
  }
  return nlohmann::json{
      {"device", {{"model", device.model}, {"cores", view.cores.size()}, {"memory", device.memory.count}}},
      {"jobs", jobs}};
}

}  // namespace troupe
