#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "ops/recorder.hpp"

namespace troupe {
namespace {

struct PhaseSum {
  std::string name;
  int resolution = 0;
  std::int64_t steps = 0, images = 0;
  double seconds = 0;
  Bytes peak;
};

struct JobSum {
  std::string name, state = "submitted", why;
  double began = 0, ended = 0;
  std::int64_t step = 0, total_steps = 0, images = 0, steps = 0;
  std::vector<PhaseSum> phases;
  std::vector<double> resizes;
  std::map<int, double> seconds_on;  // cores -> seconds
  int cores = 0;
  double cores_since = 0;
  std::string reason;  // of the present wait
  double waits_since = -1;
  std::map<std::string, double> waits;
  std::int64_t checkpoints = 0, warnings = 0, skipped = 0;
  Bytes checkpoint_bytes;
  double checkpoint_seconds = 0, shard = 0, reduce = 0, update = 0, loader = 0;
  std::vector<Score> scores;
  Bytes slices_peak;  // of those told of since the first

  PhaseSum& phase(const Event& e) {
    const auto it =
        std::find_if(phases.begin(), phases.end(), [&](const auto& p) { return p.name == e.phase; });
    if (it != phases.end()) return *it;
    phases.push_back({e.phase, e.resolution, 0, 0, 0, {}});
    return phases.back();
  }
  void on_cores(int n, double time) {
    if (cores > 0 && time > cores_since) seconds_on[cores] += time - cores_since;
    cores = n;
    cores_since = time;
  }
  void wait(const std::string& text, double time) {
    go(time);
    reason = text.empty() ? "not told" : text;
    waits_since = time;
  }
  void go(double time) {
    if (waits_since >= 0) waits[reason] += std::max(0.0, time - waits_since);
    waits_since = -1;
  }
  void end(const char* how, const Event& e) {
    state = how;
    why = e.text;
    go(e.unix_time);
    on_cores(0, e.unix_time);
  }
  /// The slices of a job are told of one after the other, the first of them named JOB-0.
  void held_at_most(const Event& e) {
    if (e.phase.empty()) return;
    const bool another = e.kind == EventKind::slice_sampled && !e.slice.empty() && e.slice != name + "-0";
    slices_peak = another ? slices_peak + e.peak : e.peak;
    phase(e).peak = std::max(phase(e).peak, slices_peak);
  }
  void add_steps(const Event& e);
  void add(const Event& e);
};

void JobSum::add_steps(const Event& e) {
  if (e.step > 0) images += e.images / e.step * e.steps;
  steps += e.steps;
  auto& p = phase(e);
  p.steps += e.steps;
  if (e.step > 0) p.images += e.images / e.step * e.steps;
  p.seconds += e.seconds * static_cast<double>(e.steps);
  shard += e.shard_seconds;
  reduce += e.reduce_seconds;
  update += e.update_seconds;
  loader += e.wait_seconds;
  scores = e.scores;
}

void JobSum::add(const Event& e) {
  if (began == 0) began = e.unix_time;
  ended = std::max(ended, e.unix_time);
  step = std::max(step, e.step);
  total_steps = std::max(total_steps, e.total_steps);
  switch (e.kind) {
    case EventKind::job_waiting:
    case EventKind::job_parked:
      state = e.kind == EventKind::job_waiting ? "waiting" : "parked";
      on_cores(0, e.unix_time);
      return wait(e.text, e.unix_time);
    case EventKind::job_started:
      state = "running";
      go(e.unix_time);
      return on_cores(e.cores, e.unix_time);
    case EventKind::resize_applied:
      resizes.push_back(e.seconds);
      return on_cores(e.cores, e.unix_time);
    case EventKind::job_finished:
      return end("finished", e);
    case EventKind::job_failed:
      return end("failed", e);
    case EventKind::job_stopped:
      return end("stopped", e);
    case EventKind::steps:
      return add_steps(e);
    case EventKind::phase_finished:
    case EventKind::slice_sampled:
      return held_at_most(e);
    case EventKind::checkpoint_written:
      ++checkpoints;
      checkpoint_bytes += e.bytes;
      checkpoint_seconds += e.seconds;
      return;
    case EventKind::checkpoint_skipped:
      ++skipped;
      return;
    case EventKind::warning:
      ++warnings;
      return;
    default:
      return;
  }
}

nlohmann::json number(double v) { return std::isfinite(v) ? nlohmann::json(v) : nlohmann::json(nullptr); }

/// Nearest rank; null where there is nothing.
nlohmann::json percentile(std::vector<double> values, double p) {
  std::erase_if(values, [](double v) { return !std::isfinite(v); });
  if (values.empty()) return nullptr;
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<std::size_t>(std::ceil(p / 100 * static_cast<double>(values.size())));
  return values[std::clamp<std::size_t>(rank, 1, values.size()) - 1];
}

nlohmann::json phases_json(const std::vector<PhaseSum>& phases) {
  auto all = nlohmann::json::array();
  for (const auto& p : phases)
    all.push_back(
        {{"phase", p.name},
         {"resolution", p.resolution},
         {"steps", p.steps},
         {"images", p.images},
         {"seconds", number(p.seconds)},
         {"images_per_second", p.seconds > 0 ? number(static_cast<double>(p.images) / p.seconds) : nullptr},
         {"peak_bytes", p.peak.count}});
  return all;
}

nlohmann::json job_json(JobSum job, double end) {
  job.go(end);
  job.on_cores(0, end);
  nlohmann::json out = {{"job", job.name},
                        {"state", job.state},
                        {"step", job.step},
                        {"total_steps", job.total_steps},
                        {"steps", job.steps},
                        {"images", job.images},
                        {"seconds", number(job.ended - job.began)},
                        {"phases", phases_json(job.phases)},
                        {"resizes",
                         {{"count", job.resizes.size()},
                          {"p50_seconds", percentile(job.resizes, 50)},
                          {"p99_seconds", percentile(job.resizes, 99)},
                          {"max_seconds", percentile(job.resizes, 100)}}},
                        {"checkpoints",
                         {{"count", job.checkpoints},
                          {"skipped", job.skipped},
                          {"bytes", job.checkpoint_bytes.count},
                          {"seconds", number(job.checkpoint_seconds)}}},
                        {"seconds_in",
                         {{"shards", number(job.shard)},
                          {"reduction", number(job.reduce)},
                          {"update", number(job.update)},
                          {"waiting_for_batches", number(job.loader)}}},
                        {"warnings", job.warnings}};
  if (!job.why.empty()) out["why"] = job.why;
  double held = 0;
  for (const auto& [cores, seconds] : job.seconds_on) held += seconds;
  out["cores"] = nlohmann::json::array();
  for (const auto& [cores, seconds] : job.seconds_on)
    out["cores"].push_back(
        {{"cores", cores}, {"seconds", seconds}, {"share", held > 0 ? seconds / held : 0}});
  out["waits"] = nlohmann::json::array();
  for (const auto& [reason, seconds] : job.waits)
    out["waits"].push_back({{"reason", reason}, {"seconds", seconds}});
  out["losses"] = nlohmann::json::object();
  for (const auto& score : job.scores) out["losses"][score.name] = number(score.value);
  return out;
}

std::string text(const nlohmann::json& value, const char* format = "{:.4g}") {
  return value.is_number() ? fmt::format(fmt::runtime(format), value.get<double>()) : "-";
}

std::string duration(const nlohmann::json& value) {
  return value.is_number() ? format_duration(value.get<double>()) : "-";
}

std::string job_markdown(const nlohmann::json& job) {
  std::string md = fmt::format("\n## {}\n\n{}{}: {} of {} steps, {} images, {}\n\n",
                               job["job"].get<std::string>(), job["state"].get<std::string>(),
                               job.contains("why") ? " (" + job["why"].get<std::string>() + ")" : "",
                               job["step"].get<std::int64_t>(), job["total_steps"].get<std::int64_t>(),
                               job["images"].get<std::int64_t>(), duration(job["seconds"]));
  md += "| phase | steps | images | time | images/s | peak memory |\n|---|---:|---:|---:|---:|---:|\n";
  for (const auto& p : job["phases"])
    md += fmt::format("| {} | {} | {} | {} | {} | {} |\n", p["phase"].get<std::string>(),
                      p["steps"].get<std::int64_t>(), p["images"].get<std::int64_t>(), duration(p["seconds"]),
                      text(p["images_per_second"]), to_string(Bytes{p["peak_bytes"].get<std::int64_t>()}));
  const auto& resizes = job["resizes"];
  const int count = resizes["count"].get<int>();
  md += fmt::format("\n- resized {}: median {}, 99th percentile {}\n",
                    count == 1 ? "once" : fmt::format("{} times", count), duration(resizes["p50_seconds"]),
                    duration(resizes["p99_seconds"]));
  for (const auto& c : job["cores"])
    md += fmt::format("- on {} core{}: {} ({:.0f} %)\n", c["cores"].get<int>(), c["cores"] == 1 ? "" : "s",
                      duration(c["seconds"]), 100 * c["share"].get<double>());
  for (const auto& w : job["waits"])
    md += fmt::format("- waited {}: {}\n", duration(w["seconds"]), w["reason"].get<std::string>());
  const auto& c = job["checkpoints"];
  md += fmt::format("- checkpoints: {} written, {}, {}\n", c["count"].get<int>(),
                    to_string(Bytes{c["bytes"].get<std::int64_t>()}), duration(c["seconds"]));
  std::string losses;
  for (const auto& [name, value] : job["losses"].items())
    losses += fmt::format("{}{} {}", losses.empty() ? "" : ", ", name, text(value));
  if (!losses.empty()) md += "- last: " + losses + "\n";
  return md;
}

}  // namespace

struct Summary::Impl {
  std::map<std::string, JobSum> jobs;
  std::vector<std::string> order;
  double first = 0, last = 0;
};

Summary::Summary() : impl_(std::make_unique<Impl>()) {}
Summary::~Summary() = default;

void Summary::add(const Event& e) {
  auto& s = *impl_;
  if (s.first == 0) s.first = e.unix_time;
  s.last = std::max(s.last, e.unix_time);
  if (e.job.empty()) return;
  const auto [it, fresh] = s.jobs.try_emplace(e.job);
  if (fresh) {
    it->second.name = e.job;
    s.order.push_back(e.job);
  }
  it->second.add(e);
}

nlohmann::json Summary::json() const {
  const auto& s = *impl_;
  nlohmann::json summary = {{"began_unix_time", number(s.first)},
                            {"seconds", number(s.last - s.first)},
                            {"jobs", nlohmann::json::array()}};
  for (const auto& name : s.order) summary["jobs"].push_back(job_json(s.jobs.at(name), s.last));
  return summary;
}

nlohmann::json summarize(const std::vector<Event>& events) {
  Summary summary;
  for (const auto& event : events) summary.add(event);
  return summary.json();
}

std::string summary_markdown(const nlohmann::json& summary) {
  std::string md = fmt::format("# Run\n\n{} job{} in {}\n", summary["jobs"].size(),
                               summary["jobs"].size() == 1 ? "" : "s", duration(summary["seconds"]));
  for (const auto& job : summary["jobs"]) md += job_markdown(job);
  return md;
}

}  // namespace troupe
