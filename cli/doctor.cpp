#include "cli/doctor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "base/port.hpp"
#include "base/version.hpp"
#include "cli/capacity.hpp"
#include "cli/doctor_checks.hpp"
#include "cli/gpus.hpp"
#include "cli/target.hpp"
#include "cli/text.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;

constexpr double kAskSeconds = 10, kMeasureSeconds = 15;
constexpr int kTrips = 9, kLoads = 8;
constexpr std::int64_t kLoadBytes = 1 << 20;

class Doctor {
 public:
  Doctor(const DoctorOptions& options, const Config& config, const NodeConfig& node, const Services& services)
      : options_(options), config_(config), node_(node), services_(services), probes_(services.probes) {
    is_head_ = node.name == config.nodes.front().name;
    keys_ = !options.keys.empty() ? fs::path(options.keys) : config.cluster.keys;
  }

  Result<Findings> look() {
    if (auto placed = find_head(); !placed) return troupe::fail(placed.error());
    look_at_keys();
    ask_head();
    look_at_names();
    look_at_ports();
    look_at_machine();
    look_at_gpus();
    look_at_places();
    look_at_others();
    return findings_;
  }

 private:
  void add(Finding finding) { findings_.push_back(std::move(finding)); }
  void add(const Error& error, const std::string& topic) {
    std::string text = error.what;
    if (!error.given.empty())
      text += " (" + error.given + (error.allowed.empty() ? "" : "; allowed " + error.allowed) + ")";
    if (!error.where.empty()) text = error.where + ": " + text;
    add({Verdict::problem, topic, text, error.hint});
  }

  Result<void> find_head() {
    if (!options_.at.empty()) {
      const auto place = read_place(options_.at);
      if (!place) return troupe::fail(place.error());
      head_ = *place;
    } else {
      head_.host = config_.cluster.listen;
      head_.port = config_.cluster.port;
      if (is_head_) head_.host = asked_locally_at(head_.host);
    }
    head_.keys = keys_;
    return {};
  }

  void look_at_keys() {
    const auto& cluster = config_.cluster;
    if (keys_.empty()) {
      if (cluster.unencrypted || config_.nodes.size() == 1)
        return add({Verdict::ok, "keys", "none: only this machine's own processes come in"});
      return add(
          {Verdict::problem, "keys", "the file names other nodes, but no keys: the head takes no node",
           "`troupe keys init DIR` and cluster.keys; on one machine alone: cluster.unencrypted = true"});
    }
    const auto list = list_keys(keys_, services_.unix_time());
    if (!list) return add(list.error(), "keys");
    for (const auto& card : list->cards) add(judge_card(card, services_.unix_time()));
    std::error_code none;
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(keys_, none))
      if (entry.path().extension() == ".key" || entry.path().extension() == ".curve")
        files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (const auto& file : files) add(judge_mode(file, probes_.mode(file)));
    const auto own = load_keys(keys_, services_.unix_time(), is_head_ ? std::string() : node_.name);
    if (!own) add(own.error(), "keys");
  }

  void ask_head() {
    if (head_.port == 0 || (options_.at.empty() && !is_head_ && asked_locally_at(head_.host) != head_.host))
      return add({Verdict::warning, "link",
                  "the file does not say where the head is: nothing was asked there",
                  "Give it: --at HOST:PORT"});
    const auto request = services_.connect(head_);
    if (!request) return unreachable(request.error());
    request_ = *request;
    const double asked = services_.unix_time();
    const auto status = (*request)("status", Json::object(), kAskSeconds);
    const double answered = services_.unix_time();
    if (!status) return unreachable(status.error());
    status_ = *status;
    const std::string called = member<std::string>(status_, "cluster", "");
    if (called != config_.cluster.name)
      add({Verdict::problem, "names",
           fmt::format("the cluster at {}:{} is {}, that of the file {}", head_.host, head_.port, called,
                       config_.cluster.name),
           "Another cluster holds that port: give this one another (cluster.port)"});
    add(judge_version("head", member<std::string>(status_, "version", "?"), kVersion));
    add(judge_clock(asked, answered, member<double>(status_, "unix_time", answered)));
    measure(*request);
    if (auto nodes = (*request)("nodes", Json::object(), kAskSeconds)) nodes_ = *nodes;
  }

  void unreachable(const Error& error) {
    const std::string place = fmt::format("{}:{}", head_.host, head_.port);
    if (error.code == ErrorCode::wrong_version) return add(error, "versions");
    if (error.code != ErrorCode::not_connected) return add(error, "link");
    if (!options_.at.empty())
      return add(
          {Verdict::problem, "link", fmt::format("no head answers at {}: {}", place, error.what),
           "Start it there, or see what is between: routes, firewalls, and cluster.listen of its file"});
    if (is_head_)
      return add({Verdict::ok, "link",
                  fmt::format("no cluster runs at {}: clocks and versions are not compared", place)});
    add({Verdict::warning, "link", fmt::format("no head answers at {}: {}", place, error.what),
         "A node waits for its head; once it runs, look again"});
  }

  void measure(const Request& request) {
    std::vector<double> trips;
    for (int i = 0; i < kTrips; ++i) {
      const double began = probes_.now();
      if (!request("status", Json::object(), kAskSeconds)) return;
      trips.push_back(probes_.now() - began);
    }
    std::sort(trips.begin(), trips.end());
    const double trip = trips[trips.size() / 2], began = probes_.now();
    std::int64_t bytes = 0;
    for (int i = 0; i < kLoads; ++i) {
      const auto reply = request("echo", {{"bytes", kLoadBytes}}, kAskSeconds);
      if (!reply) break;  // a head that was told to end
      bytes += static_cast<std::int64_t>(member<std::string>(*reply, "data", "").size());
    }
    const double spent = probes_.now() - began;
    add(judge_link(trip, spent > 0 ? static_cast<double>(bytes) / spent : 0));
  }

  void look_at_names() {
    for (const auto& node : config_.nodes)
      add(judge_name("node " + node.name, node.address, probes_.resolve(node.address)));
    const auto& listen = config_.cluster.listen;
    if (listen != asked_locally_at(listen)) return;
    add(judge_name("head (cluster.listen)", listen, probes_.resolve(listen)));
  }

  /// Whether the cluster that answered has the port: the head's own, or that of a node that is up.
  bool held(int port) const {
    for (const auto& node : nodes_) {
      const auto address = member<std::string>(node, "address", "");
      if (member<std::string>(node, "name", "") == node_.name &&
          address.ends_with(":" + std::to_string(port)))
        return true;
    }
    return is_head_ &&
           (port == member<int>(status_, "port", -1) || port == member<int>(status_, "metrics_port", -1));
  }

  void look_at_port(const std::string& key, const std::string& address, int port) {
    const bool ours = port > 0 && held(port);
    add(judge_port(key, address, port, ours ? Result<void>() : probes_.listen(address, port), ours));
  }

  void look_at_ports() {
    const auto& cluster = config_.cluster;
    if (is_head_) {
      if (cluster.port > 0) look_at_port("cluster.port", cluster.listen, cluster.port);
      if (cluster.metrics_port > 0) look_at_port("cluster.metrics_port", "127.0.0.1", cluster.metrics_port);
    }
    if (!keys_.empty() || cluster.unencrypted)
      look_at_port(node_.data_port > 0 ? "node.data_port" : "node.address", node_.address, node_.data_port);
  }

  void look_at_machine() {
    const auto machine = services_.discover();
    if (!machine) return add(machine.error(), "capacity");
    if (!is_head_)
      add(judge_processor(machine->instruction_set, member<std::string>(status_, "instruction_set", "")));
    const auto device = fit_to_machine(config_, node_, *machine, services_.kinds);
    if (device) {
      add({Verdict::ok, "capacity",
           fmt::format("{} of {}, {}", counted(static_cast<long>(device->cores.size()), "core"),
                       device->model, to_string(device->memory))});
    } else {
      for (const auto& error : device.error()) add(error, "capacity");
    }
    if (is_head_)
      add(judge_descriptors(probes_.descriptors(),
                            static_cast<int>(std::max(config_.nodes.size(), nodes_.size())) - 1));
  }

  void look_at_gpus() {
    auto found = services_.gpus();
    const auto wanted = find_gpus(config_, node_, [&] { return found; });
    for (auto& finding :
         judge_gpus(found, services_.slice_gpus, wanted ? std::nullopt : std::optional(wanted.error())))
      add(std::move(finding));
  }

  void look_at_places() {
    for (const auto& job : config_.jobs)
      if (!job.data.path.empty()) add(judge_data(job.name, job.data.path, probes_.place(job.data.path)));
    add(judge_runs(config_.cluster.runs, probes_.place(config_.cluster.runs)));
  }

  /// The others as the head sees them, and whether their data planes can be reached from here.
  void look_at_others() {
    for (const auto& node : nodes_) {
      const auto name = member<std::string>(node, "name", "?");
      if (name == node_.name) continue;
      if (!member<bool>(node, "head", false)) add(judge_node(node));
      const auto address = member<std::string>(node, "address", "");
      if (address.rfind("tcp://", 0) != 0 || member<std::string>(node, "state", "") == "lost") continue;
      const auto place = read_place(address.substr(6));
      if (!place) continue;
      const auto took = probes_.reach(place->host, place->port);
      if (took) {
        add({Verdict::ok, "link",
             fmt::format("data plane of {} at {}: connects in {}", name, address, format_duration(*took))});
        measure_way(name);
      } else {
        add({Verdict::problem, "link",
             fmt::format("data plane of {} at {} can't be reached: {}", name, address, took.error().what),
             "Let this machine through to that port: every node sends tensors to every other (node.data_port "
             "fixes it)"});
      }
    }
    if (!own_node_is_up() && config_.nodes.size() > 1)
      add({Verdict::ok, "link",
           fmt::format("how fast the ways between nodes are is not measured: node {} is not up",
                       node_.name)});
  }

  bool own_node_is_up() const {
    return std::any_of(nodes_.begin(), nodes_.end(), [&](const Json& node) {
      return member<std::string>(node, "name", "") == node_.name &&
             member<std::string>(node, "state", "lost") != "lost";
    });
  }

  /// Between two nodes over control connections: by way of the head. 0 where one has not answered yet.
  double control_trip(const std::string& other) const {
    double sum = 0;
    for (const auto& node : nodes_) {
      const auto name = member<std::string>(node, "name", "");
      if ((name != other && name != node_.name) || member<bool>(node, "head", false)) continue;
      const double trip = member<double>(node, "round_trip_seconds", -1);
      if (trip < 0) return 0;
      sum += trip;
    }
    return sum;
  }

  /// By the two nodes themselves, on the head's order.
  void measure_way(const std::string& other) {
    if (!own_node_is_up() || !request_) return;
    Json order{{"from", node_.name}, {"to", other}};
    if (!options_.bandwidth) order["bytes"] = 0;
    const auto measured = request_("measure", order, kMeasureSeconds);
    if (!measured) {
      add(measured.error(), "link");
      if (measured.error().code == ErrorCode::no_capacity) findings_.back().verdict = Verdict::warning;
      return;
    }
    add(judge_plane({.from = node_.name,
                     .to = other,
                     .round_trip_seconds = member<double>(*measured, "round_trip_seconds", 0),
                     .there = member<double>(*measured, "there_bytes_per_second", 0),
                     .back = member<double>(*measured, "back_bytes_per_second", 0),
                     .control_trip_seconds = control_trip(other),
                     .encrypted = !keys_.empty()}));
  }

  const DoctorOptions& options_;
  const Config& config_;
  const NodeConfig& node_;
  const Services& services_;
  const DoctorProbes& probes_;
  bool is_head_ = true;
  fs::path keys_;
  ClusterAddress head_;
  Request request_;  // none: the head does not answer
  Json status_ = Json::object(), nodes_ = Json::array();
  Findings findings_;
};

int tell(const Findings& findings, bool json, const Terminal& terminal) {
  long problems = 0, warnings = 0;
  Json all = Json::array();
  for (const auto& f : findings) {
    problems += f.verdict == Verdict::problem;
    warnings += f.verdict == Verdict::warning;
    if (json) {
      all.push_back(
          {{"verdict", to_string(f.verdict)}, {"topic", f.topic}, {"text", f.text}, {"hint", f.hint}});
      if (!f.measured.is_null()) all.back()["measured"] = f.measured;
    } else {
      terminal.out << fmt::format("{:<8} {:<10} {}\n", to_string(f.verdict), f.topic, f.text)
                   << (f.hint.empty() ? "" : fmt::format("{:<20}-> {}\n", "", f.hint));
    }
  }
  if (json)
    terminal.out << Json{{"findings", all}, {"problems", problems}, {"warnings", warnings}}.dump(
                        2, ' ', false, Json::error_handler_t::replace)
                 << "\n";
  else
    terminal.out << fmt::format("{}, {}\n", counted(problems, "problem"), counted(warnings, "warning"));
  return problems > 0 ? kFailed : kDone;
}

}  // namespace

int run_doctor(const DoctorOptions& options, const Services& services, const Terminal& terminal) {
  const auto config = load_config(options.file);
  if (!config) return report(terminal, config.error());
  NodeConfig node = config->nodes.front();
  if (!options.node.empty()) {
    node = NodeConfig{};
    for (const auto& named : config->nodes)
      if (named.name == options.node) node = named;
    node.name = options.node;  // one that the file does not have joins with what its machine has
  }
  auto findings = Doctor(options, *config, node, services).look();
  if (!findings) return report(terminal, findings.error());
  return tell(*findings, options.json, terminal);
}

}  // namespace troupe
