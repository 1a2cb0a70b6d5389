#include "actors/wire.hpp"

#include <cmath>
#include <limits>

#include "base/whole.hpp"
#include "transport/reply.hpp"

namespace troupe::wire {
namespace {

/// JSON has no words for what is not finite.
Json real(double v) {
  if (std::isfinite(v)) return v;
  return std::isnan(v) ? "nan" : v > 0 ? "inf" : "-inf";
}
double real(const Json& j) {
  if (j.is_number()) return j.get<double>();
  const auto word = j.get<std::string>();
  if (word == "nan") return std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  if (word == "inf") return infinity;
  if (word == "-inf") return -infinity;
  throw ErrorException({.code = ErrorCode::bad_data, .what = "this is no number", .given = word});
}

template <class T>
void read(const Json& j, T& into) {
  into = whole<T>(j);
}
Bytes bytes(const Json& j) { return Bytes{whole<std::int64_t>(j)}; }

Json opt(const std::optional<Error>& e) { return e ? error_to_json(*e) : Json(nullptr); }
std::optional<Error> opt(const Json& j) {
  if (j.is_null()) return std::nullopt;
  return error_from_json(j);
}

Json of(const PeerAddress& a) { return {{"name", a.name}, {"endpoint", a.endpoint}, {"key", a.public_key}}; }
PeerAddress peer(const Json& j) { return {j.at("name"), j.at("endpoint"), j.at("key")}; }

Json of(const StepStats& s) {
  Json scores = Json::array();
  for (const auto& score : s.scores) scores.push_back({score.name, real(score.value)});
  return {{"step", s.step},
          {"seconds",
           {real(s.seconds), real(s.wait_seconds), real(s.shard_seconds), real(s.reduce_seconds),
            real(s.update_seconds)}},
          {"bytes", s.reduce_bytes},
          {"workers", s.workers},
          {"scores", scores}};
}
StepStats stats(const Json& j) {
  StepStats s;
  read(j.at("step"), s.step);
  const Json& t = j.at("seconds");
  s.seconds = real(t.at(0));
  s.wait_seconds = real(t.at(1));
  s.shard_seconds = real(t.at(2));
  s.reduce_seconds = real(t.at(3));
  s.update_seconds = real(t.at(4));
  read(j.at("bytes"), s.reduce_bytes);
  read(j.at("workers"), s.workers);
  for (const auto& score : j.at("scores"))
    s.scores.push_back({score.at(0).get<std::string>(), real(score.at(1))});
  return s;
}

Json of(const SliceGauge& g) {
  Json busy = Json::array();
  for (const double seconds : g.busy_seconds) busy.push_back(real(seconds));
  return {{"node", g.node}, {"held", g.held.count}, {"peak", g.peak.count}, {"busy", busy}};
}
SliceGauge gauge(const Json& j) {
  SliceGauge g{j.at("node"), bytes(j.at("held")), bytes(j.at("peak")), {}};
  for (const auto& seconds : j.at("busy")) g.busy_seconds.push_back(real(seconds));
  return g;
}

Json of(const GpuDevice& g) {
  return {{"name", g.name},     {"model", g.model},        {"sms", g.sms}, {"sms_a_piece", g.sms_a_piece},
          {"pieces", g.pieces}, {"memory", g.memory.count}};
}
GpuDevice gpu(const Json& j) {
  GpuDevice g;
  g.name = j.at("name");
  g.model = j.at("model");
  read(j.at("sms"), g.sms);
  read(j.at("sms_a_piece"), g.sms_a_piece);
  read(j.at("pieces"), g.pieces);
  g.memory = bytes(j.at("memory"));
  return g;
}

template <class T, class F>
Json list(const std::vector<T>& all, F of_one) {
  Json j = Json::array();
  for (const auto& one : all) j.push_back(of_one(one));
  return j;
}

Json of_group(const NodeGroupOptions& g) {
  return {{"processes", list(g.processes,
                             [](const auto& p) {
                               return Json{p.name, p.ranks};
                             })},
          {"channel", g.channel},
          {"fast", g.fast},
          {"overlap", g.overlap},
          {"timeout", real(g.timeout_seconds)}};
}

/// A receiver puts its own name in: it is the only one that differs.
NodeGroupOptions group(const Json& j) {
  NodeGroupOptions g;
  for (const auto& p : j.at("processes"))
    g.processes.push_back({p.at(0).get<std::string>(), whole<int>(p.at(1))});
  read(j.at("channel"), g.channel);
  g.fast = j.at("fast");
  g.overlap = j.at("overlap");
  g.timeout_seconds = real(j.at("timeout"));
  return g;
}

}  // namespace

Json to_json(const Card& m) {
  return {{"name", m.name},
          {"version", m.version},
          {"cores", m.cores},
          {"incarnation", m.incarnation},
          {"instruction_set", m.instruction_set},
          {"plane", of(m.plane)},
          {"copies", m.copies},
          {"gpus", list(m.gpus, [](const auto& g) { return of(g); })},
          {"memory", m.memory.count}};
}
void from_json(const Json& j, Card& m) {
  m.name = j.at("name");
  m.version = j.at("version");
  read(j.at("incarnation"), m.incarnation);
  read(j.at("cores"), m.cores);
  m.memory = bytes(j.at("memory"));
  m.instruction_set = j.at("instruction_set");
  m.plane = peer(j.at("plane"));
  m.copies = j.value("copies", m.copies);  // an older node's card has none: it is told of its version
  if (const auto gpus = j.find("gpus"); gpus != j.end())  // the same
    for (const auto& g : *gpus) m.gpus.push_back(gpu(g));
}

Json to_json(const Welcome& m) {
  return {{"failure_timeout", real(m.failure_timeout_seconds)}, {"plane", of(m.plane)}, {"run", m.run}};
}
void from_json(const Json& j, Welcome& m) {
  m.failure_timeout_seconds = real(j.at("failure_timeout"));
  m.plane = peer(j.at("plane"));
  m.run = j.at("run");
}

Json to_json(const OpenFollower& m) {
  return {{"job", m.config.name},
          {"toml", to_toml(m.config)},
          {"newest", m.newest},
          {"run", m.run},
          {"epoch", m.epoch}};
}
void from_json(const Json& j, OpenFollower& m) {
  auto config = parse_job(j.at("toml").get<std::string>(), "job.toml");
  if (!config) throw ErrorException(config.error().front());
  m.config = std::move(*config);
  read(j.at("newest"), m.newest);
  m.run = j.at("run");
  read(j.at("epoch"), m.epoch);
}

Json to_json(const FollowerOpened& m) {
  return {{"step", m.step},   {"entered", m.entered}, {"error", opt(m.outcome.error)},
          {"epoch", m.epoch}, {"first", m.first},     {"rows", {m.rows_from, m.rows_to}}};
}
void from_json(const Json& j, FollowerOpened& m) {
  read(j.at("step"), m.step);
  read(j.at("entered"), m.entered);
  m.outcome.error = opt(j.at("error"));
  read(j.at("epoch"), m.epoch);
  read(j.at("first"), m.first);
  read(j.at("rows").at(0), m.rows_from);
  read(j.at("rows").at(1), m.rows_to);
}

Json to_json(const AskRows& m) { return {{"from", m.from}, {"to", m.to}}; }
void from_json(const Json& j, AskRows& m) {
  read(j.at("from"), m.from);
  read(j.at("to"), m.to);
}

Json to_json(const TailRows& m) {
  return {{"steps", list(m.steps, [](const auto& s) { return of(s); })}, {"error", opt(m.outcome.error)}};
}
void from_json(const Json& j, TailRows& m) {
  for (const auto& s : j.at("steps")) m.steps.push_back(stats(s));
  m.outcome.error = opt(j.at("error"));
}

Json to_json(const HoldShare& m) {
  return {{"gpu", m.gpu}, {"pieces", m.pieces}, {"budget", m.budget.count}};
}
void from_json(const Json& j, HoldShare& m) {
  m.gpu = j.at("gpu");
  for (const auto& piece : j.at("pieces")) m.pieces.push_back(whole<int>(piece));
  m.budget = bytes(j.at("budget"));
}

Json to_json(const ShareTaken& m) {
  return {{"sms", m.sms}, {"error", opt(m.outcome.error)}, {"held", m.held.count}};
}
void from_json(const Json& j, ShareTaken& m) {
  read(j.at("sms"), m.sms);
  m.outcome.error = opt(j.at("error"));
  m.held = bytes(j.at("held"));
}

Json to_json(const FollowLease& m) {
  return {{"epoch", m.epoch},
          {"first", m.first},
          {"end", m.end},
          {"cores", m.cores},
          {"runs", list(m.runs,
                        [](const auto& r) {
                          return Json{r.first, r.count};
                        })},
          {"budget", m.budget.count},
          {"group", of_group(m.group)},
          {"peers", list(m.peers, [](const auto& p) { return of(p); })},
          {"saved", m.saved}};
}
void from_json(const Json& j, FollowLease& m) {
  read(j.at("epoch"), m.epoch);
  read(j.at("first"), m.first);
  read(j.at("end"), m.end);
  for (const auto& rank : j.at("cores")) {
    auto& cores = m.cores.emplace_back();
    for (const auto& core : rank) cores.push_back(whole<int>(core));
  }
  for (const auto& run : j.at("runs")) m.runs.push_back({whole<int>(run.at(0)), whole<int>(run.at(1))});
  m.budget = bytes(j.at("budget"));
  m.group = group(j.at("group"));
  for (const auto& p : j.at("peers")) m.peers.push_back(peer(p));
  read(j.at("saved"), m.saved);
}

Json to_json(const LeaseEnd& m) {
  return {{"next", m.next},        {"entered", m.entered},
          {"error", opt(m.error)}, {"untold", list(m.untold, [](const auto& s) { return of(s); })},
          {"held", m.held.count},  {"peak", m.peak.count}};
}
void from_json(const Json& j, LeaseEnd& m) {
  read(j.at("next"), m.next);
  read(j.at("entered"), m.entered);
  m.error = opt(j.at("error"));
  for (const auto& s : j.at("untold")) m.untold.push_back(stats(s));
  m.held = bytes(j.at("held"));
  m.peak = bytes(j.at("peak"));
}

Json to_json(const StopLease& m) { return {{"abandon", m.abandon}}; }
void from_json(const Json& j, StopLease& m) { m.abandon = j.at("abandon"); }

Json to_json(const MoveState& m) {
  return {{"send", m.send}, {"peer", of(m.peer)},   {"channel", m.channel},
          {"step", m.step}, {"entered", m.entered}, {"epoch", m.epoch}};
}
void from_json(const Json& j, MoveState& m) {
  m.send = j.at("send");
  m.peer = peer(j.at("peer"));
  read(j.at("channel"), m.channel);
  read(j.at("step"), m.step);
  read(j.at("entered"), m.entered);
  read(j.at("epoch"), m.epoch);
}

Json to_json(const ProbeLink& m) {
  return {{"ask", m.ask}, {"peer", of(m.peer)}, {"channel", m.channel}, {"bytes", m.bytes.count}};
}
void from_json(const Json& j, ProbeLink& m) {
  m.ask = j.at("ask");
  m.peer = peer(j.at("peer"));
  read(j.at("channel"), m.channel);
  m.bytes = bytes(j.at("bytes"));
}

Json to_json(const Probed& m) {
  return {{"trip", real(m.speed.round_trip_seconds)},
          {"there", real(m.speed.there)},
          {"back", real(m.speed.back)},
          {"error", opt(m.outcome.error)}};
}
void from_json(const Json& j, Probed& m) {
  m.speed = {real(j.at("trip")), real(j.at("there")), real(j.at("back"))};
  m.outcome.error = opt(j.at("error"));
}

Json to_json(const Outcome& m) { return opt(m.error); }
void from_json(const Json& j, Outcome& m) { m.error = opt(j); }

Json to_json(const StepsDone& m) {
  return {{"gauge", m.gauge ? of(*m.gauge) : Json(nullptr)},
          {"steps", list(m.steps, [](const auto& s) { return of(s); })}};
}
void from_json(const Json& j, StepsDone& m) {
  if (const auto& told = j.at("gauge"); !told.is_null()) m.gauge = gauge(told);
  for (const auto& s : j.at("steps")) m.steps.push_back(stats(s));
}

}  // namespace troupe::wire
