#pragma once
// Where events go: the journal of a run, Prometheus, pictures, the summary. Plain classes, one thread; the
// recorder actor holds them.
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/line_file.hpp"
#include "gpu/device_sample.hpp"
#include "ops/events.hpp"

namespace troupe {

struct Tracks;

/// JSON lines, one event a line, written a line at a time; opened for append (a resumed run goes on).
class Journal {
 public:
  static Result<std::unique_ptr<Journal>> open(const std::filesystem::path& file);
  /// Error io on a full disk: the event is kept and written before the next.
  Result<void> write(const Event& event);
  /// Writes the events that were kept.
  Result<void> flush() { return lines_->flush(); }

 private:
  explicit Journal(std::unique_ptr<LineFile> lines) : lines_(std::move(lines)) {}
  std::unique_ptr<LineFile> lines_;
};
/// Every event of a journal, in its order, a line at a time: a run of weeks takes no more memory than one of
/// minutes. A last line that was cut by a crash is passed over. Errors: not_found, io, bad_data with the
/// line.
Result<void> each_event(const std::filesystem::path& file, const std::function<void(const Event&)>& take);
/// All of them at once.
Result<std::vector<Event>> read_journal(const std::filesystem::path& file);

/// Prometheus metrics of one process and, unless port is -1, the HTTP endpoint on 127.0.0.1. Families in
/// docs/metrics.md.
class Metrics {
 public:
  /// port 0: any free one. Error bad_config where the port is taken, with the port and the key to change.
  static Result<std::unique_ptr<Metrics>> open(int port);
  ~Metrics();
  /// Serves what these tell, from now on. Once.
  void watch(std::vector<WatchedDevice> devices);
  void record(const Event& event);
  int port() const;          // in force; -1 without an endpoint
  std::string text() const;  // exposition format

 private:
  struct Impl;
  explicit Metrics(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// One picture: losses of every job over time above, cores and memory of every job below, on one time axis.
Result<void> draw_timeline(const Tracks& tracks, const std::filesystem::path& png);

/// summary.json of a run, from its events, which are told one after the other.
class Summary {
 public:
  Summary();
  ~Summary();
  void add(const Event& event);
  nlohmann::json json() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};
nlohmann::json summarize(const std::vector<Event>& events);
/// summary.md, from it.
std::string summary_markdown(const nlohmann::json& summary);

}  // namespace troupe
