#include "cli/progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "cli/event_text.hpp"
#include "cli/tables.hpp"
#include "cli/text.hpp"

namespace troupe {
namespace {

using nlohmann::json;

constexpr int kBar = 20, kShortBar = 10;

std::string bar(double share, int cells) {
  const int full = static_cast<int>(share * cells);
  return fmt::format("[{:#<{}}{:.<{}}]", "", full, "", cells - full);
}

std::string phase_text(const json& job) {
  std::string text = member<std::string>(job, "phase", "");
  const double fade = member<double>(job, "fade", 1);
  if (!text.empty() && fade < 1) text += fmt::format(" fade {:.0f} %", 100 * fade);
  return text;
}

std::string scores_text(const json& job) {
  const json scores = member_or_null(job, "scores");
  std::string text;
  for (const char* name : {"critic", "generator"}) {
    if (scores.is_object() && scores.contains(name))
      text += fmt::format("  {} {}", name, short_number(scores[name]));
  }
  if (!text.empty() || !scores.is_object()) return text;
  for (const auto& [name, value] : scores.items()) {
    if (columns(text) < 30) text += fmt::format("  {} {}", name, short_number(value));
  }
  return text;
}

std::string running_line(const json& job, const std::string& name, int bar_cells, bool with_scores) {
  const double share = progress_share(job);
  std::string text = name + "  ";
  const std::string phase = phase_text(job);
  if (!phase.empty()) text += fmt::format("{:<14} ", phase);
  text += fmt::format("{} {:3.0f} %  {:>5} images/s", bar(share, bar_cells), 100 * share,
                      short_number(member_or_null(job, "images_per_second")));
  if (with_scores) text += scores_text(job);
  text += " | " + counted(member<long>(job, "cores", 0), "core");
  const json left = member_or_null(job, "remaining_seconds");
  return left.is_number() ? text + " | " + duration_text(left) + " left" : text;
}

}  // namespace

std::string progress_line(const json& job, int width, int name_width) {
  const std::string name = fmt::format("{:<{}}", member<std::string>(job, "name", "?"), name_width);
  const std::string state = member<std::string>(job, "state", "?");
  if (state == "running") {
    for (const auto& [cells, scores] : {std::pair(kBar, true), {kShortBar, true}, {kShortBar, false}}) {
      std::string line = running_line(job, name, cells, scores);
      if (columns(line) <= width) return line;
    }
    return cut(running_line(job, name, kShortBar, false), width);
  }
  std::string text = name + "  " + state;
  if (state == "parked") text += fmt::format(" at {:.0f} %", 100 * progress_share(job));
  if (state == "finished") text += fmt::format(", {} images", member<long>(job, "images", 0));
  const std::string failure = member<std::string>(job, "error", "");
  const std::string reason = failure.empty() ? member<std::string>(job, "reason", "") : failure;
  const bool tell = !reason.empty() && state != "finished" && state != "stopped";
  return cut(tell ? text + ": " + reason : text, width);
}

ProgressFrame render(const json& jobs, const json& events, int width) {
  ProgressFrame frame;
  for (const auto& event : events) {
    if (of_note(event)) frame.notes.push_back(cut(event_text(event), width));
  }
  int name_width = 0;
  for (const auto& job : jobs) {
    name_width = std::max(name_width, columns(member<std::string>(job, "name", "?")));
  }
  for (const auto& job : jobs) frame.jobs.push_back(progress_line(job, width, std::min(name_width, 16)));
  return frame;
}

void ProgressView::draw(const json& jobs, const json& events, double now) {
  // one column less than the terminal has: a full line would wrap on some of them
  const ProgressFrame frame = render(jobs, events, terminal_.redraw ? terminal_.width - 1 : 10000);
  if (terminal_.redraw) {
    draw_over(frame);
    return;
  }
  for (const auto& line : frame.notes) terminal_.out << line << "\n";
  if (now - last_ >= every_) {
    for (const auto& line : frame.jobs)
      if (std::find(printed_.begin(), printed_.end(), line) == printed_.end())
        terminal_.out << clock_text(now) << "  " << line << "\n";
    printed_ = frame.jobs;
    last_ = now;
  }
  terminal_.out.flush();
}

void ProgressView::draw_over(const ProgressFrame& frame) {
  std::string text;
  if (drawn_ > 0) text += fmt::format("\x1b[{}A", drawn_);
  text += "\r\x1b[J";
  for (const auto& line : frame.notes) {
    text += terminal_.color ? "\x1b[2m" + line + "\x1b[0m\n" : line + "\n";
  }
  for (const auto& line : frame.jobs) text += line + "\n";
  terminal_.out << text;
  terminal_.out.flush();
  drawn_ = frame.jobs.size();
}

void ProgressView::finish() { drawn_ = 0; }

}  // namespace troupe
