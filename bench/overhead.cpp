// The share of a step that is spent neither in shards, nor in reduction, nor in the optimiser; peak bytes a
// phase.
#include <cstdlib>

#include "bench/bench.hpp"
#include "bench/gan_job.hpp"
#include "gpu/torch_allocator.hpp"

using namespace troupe;

int main(int argc, char** argv) {
  bench::Report report(argc, argv, "overhead",
                       "Trains the default cluster's kind of GAN at 8x8 and 64x64 on all cores and reports 1 "
                       "- (seconds in shards,\n"
                       "reduction and update) / (workers x wall seconds) of its steps. --runs N repeats, "
                       "--steps N steps each.");
  install_torch_allocator();
  const int runs = report.runs(3);
  const auto steps = report.flag("steps") ? std::atoll(report.flag("steps")->c_str()) : 0;
  for (int size : {8, 64}) {
    std::vector<double> shares;
    for (int run = 0; run < runs; ++run) {
      const auto figures = bench::train_gan(size, steps > 0 ? steps : (size == 8 ? 400 : 40));
      if (!figures) return std::fprintf(stderr, "%s\n", figures.error().text().c_str()), 1;
      shares.push_back(figures->overhead_share);
    }
    report.add("share_" + std::to_string(size), "ratio", shares, 0.02, false);
  }
  return report.finish();
}
