#include "bench/bench.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

namespace troupe::bench {

Report::Report(int argc, char** argv, std::string name, std::string help) : name_(std::move(name)) {
  for (int i = 1; i < argc; ++i) {
    std::string arg = argv[i];
    if (arg == "--help" || arg == "-h") {
      fmt::print("{}\n\n{}\n\nflags: --json  --runs N  and, where the text above names them, others\n", name_,
                 help);
      std::exit(0);
    } else if (arg == "--json") {
      json_ = true;
    } else if (arg.rfind("--", 0) == 0 && i + 1 < argc) {
      flags_.emplace_back(arg.substr(2), argv[++i]);
    } else {
      fmt::print(stderr, "bench {}: error: unknown argument {} (try --help)\n", name_, arg);
      std::exit(2);
    }
  }
}

std::optional<std::string> Report::flag(const std::string& name) const {
  for (const auto& [key, value] : flags_)
    if (key == name) return value;
  return std::nullopt;
}

int Report::runs(int fallback) const {
  const auto text = flag("runs");
  return text ? std::max(1, std::atoi(text->c_str())) : fallback;
}

void Report::add(Metric metric) { metrics_.push_back(std::move(metric)); }

void Report::add(std::string name, std::string unit, std::vector<double> samples, std::optional<double> goal,
                 bool at_least, std::string peer) {
  if (samples.empty()) return;
  const auto [low, high] = std::minmax_element(samples.begin(), samples.end());
  add({std::move(name), std::move(unit), median(samples), goal, at_least, static_cast<int>(samples.size()),
       *low, *high, std::move(peer)});
}

void Report::note(const std::string& text) const { fmt::print(stderr, "{}: {}\n", name_, text); }

namespace {
bool met(const Metric& m) { return !m.goal || (m.at_least ? m.value >= *m.goal : m.value <= *m.goal); }
nlohmann::json number(double v) { return std::isfinite(v) ? nlohmann::json(v) : nlohmann::json(nullptr); }
}  // namespace

int Report::finish() const {
  if (json_) {
    auto all = nlohmann::json::array();
    for (const auto& m : metrics_)
      all.push_back({{"metric", m.name},
                     {"value", number(m.value)},
                     {"unit", m.unit},
                     {"goal", m.goal ? number(*m.goal) : nlohmann::json(nullptr)},
                     {"direction",
                      m.goal ? nlohmann::json(m.at_least ? "at_least" : "at_most") : nlohmann::json(nullptr)},
                     {"met", m.goal ? nlohmann::json(met(m)) : nlohmann::json(nullptr)},
                     {"runs", m.runs},
                     {"min", number(m.min)},
                     {"max", number(m.max)},
                     {"peer", m.peer.empty() ? nlohmann::json(nullptr) : nlohmann::json(m.peer)}});
    fmt::print("{}\n", all.dump(2));
    return 0;
  }
  fmt::print("{:<28} {:>12} {:<10} {:>14} {:>5} {:>5} {:>12} {:>12}  {}\n", "metric", "value", "unit", "goal",
             "met", "runs", "min", "max", "peer");
  for (const auto& m : metrics_)
    fmt::print("{:<28} {:>12.5g} {:<10} {:>14} {:>5} {:>5} {:>12.5g} {:>12.5g}  {}\n", m.name, m.value,
               m.unit, m.goal ? fmt::format("{} {:.4g}", m.at_least ? ">=" : "<=", *m.goal) : "-",
               m.goal ? (met(m) ? "yes" : "NO") : "-", m.runs, m.min, m.max, m.peer);
  return 0;
}

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> values) {
  if (values.empty()) return std::nan("");
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return n % 2 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

double exponent(const std::vector<double>& xs, const std::vector<double>& ys) {
  double sx = 0, sy = 0, sxx = 0, sxy = 0;
  const auto n = static_cast<double>(xs.size());
  for (std::size_t i = 0; i < xs.size(); ++i) {
    const double x = std::log(xs[i]), y = std::log(ys[i]);
    sx += x, sy += y, sxx += x * x, sxy += x * y;
  }
  return (n * sxy - sx * sy) / (n * sxx - sx * sx);
}

double resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  double total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double percentile(std::vector<double> values, double p) {
  if (values.empty()) return std::nan("");
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<std::size_t>(std::ceil(p / 100 * static_cast<double>(values.size())));
  return values[std::min(values.size() - 1, rank == 0 ? 0 : rank - 1)];
}

}  // namespace troupe::bench
