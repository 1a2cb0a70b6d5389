// [predict-memory] Peak bytes of a phase, told before it begins, against those that its steps then take.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>

#include "bench/bench.hpp"
#include "bench/black_pyramid.hpp"
#include "bench/gan_shape.hpp"
#include "bench/predict_modules.hpp"
#include "tests/temp_folder.hpp"
#include "tests/train/gan_peak.hpp"
#include "train/gan/forecast.hpp"

namespace {
using namespace troupe;

constexpr std::int64_t kSteps = 4;  // of a phase

std::vector<bench::GanShape> configurations(int largest) {
  std::vector<bench::GanShape> all;
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

struct Figures {
  std::vector<double> errors, bound_errors, milliseconds, calibrations;
  int under = 0, asked = 0;
};

/// Of the GAN's phases, with one worker and with two. False where a step left bytes behind.
bool sample_gan(const bench::Report& report, int largest, Figures& f) {
  gan::Workspaces workspaces;
  for (const auto& c : configurations(largest)) {
    gan::GanProgram program(c.job(kSteps), std::make_shared<bench::BlackPyramid>(c.channels));
    const int phase = program.phases() - 1;
    const auto forecast = [&] {
      return gan::forecast_shard(c.job(kSteps).gan, program.shape(), phase, c.fading, workspaces);
    };
    double began = bench::now();
    forecast();  // measures convolutions that it has not met before
    f.calibrations.push_back(1e3 * (bench::now() - began));
    began = bench::now();
    const auto shard = forecast();
    f.milliseconds.push_back(1e3 * (bench::now() - began));
    f.calibrations.back() -= f.milliseconds.back();
    const std::int64_t step = test::step_of(program, phase, c.fading);
    for (const int workers : {1, 2}) {
      const auto told = static_cast<double>(gan::peak_bytes(shard, c.shards, workers));
      const auto taken = static_cast<double>(test::peak_of_step(program, step, workers));
      if (taken <= 0) return std::fprintf(stderr, "%s left bytes behind\n", c.name().c_str()), false;
      (workers == 1 ? f.errors : f.bound_errors).push_back(std::abs(told - taken) / taken);
      f.under += told < taken ? 1 : 0;
      ++f.asked;
      report.note("gan " + c.name() + ", " + std::to_string(workers) + " at work: told " +
                  std::to_string(told / 1048576) + " MiB, took " + std::to_string(taken / 1048576));
    }
  }
  return true;
}

void join(std::vector<double>& all, const std::vector<double>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

}  // namespace

int main(int argc, char** argv) {
  bench::Report report(argc, argv, "predict-memory",
                       "Peak bytes of a step, predicted without computing it, against those that it takes: "
                       "of the GAN with one worker "
                       "(exact)\nand with two (an upper bound), of U-Nets, users' modules and TorchScript "
                       "files. Beside them what PyTorch's "
                       "own tools and\nothers foretell of the same modules. --largest SIZE (256) ends the "
                       "GAN's sizes there; --packages FOLDER: "
                       "Python packages\ntorchinfo and fvcore, if the environment has none (pip install "
                       "--target FOLDER torchinfo fvcore).");
  install_torch_allocator();
  use_one_torch_thread();
  const int largest = report.flag("largest") ? std::atoi(report.flag("largest")->c_str()) : 256;
  const test::TempFolder folder;
  Figures gan, modules;
  const auto samples =
      bench::sample_modules(report, folder.path().string(), report.flag("packages").value_or(""));
  int low = 0;
  for (const bench::ModuleSample& s : samples) {
    modules.errors.push_back(std::abs(s.told - s.taken) / s.taken);
    modules.milliseconds.push_back(s.milliseconds);
    modules.calibrations.push_back(s.first_milliseconds - s.milliseconds);
    modules.under += s.told + s.headroom < s.taken ? 1 : 0;
    low += s.told < s.taken ? 1 : 0;
    ++modules.asked;
  }
  if (!sample_gan(report, largest, gan)) return 1;
  Figures all = gan;
  join(all.errors, modules.errors);
  join(all.milliseconds, modules.milliseconds);
  const auto spread = [&](const std::string& name, const std::vector<double>& samples_of, double value,
                          std::optional<double> goal) {
    const auto [least, most] = std::minmax_element(samples_of.begin(), samples_of.end());
    report.add(
        {name, "of the peak", value, goal, false, static_cast<int>(samples_of.size()), *least, *most, ""});
  };
  spread("median_error", all.errors, bench::median(all.errors), 0.005);
  spread("p95_error", all.errors, bench::percentile(all.errors, 95), {});
  spread("worst_error", all.errors, bench::percentile(all.errors, 100), 0.03);
  spread("modules_median_error", modules.errors, bench::median(modules.errors), 0.005);
  spread("modules_p95_error", modules.errors, bench::percentile(modules.errors, 95), {});
  spread("modules_worst_error", modules.errors, bench::percentile(modules.errors, 100), 0.03);
  spread("two_workers_median_error", gan.bound_errors, bench::median(gan.bound_errors), {});
  spread("two_workers_worst_error", gan.bound_errors, bench::percentile(gan.bound_errors, 100), {});
  const int asked = gan.asked + modules.asked;
  report.add({"under_share", "", static_cast<double>(gan.under + modules.under) / asked, 0.0, false, asked, 0,
              1, "past the headroom; the GAN's has none"});
  report.add({"modules_bare_under_share",
              "",
              static_cast<double>(low) / modules.asked,
              {},
              false,
              modules.asked,
              0,
              1,
              ""});
  report.add("milliseconds", "ms", all.milliseconds, 10, false);
  report.add("modules_milliseconds", "ms", modules.milliseconds, 10, false);
  report.add("calibration_milliseconds", "ms", gan.calibrations);
  report.add("modules_first_milliseconds", "ms", modules.calibrations);
  report.add({"configurations", "", static_cast<double>(all.errors.size()), 60.0, true, 1, 0, 0, ""});
  bench::report_peers(report, samples);
  return report.finish();
}
