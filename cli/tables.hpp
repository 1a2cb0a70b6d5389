#pragma once
// What a cluster answers, as tables for people. Pure.
#include <nlohmann/json.hpp>
#include <string>

namespace troupe {

/// The reply to `nodes`.
std::string nodes_table(const nlohmann::json& nodes);
/// `troupe jobs`: one line a job, then the reasons of those that wait or have other than they want.
std::string jobs_table(const nlohmann::json& jobs);
/// `troupe show JOB`.
std::string job_page(const nlohmann::json& job);
/// `troupe up --dry-run` and the verb `plan`.
std::string plan_table(const nlohmann::json& plan);
/// One line a job, after the end: "gan  finished  12,000 steps, 192,000 images".
std::string closing_lines(const nlohmann::json& jobs);
/// One line a failed job, with its cause; empty where none failed.
std::string failure_lines(const nlohmann::json& jobs);
/// 0 … 1; a job that has no steps yet: 0.
double progress_share(const nlohmann::json& job);

}  // namespace troupe
