#pragma once
#include <deque>
#include <fstream>
#include <map>

#include "actors/common.hpp"
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
  std::map<std::string, std::FILE*> losses;
  bool complained = false;  // a full disk is told once, not at every event
  const char* name = "recorder";
  ~RecorderState();
};
recorder_actor::behavior_type recorder(recorder_actor::stateful_pointer<RecorderState> self,
                                       RecorderArgs args);
}  // namespace troupe
