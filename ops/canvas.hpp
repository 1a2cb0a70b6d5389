#pragma once
// A thin owner of a cairo picture: colours, lines, text, one axis panel.
#include <cairo.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "ops/point.hpp"

namespace troupe {

struct Color {
  double r = 0, g = 0, b = 0;
};
/// Okabe and Ito's palette: told apart by eyes of every kind. Repeats after seven.
Color palette(std::size_t index);

enum class Align { left, center, right };

class Canvas {
 public:
  Canvas(int width, int height);
  ~Canvas();
  Canvas(const Canvas&) = delete;
  Canvas& operator=(const Canvas&) = delete;
  void color(Color c, double alpha = 1);
  void line(const std::vector<Point>& points, double width, bool dashed = false);
  void fill(const std::vector<Point>& outline);
  void rectangle(double x, double y, double width, double height);
  void text(const std::string& words, Point at, double size, Align align = Align::left, bool bold = false);
  void text_upward(const std::string& words, Point at, double size);
  double text_width(const std::string& words, double size);
  void clip(double x, double y, double width, double height);
  void unclip();
  Result<void> write(const std::filesystem::path& png);

 private:
  cairo_surface_t* surface_;
  cairo_t* cairo_;
};

/// A rectangle of the picture with linear axes.
struct Panel {
  double left = 0, top = 0, width = 0, height = 0;
  double x_low = 0, x_high = 1, y_low = 0, y_high = 1;
  double x(double v) const { return left + (v - x_low) / (x_high - x_low) * width; }
  double y(double v) const { return top + height - (v - y_low) / (y_high - y_low) * height; }
  Point at(double vx, double vy) const { return {x(vx), y(vy)}; }
};

/// Round values inside [low, high], about `count` of them.
std::vector<double> ticks(double low, double high, int count);
/// The same for a time axis in seconds: 1, 2, 5, 10, 15, 30 s, min, h.
std::vector<double> time_ticks(double high, int count);
std::string clock_text(double seconds);  // "1:05", "1:02:05"

}  // namespace troupe
