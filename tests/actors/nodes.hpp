#pragma once
// A head, and nodes that join it.
#include <set>

#include "actors/node_process.hpp"
#include "tests/actors/harness.hpp"

namespace troupe::toy {

constexpr double kFailureTimeout = 2;

inline Options small() {
  return {.generators = 2, .shards = 8, .phases = 2, .steps_per_phase = 150, .parameters = 500};
}

/// The same a good deal slower, so that things can happen while it runs.
inline Options slow() {
  Options o = small();
  o.steps_per_phase = 600;
  o.work = 20;
  return o;
}

inline ClusterOptions head_options(const std::filesystem::path& run, Options toy, int cores,
                                   MakeProcessSum make_fast = {}) {
  auto o = options_of(run, {}, toy, cores);
  o.serve = true;
  o.make_fast = std::move(make_fast);
  o.config.cluster.port = 0;
  o.config.cluster.metrics_port = -1;
  o.config.cluster.unencrypted = true;
  o.config.cluster.failure_timeout_seconds = kFailureTimeout;
  o.config.nodes.front().name = "head";
  return o;
}

/// Of a node that joins the head at that port of this machine.
inline NodeProcessOptions node_options(int port, const std::string& name, int cores,
                                       const std::filesystem::path& runs) {
  NodeProcessOptions o;
  o.cluster = "troupe";
  o.node.name = name;
  o.head.port = port;
  o.runs = runs;
  o.device = device_of(cores);
  o.say = [](const std::string&) {};
  o.log = quiet_log();
  return o;
}

inline std::unique_ptr<NodeProcess> joined_node(NodeProcessOptions o) {
  auto started = NodeProcess::start(std::move(o));
  if (!started) {
    ADD_FAILURE() << started.error().text();
    return nullptr;
  }
  auto joined = (*started)->join();
  // the head may not have seen yet that an earlier process of this name is gone
  while (!joined && joined.error().code == ErrorCode::bad_usage) joined = (*started)->join();
  if (!joined) ADD_FAILURE() << joined.error().text();
  return std::move(*started);
}

inline std::unique_ptr<NodeProcess> node_at(ProgramFactory make, int port, const std::string& name, int cores,
                                            const std::filesystem::path& runs,
                                            MakeProcessSum make_fast = {}) {
  auto o = node_options(port, name, cores, runs);
  o.kinds["toy"] = std::move(make);
  o.make_fast = std::move(make_fast);
  return joined_node(std::move(o));
}

inline std::unique_ptr<NodeProcess> node_with(ProgramFactory make, const Cluster& head,
                                              const std::string& name, int cores,
                                              const std::filesystem::path& runs,
                                              MakeProcessSum make_fast = {}) {
  return node_at(std::move(make), head.port(), name, cores, runs, std::move(make_fast));
}

inline std::unique_ptr<NodeProcess> node(const Cluster& head, const std::string& name, Options toy, int cores,
                                         const std::filesystem::path& runs, MakeProcessSum make_fast = {}) {
  return node_with(factory(toy), head, name, cores, runs, std::move(make_fast));
}

inline void submit(Cluster& head, const JobConfig& job) {
  ask(head, "submit", {{"toml", to_toml(job)}, {"file", "job.toml"}});
}

inline JobConfig wide_job(int min_cores) {
  auto job = toy_job("wide");
  job.target_step_seconds = 1e-4;  // as many cores as it may have
  job.min_cores = min_cores;
  return job;
}

inline Bits alone(Options toy) {
  const TempFolder folder;
  auto cluster = start(options_of(folder / "run", {wide_job(1)}, toy));
  if (!cluster) return {};
  return bits_of(folder / "run", wait_for(*cluster, "wide", over));
}

inline std::set<std::string> nodes_of(const nlohmann::json& job) {
  std::set<std::string> names;
  for (const auto& slice : job["slices"]) names.insert(slice["node"].get<std::string>());
  return names;
}
inline auto runs_on(std::size_t nodes) {
  return [nodes](const nlohmann::json& job) {
    return over(job) || (job["state"] == "running" && nodes_of(job).size() == nodes && job["step"] > 20);
  };
}

}  // namespace troupe::toy
