// A head with up to 1,000 nodes of 8 slices and 500 jobs that compute nothing: decisions, heartbeats, losses.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "bench/bench.hpp"
#include "bench/head_scale.hpp"

using namespace troupe;

namespace {

constexpr double kGoalSeconds = 0.05;

std::vector<double> all(const bench::HeadFigures& f) {
  std::vector<double> every = f.demands;
  every.insert(every.end(), f.submissions.begin(), f.submissions.end());
  every.insert(every.end(), f.losses.begin(), f.losses.end());
  return every;
}

/// Of the sizes' runs, the fastest of each: what else runs on the machine makes a run slower, never faster.
struct Size {
  int nodes = 0;
  double median = INFINITY, p99 = INFINITY;
};

class Figures {
 public:
  void add(const bench::HeadFigures& f) {
    decisions_.push_back(bench::median(all(f)));
    p99_.push_back(bench::percentile(all(f), 99));
    demands_.push_back(bench::percentile(f.demands, 99));
    submissions_.push_back(bench::percentile(f.submissions, 99));
    losses_.push_back(bench::percentile(f.losses, 99));
    joins_.push_back(f.join_seconds);
    heartbeats_.push_back(f.heartbeats);
    trips_.push_back(f.round_trip_median);
    slow_trips_.push_back(f.round_trip_p99);
    known_.push_back(f.loss_known);
    told_.push_back(f.loss_told);
    rest_.push_back(f.cpu_at_rest);
    busy_.push_back(f.cpu_deciding);
    bytes_.push_back(f.bytes);
    descriptors_.push_back(f.descriptors);
  }
  void report_to(bench::Report& report, int lost) const {
    report.add("p99_seconds", "s", p99_, kGoalSeconds, false);
    report.add("median_seconds", "s", decisions_);
    report.add("p99_demand_seconds", "s", demands_);
    report.add("p99_submit_seconds", "s", submissions_);
    report.add("p99_node_lost_seconds", "s", losses_);
    report.add("join_seconds", "s", joins_);
    report.add("heartbeats_per_second", "1/s", heartbeats_);
    report.add("round_trip_seconds", "s", trips_);
    report.add("round_trip_p99_seconds", "s", slow_trips_);
    report.add(fmt::format("lost_{}_known_seconds", lost), "s", known_);
    report.add(fmt::format("lost_{}_told_seconds", lost), "s", told_);
    report.add("cores_at_rest", "cores", rest_);
    report.add("cores_deciding", "cores", busy_);
    report.add("resident_bytes", "B", bytes_);
    report.add("descriptors", "1", descriptors_);
  }

 private:
  std::vector<double> decisions_, p99_, demands_, submissions_, losses_, joins_, heartbeats_, trips_,
      slow_trips_, known_, told_, rest_, busy_, bytes_, descriptors_;
};

}  // namespace

int main(int argc, char** argv) {
  bench::Report report(argc, argv, "head-scale",
                       "A head with up to 1,000 nodes of 8 slices and 500 jobs that compute nothing: "
                       "decisions, losses, growth.\n"
                       "The head is one process; the nodes are whole ones (each with its own connection and "
                       "data plane), a tenth\n"
                       "of them in each of ten processes. The jobs' conductors take every assignment at "
                       "once. A decision: a demand\n"
                       "changed, a job submitted, a node lost; from there until the assignments are sent. "
                       "p99_seconds is over all\n"
                       "kinds at the largest size, growth the exponent of the median decision fitted over a "
                       "tenth, a quarter, half\n"
                       "and all of the nodes.\n"
                       "--nodes N the largest size (1000). --jobs N (500). --grow both: smaller sizes have "
                       "their share of the jobs.\n"
                       "--timeout SECONDS failure_timeout of the cluster (10). --runs N of each size (1).");
  const auto number = [&](const char* flag, int fallback) {
    const auto text = report.flag(flag);
    return text ? std::max(1, std::atoi(text->c_str())) : fallback;
  };
  const int nodes = number("nodes", 1000), jobs = number("jobs", 500), runs = report.runs(1);
  const bool both = report.flag("grow") == "both";
  std::vector<Size> sizes;
  for (const double share : {0.1, 0.25, 0.5, 1.0})
    sizes.push_back({.nodes = std::max(2, static_cast<int>(std::lround(share * nodes)))});
  Figures largest;
  int lost = 0;
  for (int run = 0; run < runs; ++run)
    for (auto& size : sizes) {
      bench::HeadScale scale;
      scale.nodes = size.nodes;
      scale.jobs =
          both ? std::max(1, static_cast<int>(static_cast<std::int64_t>(jobs) * size.nodes / nodes)) : jobs;
      scale.failure_timeout = number("timeout", 10);
      const auto f = bench::measure_head(scale);
      if (!f) return 1;
      size.median = std::min(size.median, bench::median(all(*f)));
      size.p99 = std::min(size.p99, bench::percentile(all(*f), 99));
      report.note(fmt::format(
          "{} nodes, {} jobs: joined in {:.2f} s; {} decisions, median {:.4f} s, p99 {:.4f} s (demand "
          "{:.4f}, "
          "submit {:.4f}, node lost {:.4f}); {:.0f} heartbeats/s, round trip {:.2f} ms, p99 {:.2f} ms; {} "
          "lost "
          "at once: known after {:.3f} s, all told after {:.3f} s; head: {:.2f} cores at rest, {:.2f} "
          "deciding, "
          "{:.0f} MiB ({:.0f} when empty)",
          scale.nodes, scale.jobs, f->join_seconds, all(*f).size(), bench::median(all(*f)),
          bench::percentile(all(*f), 99), bench::percentile(f->demands, 99),
          bench::percentile(f->submissions, 99), bench::percentile(f->losses, 99), f->heartbeats,
          1e3 * f->round_trip_median, 1e3 * f->round_trip_p99, f->lost, f->loss_known, f->loss_told,
          f->cpu_at_rest, f->cpu_deciding, f->bytes / 0x1p20, f->bytes_empty / 0x1p20));
      if (size.nodes != nodes) continue;
      largest.add(*f);
      lost = f->lost;
    }
  largest.report_to(report, lost);
  std::vector<double> xs, medians, p99s;
  for (const auto& size : sizes) {
    xs.push_back(size.nodes);
    medians.push_back(size.median);
    p99s.push_back(size.p99);
  }
  const double growth = bench::exponent(xs, medians), growth_p99 = bench::exponent(xs, p99s);
  report.add({"growth", "exponent", growth, 1.0, false, runs, growth, growth, ""});
  report.add({"growth_p99", "exponent", growth_p99, {}, false, runs, growth_p99, growth_p99, ""});
  return report.finish();
}
