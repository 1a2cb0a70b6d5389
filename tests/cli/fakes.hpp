#pragma once
// A cluster of canned replies, a clock that stands, Ctrl-C on demand.
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "cli/app.hpp"
#include "tests/temp_folder.hpp"

namespace troupe {

struct FakeInterrupts final : Interrupts {
  int after = 1000000;  // so many waits go by first
  bool wait(double) override { return after-- <= 0; }
};

/// Replies by verb: the first is used up, the last stays. What was asked is kept.
struct FakeCluster {
  std::map<std::string, std::deque<Result<Json>>> replies;
  std::vector<std::pair<std::string, Json>> asked;

  Result<Json> answer(const std::string& verb, const Json& arguments) {
    asked.emplace_back(verb, arguments);
    auto& left = replies[verb];
    if (left.empty()) return fail({ErrorCode::bad_usage, "unexpected request", "", verb, "", ""});
    auto reply = left.front();
    if (left.size() > 1) left.pop_front();
    return reply;
  }
  int times(const std::string& verb) const {
    int n = 0;
    for (const auto& [asked_verb, arguments] : asked) n += asked_verb == verb;
    return n;
  }
};

struct FakeRunning final : RunningCluster {
  explicit FakeRunning(FakeCluster& c) : cluster(c) {}
  FakeCluster& cluster;
  int port() const override { return 4470; }
  int metrics_port() const override { return 9470; }
  Result<Json> request(const std::string& verb, const Json& arguments, double) override {
    return cluster.answer(verb, arguments);
  }
};

/// The command with everything under it faked; `run` gives the exit code and fills out and err.
struct FakeCommand {
  FakeCluster cluster;
  FakeInterrupts interrupts;
  Services services;
  std::map<std::string, std::string> environment;
  std::optional<Error> refuses;  // connecting
  int connected = 0;             // port of the last connection
  ClusterAddress address;        // all of its place
  std::vector<ClusterOptions> started;
  std::vector<NodeProcessOptions> nodes;  // that were to be started
  std::optional<Error> start_error;
  std::string out, err;
  bool redraw = false;

  // what `troupe doctor` finds
  std::set<int> taken;                    // ports
  std::set<std::string> unknown, walled;  // names that do not resolve; hosts that do not answer
  std::map<std::filesystem::path, PlaceFacts> places;
  std::map<std::string, unsigned> modes;  // by name of file; the others 0600
  std::int64_t descriptors = 20000;
  double monotonic = 0;  // each look at the clock takes a millisecond

  FakeCommand() {
    services.probes = probes();
    services.connect = [this](const ClusterAddress& to) -> Result<Request> {
      connected = to.port;
      address = to;
      if (refuses) return fail(*refuses);
      return Request([this](const std::string& verb, const Json& arguments, double) {
        return cluster.answer(verb, arguments);
      });
    };
    services.start = [this](const ClusterOptions& options) -> Result<std::unique_ptr<RunningCluster>> {
      started.push_back(options);
      if (start_error) return fail(*start_error);
      return std::unique_ptr<RunningCluster>(new FakeRunning(cluster));
    };
    services.start_node = [this](const NodeProcessOptions& options,
                                 const std::filesystem::path&) -> Result<std::unique_ptr<RunningNode>> {
      nodes.push_back(options);
      return fail({ErrorCode::io, "no node is started in this test", "", "", "", ""});
    };
    services.discover = []() -> Result<CpuDevice> {
      CpuDevice device;
      device.model = "Test CPU";
      device.cores = {Core{0, 0, 0, 0}, Core{1, 1, 0, 1}};
      device.memory = gib(8);
      return device;
    };
    services.gpus = [] {
      cuda::GpuSurvey none;
      none.none = Error{ErrorCode::not_found,
                        "there is no GPU driver",
                        "libcuda.so.1",
                        "not found",
                        "",
                        "nvidia-smi tells whether it runs."};
      return none;
    };
    services.dry_run = [](const Config&, const CpuDevice&, const std::vector<GpuDevice>&) -> Result<Json> {
      return Json{{"jobs",
                   {{"gan",
                     {{"grants", {{{"node", "local"}, {"cores", {0, 1}}, {"memory", 1 << 20}}}},
                      {"wanted_cores", 2},
                      {"reason", "as wanted"}}}}}};
    };
    services.kinds["gan"] = [](const ProgramContext&) -> Result<std::shared_ptr<Program>> {
      return fail({ErrorCode::internal, "not in this test", "", "", "", ""});
    };
    services.thread_setup = [] {};
    services.environment = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = environment.find(name);
      return found == environment.end() ? std::nullopt : std::optional<std::string>(found->second);
    };
    services.unix_time = [] { return 1769869353.0; };  // 2026-01-31 14:22:33 UTC
    services.versions = {{"troupe", "0.1.0"}, {"caf", "0.17.6"}};
    services.interrupts = &interrupts;
  }

  DoctorProbes probes() {
    DoctorProbes p;
    p.resolve = [this](const std::string& name) -> Result<std::vector<std::string>> {
      if (unknown.count(name))
        return fail({.code = ErrorCode::not_found, .what = "Name or service not known"});
      return std::vector<std::string>{name == "b.lab" ? "10.0.0.2" : name};
    };
    p.listen = [this](const std::string&, int port) -> Result<void> {
      if (taken.count(port)) return fail({.code = ErrorCode::io, .what = "Address already in use"});
      return {};
    };
    p.reach = [this](const std::string& host, int) -> Result<double> {
      if (walled.count(host)) return fail({.code = ErrorCode::not_connected, .what = "No route to host"});
      return 0.0002;
    };
    p.place = [this](const std::filesystem::path& path) -> PlaceFacts {
      const auto found = places.find(path.filename());
      if (found != places.end()) return found->second;
      return {.there = true,
              .folder = true,
              .readable = true,
              .writable = true,
              .nearest = path,
              .free = gib(100)};
    };
    p.mode = [this](const std::filesystem::path& file) {
      const auto found = modes.find(file.filename().string());
      return found == modes.end() ? 0600u : found->second;
    };
    p.descriptors = [this] { return descriptors; };
    p.now = [this] { return monotonic += 0.001; };
    return p;
  }

  int run(const std::vector<std::string>& arguments) {
    std::ostringstream o, e;
    const Terminal terminal{o, e, redraw, false, 100};
    const int code = run_command(arguments, services, terminal);
    out = o.str();
    err = e.str();
    return code;
  }
};

using test::TempFolder;

inline Json running_job() {
  return {{"name", "gan"},
          {"kind", "gan"},
          {"state", "running"},
          {"reason", ""},
          {"priority", 10},
          {"phase", "32x32"},
          {"resolution", 32},
          {"fade", 0.4},
          {"step", 250},
          {"steps", 1000},
          {"images", 4000},
          {"images_per_second", 512.3},
          {"remaining_seconds", 190},
          {"cores", 2},
          {"cores_wanted", 2},
          {"memory", 536870912},
          {"held", 104857600},
          {"peak", 209715200},
          {"scores", {{"critic", 1.2345}, {"generator", -0.4}, {"penalty", 0.1}}},
          {"checkpoint", nullptr},
          {"error", nullptr}};
}

inline Json parked_job() {
  Json job = running_job();
  job.update({{"name", "scout"},
              {"state", "parked"},
              {"cores", 0},
              {"cores_wanted", 1},
              {"reason", "waits for 1 core: gan (priority 10) holds 2 of 2"},
              {"images_per_second", 0},
              {"remaining_seconds", nullptr}});
  return job;
}

inline constexpr const char* kCluster =
    "[cluster]\nname = \"t\"\n[[job]]\nname = \"gan\"\n[job.data]\npath = \"data\"\n";
inline constexpr const char* kJob = "name = \"small\"\n[data]\npath = \"data\"\n[gan]\nto = 16\n";

}  // namespace troupe
