#include "actors/recorder.hpp"

#include <fmt/core.h>

#include "actors/leases_file.hpp"
#include "actors/losses_file.hpp"
#include "base/files.hpp"
#include "data/png.hpp"
#include "ops/tracks.hpp"
#include "train/grid.hpp"

namespace troupe {
namespace {

using Self = recorder_actor::stateful_pointer<RecorderState>;

/// Events kept in memory for those who follow; older ones are in the journal.
constexpr std::size_t kRecent = 4096;

/// A job that is over writes no more rows; those that a full disk refused are tried again later.
void close_losses(RecorderState& state, const Event& event) {
  const bool over = event.kind == EventKind::job_finished || event.kind == EventKind::job_failed ||
                    event.kind == EventKind::job_stopped;
  const auto losses = over ? state.losses.find(event.job) : state.losses.end();
  if (losses != state.losses.end() && !losses->second.refused) state.losses.erase(losses);
}

void record(Self self, Event event) {
  auto& state = self->state;
  if (event.unix_time == 0) event.unix_time = state.args.clock->unix_time();
  state.args.metrics->record(event);
  const auto written = state.args.journal->write(event);
  if (!written && !state.refused) state.args.log->error("{}", written.error().text());
  state.refused = !written;
  close_losses(state, event);
  state.recent.push_back(std::move(event));
  if (state.recent.size() > kRecent) {
    state.recent.pop_front();
    ++state.first;
  }
}

void complain(Self self, const std::string& job, const Error& error) {
  record(self, Event{.kind = EventKind::warning, .job = job, .text = error.text()});
}

void note_file(Self self, const std::string& job, const Result<void>& written,
               const std::filesystem::path& file) {
  if (!written) return complain(self, job, written.error());
  record(self, Event{.kind = EventKind::picture_written, .job = job, .text = file.string()});
}

void write_picture(Self self, const WritePicture& m) {
  if (auto folder = make_writable_folder(m.file.parent_path()); !folder)
    return complain(self, m.job, folder.error());
  note_file(self, m.job, write_png(m.file, image_grid(m.rows, m.cell)), m.file);
}

void write_images(Self self, const WriteImages& m) {
  if (auto folder = make_writable_folder(m.folder); !folder) return complain(self, m.job, folder.error());
  for (std::size_t i = 0; i < m.images.size(); ++i)
    if (auto written = write_png(m.folder / fmt::format("{}-{:04}.png", m.prefix, i), m.images[i]); !written)
      return complain(self, m.job, written.error());
}

void keep_file(Self self, const KeepFile& m) {
  auto kept = make_writable_folder(m.file.parent_path());
  if (kept) kept = write_file(m.file, m.text);
  if (!kept) complain(self, "", kept.error());
}

EventBatch events_after(const RecorderState& state, const EventsAfter& m) {
  EventBatch batch{.next = state.first + static_cast<std::int64_t>(state.recent.size()), .events = {}};
  for (std::int64_t i = std::max(m.after, state.first); i < batch.next; ++i) {
    const Event& event = state.recent[static_cast<std::size_t>(i - state.first)];
    if (!m.job.empty() && event.job != m.job) continue;
    if (static_cast<int>(batch.events.size()) == m.limit) {
      batch.next = i;
      break;
    }
    batch.events.push_back(event);
  }
  return batch;
}

Outcome finish(const RecorderState& state) {
  const auto& run = state.args.run;
  Summary sums;
  TrackMaker tracks;
  const auto read = each_event(run / "journal.jsonl", [&](const Event& event) {
    sums.add(event);
    tracks.add(event);
  });
  if (!read) return {read.error()};
  const auto summary = sums.json();
  if (auto r = write_file(run / "summary.json", summary.dump(2)); !r) return {r.error()};
  if (auto r = write_file(run / "summary.md", summary_markdown(summary)); !r) return {r.error()};
  return outcome(draw_timeline(tracks.tracks(), run / "timeline.png"));
}

Outcome open_rows(RecorderState& state, const OpenLosses& m) {
  const auto folder = state.args.run / m.job;
  if (auto made = make_writable_folder(folder); !made) return {made.error()};
  state.losses.erase(m.job);
  auto opened = open_losses(folder / "losses.csv", m.step);
  if (!opened) return {opened.error()};
  std::error_code ignored;
  if (m.fresh) std::filesystem::remove(folder / "leases.csv", ignored);
  auto leases = LineFile::open(folder / "leases.csv");
  if (!leases) return {leases.error()};
  state.losses[m.job] = {std::move(*opened), std::move(*leases)};
  return {};
}

/// What a full disk refuses is written later, before the rows that come after it.
void note_lease(Self self, const NoteLease& m) {
  const auto found = self->state.losses.find(m.job);
  if (found == self->state.losses.end()) return;
  auto& losses = found->second;
  const auto written = losses.leases->append(lease_line(m.lease));
  if (!written && !losses.refused) complain(self, m.job, written.error());
}

Records records(const RecorderState& state, const AskRecords& m) {
  const auto folder = state.args.run / m.job;
  Records found{.rows = count_losses(folder / "losses.csv"), .leases = {}, .outcome = {}};
  if (auto leases = read_leases(folder / "leases.csv"))
    found.leases = std::move(*leases);
  else
    found.outcome = {leases.error()};
  return found;
}

/// Rows and events are written as they come; what a full disk refused waits for this.
Outcome flush(RecorderState& state) {
  Outcome worst = outcome(state.args.journal->flush());
  for (auto& [job, losses] : state.losses)
    for (auto* file : {losses.leases.get(), losses.file.get()})
      if (auto written = file->flush(); !written) worst = {written.error()};
  return worst;
}

void write_rows(Self self, const LossRows& m) {
  const auto found = self->state.losses.find(m.job);
  if (found == self->state.losses.end()) return;
  auto& losses = found->second;
  const auto written = append_losses(*losses.file, m.steps);
  if (!written && !losses.refused) complain(self, m.job, written.error());
  losses.refused = !written;
}

}  // namespace

recorder_actor::behavior_type recorder(Self self, RecorderArgs args) {
  name_exceptions(self);
  self->state.args = std::move(args);
  return {
      [self](const Events& m) {
        for (const auto& event : m.events) record(self, event);
      },
      [self](const LossRows& m) { write_rows(self, m); },
      [self](const OpenLosses& m) { return open_rows(self->state, m); },
      [self](const NoteLease& m) { note_lease(self, m); },
      [self](const AskRecords& m) { return records(self->state, m); },
      [self](const WritePicture& m) { write_picture(self, m); },
      [self](const WriteImages& m) { write_images(self, m); },
      [self](const WriteResult& m) {
        if (auto r = write_file(self->state.args.run / m.job / "result.json", m.text); !r)
          complain(self, m.job, r.error());
      },
      [self](const KeepFile& m) { keep_file(self, m); },
      [self](const EventsAfter& m) { return events_after(self->state, m); },
      [self](const FlushRecords&) { return flush(self->state); },
      [self](const FinishRun&) { return finish(self->state); },
  };
}

}  // namespace troupe
