#include "actors/tree.hpp"

#include "actors/node.hpp"
#include "actors/predictor.hpp"
#include "actors/recorder.hpp"
#include "actors/training_job.hpp"

namespace troupe {
namespace {

std::vector<int> ids(const std::vector<Core>& cores) {
  std::vector<int> all;
  for (const auto& core : cores) all.push_back(core.id);
  return all;
}

/// Above all that an earlier head gave out, whose nodes may still be there: a million a second, and a clock
/// that goes forward between two starts.
std::shared_ptr<std::atomic<std::int64_t>> first_epoch(const Clock& clock) {
  constexpr std::int64_t kASecond = 1 << 20;
  return std::make_shared<std::atomic<std::int64_t>>(static_cast<std::int64_t>(clock.unix_time()) * kASecond);
}

/// What every job gets; the supervisor adds what it was asked to submit.
struct JobSpawning {
  caf::actor_system* system;
  std::filesystem::path run;
  std::map<std::string, ProgramFactory> kinds;
  std::function<void()> thread_setup;
  recorder_actor recorder;
  predictor_actor predictor;
  std::map<std::string, node_actor> nodes;
  std::map<std::string, MakeDeviceSlice> gpus;
  SharedClock clock;
  int threads;
  std::shared_ptr<DataPlane> plane;
  PeerAddress address;
  std::shared_ptr<std::atomic<std::int64_t>> epochs;
  ClusterConfig cluster;
  std::string run_id;
  std::shared_ptr<RatesSource> rates;

  Result<job_actor> operator()(const Submit& submit, const supervisor_actor& supervisor) const {
    if (auto fit = fits(submit.job, cluster); !fit) return fail(fit.error());
    ProgramFactory factory;
    if (submit.job.plugin.empty()) {
      const auto kind = kinds.find(submit.job.kind);
      if (kind == kinds.end()) {
        std::string known;
        for (const auto& [name, f] : kinds) known += (known.empty() ? "" : ", ") + name;
        return fail({.code = ErrorCode::bad_config,
                     .what = "no such kind of job",
                     .where = "job " + submit.job.name,
                     .given = submit.job.kind,
                     .allowed = known,
                     .hint = "a kind of your own needs `plugin = \"….so\"`"});
      }
      factory = kind->second;
    }
    return system->spawn(training_job,
                         JobArgs{submit.job, run, cluster.runs, factory, submit.resume, supervisor, recorder,
                                 predictor, nodes, gpus, thread_setup, clock, threads, plane, address, epochs,
                                 cluster.failure_timeout_seconds, run_id, rates});
  }
};

/// With what earlier runs learned.
predictor_actor spawn_predictor(caf::actor_system& system, const recorder_actor& recorder,
                                const std::filesystem::path& runs) {
  const auto read = [&](const std::filesystem::path& file) {
    std::optional<Error> trouble;
    auto learned = read_correction(file, trouble);
    if (trouble)
      caf::anon_send(recorder, Events{{Event{.kind = EventKind::warning, .text = trouble->text()}}});
    return learned;
  };
  const auto file = runs / kCorrectionFile, beside = runs / kInterferenceFile;
  return system.spawn(predictor,
                      PredictorArgs{recorder, file, read(file), beside, Interference(read(beside))});
}

}  // namespace

Tree plant(caf::actor_system& system, const TreeArgs& args) {
  const ClusterOptions& o = *args.options;
  Tree tree;
  // detached: writes files
  tree.recorder = system.spawn<caf::detached>(
      recorder, RecorderArgs{o.run, args.journal, args.metrics, args.clock, o.log});
  tree.predictor = spawn_predictor(system, tree.recorder, o.config.cluster.runs);
  const std::string name = o.config.nodes.front().name;
  tree.nodes[name] = system.spawn(
      node, NodeArgs{name, std::make_shared<const CpuDevice>(o.device), o.thread_setup, args.clock,
                     o.config.cluster.failure_timeout_seconds, args.plane, o.make_fast});
  std::map<std::string, MakeDeviceSlice> gpus;
  std::vector<GpuPlace> places;
  for (const auto& gpu : o.gpus) {
    places.push_back(place_of(name, gpu));
    gpus[places.back().node] = gpu.make;
  }
  const auto epochs = first_epoch(*args.clock);
  const JobSpawning spawning{
      &system,       o.run,
      o.kinds,       o.thread_setup,
      tree.recorder, tree.predictor,
      tree.nodes,    gpus,
      args.clock,    static_cast<int>(o.device.cores.size()),
      args.plane,    args.address,
      epochs,        o.config.cluster,
      args.run_id,   o.make_rates ? o.make_rates(o.device, o.config.cluster.runs) : nullptr};
  tree.supervisor =
      system.spawn(supervisor, SupervisorArgs{o.config,
                                              o.run,
                                              {DeviceView{name, ids(o.device.cores), o.device.memory}},
                                              places,
                                              o.device.instruction_set,
                                              args.plane,
                                              args.address,
                                              spawning,
                                              tree.recorder,
                                              args.clock,
                                              args.port,
                                              args.metrics->port(),
                                              args.run_id,
                                              epochs});
  return tree;
}

}  // namespace troupe
