// `bench quality`: how good the samples of the progressive GAN are at the end of every phase, and whether
// several generators are better than one at equal images shown.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <sstream>

#include "base/files.hpp"
#include "bench/bench.hpp"
#include "bench/mri_data.hpp"
#include "bench/quality_figures.hpp"

namespace troupe::bench {
namespace {

constexpr const char* kHelp =
    "Trains the GAN and measures its samples at the end of every phase: sliced Wasserstein distance (SWD) to "
    "held-out\n"
    "images, together and per generator (_gN), beside the floor (training against held-out images) and the "
    "same\n"
    "networks untrained; MS-SSIM of samples and of real images; then one generator (_k1) at equal images "
    "shown.\n"
    "swd_trend_SIZE: SWD right after the fade-in over SWD at the phase's end.\n\n"
    "--config FILE     settings of the GAN and its data from a cluster file (default: cluster.toml, where "
    "there is one)\n"
    "--job NAME        which job of it (default: the first of kind gan)\n"
    "--data FOLDER     images or volumes to train on (default: the human T1 volumes of mricron-data)\n"
    "--holdout FOLDER  held-out images of their own\n"
    "--to SIZE         last resolution (default 64)\n"
    "--images LIST     images shown in each phase, e.g. 20000,30000\n"
    "--minutes N       instead: scale the images so that one training takes about so long here\n"
    "--count N         images in each set that is compared (default 256, at most as many as are held out)\n"
    "--k1 no           leave the single generator out\n"
    "--threads N       default 2\n"
    "--out FOLDER      write a picture of samples for every phase\n"
    "--set KEY=VALUE,… fmap_max, fmap_base, latent, generators, shards, shard_batch, learning_rate, "
    "average,\n"
    "                  diversity, fade, seed";

[[noreturn]] void usage(const std::string& what) {
  throw ErrorException({ErrorCode::bad_usage, what, "bench quality", "", "", "Try --help."});
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

double number(const std::string& text) {
  std::size_t used = 0;
  double value = 0;
  try {
    value = std::stod(text, &used);
  } catch (const std::exception&) {
  }
  if (used == 0 || used != text.size()) usage("not a number: " + text);
  return value;
}

void set_key(JobConfig& job, const std::string& assignment) {
  const auto at = assignment.find('=');
  if (at == std::string::npos) usage("--set wants KEY=VALUE: " + assignment);
  const auto key = assignment.substr(0, at);
  const double value = number(assignment.substr(at + 1));
  const auto whole = static_cast<int>(value);
  GanConfig& g = job.gan;
  const std::map<std::string, int*> wholes = {{"fmap_max", &g.fmap_max}, {"fmap_base", &g.fmap_base},
                                              {"latent", &g.latent},     {"generators", &g.generators},
                                              {"shards", &g.shards},     {"shard_batch", &g.shard_batch}};
  const std::map<std::string, double*> reals = {{"learning_rate", &g.learning_rate},
                                                {"average", &g.average},
                                                {"diversity", &g.diversity},
                                                {"fade", &g.fade}};
  if (key == "seed")
    job.seed = whole;
  else if (wholes.contains(key))
    *wholes.at(key) = whole;
  else if (reals.contains(key))
    *reals.at(key) = value;
  else
    usage("--set: unknown key " + key);
}

JobConfig base_job(const Report& report) {
  JobConfig job;
  const auto file = report.flag("config");
  if (file || std::filesystem::exists("cluster.toml")) {
    const auto config = load_config(file.value_or("cluster.toml"));
    if (!config) throw ErrorException(config.error().front());
    const auto name = report.flag("job");
    const auto found = std::find_if(config->jobs.begin(), config->jobs.end(), [&](const JobConfig& j) {
      return name ? j.name == *name : j.kind == "gan";
    });
    if (found == config->jobs.end()) usage("no such job in the cluster file");
    job = *found;
  } else {
    job.name = "quality";
    job.data = mri_data();
  }
  return job;
}

JobConfig configured(const Report& report) {
  JobConfig job = base_job(report);
  if (const auto data = report.flag("data")) {
    job.data.path = *data, job.data.files.clear();
    job.data.holdout_path.reset();
  }
  if (const auto holdout = report.flag("holdout")) job.data.holdout_path = *holdout;
  if (const auto to = report.flag("to")) job.gan.to = static_cast<int>(number(*to));
  if (const auto list = report.flag("images")) {
    job.gan.images.clear();
    for (const auto& part : split(*list)) job.gan.images.push_back(static_cast<std::int64_t>(number(part)));
  }
  if (const auto keys = report.flag("set"))
    for (const auto& assignment : split(*keys)) set_key(job, assignment);
  return job;
}

std::optional<double> goal_of(const std::string& name) {
  const bool one_generator = name.ends_with("_k1") || name.find("_g") != std::string::npos;
  if (name.starts_with("swd_improvement_") && !one_generator) return 3;
  if (name.starts_with("swd_trend_") && !name.starts_with("swd_trend_middle") && !one_generator) return 1;
  return std::nullopt;
}

const char* unit_of(const std::string& name) {
  if (name.starts_with("images_per_second")) return "images/s";
  if (name.starts_with("swd_improvement") || name.starts_with("swd_trend") || name.starts_with("swd_over"))
    return "ratio";
  return name.starts_with("swd") ? "x 1e-3" : "1";
}

QualityRun prepare(const Report& report) {
  QualityRun run;
  run.job = configured(report);
  run.note = [&report](const std::string& text) { report.note(text); };
  if (const auto threads = report.flag("threads")) run.threads = static_cast<int>(number(*threads));
  if (const auto count = report.flag("count")) run.count = static_cast<int>(number(*count));
  if (const auto out = report.flag("out")) {
    run.grids = *out;
    if (auto made = make_writable_folder(*run.grids); !made) throw ErrorException(made.error());
  }
  const auto cache = std::filesystem::temp_directory_path() / "troupe-bench-pyramids";
  auto pyramid = open_pyramid(run.job.data, run.job.gan.from, run.job.gan.to, cache, run.threads);
  if (!pyramid) throw ErrorException(pyramid.error());
  run.pyramid = *pyramid;
  report.note(fmt::format("{} images to train on, {} held out", run.pyramid->count(Pyramid::Part::train),
                          run.pyramid->count(Pyramid::Part::holdout)));
  if (const auto minutes = report.flag("minutes")) {
    run.job.gan.images = images_for_minutes(run, number(*minutes));
    report.note(fmt::format("images shown: {}", fmt::join(run.job.gan.images, ", ")));
  }
  return run;
}

int run_bench(Report& report) {
  const QualityRun several = prepare(report);
  Figures figures;
  for (int i = 0; i < report.runs(1); ++i) {
    QualityRun run = several;
    run.job.seed += i;
    measure_quality(run, figures);
    if (report.flag("k1") == "no") continue;
    run.job.gan.generators = 1, run.suffix = "_k1";
    measure_quality(run, figures);
  }
  for (const auto& [name, values] : figures) report.add(name, unit_of(name), values, goal_of(name));
  return report.finish();
}
}  // namespace
}  // namespace troupe::bench

int main(int argc, char** argv) {
  using namespace troupe;
  bench::Report report(argc, argv, "quality", bench::kHelp);
  try {
    return bench::run_bench(report);
  } catch (...) {
    const Error error = from_current_exception("bench quality");
    fmt::print(stderr, "{}\n", error.text());
    return error.exit_code();
  }
}
