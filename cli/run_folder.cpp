#include "cli/run_folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "base/files.hpp"
#include "base/lines.hpp"
#include "cli/event_text.hpp"
#include "cli/text.hpp"

namespace troupe {
namespace fs = std::filesystem;

std::string run_name(const std::string& cluster, double unix_time) {
  const std::time_t seconds = static_cast<std::time_t>(unix_time);
  std::tm t{};
  localtime_r(&seconds, &t);
  return fmt::format("{:04}{:02}{:02}-{:02}{:02}{:02}-{}", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
                     t.tm_hour, t.tm_min, t.tm_sec, cluster);
}

nlohmann::json read_control(const fs::path& run) {
  const auto text = read_file(run / "control.json");
  if (!text) return nullptr;
  auto json = nlohmann::json::parse(*text, nullptr, false);
  return json.is_object() ? json : nlohmann::json(nullptr);
}

Result<std::unique_ptr<RunLock>> RunLock::take(const fs::path& run) {
  const fs::path file = run / ".lock";
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return fail(io_error("the run folder can't be written to", file, errno));
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return std::unique_ptr<RunLock>(new RunLock(fd));
  const int why = errno;
  ::close(fd);
  if (why != EWOULDBLOCK) return fail(io_error("the run folder can't be locked", file, why));
  const auto control = read_control(run);
  const long pid = member<long>(control, "pid", 0), port = member<long>(control, "port", 0);
  return fail(
      {ErrorCode::bad_usage, "this run is still running", run.string(),
       pid > 0 ? fmt::format("process {}, port {}", pid, port) : "", "",
       pid > 0 ? fmt::format(
                     "See it with `troupe jobs --port {0}`, end it with `troupe stop --all --port {0}`", port)
               : "Wait for it, or end it first"});
}

RunLock::~RunLock() { ::close(fd_); }

std::set<std::string> finished_jobs(const fs::path& run) {
  std::set<std::string> finished;
  const auto take = [&](std::string_view line) -> Result<void> {
    const auto event = nlohmann::json::parse(line.begin(), line.end(), nullptr, false);
    if (!event.is_object() || !ends_job(event)) return {};
    const std::string job = member<std::string>(event, "job", "");
    if (event_kind(event) == "job_finished") {
      finished.insert(job);
    } else {
      finished.erase(job);
    }
    return {};
  };
  (void)each_line(run / "journal.jsonl", take);  // where it can't be read, nobody knows of one that finished
  return finished;
}

namespace {

Errors no_run(const fs::path& run) {
  return {{ErrorCode::bad_usage, "this is no run folder", run.string(), "no config.toml in it", "",
           "Give a folder that `troupe up` has made, such as runs/20260131-142233-NAME"}};
}

Checked<Config> load_all(const fs::path& run) {
  std::error_code ignored;
  if (!fs::is_regular_file(run / "config.toml", ignored)) return tl::unexpected<Errors>(no_run(run));
  auto config = load_config(run / "config.toml");
  if (!config) return config;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(run, ignored)) {
    if (fs::is_regular_file(entry.path() / "job.toml", ignored)) files.push_back(entry.path() / "job.toml");
  }
  std::sort(files.begin(), files.end());
  Errors errors;
  for (const auto& file : files) {
    auto job = load_job(file);
    if (!job) {
      errors.insert(errors.end(), job.error().begin(), job.error().end());
      continue;
    }
    const auto same = [&](const JobConfig& other) { return other.name == job->name; };
    if (std::none_of(config->jobs.begin(), config->jobs.end(), same)) config->jobs.push_back(std::move(*job));
  }
  if (!errors.empty()) return tl::unexpected<Errors>(errors);
  return config;
}

}  // namespace

Checked<std::vector<JobConfig>> jobs_of_run(const fs::path& run) {
  auto config = load_all(run);
  if (!config) return tl::unexpected<Errors>(config.error());
  return config->jobs;
}

Checked<Config> load_run(const fs::path& run) {
  auto config = load_all(run);
  if (!config) return config;
  const auto finished = finished_jobs(run);
  const auto is_finished = [&](const JobConfig& job) { return finished.count(job.name) > 0; };
  config->jobs.erase(std::remove_if(config->jobs.begin(), config->jobs.end(), is_finished),
                     config->jobs.end());
  if (config->jobs.empty()) {
    return tl::unexpected<Errors>(
        {{ErrorCode::bad_usage, "this run is finished: there is nothing to resume", run.string(), "", "",
          "`troupe generate " + shell_word(run.string()) + "` makes images from it"}});
  }
  return config;
}

}  // namespace troupe
