#include "cli/tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/units.hpp"
#include "cli/text.hpp"

namespace troupe {
namespace {

using nlohmann::json;

std::string word(const json& object, const char* key) {
  const std::string text = member<std::string>(object, key, "");
  return text.empty() ? "-" : text;
}

std::string memory_text(const json& job) {
  return bytes_text(member_or_null(job, "held")) + " / " + bytes_text(member_or_null(job, "memory"));
}

std::string cores_text(const json& job) {
  const long have = member<long>(job, "cores", 0), wanted = member<long>(job, "cores_wanted", have);
  const std::string text = have == wanted ? std::to_string(have) : fmt::format("{} of {}", have, wanted);
  const json gpu = member_or_null(job, "gpu");
  return gpu.is_object() ? fmt::format("{} ({} SMs)", text, member<long>(gpu, "sms", 0)) : text;
}

/// Where a job runs that is on a GPU, and what it has of it.
std::string gpu_text(const json& gpu) {
  if (!gpu.is_object()) return "-";
  return fmt::format("{}, {}: {} of {} SMs in force, in pieces of {}", word(gpu, "device"),
                     word(gpu, "model"), member<long>(gpu, "sms", 0), member<long>(gpu, "of_sms", 0),
                     member<long>(gpu, "sms_a_piece", 0));
}

std::string fields(const std::vector<std::pair<std::string, std::string>>& lines) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, value] : lines) rows.push_back({name, value});
  return table(rows);
}

std::string cores_list(const json& cores) {
  std::string text;
  for (const auto& core : cores) text += (text.empty() ? "" : ",") + core.dump();
  return text.empty() ? "-" : text;
}

/// What a grant's cores are. A head of before says nothing.
std::string unit_of(const json& grant) { return member<std::string>(grant, "unit", "core"); }

std::string grants_text(const json& grants) {
  std::string text;
  for (const auto& grant : grants) {
    text +=
        fmt::format("{}{}: {}s {}, {}", text.empty() ? "" : "; ", word(grant, "node"), unit_of(grant),
                    cores_list(member_or_null(grant, "cores")), bytes_text(member_or_null(grant, "memory")));
  }
  return text.empty() ? "-" : text;
}

/// Why it waits or has what it has; when it starts, and that it will be late.
std::string reason_words(const json& job) {
  std::string words = member<std::string>(job, "reason", "");
  const auto add = [&words](const std::string& more) { words += (words.empty() ? "" : "; ") + more; };
  if (const auto starts = member<std::string>(job, "starts", ""); !starts.empty()) add("starts: " + starts);
  if (const auto late = member<std::string>(job, "late", ""); !late.empty()) add(late);
  return words;
}

std::string deadline_words(const json& job) {
  const double left = member<double>(job, "deadline_in_seconds", NAN);
  if (std::isnan(left)) return "-";
  const std::string when =
      left >= 0 ? "in " + format_duration(left) : "was " + format_duration(-left) + " ago";
  const auto late = member<std::string>(job, "late", "");
  return late.empty() ? when : when + "; " + late;
}

std::string phases_table(const json& phases) {
  std::vector<std::vector<std::string>> rows = {{"PHASE", "PEAK", "PREDICTED", "IMAGES/S", "TIME"}};
  for (const auto& phase : phases) {
    rows.push_back({word(phase, "name"), bytes_text(member_or_null(phase, "peak")),
                    bytes_text(member_or_null(phase, "predicted")),
                    short_number(member_or_null(phase, "images_per_second")),
                    duration_text(member_or_null(phase, "seconds"))});
  }
  return rows.size() == 1 ? "" : "\n" + table(rows, {1, 2, 3, 4});
}

/// "told 41.2 ms, takes 43 ms: 4 % off, corrected by 200 steps".
std::string step_prediction(const json& told) {
  if (member_or_null(told, "step_seconds").is_null()) return "-";
  const long learned = member<long>(told, "learned_steps", 0);
  return fmt::format("told {}, takes {}: {:.1f} % off, {}",
                     duration_text(member_or_null(told, "step_seconds")),
                     duration_text(member_or_null(told, "measured_step_seconds")),
                     100 * member<double>(told, "step_error", 0),
                     learned == 0 ? "never measured before" : "corrected by " + counted(learned, "step"));
}

std::string memory_prediction(const json& told) {
  if (member_or_null(told, "memory").is_null()) return "-";
  const double headroom = member<double>(told, "memory_headroom", 0);
  return fmt::format("told {}, took {} so far{}", bytes_text(member_or_null(told, "memory")),
                     bytes_text(member_or_null(told, "measured_memory")),
                     headroom > 0 ? fmt::format("; {:.0f} % headroom", 100 * headroom) : "");
}

std::string slowdown_words(const json& told) {
  const double foretold = member<double>(told, "slowdown", 0),
               seen = member<double>(told, "measured_slowdown", 0);
  if (foretold <= 0) return "-";
  return fmt::format("told {:.2f} times slower than alone{}", foretold,
                     seen > 0 ? fmt::format(", took {:.2f}", seen) : ", not measured");
}

std::string score_words(const json& job) {
  std::string text;
  const json scores = member_or_null(job, "scores");
  for (const auto& [name, value] : scores.items()) {
    text += fmt::format("{}{} {}", text.empty() ? "" : "  ", name, short_number(value));
  }
  return text.empty() ? "-" : text;
}

}  // namespace

double progress_share(const json& job) {
  const double steps = member<double>(job, "steps", 0), step = member<double>(job, "step", 0);
  return steps > 0 ? std::clamp(step / steps, 0.0, 1.0) : 0.0;
}

namespace {
std::string jobs_of(const json& node) {
  std::string jobs;
  for (const auto& job : member_or_null(node, "jobs"))
    jobs += (jobs.empty() ? "" : ",") + (job.is_string() ? job.get<std::string>() : "?");
  return jobs.empty() ? "-" : jobs;
}

/// Beneath its node.
std::vector<std::string> gpu_row(const json& gpu) {
  return {word(gpu, "name"),
          word(gpu, "state"),
          fmt::format("{} pieces", member<long>(gpu, "pieces", 0)),
          bytes_text(member_or_null(gpu, "memory")),
          fmt::format("{}, {} SMs", word(gpu, "model"), member<long>(gpu, "sms", 0)),
          "-",
          jobs_of(gpu),
          "-"};
}
}  // namespace

std::string nodes_table(const json& nodes) {
  std::vector<std::vector<std::string>> rows = {
      {"NAME", "STATE", "CORES", "MEMORY", "ADDRESS", "SINCE", "JOBS", "REASON"}};
  for (const auto& node : nodes) {
    rows.push_back({word(node, "name") + (member<bool>(node, "head", false) ? " (head)" : ""),
                    word(node, "state"), std::to_string(member<long>(node, "cores", 0)),
                    bytes_text(member_or_null(node, "memory")), word(node, "address"),
                    duration_text(member_or_null(node, "since_seconds")), jobs_of(node), word(node, "why")});
    for (const auto& gpu : member_or_null(node, "gpus")) rows.push_back(gpu_row(gpu));
  }
  return table(rows, {2, 3});
}

std::string jobs_table(const json& jobs) {
  if (!jobs.is_array() || jobs.empty()) return "no jobs\n";
  std::vector<std::vector<std::string>> rows = {{"NAME", "KIND", "STATE", "PHASE", "DONE", "IMAGES/S",
                                                 "CORES", "MEMORY HELD/BUDGET", "LEFT", "REASON"}};
  for (const auto& job : jobs) {
    const std::string failure = member<std::string>(job, "error", "");
    rows.push_back({word(job, "name"), word(job, "kind"), word(job, "state"), word(job, "phase"),
                    fmt::format("{:.0f} %", 100 * progress_share(job)),
                    short_number(member_or_null(job, "images_per_second")), cores_text(job), memory_text(job),
                    duration_text(member_or_null(job, "remaining_seconds")),
                    failure.empty() ? reason_words(job) : failure});
  }
  return table(rows, {4, 5, 6, 7, 8});
}

std::string job_page(const json& job) {
  std::string text = fields({
      {"name", word(job, "name")},
      {"kind", word(job, "kind")},
      {"state", word(job, "state")},
      {"reason", word(job, "reason")},
      {"error", word(job, "error")},
      {"starts", word(job, "starts")},
      {"user", word(job, "user")},
      {"priority", fmt::format("{}{}", member<long>(job, "priority", 0),
                               member<bool>(job, "due", false) ? ", due: before all priorities" : "")},
      {"waited", duration_text(member_or_null(job, "waited_seconds"))},
      {"deadline", deadline_words(job)},
      {"phase", fmt::format("{}, fade {:.0f} %", word(job, "phase"), 100 * member<double>(job, "fade", 1))},
      {"step", fmt::format("{} of {} ({:.1f} %)", member<long>(job, "step", 0), member<long>(job, "steps", 0),
                           100 * progress_share(job))},
      {"images", fmt::format("{}, {} a second", member<long>(job, "images", 0),
                             short_number(member_or_null(job, "images_per_second")))},
      {"left", duration_text(member_or_null(job, "remaining_seconds"))},
      {"cores", cores_text(job)},
      {"gpu", gpu_text(member_or_null(job, "gpu"))},
      {"memory", fmt::format("{}, at most {}", memory_text(job), bytes_text(member_or_null(job, "peak")))},
      {"step time", step_prediction(member_or_null(job, "predicted"))},
      {"peak memory", memory_prediction(member_or_null(job, "predicted"))},
      {"beside others", slowdown_words(member_or_null(job, "predicted"))},
      {"scores", score_words(job)},
      {"resizes", std::to_string(member<long>(job, "resizes", 0))},
      {"slices", grants_text(member_or_null(job, "slices"))},
      {"checkpoint", word(job, "checkpoint")},
      {"hash", word(job, "hash")},
  });
  text += phases_table(member_or_null(job, "phases"));
  const std::string config = member<std::string>(job, "config", "");
  return config.empty() ? text : text + "\n" + config + (config.back() == '\n' ? "" : "\n");
}

std::string plan_table(const json& plan) {
  const json jobs = member_or_null(plan, "jobs");
  if (!jobs.is_object() || jobs.empty())
    return "no jobs: the cluster would stay up and wait for `troupe submit`\n";
  std::vector<std::vector<std::string>> rows = {{"JOB", "GETS", "WANTS", "REASON"}};
  for (const auto& [name, decision] : jobs.items()) {
    const json grants = member_or_null(decision, "grants");
    const std::string unit = grants.empty() ? "core" : unit_of(grants.front());
    rows.push_back({name, grants_text(grants),
                    counted(member<long>(decision, "wanted_cores", 0), unit.c_str()),
                    word(decision, "reason")});
  }
  return table(rows);
}

std::string failure_lines(const json& jobs) {
  std::string lines;
  for (const auto& job : jobs) {
    if (member<std::string>(job, "state", "") != "failed") continue;
    lines +=
        fmt::format("job {} failed: {}\n", member<std::string>(job, "name", "?"),
                    member<std::string>(job, "error", member<std::string>(job, "reason", "no reason told")));
  }
  return lines;
}

std::string closing_lines(const json& jobs) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& job : jobs) {
    const std::string failure = member<std::string>(job, "error", "");
    rows.push_back({"  " + word(job, "name"), word(job, "state"),
                    counted(member<long>(job, "step", 0), "step"),
                    counted(member<long>(job, "images", 0), "image"), failure});
  }
  return table(rows, {2, 3});
}

}  // namespace troupe
