#pragma once
// What the timeline shows of each job, as series over seconds since the first event.
#include <map>
#include <string>
#include <vector>

#include "ops/events.hpp"
#include "ops/point.hpp"

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

/// Points of a series at most: a picture has no more columns. Where there would be more, neighbours become
/// one.
inline constexpr std::size_t kMostPoints = 8192;

/// How fine a series is: points of so many seconds are one; 0: every one is told.
struct PointGrain {
  double seconds = 0;
  int count = 0;  // that the last point stands for
};
struct TrackMaking {
  PointGrain peak, budget;
  std::map<std::string, PointGrain> losses;
  double peak_now = 0, budget_now = 0;  // of the slices told of since the first
};

/// Makes them of events, told one after the other.
class TrackMaker {
 public:
  void add(const Event& event);
  const Tracks& tracks() const { return tracks_; }

 private:
  Tracks tracks_;
  std::vector<TrackMaking> making_;           // of each job
  std::map<std::string, std::size_t> index_;  // of jobs
  double first_ = 0;
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
