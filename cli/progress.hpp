#pragma once
// The progress of a cluster. render() is pure; ProgressView draws what it says.
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/terminal.hpp"

namespace troupe {

struct ProgressFrame {
  std::vector<std::string> notes;  // said once, above: phases, moves, warnings
  std::vector<std::string> jobs;   // one line a job, said anew each time
};

/// jobs and events as the verbs `jobs` and `events` answer them. No line is wider than `width`.
ProgressFrame render(const nlohmann::json& jobs, const nlohmann::json& events, int width);

/// "gan  32x32 fade 40 % [#####.....] 52 %  512 images/s  critic 1.2  generator -0.4 | 2 cores | 3 min 10 s
/// left".
std::string progress_line(const nlohmann::json& job, int width, int name_width = 0);

/// On a terminal the job lines are redrawn in place under the notes; elsewhere those that
/// have changed are printed every few seconds.
class ProgressView {
 public:
  ProgressView(const Terminal& terminal, double plain_seconds = 5)
      : terminal_(terminal), every_(plain_seconds) {}
  void draw(const nlohmann::json& jobs, const nlohmann::json& events, double now);
  /// Leaves the last lines standing; what is printed next starts below them.
  void finish();

 private:
  void draw_over(const ProgressFrame& frame);
  const Terminal& terminal_;
  double every_;
  double last_ = -1e300;
  std::vector<std::string> printed_;  // job lines, the last time
  std::size_t drawn_ = 0;             // job lines that may be drawn over
};

}  // namespace troupe
