// A long run at small size, with phases, resizes and checkpoints all the while: does the process keep to the
// memory that it has once it is warm?
#include <fmt/core.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <map>
#include <thread>

#include "actors/cluster.hpp"
#include "bench/bench.hpp"
#include "bench/mri_data.hpp"
#include "gpu/heap.hpp"
#include "gpu/torch_allocator.hpp"
#include "tests/temp_folder.hpp"
#include "train/gan.hpp"

using namespace troupe;

namespace {

using Json = nlohmann::json;

/// A line of /proc/self/status, in bytes.
double status_bytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (word == key + ":") {
      double kibibytes = 0;
      status >> kibibytes;
      return kibibytes * 1024;
    }
  return 0;
}

struct Sample {
  int job = 0;  // which of the growing jobs ran
  double seconds = 0, resident = 0, anonymous = 0, in_use = 0;
};

Sample sample(int job, double began) {
  return {job, bench::now() - began, status_bytes("VmRSS"), status_bytes("RssAnon"),
          static_cast<double>(heap_in_use().count)};
}

/// The default kind of GAN, at the sizes from … to.
JobConfig gan(const std::string& name, int from, int to, std::vector<std::int64_t> images) {
  JobConfig job;
  job.name = name;
  job.samples = 4;
  job.checkpoint_seconds = 3;
  job.data = bench::mri_data();
  job.data.cache = std::filesystem::temp_directory_path() / "troupe-bench-pyramids";
  job.gan.fmap_base = 768;
  job.gan.from = from;
  job.gan.to = to;
  job.gan.images = std::move(images);
  return job;
}

/// One job that trains at one size for good, and beside it one after the other that grows from 4x4 to 32x32
/// and ends: the first is resized whenever one begins to run or is over.
class LongRun {
 public:
  explicit LongRun(const std::filesystem::path& folder) {
    ClusterOptions options;
    options.config.cluster.runs = folder / "runs";
    options.config.cluster.port = 0;
    options.config.cluster.metrics_port = 0;
    options.config.jobs = {gan("steady", 16, 16, {std::int64_t{1} << 40})};
    options.run = folder / "run";
    options.device = value(discover_cpu());
    options.kinds["gan"] = [](const ProgramContext& context) { return make_gan(context); };
    options.thread_setup = use_one_torch_thread;
    options.log = quiet_log();
    cluster_ = value(Cluster::start(std::move(options)));
  }

  bool steady_runs() { return ask("show", {{"job", "steady"}})["state"] == "running"; }
  /// Looked at once a second, from when the first job runs.
  void tend() {
    if (wave_.empty() || over()) next_wave();
  }
  std::int64_t steady(const char* key) { return ask("show", {{"job", "steady"}})[key].get<std::int64_t>(); }
  int waves() const { return count_; }
  const std::map<std::string, double>& peaks() const { return peaks_; }
  void stop() { ask("shutdown", Json::object()); }

 private:
  template <class T>
  static T value(Result<T> result) {
    if (!result) throw ErrorException(result.error());
    return std::move(*result);
  }
  Json ask(const std::string& verb, const Json& arguments) {
    return value(cluster_->request(verb, arguments));
  }

  void next_wave() {
    wave_ = "wave" + std::to_string(++count_);
    JobConfig job = gan(wave_, 4, 32, {800, 800, 400, 160});
    job.priority = 10;
    job.max_cores = 1;
    ask("submit", {{"toml", to_toml(job)}, {"file", "job.toml"}});
  }
  bool over() {
    const Json job = ask("show", {{"job", wave_}});
    for (const auto& phase : job["phases"]) {
      double& peak = peaks_[phase["name"].get<std::string>()];
      peak = std::max(peak, phase["peak"].get<double>());
    }
    if (job["state"] == "failed") throw std::runtime_error(job["error"].dump());
    return job["state"] == "finished";
  }

  std::unique_ptr<Cluster> cluster_;
  std::string wave_;
  int count_ = 0;
  std::map<std::string, double> peaks_;
};

/// Of every growing job that was there from beginning to end, the most that was seen.
std::vector<double> most_by_job(const std::vector<Sample>& samples, double Sample::*figure) {
  std::vector<double> most(static_cast<std::size_t>(samples.back().job - 1));
  for (const auto& s : samples)
    if (s.job < samples.back().job) {
      double& value = most[static_cast<std::size_t>(s.job - 1)];
      value = std::max(value, s.*figure);
    }
  return most;
}

/// The first quarter of the jobs warms up; of the rest, the first and the last third are compared.
void add_growth(bench::Report& report, const std::vector<Sample>& samples, const std::string& name,
                double Sample::*figure, std::optional<double> goal) {
  const auto most = most_by_job(samples, figure);
  std::string each = name + ", MiB, job by job:";
  for (const double bytes : most) each += fmt::format(" {:.1f}", bytes / (1 << 20));
  report.note(each);
  const auto n = static_cast<std::ptrdiff_t>(most.size()), warm = n / 4, third = (n - warm) / 3;
  if (third == 0) return report.note("too short: fewer than three jobs ran after the first quarter");
  const double first = bench::median({most.begin() + warm, most.begin() + warm + third}),
               last = bench::median({most.end() - third, most.end()});
  const double hours =
      static_cast<double>(n - warm - third) / static_cast<double>(n) * samples.back().seconds / 3600;
  const int runs = static_cast<int>(third);
  report.add({name + "_bytes", "B", last, {}, false, runs, first, last, ""});
  report.add({name + "_growth", "ratio", last / first, goal, false, runs, 0, 0, ""});
  report.add({name + "_growth_bytes_per_hour", "B/h", (last - first) / hours, {}, false, runs, 0, 0, ""});
}

int measure(bench::Report& report, double minutes) {
  const test::TempFolder folder;
  install_torch_allocator();
  LongRun run(folder.path());
  while (!run.steady_runs()) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const double began = bench::now();
  std::vector<Sample> samples;
  for (int second = 0; bench::now() - began < 60 * minutes; ++second) {
    run.tend();
    std::this_thread::sleep_for(std::chrono::seconds(1));
    samples.push_back(sample(run.waves(), began));
    if (second % 30 == 29)
      report.note(
          fmt::format("{:.0f} s: {:.1f} MiB resident, {:.1f} MiB anonymous, {:.1f} MiB in use; job {}",
                      samples.back().seconds, samples.back().resident / (1 << 20),
                      samples.back().anonymous / (1 << 20), samples.back().in_use / (1 << 20), run.waves()));
  }
  add_growth(report, samples, "resident", &Sample::resident, 1.02);
  add_growth(report, samples, "anonymous", &Sample::anonymous, {});
  add_growth(report, samples, "in_use", &Sample::in_use, {});
  for (const auto& [size, bytes] : run.peaks())
    report.add({"peak_bytes_" + size, "B", bytes, {}, false, run.waves(), 0, 0, ""});
  report.add({"jobs", "", static_cast<double>(run.waves()), {}, true, 1, 0, 0, ""});
  report.add({"resizes", "", static_cast<double>(run.steady("resizes")), {}, true, 1, 0, 0, ""});
  report.add({"steps", "", static_cast<double>(run.steady("step")), {}, true, 1, 0, 0, ""});
  report.add({"minutes", "min", samples.back().seconds / 60, {}, true, 1, 0, 0, ""});
  run.stop();
  return report.finish();
}

}  // namespace

int main(int argc, char** argv) {
  bench::Report report(
      argc, argv, "memory",
      "Memory of a cluster over a long run: a GAN at 16x16 for good, others beside it that grow to 32x32 and "
      "end.\n"
      "resident_growth: the most seen while one of these ran, in the last third of them over the first "
      "third, once\n"
      "a quarter has warmed up. anonymous: without mapped files; in_use: what malloc has handed out.\n"
      "peak_bytes_SIZE: charged in a phase.\n"
      "--minutes M (3).");
  try {
    return measure(report, std::atof(report.flag("minutes").value_or("3").c_str()));
  } catch (const std::exception& e) {
    return std::fprintf(stderr, "memory: error: %s\n", e.what()), 1;
  }
}
