#include "tests/ops/synthetic_run.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::testing {
namespace {

constexpr double start = 1.7e9;

struct Story {
  std::vector<Event> events;
  std::uint32_t noise_state = 1;

  double noise() {
    noise_state = noise_state * 1664525 + 1013904223;
    return static_cast<double>(noise_state >> 8) / (1 << 24) - 0.5;
  }
  Event& tell(double t, EventKind kind, const std::string& job = "", int cores = 0) {
    Event e;
    e.kind = kind;
    e.unix_time = start + t;
    e.job = job;
    e.node = "local";
    e.cores = e.cores_asked = cores;
    events.push_back(e);
    return events.back();
  }
  void resize(double t, const std::string& job, int cores, double seconds) {
    auto& asked = tell(t, EventKind::resize_decided, job, cores);
    asked.text = "wants 2 cores: a step takes 310 ms on one, the target is 50 ms";
    tell(t + seconds, EventKind::resize_applied, job, cores).seconds = seconds;
  }
  void phase(double t, const std::string& job, int resolution) {
    auto& e = tell(t, EventKind::phase_started, job, 1);
    e.phase = std::to_string(resolution) + "x" + std::to_string(resolution);
    e.resolution = resolution;
    e.total_steps = 12500;
  }
  /// A second of steps.
  void second(double t, const std::string& job, int cores, int resolution, double held, std::int64_t step) {
    auto& s = tell(t, EventKind::steps, job, cores);
    s.phase = std::to_string(resolution) + "x" + std::to_string(resolution);
    s.resolution = resolution;
    s.fade = 0.5;
    s.steps = 20;
    s.step = step;
    s.images = step * 16;
    s.bytes = mib(40);
    s.seconds = 0.05;
    s.shard_seconds = 0.9 * cores;
    s.reduce_seconds = 0.02;
    s.update_seconds = 0.03;
    s.wait_seconds = 0.001;
    s.predicted_seconds = 0.045;
    s.predicted_bytes = {static_cast<std::int64_t>(1.1 * held * (1 << 20))};
    s.peak = {static_cast<std::int64_t>(held * (1 << 20))};
    s.learned = step - 20;
    s.headroom = 0.02;
    s.predicted_slowdown = 1.2;
    s.slowdown = 1.25;
    const double size = job == "gan" ? 1 : 0.4;
    const double swing = std::sin(t / 9) * std::exp(-t / 200);
    s.scores = {{"critic", size * (-4 * std::exp(-t / 120) + swing) + noise()},
                {"generator", size * (3 * std::exp(-t / 160) - swing) + noise()},
                {"penalty", 0.1}};
    auto& m = tell(t, EventKind::slice_sampled, job, cores);
    m.slice = job + "-0";
    m.phase = std::to_string(resolution) + "x" + std::to_string(resolution);
    m.held = {static_cast<std::int64_t>(held * (0.9 + 0.1 * noise()) * (1 << 20))};
    m.peak = {static_cast<std::int64_t>(held * (1 << 20))};
    m.budget = {static_cast<std::int64_t>(1.25 * held * (1 << 20))};
    m.busy_seconds = t * cores;
  }
  void over(double t, const std::string& job, int resolution, double seconds) {
    auto& e = tell(t, EventKind::phase_finished, job, 1);
    e.phase = std::to_string(resolution) + "x" + std::to_string(resolution);
    e.resolution = resolution;
    e.seconds = seconds;
    e.peak = mib(100);
    auto& c = tell(t + 0.1, EventKind::checkpoint_written, job, 1);
    c.bytes = mib(12);
    c.seconds = 0.04;
    tell(t + 0.2, EventKind::picture_written, job).text = "grid.png";
  }
};

void tell_all(Story& s, bool ends) {
  s.tell(0, EventKind::cluster_started).text = "troupe";
  s.tell(0, EventKind::node_up).text = "2 cores, 8 GiB";
  for (const char* job : {"gan", "small"}) {
    s.tell(0.1, EventKind::job_submitted, job);
    s.tell(0.2, EventKind::job_started, job, 1);
  }
  s.tell(0.3, EventKind::resumed, "small").text = "checkpoints/step-0";
  s.tell(0.4, EventKind::checkpoint_skipped, "gan").text = "one is being written";
  s.phase(0.5, "small", 16);
  const int begins[] = {0, 30, 75, 150, 270, 460};
  std::int64_t gan = 0, small = 0;
  for (int p = 0; p < 5; ++p) {
    const int resolution = 4 << p;
    s.phase(begins[p] + 0.6, "gan", resolution);
    if (p == 3) {
      auto& parked = s.tell(begins[3] + 4, EventKind::job_parked, "small");
      parked.text = "waits for 1 core: gan (priority 10) holds 2 of 2";
      s.resize(begins[3] + 4.1, "gan", 2, 0.0004);
      s.tell(begins[3] + 5, EventKind::warning, "small").text = "its data are small";
    }
    for (int t = begins[p] + 1; t < begins[p + 1]; ++t) {
      const bool alone = t >= begins[3] + 4;
      s.second(t, "gan", alone ? 2 : 1, resolution, 30 + 10 * std::pow(2.1, p), gan += 20);
      if (!alone) s.second(t + 0.5, "small", 1, 16, 60, small += 20);
    }
    s.over(begins[p + 1] - 0.5, "gan", resolution, begins[p + 1] - begins[p]);
  }
  auto& refused = s.tell(300, EventKind::connections_refused);
  refused.text = "expired";
  refused.count = 2;
  if (!ends) {
    s.tell(460, EventKind::job_waiting, "late").text = "waits for 1 core: gan (priority 10) holds 2 of 2";
    return;
  }
  s.tell(460, EventKind::job_finished, "gan");
  s.tell(460.1, EventKind::job_started, "small", 2);
  s.resize(460.1, "small", 2, 0.0006);
  for (int t = 461; t < 520; ++t) s.second(t, "small", 2, 16, 60, small += 20);
  s.over(520, "small", 16, 210);
  s.tell(520.5, EventKind::job_stopped, "small").text = "a user stopped it";
  s.tell(520.6, EventKind::job_waiting, "late").text = "waits for data";
  s.tell(520.7, EventKind::job_failed, "late").text = "no data";
  s.tell(521, EventKind::cluster_stopped);
}

}  // namespace

std::vector<Event> synthetic_run(bool ends) {
  Story s;
  tell_all(s, ends);
  const auto earlier = [](const Event& a, const Event& b) { return a.unix_time < b.unix_time; };
  std::stable_sort(s.events.begin(), s.events.end(), earlier);
  return s.events;
}

}  // namespace troupe::testing
