#pragma once
// Every figure has a bench. A bench is a program bench_NAME that measures, fills a Report and returns
// finish(). Flags that every bench takes: --json (an array for machines instead of a table), --runs N,
// --help.
#include <optional>
#include <string>
#include <vector>

namespace troupe::bench {

struct Metric {
  std::string name, unit;
  double value = 0;  // the median of the runs, unless the name says otherwise
  std::optional<double> goal;
  bool at_least = true;  // direction of the goal
  int runs = 1;
  double min = 0, max = 0;
  std::string peer;  // against what, in words; "" where there is none
};

class Report {
 public:
  /// Reads --json and --runs; prints help and exits for --help; exits 2 on an unknown flag. Further flags of
  /// the bench are read with flag().
  Report(int argc, char** argv, std::string name, std::string help);
  int runs(int fallback) const;
  std::optional<std::string> flag(const std::string& name) const;  // "--data FOLDER" -> flag("data")
  void add(Metric metric);
  /// From samples: value = median, min, max, runs.
  void add(std::string name, std::string unit, std::vector<double> samples, std::optional<double> goal = {},
           bool at_least = true, std::string peer = "");
  /// A line for people on stderr while it runs.
  void note(const std::string& text) const;
  /// Prints the table or the JSON; 0 (a goal that is missed is a figure, not a failure).
  int finish() const;

 private:
  std::string name_;
  bool json_ = false;
  std::vector<std::pair<std::string, std::string>> flags_;
  std::vector<Metric> metrics_;
};

/// Seconds on a clock that never goes back.
double now();
double median(std::vector<double> values);
double percentile(std::vector<double> values, double p);  // p in 0 … 100, nearest rank

/// Slope of log(y) over log(x): 1 is linear.
double exponent(const std::vector<double>& xs, const std::vector<double>& ys);
/// Of this process.
double resident_bytes();

}  // namespace troupe::bench
