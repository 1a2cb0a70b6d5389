#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "ops/canvas.hpp"
#include "ops/recorder.hpp"
#include "ops/tracks.hpp"

namespace troupe {
namespace {

constexpr int width = 1600, height = 1000;
constexpr double left = 110, right = 40, text_size = 17;
constexpr std::size_t smoothing = 60;  // a loss is smoothed over this part of its length
constexpr Color ink{0.15, 0.15, 0.15}, grid{0.88, 0.88, 0.88}, faint{0.45, 0.45, 0.45};

Panel panel(const Tracks& tracks, double top, double tall, double low, double high) {
  return {left, top, width - left - right, tall, 0, tracks.seconds, low, high > low ? high : low + 1};
}

void axes(Canvas& c, const Panel& p, const std::string& title, bool times, int count, const char* format) {
  for (const double v : ticks(p.y_low, p.y_high, count)) {
    c.color(grid);
    c.line({{p.left, p.y(v)}, {p.left + p.width, p.y(v)}}, 1);
    c.color(ink);
    c.text(fmt::format(fmt::runtime(format), v == 0 ? 0.0 : v), {p.left - 10, p.y(v) + 6}, text_size,
           Align::right);
  }
  for (const double t : time_ticks(p.x_high, 12)) {
    c.color(ink);
    c.line({{p.x(t), p.top + p.height}, {p.x(t), p.top + p.height + 6}}, 1.5);
    if (times) c.text(clock_text(t), {p.x(t), p.top + p.height + 26}, text_size, Align::center);
  }
  c.color(ink);
  c.line({{p.left, p.top}, {p.left, p.top + p.height}, {p.left + p.width, p.top + p.height}}, 1.5);
  c.text_upward(title, {28, p.top + p.height / 2}, text_size);
}

/// Boundaries of every job's phases, through the panel; with `names`, their names above it, a row a job.
void phases(Canvas& c, const Panel& p, const Tracks& tracks, bool names) {
  double row = p.top - 8;
  for (std::size_t j = 0; j < tracks.jobs.size(); ++j) {
    const auto& track = tracks.jobs[j];
    if (track.phases.empty()) continue;
    double free_from = 0;
    for (const auto& [t, name] : track.phases) {
      c.color(palette(j), 0.6);
      c.line({{p.x(t), names ? row - 14 : p.top}, {p.x(t), p.top + p.height}}, 1.2, true);
      const double end = p.x(t) + 4 + c.text_width(name, 15);
      if (!names || p.x(t) < free_from || end > width) continue;
      c.color(palette(j));
      c.text(name, {p.x(t) + 4, row}, 15);
      free_from = end + 8;
    }
    row -= 20;
  }
}

/// Where nearly all smoothed losses lie: the first steps' outliers must not press the rest flat.
std::pair<double, double> loss_range(const Tracks& tracks) {
  std::vector<double> values;
  for (const auto& track : tracks.jobs)
    for (const auto& name : shown_losses(track))
      for (const auto& stretch : stretches(track.losses.at(name)))
        for (const auto& p : smoothed(stretch, track.losses.at(name).size() / smoothing))
          values.push_back(p.y);
  if (values.empty()) return {-1, 1};
  std::sort(values.begin(), values.end());
  const double low = values[values.size() / 100], high = values[values.size() - 1 - values.size() / 100];
  const double margin = std::max(0.08 * (high - low), 1e-6);
  return {low - margin, high + margin};
}

std::vector<Point> placed(const Panel& p, const std::vector<Point>& series) {
  std::vector<Point> points;
  for (const auto& v : series) points.push_back(p.at(v.x, v.y));
  return points;
}

void losses(Canvas& c, const Panel& p, const Tracks& tracks) {
  c.clip(p.left, p.top, p.width, p.height);
  for (std::size_t j = 0; j < tracks.jobs.size(); ++j) {
    bool dashed = false;
    for (const auto& name : shown_losses(tracks.jobs[j])) {
      const auto& series = tracks.jobs[j].losses.at(name);
      for (const auto& stretch : stretches(series)) {
        c.color(palette(j), 0.18);
        c.line(placed(p, stretch), 1);
        c.color(palette(j));
        c.line(placed(p, smoothed(stretch, series.size() / smoothing)), 2.6, dashed);
      }
      dashed = true;
    }
  }
  c.unclip();
}

/// Times at which anybody's cores change, with the end of the run.
std::vector<double> edges(const Tracks& tracks) {
  std::vector<double> at = {0, tracks.seconds};
  for (const auto& track : tracks.jobs)
    for (const auto& change : track.cores) at.push_back(change.x);
  std::sort(at.begin(), at.end());
  at.erase(std::unique(at.begin(), at.end()), at.end());
  return at;
}

double most_cores(const Tracks& tracks) {
  double most = 1;
  for (const double t : edges(tracks)) {
    double sum = 0;
    for (const auto& track : tracks.jobs) sum += value_at(track.cores, t);
    most = std::max(most, sum);
  }
  return most;
}

void cores(Canvas& c, const Panel& p, const Tracks& tracks) {
  const auto at = edges(tracks);
  for (std::size_t i = 0; i + 1 < at.size(); ++i) {
    double below = 0;
    for (std::size_t j = 0; j < tracks.jobs.size(); ++j) {
      const double n = value_at(tracks.jobs[j].cores, at[i]);
      if (n <= 0) continue;
      c.color(palette(j), 0.75);
      const double from = std::round(p.x(at[i])), to = std::round(p.x(at[i + 1]));  // whole pixels: no seams
      c.rectangle(from, p.y(below + n), to - from, p.y(below) - p.y(below + n));
      below += n;
    }
  }
  for (std::size_t j = 0; j < tracks.jobs.size(); ++j)
    for (const double t : tracks.jobs[j].resizes) {
      c.color(palette(j));
      c.fill({{p.x(t), p.top + 2}, {p.x(t) - 6, p.top - 10}, {p.x(t) + 6, p.top - 10}});
    }
}

/// A line that stays until the next sample: a slice keeps what it has.
std::vector<Point> stairs(const Panel& p, const std::vector<Point>& series, double end) {
  std::vector<Point> points;
  for (std::size_t i = 0; i < series.size(); ++i) {
    points.push_back(p.at(series[i].x, series[i].y));
    points.push_back(p.at(i + 1 < series.size() ? series[i + 1].x : end, series[i].y));
  }
  return points;
}

void memory(Canvas& c, const Panel& p, const Tracks& tracks) {
  for (std::size_t j = 0; j < tracks.jobs.size(); ++j) {
    const auto& track = tracks.jobs[j];
    auto peak = stairs(p, track.peak, tracks.seconds);
    c.color(palette(j));
    c.line(peak, 2.2);
    c.line(stairs(p, track.budget, tracks.seconds), 1.6, true);
    if (peak.empty()) continue;
    peak.push_back({peak.back().x, p.y(0)});
    peak.push_back({peak.front().x, p.y(0)});
    c.color(palette(j), 0.15);
    c.fill(peak);
  }
}

double most_memory(const Tracks& tracks) {
  double most = 1;
  for (const auto& track : tracks.jobs)
    for (const auto* series : {&track.peak, &track.budget})
      for (const auto& p : *series) most = std::max(most, p.y);
  return most * 1.1;
}

void legend(Canvas& c, const Tracks& tracks) {
  double x = left;
  c.color(ink);
  c.text("troupe", {x, 34}, 24, Align::left, true);
  x += 120;
  for (std::size_t j = 0; j < tracks.jobs.size() && x < width - 250; ++j) {
    const auto& track = tracks.jobs[j];
    c.color(palette(j), 0.75);
    c.rectangle(x, 18, 22, 18);
    c.color(ink);
    c.text(track.job, {x + 30, 34}, text_size, Align::left, true);
    x += 46 + c.text_width(track.job, text_size) * 1.1;
    bool dashed = false;
    for (const auto& name : shown_losses(track)) {
      c.color(palette(j));
      c.line({{x, 28}, {x + 34, 28}}, 2.6, dashed);
      c.color(ink);
      c.text(name, {x + 41, 34}, text_size);
      x += 58 + c.text_width(name, text_size);
      dashed = true;
    }
    x += 26;
  }
}

void note(Canvas& c, const Panel& p, const std::string& words) {
  c.color(faint);
  c.text(words, {p.left + p.width, p.top - 16}, 14, Align::right);
}

}  // namespace

Result<void> draw_timeline(const Tracks& tracks, const std::filesystem::path& png) {
  Canvas canvas(width, height);
  legend(canvas, tracks);
  const double rows = static_cast<double>(std::min<std::size_t>(tracks.jobs.size(), 4));
  const double top = 64 + 20 * std::max(1.0, rows);
  const auto [low, high] = loss_range(tracks);
  const Panel upper = panel(tracks, top, 500 - top, low, high);
  const Panel middle = panel(tracks, 550, 150, 0, most_cores(tracks));
  const Panel lower = panel(tracks, 750, 170, 0, most_memory(tracks));
  axes(canvas, upper, "loss", false, 6, "{:g}");
  axes(canvas, middle, "cores", false, std::min(5, static_cast<int>(middle.y_high)), "{:.0f}");
  axes(canvas, lower, "memory, MiB", true, 4, "{:.0f}");
  losses(canvas, upper, tracks);
  cores(canvas, middle, tracks);
  memory(canvas, lower, tracks);
  phases(canvas, upper, tracks, true);
  phases(canvas, middle, tracks, false);
  phases(canvas, lower, tracks, false);
  note(canvas, middle, "triangles: resizes, applied between two steps");
  note(canvas, lower, "solid: most held in the phase   dashed: budget");
  canvas.color(ink);
  canvas.text("time since the start, min:s", {left + (width - left - right) / 2, height - 22}, text_size,
              Align::center);
  return canvas.write(png);
}

}  // namespace troupe
