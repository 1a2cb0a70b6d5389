// [predict-memory] Peak bytes of a phase, told before it begins, against those that its steps then take.
#include <algorithm>
#include <cmath>
#include <memory>

#include "bench/bench.hpp"
#include "bench/black_pyramid.hpp"
#include "tests/train/gan_peak.hpp"
#include "train/gan/forecast.hpp"

namespace {
using namespace troupe;

struct Configuration {
  int size, base, most, batch, shards, channels;
  bool fading;
  std::string name() const {
    const std::string side = std::to_string(size);
    return "gan " + side + "x" + side + (fading ? " fading" : "") + ", widths " + std::to_string(base) + "/" +
           std::to_string(most) + ", " + std::to_string(shards) + " shards of " + std::to_string(batch) +
           ", " + std::to_string(channels) + " channels";
  }
  JobConfig job() const {
    JobConfig job;
    job.name = "bench";
    job.gan.generators = 2;
    job.gan.fmap_base = base;
    job.gan.fmap_max = most;
    job.gan.shards = shards;
    job.gan.shard_batch = batch;
    job.gan.from = fading ? size / 2 : size;
    job.gan.to = size;
    job.gan.fade = 0.5;
    job.gan.images.assign(fading ? 2 : 1, std::int64_t{4} * shards * batch);
    return job;
  }
};

std::vector<Configuration> configurations(int largest) {
  std::vector<Configuration> all;
  for (int size = 4; size <= largest; size *= 2)
    for (const bool fading : {false, true}) {
      if (fading && size == 4) continue;
      all.push_back({size, 768, 48, 4, 4, 1, fading});
      all.push_back({size, 256, 16, 8, 2, 1, fading});
      all.push_back({size, 2048, 128, 1, 2, 3, fading});
      all.push_back({size, 1024, 32, 3, 6, 1, fading});
      if (size <= 64) all.push_back({size, 512, 64, 16, 2, 3, fading});
    }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  bench::Report report(
      argc, argv, "predict-memory",
      "Peak bytes of a GAN's step, predicted without computing it, against those that it takes: "
      "with one worker (exact)\nand with two (an upper bound). --largest SIZE (256) ends the "
      "sizes there.");
  install_torch_allocator();
  const int largest = report.flag("largest") ? std::atoi(report.flag("largest")->c_str()) : 256;
  gan::Workspaces workspaces;
  std::vector<double> errors, bound_errors, milliseconds, calibrations;
  double under = 0, asked = 0;
  for (const auto& c : configurations(largest)) {
    gan::GanProgram program(c.job(), std::make_shared<bench::BlackPyramid>(c.channels));
    const int phase = program.phases() - 1;
    const auto forecast = [&] {
      return gan::forecast_shard(c.job().gan, program.shape(), phase, c.fading, workspaces);
    };
    double began = bench::now();
    forecast();  // measures convolutions that it has not met before
    calibrations.push_back(1e3 * (bench::now() - began));
    began = bench::now();
    const auto shard = forecast();
    milliseconds.push_back(1e3 * (bench::now() - began));
    calibrations.back() -= milliseconds.back();
    const std::int64_t step = test::step_of(program, phase, c.fading);
    for (const int workers : {1, 2}) {
      const auto told = static_cast<double>(gan::peak_bytes(shard, c.shards, workers));
      const auto taken = static_cast<double>(test::peak_of_step(program, step, workers));
      if (taken <= 0) return std::fprintf(stderr, "%s left bytes behind\n", c.name().c_str()), 1;
      (workers == 1 ? errors : bound_errors).push_back(std::abs(told - taken) / taken);
      under += told < taken ? 1 : 0;
      ++asked;
      report.note(c.name() + ", " + std::to_string(workers) + " at work: told " +
                  std::to_string(told / 1048576) + " MiB, took " + std::to_string(taken / 1048576));
    }
  }
  const auto spread = [&](const std::string& name, const std::vector<double>& samples, double value,
                          std::optional<double> goal) {
    const auto [least, most] = std::minmax_element(samples.begin(), samples.end());
    report.add(
        {name, "of the peak", value, goal, false, static_cast<int>(samples.size()), *least, *most, ""});
  };
  spread("median_error", errors, bench::median(errors), 0.005);
  spread("p95_error", errors, bench::percentile(errors, 95), {});
  spread("worst_error", errors, bench::percentile(errors, 100), 0.03);
  spread("two_workers_median_error", bound_errors, bench::median(bound_errors), {});
  spread("two_workers_worst_error", bound_errors, bench::percentile(bound_errors, 100), {});
  report.add({"under_share", "", under / asked, 0.0, false, static_cast<int>(asked), 0, 1, ""});
  report.add("milliseconds", "ms", milliseconds, 10, false);
  report.add("calibration_milliseconds", "ms", calibrations);
  report.add({"configurations", "", static_cast<double>(errors.size()), 60.0, true, 1, 0, 0, ""});
  return report.finish();
}
