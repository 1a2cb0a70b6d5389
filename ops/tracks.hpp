#pragma once
// What the timeline shows of each job, as series over seconds since the first event.
#include <map>
#include <string>
#include <vector>

#include "ops/canvas.hpp"
#include "ops/events.hpp"

namespace troupe {

struct Track {
  std::string job;
  std::map<std::string, std::vector<Point>> losses;  // as told; NaN: a stretch ends, the job was parked
  std::vector<Point> cores;                          // changes: from x on, y cores
  std::vector<Point> peak, budget;                   // MiB; the most held in the phase, the wall
  std::vector<std::pair<double, std::string>> phases;
  std::vector<double> resizes;
};

struct Tracks {
  std::vector<Track> jobs;
  double seconds = 1;  // of the whole run, at least 1
};

Tracks tracks_of(const std::vector<Event>& events);

/// The two losses worth showing: "critic" and "generator", else the first two there are.
std::vector<std::string> shown_losses(const Track& track);
/// The series between its gaps.
std::vector<std::vector<Point>> stretches(const std::vector<Point>& series);
/// Centred moving mean over about `window` points.
std::vector<Point> smoothed(const std::vector<Point>& stretch, std::size_t window);
double value_at(const std::vector<Point>& changes, double x);

}  // namespace troupe
