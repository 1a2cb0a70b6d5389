// [predict-time] A step's time, told before any is run and after twenty were, against what it then takes.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>

#include "bench/bench.hpp"
#include "bench/black_pyramid.hpp"
#include "bench/gan_shape.hpp"
#include "predict/demand_table.hpp"
#include "tests/train/gan_steps.hpp"
#include "train/gan.hpp"
#include "train/gan/calibrate.hpp"

namespace {
using namespace troupe;

constexpr int kWarmUp = 3, kCorrecting = 20, kAfter = 12;

std::vector<bench::GanShape> configurations(int largest) {
  std::vector<bench::GanShape> all;
  for (int size = 4; size <= largest; size *= 2) {
    all.push_back({size, 512, 48, size > 64 ? 2 : 4, 4});
    all.push_back({size, 256, 32, size > 64 ? 2 : 8, 2});
    if (size <= 64) all.push_back({size, 2048, 96, 2, 4});
  }
  return all;
}

double error(double told, double took) { return std::abs(told - took) / took; }

}  // namespace

int main(int argc, char** argv) {
  bench::Report report(
      argc, argv, "predict-time",
      "Seconds of a GAN's step on one core and on two, from its work (counted by a dry run) and "
      "the device's rates\n(measured first), against the median of the steps that are then run: "
      "before any of them is seen, and\ncorrected by the first twenty. --largest SIZE (128) ends "
      "the sizes there; --runs N measures all of it N times.\n--processor-time 1: on one core "
      "alone, by the processor's time: for a machine that is busy elsewhere too.");
  const bool processor_time = report.flag("processor-time").has_value();
  install_torch_allocator();
  const auto device = discover_cpu();
  if (!device) return std::fprintf(stderr, "%s\n", device.error().text().c_str()), 1;
  const int largest = report.flag("largest") ? std::atoi(report.flag("largest")->c_str()) : 128;
  std::vector<double> before, after, calibrations;
  for (int run = 0; run < report.runs(1); ++run) {
    const double began = bench::now();
    const auto rates = std::make_shared<const DeviceRates>(gan::calibrate(*device));
    calibrations.push_back(bench::now() - began);
    for (const auto& c : configurations(largest)) {
      auto program =
          make_gan(c.job(kWarmUp + kCorrecting + kAfter), std::make_shared<bench::BlackPyramid>(1));
      if (!program) return std::fprintf(stderr, "%s\n", program.error().text().c_str()), 1;
      for (const int cores : {1, 2}) {
        if (processor_time && cores > 1) break;
        Correction learned;
        DemandTable table("gan", {});
        table.demand({0, c.name(), 1, 1, (*program)->forecast(0), rates}, learned);
        const auto ran = test::run_steps_under(*program, 0, (*program)->steps(), cores, gib(64), 0,
                                               processor_time ? test::thread_seconds : test::wall_seconds);
        if (ran.error) return std::fprintf(stderr, "%s\n", ran.error->text().c_str()), 1;
        const auto from = ran.seconds.begin() + kWarmUp, middle = from + kCorrecting;
        const double told = table.predict(0, cores, learned).step_seconds;
        before.push_back(error(told, bench::median({from, ran.seconds.end()})));
        table.steps(0, cores, {from, middle}, learned);
        const double corrected = table.predict(0, cores, learned).step_seconds;
        after.push_back(error(corrected, bench::median({middle, ran.seconds.end()})));
        report.note(c.name() + " on " + std::to_string(cores) + ": told " + std::to_string(1e3 * told) +
                    " ms, then " + std::to_string(1e3 * corrected) + "; took " +
                    std::to_string(1e3 * bench::median({middle, ran.seconds.end()})));
      }
    }
  }
  const auto spread = [&](const std::string& name, const std::vector<double>& samples, double value,
                          std::optional<double> goal) {
    const auto [least, most] = std::minmax_element(samples.begin(), samples.end());
    report.add(
        {name, "of the step", value, goal, false, static_cast<int>(samples.size()), *least, *most, ""});
  };
  spread("before_error", before, bench::median(before), 0.25);
  spread("before_p95_error", before, bench::percentile(before, 95), {});
  spread("after_error", after, bench::median(after), 0.05);
  spread("after_p95_error", after, bench::percentile(after, 95), {});
  report.add("calibration_seconds", "s", calibrations, 1, false);
  return report.finish();
}
