#pragma once
// The figures of one run: what is sampled at which moment, and against what it is held.
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/config.hpp"
#include "data/pyramid.hpp"
#include "train/quality.hpp"

namespace troupe::bench {

struct QualityRun {
  JobConfig job;
  std::shared_ptr<const Pyramid> pyramid;
  int threads = 2;
  int count = 256;                             // images a set, at most as many as are held out
  std::optional<std::filesystem::path> grids;  // a picture a phase goes here
  std::string suffix;                          // of every metric: "_k1"
  std::function<void(const std::string&)> note;
};

/// Values by metric name, one for each run.
using Figures = std::map<std::string, std::vector<double>>;

/// Trains to the end and adds this run's figures. Throws ErrorException.
void measure_quality(const QualityRun& run, Figures& figures);

/// The job's images shown, scaled so that training takes about `minutes` here. Throws ErrorException.
std::vector<std::int64_t> images_for_minutes(const QualityRun& run, double minutes);

}  // namespace troupe::bench
