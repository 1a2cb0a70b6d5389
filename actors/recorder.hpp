#pragma once
#include <deque>
#include <map>

#include "actors/common.hpp"
#include "base/line_file.hpp"
#include "base/log.hpp"
#include "ops/recorder.hpp"

namespace troupe {
struct RecorderArgs {
  std::filesystem::path run;
  std::shared_ptr<Journal> journal;
  std::shared_ptr<Metrics> metrics;
  SharedClock clock;
  Log log;
};
struct RecorderState {
  RecorderArgs args;
  std::deque<Event> recent;  // for `troupe logs` and the progress bar
  std::int64_t first = 0;    // number of recent.front() since the start
  struct Losses {
    std::unique_ptr<LineFile> file;
    std::unique_ptr<LineFile> leases;
    bool refused = false;
  };
  std::map<std::string, Losses> losses;
  bool refused = false;  // by the disk, at the last event: told once, not at every event
  const char* name = "recorder";
};
recorder_actor::behavior_type recorder(recorder_actor::stateful_pointer<RecorderState> self,
                                       RecorderArgs args);
}  // namespace troupe
