#include "cli/event_text.hpp"

#include <fmt/format.h>

#include <functional>
#include <map>
#include <set>

#include "cli/text.hpp"

namespace troupe {
namespace {

using nlohmann::json;

std::string text_of(const json& event) { return member<std::string>(event, "text", ""); }
std::string phase_of(const json& event) { return member<std::string>(event, "phase", "?"); }
std::string with_reason(const std::string& text, const json& event) {
  const std::string reason = text_of(event);
  return reason.empty() ? text : text + ": " + reason;
}
std::string took(const json& event) {
  const double seconds = member<double>(event, "seconds", 0);
  return seconds > 0 ? " (in " + duration_text(seconds) + ")" : "";
}
std::string share(const json& event, const char* cores_key) {
  std::string text = counted(member<long>(event, cores_key, 0), "core");
  const json budget = member_or_null(event, "budget");
  return budget.is_number() ? text + ", " + bytes_text(budget) : text;
}

std::string scores_text(const json& event) {
  std::string text;
  const json scores = member_or_null(event, "scores");
  for (const auto& [name, value] : scores.items()) {
    // both {"critic": 1} and [{"name": "critic", "value": 1}] are understood
    const bool named = value.is_object();
    text += fmt::format("  {} {}", named ? member<std::string>(value, "name", "?") : name,
                        short_number(named ? member_or_null(value, "value") : value));
  }
  return text;
}

std::string steps_text(const json& event) {
  std::string text = fmt::format("step {}", member<long>(event, "step", 0));
  const long total = member<long>(event, "total_steps", 0);
  if (total > 0) text += fmt::format(" of {}", total);
  text += fmt::format("  {} images  {} a step", member<long>(event, "images", 0),
                      duration_text(member_or_null(event, "seconds")));
  return text + scores_text(event);
}

std::string sample_text(const json& event) {
  return fmt::format("slice {}: holds {}, at most {} of {}", member<std::string>(event, "slice", "?"),
                     bytes_text(member<long>(event, "held", 0)), bytes_text(member<long>(event, "peak", 0)),
                     bytes_text(member<long>(event, "budget", 0)));
}

std::string checkpoint_text(const json& event) {
  return fmt::format("checkpoint of step {} written, {}{}", member<long>(event, "step", 0),
                     bytes_text(member<long>(event, "bytes", 0)), took(event));
}

using Teller = std::function<std::string(const json&)>;

std::map<std::string, Teller> tellers() {
  const auto plain = [](const char* words) {
    return Teller([words](const json& e) { return with_reason(words, e); });
  };
  return {
      {"cluster_started", plain("cluster started")},
      {"cluster_stopped", plain("cluster stopped")},
      {"node_up", plain("node is up")},
      {"node_down", plain("node is lost")},
      {"node_drained", plain("node is drained: it gets no work")},
      {"job_submitted", plain("submitted")},
      {"job_waiting", plain("waits")},
      {"job_started", plain("started")},
      {"job_parked", plain("parked")},
      {"job_finished", plain("finished")},
      {"job_failed", plain("FAILED")},
      {"job_stopped", plain("stopped")},
      {"phase_started", [](const json& e) { return "phase " + phase_of(e) + " begins"; }},
      {"phase_finished", [](const json& e) { return "phase " + phase_of(e) + " done" + took(e); }},
      {"steps", steps_text},
      {"resize_decided",
       [](const json& e) { return with_reason("to be given " + share(e, "cores_asked"), e); }},
      {"resize_applied", [](const json& e) { return "now on " + share(e, "cores") + took(e); }},
      {"slice_sampled", sample_text},
      {"checkpoint_written", checkpoint_text},
      {"checkpoint_skipped", plain("checkpoint passed over")},
      {"resumed",
       [](const json& e) { return fmt::format("goes on from step {}", member<long>(e, "step", 0)); }},
      {"recovered", [](const json& e) { return "runs again after the loss of a node" + took(e); }},
      {"picture_written", plain("picture")},
      {"connections_refused",
       [](const json& e) {
         return fmt::format("refused {}: {}", counted(member<long>(e, "count", 0), "connection"),
                            member<std::string>(e, "text", "?"));
       }},
      {"warning", plain("warning")},
  };
}

}  // namespace

std::string event_kind(const json& event) { return member<std::string>(event, "event", ""); }

std::string event_text(const json& event) {
  const std::string kind = event_kind(event);
  const auto known = tellers();
  const auto teller = known.find(kind);
  const std::string told = teller == known.end() ? with_reason(kind, event) : teller->second(event);
  const std::string job = member<std::string>(event, "job", member<std::string>(event, "node", "cluster"));
  return fmt::format("{}  {:<10}  {}", clock_text(member<double>(event, "time", 0)), job, told);
}

bool of_note(const json& event) {
  static const std::set<std::string> quiet = {"steps",           "slice_sampled",   "checkpoint_written",
                                              "picture_written", "node_up",         "resize_decided",
                                              "cluster_started", "cluster_stopped", "phase_finished"};
  return quiet.count(event_kind(event)) == 0;
}

bool ends_job(const json& event) {
  const std::string kind = event_kind(event);
  return kind == "job_finished" || kind == "job_failed" || kind == "job_stopped";
}

}  // namespace troupe
