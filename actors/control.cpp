// The verbs of cluster.hpp, answered by the supervisor.
#include <fmt/core.h>
#include <unistd.h>

#include "actors/plan_json.hpp"
#include "actors/supervisor.hpp"
#include "base/version.hpp"
#include "base/whole.hpp"
#include "transport/control_link.hpp"

namespace troupe {
namespace {

using nlohmann::json;

using wire::bad;
using wire::good;
json number(double v) { return std::isfinite(v) ? json(v) : json(nullptr); }

const char* to_string(JobState s) {
  switch (s) {
    case JobState::preparing:
      return "preparing";
    case JobState::waiting:
      return "waiting";
    case JobState::running:
      return "running";
    case JobState::parked:
      return "parked";
    case JobState::finished:
      return "finished";
    case JobState::failed:
      return "failed";
    case JobState::stopped:
      return "stopped";
  }
  return "";
}

/// What was said of the steps last told of, and how far it was off: as a share of what they took.
json prediction_json(const JobStatus& s) {
  const auto error = [](double told, double took) {
    return told > 0 && took > 0 ? json(std::abs(told - took) / took) : json(nullptr);
  };
  const auto& told = s.predicted;
  return {{"step_seconds", told.step_seconds > 0 ? json(told.step_seconds) : json(nullptr)},
          {"measured_step_seconds", s.step_seconds > 0 ? json(s.step_seconds) : json(nullptr)},
          {"step_error", error(told.step_seconds, s.step_seconds)},
          {"learned_steps", told.learned},
          {"slowdown", told.slowdown > 0 ? json(told.slowdown) : json(nullptr)},
          {"measured_slowdown", told.measured_slowdown > 0 ? json(told.measured_slowdown) : json(nullptr)},
          {"memory", told.bytes.count},
          {"memory_headroom", told.headroom},
          {"measured_memory", s.peak.count},
          {"memory_error", error(static_cast<double>(told.bytes.count), static_cast<double>(s.peak.count))}};
}

constexpr std::int64_t kMostEcho = 1 << 20;  // bytes
constexpr std::size_t kMostUserName = 64;    // bytes

/// So many bytes, to learn how fast the way here is.
Result<json> echo(const json& arguments) {
  const auto bytes = whole_at(arguments, "bytes", std::int64_t{0});
  if (bytes < 0 || bytes > kMostEcho)
    return troupe::fail({.code = ErrorCode::bad_usage,
                         .what = "so much is not sent back",
                         .given = std::to_string(bytes),
                         .allowed = fmt::format("0 … {} bytes", kMostEcho)});
  return json{{"data", std::string(static_cast<std::size_t>(bytes), '.')}};
}

}  // namespace

nlohmann::json Supervisor::job_json(const JobEntry& job, const Estimates& estimates, bool detail) const {
  const auto& s = job.status;
  int cores = 0, wanted = 0;
  for (const auto& g : s.grants) cores += static_cast<int>(g.cores.size());
  const Plan& plan = ledger_of(job).plan();
  if (const auto d = plan.jobs.find(job.config.name); d != plan.jobs.end()) wanted = d->second.wanted_cores;
  json scores = json::object();
  for (const auto& score : s.scores) scores[score.name] = number(score.value);
  json j = {{"name", job.config.name},
            {"kind", job.config.kind},
            {"state", to_string(s.state)},
            {"reason", s.reason},
            {"priority", job.config.priority},
            {"phase", s.moment.phase_name},
            {"resolution", s.moment.resolution},
            {"fade", s.moment.fade},
            {"step", s.moment.step},
            {"steps", s.steps},
            {"images", s.moment.images},
            {"images_per_second", s.step_seconds > 0 ? json(s.images_per_step / s.step_seconds) : json(0)},
            {"remaining_seconds", s.remaining_seconds >= 0 ? json(s.remaining_seconds) : json(nullptr)},
            {"cores", cores},
            {"cores_wanted", wanted},
            {"gpu", gpu_json(job)},
            {"memory", s.budget.count},
            {"held", s.held.count},
            {"peak", s.peak.count},
            {"scores", scores},
            {"checkpoint", s.checkpoint.empty() ? json(nullptr) : json(s.checkpoint)},
            {"error", s.error ? json(s.error->text()) : json(nullptr)}};
  tell_prospects(j, job, estimates);
  if (!detail) return j;
  json phases = json::array();
  for (const auto& p : s.phases)
    phases.push_back({{"name", p.name},
                      {"peak", p.peak.count},
                      {"predicted", p.predicted > Bytes{} ? json(p.predicted.count) : json(nullptr)},
                      {"seconds", p.seconds},
                      {"images", p.images},
                      {"images_per_second",
                       p.seconds > 0 ? json(static_cast<double>(p.images) / p.seconds) : json(nullptr)}});
  j["phases"] = phases;
  j["predicted"] = s.predicted.bytes > Bytes{} ? prediction_json(s) : json(nullptr);
  j["config"] = to_toml(job.config);
  j["slices"] = grants_to_json(s.grants);
  j["resizes"] = s.resizes;
  j["hash"] = s.hash.empty() ? json(nullptr) : json(s.hash);
  return j;
}

bool Supervisor::finished() const {
  for (const auto& [called, job] : jobs_)
    if (!job.over()) return false;
  return true;
}

nlohmann::json Supervisor::cluster_json() const {
  std::size_t cores = 0;
  Bytes memory;
  for (const auto& d : ledger_.devices()) {
    cores += d.cores.size();
    memory += d.memory;
  }
  return {{"cluster", args_.config.cluster.name},
          {"version", kVersion},
          {"run", args_.run.string()},
          {"pid", ::getpid()},
          {"uptime_seconds", args_.clock->now() - started_at_},
          {"unix_time", args_.clock->unix_time()},
          {"instruction_set", args_.instruction_set},
          {"port", args_.port ? args_.port() : -1},
          {"metrics_port", args_.metrics_port},
          {"cores", cores},
          {"memory", memory.count},
          {"gpus", gpus_json(offered_gpus(), "up")},
          {"finished", finished()},
          {"stopping", shut_down_}};
}

Result<JobEntry*> Supervisor::find(const nlohmann::json& arguments) {
  const std::string called = arguments.value("job", std::string());
  if (auto found = jobs_.find(called); found != jobs_.end()) return &found->second;
  std::string names;
  for (const auto& [known, job] : jobs_) names += (names.empty() ? "" : ", ") + known;
  return troupe::fail({.code = ErrorCode::not_found,
                       .what = "no such job",
                       .given = called,
                       .allowed = names.empty() ? "there are no jobs" : names,
                       .hint = "`troupe jobs` lists them"});
}

Result<nlohmann::json> Supervisor::answer(const std::string& verb, const nlohmann::json& arguments) {
  if (verb == "status") return cluster_json();
  if (verb == "echo") return echo(arguments);
  if (verb == "nodes") return nodes_json();
  if (verb == "remove_node") return remove_node(arguments);
  if (verb == "plan") {
    json jobs = plan_to_json(ledger_.plan());
    for (const auto& [device, ledger] : gpus_) jobs.update(plan_to_json(ledger.plan()));
    return json{{"jobs", jobs}};
  }
  if (verb == "jobs") {
    std::vector<const JobEntry*> sorted;
    for (const auto& [called, job] : jobs_) sorted.push_back(&job);
    std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return a->order < b->order; });
    json all = json::array();
    const auto when = estimates();
    for (const auto* job : sorted) all.push_back(job_json(*job, when, false));
    return all;
  }
  if (verb == "show") {
    auto job = find(arguments);
    if (!job) return troupe::fail(job.error());
    return job_json(**job, estimates(), true);
  }
  if (verb == "submit") {
    auto job =
        parse_job(arguments.value("toml", std::string()), arguments.value("file", std::string("job.toml")));
    if (!job) {
      Error all = job.error().front();
      for (std::size_t i = 1; i < job.error().size(); ++i)
        all.hint.append("\n").append(job.error()[i].text());
      return troupe::fail(all);
    }
    if (const auto user = arguments.value("user", std::string()); !job->user && !user.empty())
      job->user = user.substr(0, kMostUserName);
    if (auto o = submit({*job, arguments.value("resume", false)}); o.error) return troupe::fail(*o.error);
    return json{{"job", job->name}};
  }
  if (verb == "resize") {
    auto job = find(arguments);
    if (!job) return troupe::fail(job.error());
    const std::string called = (*job)->config.name;
    if (!(*job)->planned)
      return troupe::fail({.code = ErrorCode::bad_usage,
                           .what = "the job has no share to resize",
                           .where = "job " + called,
                           .given = to_string((*job)->status.state)});
    std::optional<int> cores;
    std::optional<Bytes> memory;
    if (arguments.contains("cores"))
      cores = arguments["cores"].is_null() ? 0 : whole<int>(arguments["cores"]);
    if (arguments.contains("memory"))
      memory = Bytes{arguments["memory"].is_null() ? 0 : whole<std::int64_t>(arguments["memory"])};
    Ledger& ledger = ledger_of(**job);
    if (auto pinned = ledger.pin(called, cores, memory); !pinned) return troupe::fail(pinned.error());
    advance();
    return json{{"job", called}, {"reason", ledger.plan().jobs.at(called).reason}};
  }
  return troupe::fail({.code = ErrorCode::bad_usage,
                       .what = "the cluster knows no such request",
                       .given = verb,
                       .allowed = "status, echo, measure, nodes, drain, remove_node, jobs, show, events, "
                                  "submit, stop, resize, plan, shutdown"});
}

caf::result<std::string> Supervisor::stop_job(const nlohmann::json& arguments) {
  auto found = find(arguments);
  if (!found) return bad(found.error());
  JobEntry& job = **found;
  const std::string called = job.config.name;
  if (job.over() || !job.actor)
    return good({{"job", called}, {"step", job.status.moment.step}, {"state", to_string(job.status.state)}});
  auto promise = self_->make_response_promise<std::string>();
  self_->request(job.actor, caf::infinite, StopJob{})
      .then(
          [promise, called](Stopped& s) mutable {
            promise.deliver(s.outcome.error ? bad(*s.outcome.error)
                                            : good({{"job", called}, {"step", s.step}}));
          },
          [promise, called](caf::error& e) mutable {
            promise.deliver(bad({.code = ErrorCode::peer_failed,
                                 .what = "the job ended while it was being stopped: " + describe(e),
                                 .where = "job " + called}));
          });
  return promise;
}

caf::result<std::string> Supervisor::events(const nlohmann::json& arguments) {
  // before the promise: after it, an answer by way of an exception reaches nobody
  const EventsAfter wanted{whole_at(arguments, "after", std::int64_t{0}),
                           arguments.value("job", std::string()), whole_at(arguments, "limit", 1000)};
  auto promise = self_->make_response_promise<std::string>();
  self_->request(args_.recorder, caf::infinite, wanted)
      .then(
          [promise](EventBatch& batch) mutable {
            json all = json::array();
            for (const auto& event : batch.events) all.push_back(to_json(event));
            promise.deliver(good({{"next", batch.next}, {"events", all}}));
          },
          [promise](caf::error& e) mutable {
            promise.deliver(bad({.what = "the recorder did not answer: " + describe(e)}));
          });
  return promise;
}

/// Stops every job that still goes on, then lets the recorder close the run.
caf::result<std::string> Supervisor::shut_down() {
  auto promise = self_->make_response_promise<std::string>();
  auto left = std::make_shared<int>(1);
  auto failed = std::make_shared<json>(json::array());  // by their stop: a last checkpoint that did not fit
  const std::function<void()> done = [this, promise, left, failed]() mutable {
    if (--*left > 0) return;
    if (!std::exchange(stop_told_, true))  // `stop --all` and the end of `up` both come here
      self_->send(args_.recorder, Events{{Event{.kind = EventKind::cluster_stopped}}});
    self_->request(args_.recorder, caf::infinite, FinishRun{})
        .then(
            [this, promise, failed](Outcome& o) mutable {
              shut_down_ = true;
              json jobs = json::array();
              for (const auto& [called, job] : jobs_) jobs.push_back(job_json(job, {}, false));
              // what a job lost is graver than a picture that the recorder could not draw
              const bool good_end = !o.error || !failed->empty();
              promise.deliver(good_end ? good({{"jobs", jobs}, {"failed", *failed}}) : bad(*o.error));
            },
            [promise](caf::error& e) mutable {
              promise.deliver(bad({.what = "the recorder did not answer: " + describe(e)}));
            });
  };
  for (auto& [called, job] : jobs_) {
    if (job.over() || !job.actor) continue;
    ++*left;
    self_->request(job.actor, caf::infinite, StopJob{})
        .then(
            [done, failed, job = called](Stopped& s) {
              if (s.outcome.error)
                failed->push_back({{"name", job}, {"state", "failed"}, {"error", s.outcome.error->text()}});
              done();
            },
            [done](caf::error&) { done(); });
  }
  done();
  return promise;
}

caf::result<std::string> Supervisor::control(const std::string& verb, const std::string& arguments) {
  const auto parsed = json::parse(arguments, nullptr, false);
  if (!parsed.is_object())
    return bad({.code = ErrorCode::bad_usage,
                .what = "arguments are no JSON object",
                .given = arguments.substr(0, 80)});
  try {
    if (verb == "stop") return stop_job(parsed);
    if (verb == "shutdown") return shut_down();
    if (verb == "events") return events(parsed);
    if (verb == "drain") return drain(parsed);
    if (verb == "measure") return measure(parsed);
    auto reply = answer(verb, parsed);
    return reply ? good(*reply) : bad(reply.error());
  } catch (const json::exception& e) {
    return bad({.code = ErrorCode::bad_usage,
                .what = std::string("an argument has the wrong type: ") + e.what(),
                .given = arguments.substr(0, 200)});
  } catch (const ErrorException& e) {
    Error error = e.error();
    error.code = ErrorCode::bad_usage;
    return bad(error);
  }
}

}  // namespace troupe
