#pragma once
// What a check on a GPU found, as JSON: facts, what must hold, figures with their goals. gpu_check.py makes
// the page of it.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/error.hpp"

namespace troupe::cuda::check {

/// A figure and what it should be.
struct Goal {
  double bound;
  bool at_most = true;  // else at least
  bool met(double value) const { return at_most ? value <= bound : value >= bound; }
};

class Report {
 public:
  /// Written after every line: what was found before a crash is there.
  explicit Report(std::filesystem::path file) : file_(std::move(file)) {}

  /// What follows is listed below `name`.
  void section(std::string name) { section_ = std::move(name); }
  void fact(const std::string& what, nlohmann::ordered_json value) {
    add({{"kind", "fact"}, {"what", what}, {"value", std::move(value)}});
  }
  void figure(const std::string& what, double value, const std::string& unit, std::optional<Goal> goal = {}) {
    nlohmann::ordered_json row = {{"kind", "figure"}, {"what", what}, {"value", value}, {"unit", unit}};
    if (goal) {
      row["goal"] = (goal->at_most ? "at most " : "at least ") + nlohmann::json(goal->bound).dump();
      row["met"] = goal->met(value);
    }
    add(std::move(row));
  }
  /// What must hold, or the check has failed.
  void must(const std::string& what, bool held, const std::string& why = {}) {
    held_ = held_ && held;
    add({{"kind", "check"}, {"what", what}, {"held", held}, {"why", why}});
  }
  void failed(const std::string& what, const Error& error) { must(what, false, error.text()); }
  void not_run(const std::string& what, const std::string& why) {
    add({{"kind", "not run"}, {"what", what}, {"why", why}});
  }
  /// What gpu_check.py makes figures of (derived.py); `of` says which.
  void sample(nlohmann::ordered_json values) {
    values["kind"] = "sample";
    add(std::move(values));
  }
  bool held() const noexcept { return held_; }
  bool written() const noexcept { return written_; }

 private:
  void add(nlohmann::ordered_json row);

  std::filesystem::path file_;
  std::string section_;
  nlohmann::ordered_json rows_ = nlohmann::ordered_json::array();
  bool held_ = true, written_ = true;
};

}  // namespace troupe::cuda::check
