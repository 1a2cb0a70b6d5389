#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/port.hpp"
#include "base/version.hpp"
#include "ops/device_metrics.hpp"
#include "ops/recorder.hpp"

namespace troupe {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Labels;

constexpr std::size_t longest_reason = 200;  // bytes of a label

Histogram::BucketBoundaries step_buckets() {
  return {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
}
Histogram::BucketBoundaries phase_buckets() {
  return {1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 14400, 86400};
}
Histogram::BucketBoundaries resize_buckets() {
  return {0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.1, 1};
}
Histogram::BucketBoundaries checkpoint_buckets() {
  return {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60};
}

/// Cuts between characters: a label is valid UTF-8.
std::string label_text(std::string text) {
  if (text.size() <= longest_reason) return text;
  std::size_t end = longest_reason;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

}  // namespace

struct Metrics::Impl {
  template <class Build>
  auto& family(Build build, const char* name, const char* help) {
    return build.Name(name).Help(help).Register(*registry);
  }
  Family<Gauge>& gauges(const char* name, const char* help) {
    return family(prometheus::BuildGauge(), name, help);
  }
  Family<Counter>& counters(const char* name, const char* help) {
    return family(prometheus::BuildCounter(), name, help);
  }
  Family<Histogram>& histograms(const char* name, const char* help) {
    return family(prometheus::BuildHistogram(), name, help);
  }

  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  Family<Gauge>& build_info = gauges("troupe_build_info", "1, with the version as a label.");
  Family<Counter>& events = counters("troupe_events_total", "Events by kind.");
  Family<Counter>& refused =
      counters("troupe_refused_connections_total",
               "Connections and joins that were not let in, and what data planes refused.");
  Family<Gauge>& units_asked =
      gauges("troupe_slice_compute_units_asked", "Cores that the plan gives a slice; of a GPU, pieces.");
  Family<Gauge>& units =
      gauges("troupe_slice_compute_units", "Cores that a slice runs on; of a GPU, pieces.");
  Family<Gauge>& sms = gauges("troupe_slice_sms", "SMs that a slice of a GPU runs on.");
  Family<Gauge>& budget = gauges("troupe_slice_memory_budget_bytes", "The wall of a slice.");
  Family<Gauge>& held = gauges("troupe_slice_memory_held_bytes", "Bytes that a slice holds.");
  Family<Gauge>& peak =
      gauges("troupe_slice_memory_peak_bytes", "Most bytes that a slice held in its phase.");
  Family<Counter>& busy = counters("troupe_slice_busy_seconds_total",
                                   "Core seconds that a slice computed; of a GPU, seconds of the device.");
  Family<Counter>& steps = counters("troupe_job_steps_total", "Committed steps.");
  Family<Counter>& images = counters("troupe_job_images_total", "Images shown.");
  Family<Gauge>& total_steps = gauges("troupe_job_planned_steps", "Steps that the job has in all.");
  Family<Gauge>& loss = gauges("troupe_job_loss", "Losses and other scores, by name.");
  Family<Gauge>& phase =
      gauges("troupe_job_phase_index", "Phases begun before the present one, in this process.");
  Family<Gauge>& resolution = gauges("troupe_job_resolution_pixels", "Edge of the images of the phase.");
  Family<Gauge>& fade = gauges("troupe_job_fade_ratio", "How far the newest layers are in.");
  Family<Gauge>& state = gauges("troupe_job_state", "1 for the state that the job is in.");
  Family<Gauge>& waiting =
      gauges("troupe_job_waiting_info", "1 while a job waits, with the reason as a label.");
  Family<Gauge>& step_predicted =
      gauges("troupe_job_step_predicted_seconds", "A step's wall time, as told before the steps were run.");
  Family<Gauge>& step_measured = gauges("troupe_job_step_measured_seconds",
                                        "The same as it came to be, a mean over the steps last told of.");
  Family<Gauge>& step_error =
      gauges("troupe_job_step_error_ratio", "How far the predicted step time was off, of the measured one.");
  Family<Gauge>& memory_predicted =
      gauges("troupe_job_memory_predicted_bytes", "Peak of the phase, as told before it, without headroom.");
  Family<Gauge>& memory_measured =
      gauges("troupe_job_memory_measured_bytes", "Most bytes that the job held in the phase.");
  Family<Gauge>& memory_error =
      gauges("troupe_job_memory_error_ratio", "How far the predicted peak is off, of the measured one.");
  Family<Gauge>& headroom =
      gauges("troupe_job_memory_headroom_ratio", "Share of the predicted peak that walls have on top of it.");
  Family<Gauge>& slowdown_predicted =
      gauges("troupe_job_slowdown_predicted_ratio",
             "A step beside the device's other jobs over one alone, as foretold.");
  Family<Gauge>& slowdown_measured =
      gauges("troupe_job_slowdown_measured_ratio", "The same as it came to be.");
  Family<Gauge>& slowdown_error =
      gauges("troupe_job_slowdown_error_ratio", "How far the former is off, of the latter.");
  Family<Gauge>& learned = gauges("troupe_job_prediction_learned_steps",
                                  "Steps that corrected the step time; 0: it was never measured.");
  Family<Histogram>& step_seconds = histograms("troupe_step_seconds", "Wall time of a step.");
  Family<Histogram>& phase_seconds = histograms("troupe_phase_seconds", "Wall time of a phase.");
  Family<Histogram>& resize_seconds =
      histograms("troupe_resize_seconds", "From the decision to the first shard at the new size.");
  Family<Histogram>& checkpoint_seconds =
      histograms("troupe_checkpoint_seconds", "Wall time of a checkpoint.");
  Family<Counter>& checkpoint_bytes =
      counters("troupe_checkpoint_bytes_total", "Bytes of checkpoints written.");
  Family<Counter>& shard_seconds = counters("troupe_shard_seconds_total", "Core seconds in shards.");
  Family<Counter>& reduce_seconds = counters("troupe_all_reduce_seconds_total", "Seconds in reductions.");
  Family<Counter>& reduce_bytes = counters("troupe_all_reduce_bytes_total", "Bytes of gradients reduced.");
  Family<Counter>& update_seconds = counters("troupe_update_seconds_total", "Seconds in the optimiser.");
  Family<Counter>& loader_wait =
      counters("troupe_loader_wait_seconds_total", "Seconds that steps waited for batches.");

  /// The gauges of each live job: Family::Remove leaves references to what it removes, so nothing else keeps
  /// any.
  std::map<std::string, std::map<std::pair<Family<Gauge>*, Labels>, Gauge*>> live;
  std::map<std::string, std::int64_t> images_seen;
  std::map<std::string, double> busy_seen;
  std::map<std::string, std::set<Labels>> slices;  // by job: those told of since the first
  std::map<std::string, std::vector<std::string>> phases;
  std::shared_ptr<DeviceMetrics> devices;  // the endpoint keeps no hold of it
  std::unique_ptr<prometheus::Exposer> exposer;
  int port = -1;

  void set(Family<Gauge>& in, const std::string& job, Labels labels, double value) {
    labels["job"] = job;
    auto& gauge = live[job][{&in, labels}];
    if (!gauge) gauge = &in.Add(labels);
    gauge->Set(value);
  }
  void clear(Family<Gauge>& in, const std::string& job) {
    auto& gauges_of_job = live[job];
    for (auto it = gauges_of_job.begin(); it != gauges_of_job.end();) {
      if (it->first.first != &in) {
        ++it;
        continue;
      }
      in.Remove(it->second);
      it = gauges_of_job.erase(it);
    }
  }
  void forget(const std::string& job) {
    for (auto& [key, gauge] : live[job]) key.first->Remove(gauge);
    live.erase(job);
    images_seen.erase(job);
    phases.erase(job);
    slices.erase(job);
    std::erase_if(busy_seen, [&](const auto& entry) { return entry.first.starts_with(job + '\n'); });
  }
  static void add(Family<Counter>& in, const Labels& labels, double value) {
    if (std::isfinite(value) && value >= 0) in.Add(labels).Increment(value);
  }
  static void observe(Family<Histogram>& in, const std::string& job, double value,
                      const Histogram::BucketBoundaries& buckets, std::int64_t times = 1) {
    if (!std::isfinite(value) || value < 0) return;
    auto& histogram = in.Add({{"job", job}}, buckets);
    if (times == 1) return histogram.Observe(value);
    std::vector<double> counts(buckets.size() + 1, 0);
    const auto at = std::lower_bound(buckets.begin(), buckets.end(), value) - buckets.begin();
    counts[static_cast<std::size_t>(at)] = static_cast<double>(times);
    histogram.ObserveMultiple(counts, value * static_cast<double>(times));
  }
  void enter_state(const std::string& job, const char* name, const std::string& reason) {
    clear(state, job);
    clear(waiting, job);
    set(state, job, {{"state", name}}, 1);
    if (!reason.empty()) set(waiting, job, {{"reason", label_text(reason)}}, 1);
  }
  void record_slice(const Event& e);
  void drop_slices(const std::string& job);
  void record_steps(const Event& e);
  void record_prediction(const Event& e);
  void record_phase(const Event& e);
  void record_job(const Event& e);
};

void Metrics::Impl::record_slice(const Event& e) {
  const std::string slice = e.slice.empty() ? e.job + "-0" : e.slice;
  const Labels labels = {{"node", e.node}, {"slice", slice}};
  if (slice == e.job + "-0") slices[e.job].clear();
  slices[e.job].insert({{"job", e.job}, {"node", e.node}, {"slice", slice}});
  set(units_asked, e.job, labels, e.cores_asked);
  set(units, e.job, labels, e.cores);
  if (e.sms > 0) set(sms, e.job, labels, e.sms);
  set(budget, e.job, labels, static_cast<double>(e.budget.count));
  set(held, e.job, labels, static_cast<double>(e.held.count));
  set(peak, e.job, labels, static_cast<double>(e.peak.count));
  double& seen = busy_seen[e.job + '\n' + slice];
  add(busy, {{"job", e.job}, {"slice", slice}}, e.busy_seconds - (e.busy_seconds < seen ? 0 : seen));
  seen = e.busy_seconds;  // a job that was submitted anew counts from zero
  if (slices[e.job].size() >= static_cast<std::size_t>(std::max<std::int64_t>(1, e.count)))
    drop_slices(e.job);
}

/// Those that were not told of: they went, or to another node.
void Metrics::Impl::drop_slices(const std::string& job) {
  const std::set<Family<Gauge>*> of_slices = {&units_asked, &units, &sms, &budget, &held, &peak};
  auto& gauges_of_job = live[job];
  for (auto it = gauges_of_job.begin(); it != gauges_of_job.end();) {
    const auto& [family, labels] = it->first;
    if (!of_slices.contains(family) || slices[job].contains(labels)) {
      ++it;
      continue;
    }
    family->Remove(it->second);
    it = gauges_of_job.erase(it);
  }
}

void Metrics::Impl::record_steps(const Event& e) {
  const Labels job = {{"job", e.job}};
  add(steps, job, static_cast<double>(e.steps));
  const auto [seen, first] = images_seen.try_emplace(e.job, e.images);
  if (first && e.step > 0)
    seen->second = e.images - e.images / e.step * e.steps;  // resumed: what came before
  add(images, job, static_cast<double>(e.images - seen->second));
  seen->second = e.images;
  observe(step_seconds, e.job, e.seconds, step_buckets(), e.steps);
  add(shard_seconds, job, e.shard_seconds);
  add(reduce_seconds, job, e.reduce_seconds);
  add(reduce_bytes, job, static_cast<double>(e.bytes.count));
  add(update_seconds, job, e.update_seconds);
  add(loader_wait, job, e.wait_seconds);
  for (const auto& score : e.scores) set(loss, e.job, {{"name", score.name}}, score.value);
  set(fade, e.job, {}, e.fade);
  record_prediction(e);
}

/// Beside what was seen: a gauge of what nobody could tell is not there.
void Metrics::Impl::record_prediction(const Event& e) {
  const auto beside = [&](Family<Gauge>& told, Family<Gauge>& seen, Family<Gauge>& error, double predicted,
                          double measured) {
    if (!(predicted > 0) || !(measured > 0)) return;
    set(told, e.job, {}, predicted);
    set(seen, e.job, {}, measured);
    set(error, e.job, {}, std::abs(predicted - measured) / measured);
  };
  beside(step_predicted, step_measured, step_error, e.predicted_seconds, e.seconds);
  beside(memory_predicted, memory_measured, memory_error, static_cast<double>(e.predicted_bytes.count),
         static_cast<double>(e.peak.count));
  for (auto* family : {&slowdown_predicted, &slowdown_measured, &slowdown_error}) clear(*family, e.job);
  if (e.predicted_slowdown > 0) set(slowdown_predicted, e.job, {}, e.predicted_slowdown);
  beside(slowdown_predicted, slowdown_measured, slowdown_error, e.predicted_slowdown, e.slowdown);
  if (e.predicted_bytes > Bytes{}) set(headroom, e.job, {}, e.headroom);
  if (e.predicted_seconds > 0) set(learned, e.job, {}, static_cast<double>(e.learned));
}

void Metrics::Impl::record_phase(const Event& e) {
  auto& known = phases[e.job];
  if (std::find(known.begin(), known.end(), e.phase) == known.end()) known.push_back(e.phase);
  set(phase, e.job, {}, static_cast<double>(std::find(known.begin(), known.end(), e.phase) - known.begin()));
  set(resolution, e.job, {}, e.resolution);
  set(fade, e.job, {}, e.fade);
  set(total_steps, e.job, {}, static_cast<double>(e.total_steps));
}

void Metrics::Impl::record_job(const Event& e) {
  switch (e.kind) {
    case EventKind::job_submitted:
      return enter_state(e.job, "submitted", "");
    case EventKind::job_waiting:
      return enter_state(e.job, "waiting", e.text.empty() ? "not told" : e.text);
    case EventKind::job_parked:
      slices[e.job].clear();
      drop_slices(e.job);
      return enter_state(e.job, "parked", e.text.empty() ? "not told" : e.text);
    case EventKind::job_started:
      return enter_state(e.job, "running", "");
    case EventKind::job_finished:
    case EventKind::job_failed:
    case EventKind::job_stopped:
      return forget(e.job);
    default:
      return;
  }
}

Metrics::Metrics(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Metrics::~Metrics() = default;

Result<std::unique_ptr<Metrics>> Metrics::open(int port) {
  auto impl = std::make_unique<Impl>();
  impl->build_info.Add({{"version", kVersion}}).Set(1);
  if (port >= 0) {
    const std::string address = "127.0.0.1:" + std::to_string(port);
    try {
      impl->exposer = std::make_unique<prometheus::Exposer>(address, 1);
    } catch (const std::exception&) {  // its text does not say why
      return fail(cannot_listen(port, "cluster.metrics_port", "a free port, 0 for any, -1 for none"));
    }
    impl->exposer->RegisterCollectable(impl->registry);
    const auto ports = impl->exposer->GetListeningPorts();
    impl->port = ports.empty() ? port : ports.front();
  }
  return std::unique_ptr<Metrics>(new Metrics(std::move(impl)));
}

void Metrics::record(const Event& e) {
  auto& m = *impl_;
  Impl::add(m.events, {{"kind", to_string(e.kind)}}, 1);
  if (e.kind == EventKind::connections_refused)
    Impl::add(m.refused, {{"reason", e.text}}, static_cast<double>(e.count));
  if (e.job.empty()) return;
  switch (e.kind) {
    case EventKind::slice_sampled:
      return m.record_slice(e);
    case EventKind::resize_applied:
      return Impl::observe(m.resize_seconds, e.job, e.seconds, resize_buckets());
    case EventKind::steps:
      return m.record_steps(e);
    case EventKind::phase_started:
      return m.record_phase(e);
    case EventKind::phase_finished:
      return Impl::observe(m.phase_seconds, e.job, e.seconds, phase_buckets());
    case EventKind::checkpoint_written:
      Impl::add(m.checkpoint_bytes, {{"job", e.job}}, static_cast<double>(e.bytes.count));
      return Impl::observe(m.checkpoint_seconds, e.job, e.seconds, checkpoint_buckets());
    default:
      return m.record_job(e);
  }
}

int Metrics::port() const { return impl_->port; }

void Metrics::watch(std::vector<WatchedDevice> devices) {
  impl_->devices = std::make_shared<DeviceMetrics>(std::move(devices));
  if (impl_->exposer) impl_->exposer->RegisterCollectable(impl_->devices);
}

std::string Metrics::text() const {
  auto all = impl_->registry->Collect();
  if (impl_->devices)
    for (auto& family : impl_->devices->Collect()) all.push_back(std::move(family));
  return prometheus::TextSerializer().Serialize(all);
}

}  // namespace troupe
