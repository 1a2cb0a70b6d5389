#include "ops/simulation_pictures.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "ops/canvas.hpp"

namespace troupe {
namespace {

constexpr int kWidth = 1400, kHeight = 800;
constexpr double kLeft = 110, kTop = 90, kRight = 40, kBottom = 90, kText = 17;
constexpr int kBins = 600;        // of a time axis
constexpr double kShortest = 60;  // seconds: where the axis of completion times begins
constexpr Color kInk{0.15, 0.15, 0.15}, kGrid{0.88, 0.88, 0.88};

struct Line {
  std::string name;
  std::vector<Point> points;
};
struct Chart {
  std::string title, x_title, y_title;
  double x_low = 0, x_high = 1, y_high = 1;
  std::vector<std::pair<double, std::string>> x_marks;
  std::string y_format = "{:g}";
  std::vector<Line> lines;
};

Result<void> draw(const Chart& chart, const std::filesystem::path& png) {
  Canvas c(kWidth, kHeight);
  const Panel p{kLeft,
                kTop,
                kWidth - kLeft - kRight,
                kHeight - kTop - kBottom,
                chart.x_low,
                std::max(chart.x_high, chart.x_low + 1e-9),
                0,
                chart.y_high};
  c.color(kInk);
  c.text(chart.title, {kLeft, 34}, 22, Align::left, true);
  for (const double v : ticks(0, chart.y_high, 8)) {
    c.color(kGrid);
    c.line({{p.left, p.y(v)}, {p.left + p.width, p.y(v)}}, 1);
    c.color(kInk);
    c.text(fmt::format(fmt::runtime(chart.y_format), v == 0 ? 0.0 : v), {p.left - 10, p.y(v) + 6}, kText,
           Align::right);
  }
  for (const auto& [at, words] : chart.x_marks) {
    if (at < chart.x_low || at > chart.x_high) continue;
    c.color(kInk);
    c.line({{p.x(at), p.top + p.height}, {p.x(at), p.top + p.height + 6}}, 1.5);
    c.text(words, {p.x(at), p.top + p.height + 26}, kText, Align::center);
  }
  c.color(kInk);
  c.line({{p.left, p.top}, {p.left, p.top + p.height}, {p.left + p.width, p.top + p.height}}, 1.5);
  c.text(chart.x_title, {p.left + p.width / 2, kHeight - 22}, kText, Align::center);
  c.text_upward(chart.y_title, {28, p.top + p.height / 2}, kText);
  double legend = kLeft;
  for (std::size_t i = 0; i < chart.lines.size(); ++i) {
    std::vector<Point> points;
    for (const auto& v : chart.lines[i].points) points.push_back(p.at(v.x, v.y));
    const bool dashed = i >= 7;  // the palette has come round
    c.color(palette(i));
    if (points.size() > 1) c.line(points, 2, dashed);
    c.line({{legend, 62}, {legend + 30, 62}}, 4, dashed);
    c.text(chart.lines[i].name, {legend + 38, 68}, kText);
    legend += 62 + c.text_width(chart.lines[i].name, kText);
  }
  return c.write(png);
}

double last_end(const NamedSimulations& simulations) {
  double end = 1;
  for (const auto& [name, done] : simulations) end = std::max(end, done.end);
  return end;
}

/// A number that steps at times, as its mean in each of the bins of [0, end).
std::vector<Point> binned(const std::vector<Point>& steps, double end) {
  std::vector<double> area(kBins);
  const double width = end / kBins;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    double from = steps[i].x;
    const double to = std::min(end, i + 1 < steps.size() ? steps[i + 1].x : end);
    while (from < to) {
      const auto bin = static_cast<std::size_t>(std::min<double>(kBins - 1, std::floor(from / width)));
      const double edge =
          std::min(to, std::max((static_cast<double>(bin) + 1) * width, std::nextafter(from, to)));
      area[bin] += (edge - from) * steps[i].y;
      from = edge;
    }
  }
  std::vector<Point> points;
  for (int b = 0; b < kBins; ++b)
    points.push_back({(b + 0.5) * width, area[static_cast<std::size_t>(b)] / width});
  return points;
}

/// Jobs that were submitted and are not done.
std::vector<Point> jobs_there(const simulate::Simulation& done) {
  std::vector<std::pair<double, int>> changes;
  for (const auto& job : done.jobs) {
    changes.emplace_back(job.submitted, 1);
    changes.emplace_back(job.finished, -1);
  }
  std::sort(changes.begin(), changes.end());
  std::vector<Point> steps;
  double count = 0;
  for (const auto& [at, change] : changes) steps.push_back({at, count += change});
  return steps;
}

std::vector<Point> gpus_in_use(const simulate::Simulation& done) {
  std::vector<Point> steps;
  for (const auto& use : done.use) steps.push_back({use.at, 100 * use.gpus / std::max(1.0, done.gpus)});
  return steps;
}

/// Share of the jobs that were done so many seconds after their submission; x is the logarithm.
std::vector<Point> completion(const simulate::Simulation& done) {
  std::vector<double> seconds;
  for (const auto& job : done.jobs) seconds.push_back(std::max(kShortest, job.finished - job.submitted));
  std::sort(seconds.begin(), seconds.end());
  std::vector<Point> points;
  const std::size_t every = std::max<std::size_t>(1, seconds.size() / 2000);
  for (std::size_t i = 0; i < seconds.size(); i += every)
    points.push_back(
        {std::log10(seconds[i]), 100.0 * static_cast<double>(i + 1) / static_cast<double>(seconds.size())});
  if (!seconds.empty()) points.push_back({std::log10(seconds.back()), 100});
  return points;
}

Chart over_time(const NamedSimulations& simulations, std::string title, std::string y_title,
                const std::function<std::vector<Point>(const simulate::Simulation&)>& steps) {
  constexpr double kDay = 86'400;
  const double end = last_end(simulations);
  Chart chart{
      std::move(title), "days since the first submission", std::move(y_title), 0, end, 1, {}, "{:g}", {}};
  for (const double day : ticks(0, end / kDay, 12))
    chart.x_marks.emplace_back(day * kDay, fmt::format("{:g}", day));
  for (const auto& [name, done] : simulations) {
    chart.lines.push_back({name, binned(steps(done), end)});
    for (const auto& point : chart.lines.back().points) chart.y_high = std::max(chart.y_high, point.y);
  }
  return chart;
}

}  // namespace

Result<void> draw_simulations(const std::filesystem::path& folder, const NamedSimulations& simulations) {
  const auto there =
      over_time(simulations, "Jobs that wait or run, by policy", "jobs that are not done", jobs_there);
  if (auto drawn = draw(there, folder / "timeline.png"); !drawn) return drawn;
  auto use = over_time(simulations, "GPUs in use, by policy", "% of all GPUs", gpus_in_use);
  use.y_high = 100;
  if (auto drawn = draw(use, folder / "utilisation.png"); !drawn) return drawn;
  Chart done{"Jobs done within a time of their submission, by policy",
             "from submission to the end",
             "% of the jobs",
             std::log10(kShortest),
             std::log10(std::max(2 * kShortest, last_end(simulations))),
             100,
             {},
             "{:g}",
             {}};
  for (const auto& [seconds, words] : {std::pair{60.0, "1 min"},
                                       {600.0, "10 min"},
                                       {3600.0, "1 h"},
                                       {36e3, "10 h"},
                                       {86.4e3, "1 day"},
                                       {864e3, "10 days"},
                                       {8.64e6, "100 days"}})
    done.x_marks.emplace_back(std::log10(seconds), words);
  for (const auto& [name, simulation] : simulations) done.lines.push_back({name, completion(simulation)});
  return draw(done, folder / "completion.png");
}

}  // namespace troupe
