#pragma once
// A cluster of toy jobs in a folder of its own, and what a test waits for.
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include "actors/cluster.hpp"
#include "ops/recorder.hpp"
#include "tests/actors/toy_program.hpp"
#include "tests/temp_folder.hpp"
#include "train/checkpoint.hpp"

namespace troupe::toy {

using test::TempFolder;

inline CpuDevice device_of(int cores) {
  CpuDevice d{.model = "test", .instruction_set = "test", .cores = {}, .memory = gib(4)};
  const int cpus = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  for (int i = 0; i < cores; ++i) d.cores.push_back({i, i % cpus, 0, i % cpus});
  return d;
}

inline JobConfig toy_job(const std::string& name) {
  JobConfig job;
  job.name = name;
  job.kind = "toy";
  job.samples = 2;
  job.checkpoint_seconds = 0;
  return job;
}

inline ClusterOptions options_of(const std::filesystem::path& run, std::vector<JobConfig> jobs, Options toy,
                                 int cores = 5) {
  ClusterOptions o;
  o.config.jobs = std::move(jobs);
  o.config.cluster.runs = run / "runs";
  o.config.cluster.failure_timeout_seconds = 20;
  o.run = run;
  o.device = device_of(cores);
  o.kinds["toy"] = factory(toy);
  o.serve = false;
  o.log = quiet_log();
  return o;
}

inline std::unique_ptr<Cluster> start(ClusterOptions o) {
  auto cluster = Cluster::start(std::move(o));
  if (!cluster) ADD_FAILURE() << cluster.error().text();
  return cluster ? std::move(*cluster) : nullptr;
}

inline nlohmann::json ask(Cluster& cluster, const std::string& verb,
                          const nlohmann::json& arguments = nlohmann::json::object()) {
  auto reply = cluster.request(verb, arguments);
  EXPECT_TRUE(reply.has_value()) << verb << ": " << (reply ? "" : reply.error().text());
  return reply ? *reply : nlohmann::json();
}

/// Asks until the job's description satisfies `done`; the last description otherwise, after four minutes (a
/// sanitizer is slow).
template <class Done>
nlohmann::json wait_for(Cluster& cluster, const std::string& job, Done done) {
  nlohmann::json j;
  for (int i = 0; i < 120000; ++i) {
    j = ask(cluster, "show", {{"job", job}});
    if (!j.is_object() || done(j)) return j;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // between two questions, not for an outcome
  }
  ADD_FAILURE() << "never came: " << j.dump(2);
  return j;
}

inline bool over(const nlohmann::json& j) {
  return j["state"] == "finished" || j["state"] == "failed" || j["state"] == "stopped";
}

inline std::string slurp(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::stringstream all;
  all << in.rdbuf();
  return all.str();
}

/// What must not depend on the place: the final state's hash and the loss of every step.
struct Bits {
  std::string hash, losses;
  friend bool operator==(const Bits&, const Bits&) = default;
};
inline Bits bits_of(const std::filesystem::path& run, const nlohmann::json& job) {
  const std::string name = job["name"].get<std::string>();
  return {job["hash"].is_string() ? job["hash"].get<std::string>() : "none",
          slurp(run / name / "losses.csv")};
}

}  // namespace troupe::toy
