#include "ops/tracks.hpp"

#include <algorithm>
#include <cmath>

namespace troupe {
namespace {

double mebibytes(Bytes b) { return static_cast<double>(b.count) / (1 << 20); }

bool in_one(const Point& a, const Point& b, double seconds) {
  return std::isfinite(a.y) && std::isfinite(b.y) && seconds > 0 &&
         std::floor(a.x / seconds) == std::floor(b.x / seconds);
}

/// Adds a point to the last one where both are of the same stretch of time, else behind it. `merge` is told
/// how many the last one stands for.
template <class Merge>
void join(std::vector<Point>& series, PointGrain& grain, const Point& p, const Merge& merge) {
  if (!series.empty() && in_one(series.back(), p, grain.seconds)) {
    series.back() = merge(series.back(), grain.count++, p);
  } else {
    series.push_back(p);
    grain.count = 1;
  }
}

/// Where the series gets too long, its stretches become twice as long.
template <class Merge>
void put(std::vector<Point>& series, PointGrain& grain, const Point& p, const Merge& merge) {
  join(series, grain, p, merge);
  if (series.size() <= kMostPoints) return;
  const double seconds = series.back().x - series.front().x;
  grain.seconds = std::max(2 * grain.seconds, 2 * seconds / static_cast<double>(kMostPoints));
  std::vector<Point> fewer;
  for (const auto& point : series) join(fewer, grain, point, merge);
  series = std::move(fewer);
}

Point mean_of(const Point& a, int of, const Point& b) {
  return {a.x + (b.x - a.x) / (of + 1), a.y + (b.y - a.y) / (of + 1)};
}
Point higher_of(const Point& a, int, const Point& b) { return {a.x, std::max(a.y, b.y)}; }

/// The slices of a job are told of one after the other, the first of them named JOB-0: together they are one
/// height.
void sample(Track& track, TrackMaking& making, const Event& e, double t) {
  const bool first = e.slice.empty() || e.slice == e.job + "-0" || track.peak.empty();
  making.peak_now = mebibytes(e.peak) + (first ? 0 : making.peak_now);
  making.budget_now = mebibytes(e.budget) + (first ? 0 : making.budget_now);
  if (first) {
    put(track.peak, making.peak, {t, making.peak_now}, higher_of);
    put(track.budget, making.budget, {t, making.budget_now}, higher_of);
  } else {
    track.peak.back().y = std::max(track.peak.back().y, making.peak_now);
    track.budget.back().y = std::max(track.budget.back().y, making.budget_now);
  }
}

/// A batch of steps may be told of after the parking that ended it: both ends of a pause close the line.
void pause(Track& track, double t) {
  for (auto& [name, series] : track.losses) series.push_back({t, std::nan("")});
}

void add(Track& track, TrackMaking& making, const Event& e, double t) {
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
      return sample(track, making, e, t);
    case EventKind::steps:
      for (const auto& score : e.scores) {
        if (!std::isfinite(score.value)) continue;
        put(track.losses[score.name], making.losses[score.name], {t, score.value}, mean_of);
      }
      return;
    default:
      return;
  }
}

}  // namespace

void TrackMaker::add(const Event& e) {
  if (!std::isfinite(e.unix_time) || e.unix_time <= 0) return;
  if (first_ == 0) first_ = e.unix_time;
  const double t = std::max(0.0, e.unix_time - first_);
  tracks_.seconds = std::max(tracks_.seconds, t);
  if (e.job.empty()) return;
  const auto [it, fresh] = index_.try_emplace(e.job, tracks_.jobs.size());
  if (fresh) {
    tracks_.jobs.push_back({e.job, {}, {}, {}, {}, {}, {}});
    making_.emplace_back();
  }
  troupe::add(tracks_.jobs[it->second], making_[it->second], e, t);
}

Tracks tracks_of(const std::vector<Event>& events) {
  TrackMaker maker;
  for (const auto& event : events) maker.add(event);
  return maker.tracks();
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
