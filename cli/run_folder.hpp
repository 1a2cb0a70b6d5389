#pragma once
// What the command reads and writes in a run folder (its layout: actors/cluster.hpp).
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/config.hpp"

namespace troupe {

/// "20260131-142233-NAME", local time.
std::string run_name(const std::string& cluster, double unix_time);

/// One process at a time works in a run folder. Held by the kernel's lock on RUN/.lock, so that it ends with
/// its process however that died.
class RunLock {
 public:
  /// Error bad_usage, naming the process that control.json tells of, where another process has it.
  static Result<std::unique_ptr<RunLock>> take(const std::filesystem::path& run);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  explicit RunLock(int fd) : fd_(fd) {}
  int fd_;
};

/// RUN/control.json; null where there is none or it can't be read.
nlohmann::json read_control(const std::filesystem::path& run);

/// What a stopped run would go on with: RUN/config.toml, and the jobs submitted to it (RUN/*/job.toml), but
/// for those that the journal tells finished. Errors where nothing of it is left to do.
Checked<Config> load_run(const std::filesystem::path& run);

/// Every job of the run, the finished ones too.
Checked<std::vector<JobConfig>> jobs_of_run(const std::filesystem::path& run);

/// Names of the jobs whose last end in RUN/journal.jsonl is `job_finished`.
std::set<std::string> finished_jobs(const std::filesystem::path& run);

}  // namespace troupe
