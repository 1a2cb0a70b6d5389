#pragma once
// Everything worth telling: one struct, from actors to the journal, the metrics, the progress bar and the
// pictures.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "train/program.hpp"

namespace troupe {

enum class EventKind {
  cluster_started,
  cluster_stopped,
  node_up,
  node_down,  // `text`: why
  node_drained,
  job_submitted,
  job_waiting,
  job_started,
  job_parked,
  job_finished,
  job_failed,
  job_stopped,
  phase_started,
  phase_finished,
  steps,  // `steps`: a batch of committed steps
  resize_decided,
  resize_applied,
  slice_sampled,  // held, peak, budget, busy
  checkpoint_written,
  checkpoint_skipped,
  resumed,
  recovered,  // a job runs again after a node was lost; `seconds`: since the loss was known
  picture_written,
  connections_refused,  // `count` of them, by keys; `text`: the reason's label
  warning,
};
const char* to_string(EventKind kind) noexcept;

/// Flat on purpose: a field that has no meaning for a kind is left at its default and not written to the
/// journal.
struct Event {
  EventKind kind = EventKind::warning;
  double unix_time = 0;
  std::string job, node, slice, phase, text;     // text: reason, path or message
  std::int64_t step = 0, steps = 0, images = 0;  // steps: how many are told of; images: shown so far
  std::int64_t total_steps = 0;
  std::int64_t count = 0;
  int resolution = 0;
  double fade = 0;
  int cores_asked = 0, cores = 0;  // asked for and in force; of a GPU, pieces of SMs
  int sms = 0;                     // of a GPU, in force
  Bytes budget, held, peak, bytes;
  double seconds = 0;  // of a step (mean), a resize, a checkpoint …
  double shard_seconds = 0, reduce_seconds = 0, update_seconds = 0, wait_seconds = 0,
         busy_seconds = 0;    // sums
  std::vector<Score> scores;  // means over `steps`
  /// Of steps: what was said of them before they were run, 0 where nobody could tell, and how many steps like
  /// them had corrected it.
  double predicted_seconds = 0;
  Bytes predicted_bytes;
  double headroom = 0;  // share of these that a wall has on top
  std::int64_t learned = 0;
  double predicted_slowdown = 0, slowdown = 0;  // of a step by others on its device; 0: none there, not known
};

nlohmann::json to_json(const Event& event);  // NaN and infinities become null
Result<Event> event_from_json(const nlohmann::json& json);

}  // namespace troupe
