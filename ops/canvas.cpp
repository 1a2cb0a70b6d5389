#include "ops/canvas.hpp"

#include <fmt/core.h>

#include <array>
#include <cmath>

#include "base/files.hpp"

namespace troupe {

Color palette(std::size_t index) {
  static constexpr std::array<Color, 7> colors{{{0.00, 0.45, 0.70},
                                                {0.84, 0.37, 0.00},
                                                {0.00, 0.62, 0.45},
                                                {0.80, 0.47, 0.65},
                                                {0.90, 0.62, 0.00},
                                                {0.34, 0.71, 0.91},
                                                {0.35, 0.35, 0.35}}};
  return colors[index % colors.size()];
}

Canvas::Canvas(int width, int height)
    : surface_(cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height)),
      cairo_(cairo_create(surface_)) {
  cairo_set_source_rgb(cairo_, 1, 1, 1);
  cairo_paint(cairo_);
  cairo_set_line_join(cairo_, CAIRO_LINE_JOIN_ROUND);
}

Canvas::~Canvas() {
  cairo_destroy(cairo_);
  cairo_surface_destroy(surface_);
}

void Canvas::color(Color c, double alpha) { cairo_set_source_rgba(cairo_, c.r, c.g, c.b, alpha); }

void Canvas::line(const std::vector<Point>& points, double width, bool dashed) {
  if (points.empty()) return;
  const double dash[] = {7, 4};
  cairo_set_dash(cairo_, dash, dashed ? 2 : 0, 0);
  cairo_set_line_width(cairo_, width);
  cairo_move_to(cairo_, points.front().x, points.front().y);
  for (const auto& p : points) cairo_line_to(cairo_, p.x, p.y);
  cairo_stroke(cairo_);
}

void Canvas::fill(const std::vector<Point>& outline) {
  if (outline.empty()) return;
  cairo_move_to(cairo_, outline.front().x, outline.front().y);
  for (const auto& p : outline) cairo_line_to(cairo_, p.x, p.y);
  cairo_close_path(cairo_);
  cairo_fill(cairo_);
}

void Canvas::rectangle(double x, double y, double width, double height) {
  fill({{x, y}, {x + width, y}, {x + width, y + height}, {x, y + height}});
}

double Canvas::text_width(const std::string& words, double size) {
  cairo_select_font_face(cairo_, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(cairo_, size);
  cairo_text_extents_t extents;
  cairo_text_extents(cairo_, words.c_str(), &extents);
  return extents.x_advance;
}

void Canvas::text(const std::string& words, Point at, double size, Align align, bool bold) {
  const double width = text_width(words, size);
  if (bold) cairo_select_font_face(cairo_, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD);
  const double shift = align == Align::left ? 0 : align == Align::center ? width / 2 : width;
  cairo_move_to(cairo_, at.x - shift, at.y);
  cairo_show_text(cairo_, words.c_str());
}

void Canvas::text_upward(const std::string& words, Point at, double size) {
  const double width = text_width(words, size);
  cairo_save(cairo_);
  cairo_move_to(cairo_, at.x, at.y + width / 2);
  cairo_rotate(cairo_, -M_PI / 2);
  cairo_show_text(cairo_, words.c_str());
  cairo_restore(cairo_);
}

void Canvas::clip(double x, double y, double width, double height) {
  cairo_save(cairo_);
  cairo_rectangle(cairo_, x, y, width, height);
  cairo_clip(cairo_);
}

void Canvas::unclip() { cairo_restore(cairo_); }

Result<void> Canvas::write(const std::filesystem::path& png) {
  std::string bytes;
  const auto append = [](void* to, const unsigned char* data, unsigned int n) {
    static_cast<std::string*>(to)->append(reinterpret_cast<const char*>(data), n);
    return CAIRO_STATUS_SUCCESS;
  };
  const auto status = cairo_surface_write_to_png_stream(surface_, append, &bytes);
  if (status != CAIRO_STATUS_SUCCESS)
    return fail({ErrorCode::internal,
                 std::string("the picture can't be drawn: ") + cairo_status_to_string(status), png.string(),
                 "", "", ""});
  return write_file(png, bytes);
}

std::vector<double> ticks(double low, double high, int count) {
  const double rough = (high - low) / count;
  if (!(rough > 0) || !std::isfinite(rough)) return {};
  const double power = std::pow(10, std::floor(std::log10(rough)));
  const double step = power * (rough / power < 1.5   ? 1
                               : rough / power < 3.5 ? 2
                               : rough / power < 7.5 ? 5
                                                     : 10);
  std::vector<double> at;
  for (double i = std::ceil(low / step); i * step <= high; ++i) at.push_back(i * step);
  return at;
}

std::vector<double> time_ticks(double high, int count) {
  double step = 86400;
  for (const double s : {1., 2., 5., 10., 15., 30., 60., 120., 300., 600., 900., 1800., 3600., 7200., 21600.})
    if (high / s <= count) {
      step = s;
      break;
    }
  std::vector<double> at;
  for (double t = 0; t <= high && at.size() < 1000; t += step) at.push_back(t);
  return at;
}

std::string clock_text(double seconds) {
  const auto s = std::llround(seconds);
  if (s >= 3600) return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
  return fmt::format("{}:{:02}", s / 60, s % 60);
}

}  // namespace troupe
