// Serves the metrics of the synthetic run until its standard input ends: what the scrape test points a
// Prometheus at. With a file name: draws the synthetic run's timeline there instead.
#include <cstdio>
#include <iostream>
#include <string>

#include "ops/recorder.hpp"
#include "ops/tracks.hpp"
#include "tests/ops/synthetic_run.hpp"

int main(int argc, char** argv) {
  if (argc > 1) {
    const auto drawn = troupe::draw_timeline(troupe::tracks_of(troupe::testing::synthetic_run()), argv[1]);
    if (!drawn) std::fprintf(stderr, "%s\n", drawn.error().text().c_str());
    return drawn ? 0 : 1;
  }
  const auto metrics = troupe::Metrics::open(0);
  if (!metrics) {
    std::fprintf(stderr, "%s\n", metrics.error().text().c_str());
    return 1;
  }
  for (const auto& event : troupe::testing::synthetic_run(false)) (*metrics)->record(event);
  // the run is one of a machine without a GPU
  (*metrics)->record({.kind = troupe::EventKind::slice_sampled,
                      .job = "on-gpu",
                      .node = "local:gpu0",
                      .slice = "on-gpu-0",
                      .count = 1,
                      .cores_asked = 2,
                      .cores = 2,
                      .sms = 16,
                      .budget = troupe::mib(512),
                      .held = troupe::mib(96),
                      .peak = troupe::mib(128),
                      .busy_seconds = 3.5});
  (*metrics)->watch({{"local:gpu0", "NVIDIA H100 80GB HBM3", [] {
                        return troupe::DeviceSample{
                            310, 700, 54, 1.98e9, 2.6e9, 0.97, 0.4, troupe::gib(12), {"its power limit"}};
                      }}});
  std::printf("%d\n", (*metrics)->port());
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
  }
  return 0;
}
