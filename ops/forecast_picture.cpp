#include "ops/forecast_picture.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/units.hpp"
#include "ops/canvas.hpp"

namespace troupe {
namespace {

constexpr int width = 1200, height = 820;
constexpr double left = 120, right = 40, text_size = 17, bar_share = 0.36, mebi = 1 << 20;
constexpr Color ink{0.15, 0.15, 0.15}, grid{0.88, 0.88, 0.88};

/// Whole powers of ten around all values that there are.
Panel panel_of(double top, double tall, const std::vector<double>& values, std::size_t bars) {
  double low = std::numeric_limits<double>::max(), high = 0;
  for (const double v : values) {
    if (!(v > 0)) continue;
    low = std::min(low, v);
    high = std::max(high, v);
  }
  if (high <= 0) low = high = 1;
  const double from = std::floor(std::log10(low) - 0.05), to = std::ceil(std::log10(high) + 0.05);
  return {left, top, width - left - right, tall, 0, static_cast<double>(std::max<std::size_t>(1, bars)),
          from, to};
}

template <class Text>
void axes(Canvas& c, const Panel& p, const std::string& title, const Text& text) {
  for (double power = p.y_low; power <= p.y_high + 0.5; ++power) {
    c.color(grid);
    c.line({{p.left, p.y(power)}, {p.left + p.width, p.y(power)}}, 1);
    c.color(ink);
    c.text(text(std::pow(10.0, power)), {p.left - 10, p.y(power) + 6}, text_size, Align::right);
  }
  c.color(ink);
  c.line({{p.left, p.top}, {p.left, p.top + p.height}, {p.left + p.width, p.top + p.height}}, 1.5);
  c.text(title, {p.left, p.top - 14}, text_size, Align::left, true);
}

/// Of the phase at `at`: on one core to the left, on all to the right.
void bar(Canvas& c, const Panel& p, std::size_t at, int side, double value) {
  if (!(value > 0)) return;
  const double from = p.x(static_cast<double>(at) + 0.5 + (side - 1) * bar_share);
  const double top = p.y(std::log10(value)), bottom = p.top + p.height;
  c.color(palette(static_cast<std::size_t>(side)), 0.85);
  c.rectangle(from, top, p.x(static_cast<double>(at) + bar_share) - p.x(static_cast<double>(at)) - 2,
              bottom - top);
}

void legend(Canvas& c, const ForecastPicture& picture) {
  c.color(ink);
  c.text(picture.title, {left, 34}, 22, Align::left, true);
  double x = left + c.text_width(picture.title, 22) * 1.15 + 30;
  for (const int side : {0, 1}) {
    if (side == 1 && picture.cores == 1) break;
    const std::string words = side == 0 ? "one core" : fmt::format("{} cores", picture.cores);
    c.color(palette(static_cast<std::size_t>(side)), 0.85);
    c.rectangle(x, 18, 22, 18);
    c.color(ink);
    c.text(words, {x + 30, 34}, text_size);
    x += 60 + c.text_width(words, text_size);
  }
}

}  // namespace

Result<void> draw_forecast(const ForecastPicture& picture, const std::filesystem::path& png) {
  std::vector<double> bytes, seconds;
  for (const auto& b : picture.bars) {
    bytes.insert(bytes.end(), {b.bytes / mebi, b.bytes_on_all / mebi});
    seconds.insert(seconds.end(), {b.seconds, b.seconds_on_all});
  }
  if (picture.target_seconds > 0) seconds.push_back(picture.target_seconds);
  Canvas canvas(width, height);
  legend(canvas, picture);
  const Panel upper = panel_of(96, 290, bytes, picture.bars.size());
  const Panel lower = panel_of(456, 290, seconds, picture.bars.size());
  axes(canvas, upper, "memory at the peak", [](double v) { return fmt::format("{:g} MiB", v); });
  axes(canvas, lower, "time of a step", [](double v) { return format_duration(v); });
  for (std::size_t i = 0; i < picture.bars.size(); ++i) {
    const auto& b = picture.bars[i];
    bar(canvas, upper, i, 0, b.bytes / mebi);
    bar(canvas, lower, i, 0, b.seconds);
    if (picture.cores > 1) {
      bar(canvas, upper, i, 1, b.bytes_on_all / mebi);
      bar(canvas, lower, i, 1, b.seconds_on_all);
    }
    canvas.color(ink);
    canvas.text(b.phase, {lower.x(static_cast<double>(i) + 0.5), lower.top + lower.height + 26}, text_size,
                Align::center);
  }
  if (picture.target_seconds > 0) {
    const double y = lower.y(std::log10(picture.target_seconds));
    canvas.color(ink, 0.7);
    canvas.line({{lower.left, y}, {lower.left + lower.width, y}}, 1.6, true);
    canvas.text("target", {lower.left + lower.width, y - 6}, 14, Align::right);
  }
  return canvas.write(png);
}

}  // namespace troupe
