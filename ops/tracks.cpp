#include "ops/tracks.hpp"

#include <algorithm>
#include <cmath>

namespace troupe {
namespace {

double mebibytes(Bytes b) { return static_cast<double>(b.count) / (1 << 20); }

/// A batch of steps may be told of after the parking that ended it: both ends of a pause close the line.
void pause(Track& track, double t) {
  for (auto& [name, series] : track.losses) series.push_back({t, std::nan("")});
}

void add(Track& track, const Event& e, double t) {
  switch (e.kind) {
    case EventKind::job_started:
    case EventKind::resize_applied:
      track.cores.push_back({t, static_cast<double>(e.cores)});
      if (e.kind == EventKind::job_started) return pause(track, t);
      track.resizes.push_back(t);
      return;
    case EventKind::job_parked:
    case EventKind::job_waiting:
      track.cores.push_back({t, 0});
      track.peak.push_back({t, mebibytes(e.held)});
      track.budget.push_back({t, mebibytes(e.held)});
      return pause(track, t);
    case EventKind::job_finished:
    case EventKind::job_failed:
    case EventKind::job_stopped:
      track.cores.push_back({t, 0});
      track.peak.push_back({t, 0});
      track.budget.push_back({t, 0});
      return;
    case EventKind::phase_started:
      track.phases.emplace_back(t, e.phase);
      return;
    case EventKind::slice_sampled:
      track.peak.push_back({t, mebibytes(e.peak)});
      track.budget.push_back({t, mebibytes(e.budget)});
      return;
    case EventKind::steps:
      for (const auto& score : e.scores)
        if (std::isfinite(score.value)) track.losses[score.name].push_back({t, score.value});
      return;
    default:
      return;
  }
}

}  // namespace

Tracks tracks_of(const std::vector<Event>& events) {
  Tracks tracks;
  std::map<std::string, std::size_t> index;
  double first = 0;
  for (const auto& e : events) {
    if (!std::isfinite(e.unix_time) || e.unix_time <= 0) continue;
    if (first == 0) first = e.unix_time;
    const double t = std::max(0.0, e.unix_time - first);
    tracks.seconds = std::max(tracks.seconds, t);
    if (e.job.empty()) continue;
    const auto [it, fresh] = index.try_emplace(e.job, tracks.jobs.size());
    if (fresh) tracks.jobs.push_back({e.job, {}, {}, {}, {}, {}, {}});
    add(tracks.jobs[it->second], e, t);
  }
  return tracks;
}

std::vector<std::string> shown_losses(const Track& track) {
  std::vector<std::string> names;
  for (const char* name : {"critic", "generator"})
    if (track.losses.contains(name)) names.emplace_back(name);
  if (names.empty())
    for (const auto& [name, series] : track.losses)
      if (names.size() < 2) names.push_back(name);
  return names;
}

std::vector<std::vector<Point>> stretches(const std::vector<Point>& series) {
  std::vector<std::vector<Point>> out(1);
  for (const auto& point : series)
    if (std::isfinite(point.y))
      out.back().push_back(point);
    else if (!out.back().empty())
      out.emplace_back();
  if (out.back().empty()) out.pop_back();
  return out;
}

std::vector<Point> smoothed(const std::vector<Point>& stretch, std::size_t window) {
  const auto n = static_cast<std::ptrdiff_t>(stretch.size());
  const std::ptrdiff_t half = std::max<std::ptrdiff_t>(1, static_cast<std::ptrdiff_t>(window / 2));
  std::vector<double> sums(stretch.size() + 1, 0);
  for (std::size_t i = 0; i < stretch.size(); ++i) sums[i + 1] = sums[i] + stretch[i].y;
  std::vector<Point> out;
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    const auto a = static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, i - half));
    const auto b = static_cast<std::size_t>(std::min(n, i + half + 1));
    out.push_back({stretch[static_cast<std::size_t>(i)].x, (sums[b] - sums[a]) / static_cast<double>(b - a)});
  }
  return out;
}

double value_at(const std::vector<Point>& changes, double x) {
  const auto after =
      std::upper_bound(changes.begin(), changes.end(), x, [](double v, const Point& p) { return v < p.x; });
  return after == changes.begin() ? 0 : std::prev(after)->y;
}

}  // namespace troupe
