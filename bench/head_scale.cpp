#include "bench/head_scale.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

#include "actors/node_plane.hpp"
#include "actors/recorder.hpp"
#include "actors/supervisor.hpp"
#include "base/descriptor.hpp"
#include "bench/bench.hpp"
#include "bench/head_scale_nodes.hpp"
#include "bench/quick_job.hpp"
#include "tests/temp_folder.hpp"
#include "transport/control_gate.hpp"

namespace troupe::bench {
namespace {

using Json = nlohmann::json;

constexpr int kHosts = 10;
constexpr double kLimit = 120;  // seconds within which whatever is waited for must happen
constexpr double kAtRest = 5;   // seconds over which heartbeats are counted
constexpr double kQuiet = 0.3;  // seconds without a word after which everybody was told

/// The ports and threads of actors/cluster.cpp.
struct SystemConfig : caf::actor_system_config {
  SystemConfig() {
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", static_cast<size_t>(2));
    load_transport(*this);
  }
};

double open_descriptors() {
  return static_cast<double>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

double cpu_seconds() {
  rusage use{};
  ::getrusage(RUSAGE_SELF, &use);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(use.ru_utime) + seconds(use.ru_stime);
}

std::string job_name(int number) { return "job" + std::to_string(number); }

/// The head's own tree, but for its conductors.
class Head {
 public:
  explicit Head(const HeadScale& scale) : scale_(scale) {
    config_.cluster.unencrypted = true;
    config_.cluster.failure_timeout_seconds = scale.failure_timeout;
    config_.nodes.front().name = "head";
    auto journal = Journal::open(folder_ / "journal.jsonl");
    auto metrics = Metrics::open(-1);
    auto plane = start_node_plane(
        {"head", config_.cluster.name, "127.0.0.1", 0, nullptr, scale.failure_timeout, quiet_log()});
    if (!journal) throw ErrorException(journal.error());
    if (!metrics) throw ErrorException(metrics.error());
    if (!plane) throw ErrorException(plane.error());
    // detached: writes files
    recorder_ = system_.spawn<caf::detached>(
        recorder,
        RecorderArgs{folder_.path(), std::move(*journal), std::move(*metrics), clock_, quiet_log()});
    SupervisorArgs args;
    args.config = config_;
    args.run = folder_.path();
    args.devices = {{"head", {0}, gib(64)}};
    args.instruction_set = "none";
    args.plane = std::move(*plane);
    args.address = {"head", args.plane->endpoint(), ""};
    args.spawn_job = [this](const Submit& m, const supervisor_actor& supervisor) -> Result<job_actor> {
      return system_.spawn(quick_job, m.job.name, std::stoi(m.job.name.substr(3)), supervisor, hearing_);
    };
    args.recorder = recorder_;
    args.clock = clock_;
    supervisor_ = system_.spawn(supervisor, std::move(args));
    GateOptions gate;
    gate.port = 0;
    auto opened = open_control_gate(system_, gate, caf::actor_cast<caf::actor>(supervisor_));
    if (!opened) throw ErrorException(opened.error());
    gate_ = *opened;
  }

  ~Head() {
    caf::anon_send_exit(recorder_, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(supervisor_, caf::exit_reason::user_shutdown);
    close_control_gate(system_, gate_);
    gate_ = {};
    recorder_ = nullptr;
    supervisor_ = nullptr;
  }
  Head(const Head&) = delete;

  int port() const { return gate_.port; }
  std::string runs() const { return folder_.path().string(); }
  Hearing& hearing() { return *hearing_; }

  Json ask(const std::string& verb, const Json& arguments = Json::object()) {
    Result<Json> result;
    self_->request(supervisor_, std::chrono::seconds(static_cast<int>(kLimit)), verb, arguments.dump())
        .receive([&](const std::string& reply) { result = unwrap_reply(reply); },
                 [&](caf::error& e) { result = fail({.what = "no answer: " + describe(e), .given = verb}); });
    if (!result) throw ErrorException(result.error());
    return std::move(*result);
  }

  /// From the change until the assignments of the plan that counts it in are sent.
  double change_demand(int job, int number) {
    return timed(DemandChanged{job_name(job), demand_number(number), {}, kQuickShards});
  }

  void submit(int job) {
    JobConfig config;
    config.name = job_name(job);
    config.kind = "idle";
    config.priority = job % 3;
    config.slices = 3;
    timed(Submit{config, false});
  }

  /// Returns when what the supervisor had to do before is done, and what it then sent to itself.
  void two_rounds() {
    for (int i = 0; i < 2; ++i)
      self_->request(supervisor_, caf::infinite, FindNode{"nobody"})
          .receive([](FoundNode&) {}, [](caf::error& e) { throw_on(e); });
  }

 private:
  static void throw_on(const caf::error& e) { throw ErrorException({.what = "no answer: " + describe(e)}); }

  template <class Message>
  double timed(Message message) {
    const double began = now();
    self_->request(supervisor_, caf::infinite, std::move(message))
        .receive(
            [](Outcome& o) {
              if (o.error) throw ErrorException(*o.error);
            },
            [](caf::error& e) { throw_on(e); });
    return now() - began;
  }

  HeadScale scale_;
  test::TempFolder folder_;
  Config config_;
  std::shared_ptr<const Clock> clock_ = std::make_shared<SystemClock>();
  std::shared_ptr<Hearing> hearing_ = std::make_shared<Hearing>();
  SystemConfig system_config_;
  caf::actor_system system_{system_config_};
  caf::scoped_actor self_{system_};
  recorder_actor recorder_;
  supervisor_actor supervisor_;
  ControlGate gate_;
};

int nodes_up(Head& head) {
  int up = 0;
  for (const auto& node : head.ask("nodes"))
    if (node["state"] == "up" && !node["head"]) ++up;
  return up;
}

/// Until nobody was told anything for a while; when the last was.
double settle(Head& head) {
  for (double limit = now() + kLimit; now() < limit;) {
    const long before = head.hearing().words();
    std::this_thread::sleep_for(std::chrono::duration<double>(kQuiet));
    if (head.hearing().words() == before) return head.hearing().last_word();
  }
  throw ErrorException({.what = "the head never comes to rest"});
}

void join_all(Head& head, std::vector<NodeHost>& hosts, HeadFigures& figures) {
  const double began = now();
  for (auto& host : hosts) host.begin_joining(head.port(), head.runs());
  for (auto& host : hosts)
    if (!host.joined()) throw ErrorException({.what = "not every node could join"});
  figures.join_seconds = now() - began;
}

void submit_all(Head& head, const HeadScale& scale) {
  for (int j = 0; j < scale.jobs; ++j) head.submit(j);
  settle(head);
}

/// Signs of life while nothing else happens.
void rest(Head& head, HeadFigures& figures) {
  const auto heard = [&head](std::vector<double>* trips) {
    double sum = 0;
    for (const auto& node : head.ask("nodes")) {
      sum += node["heartbeats"].get<double>();
      if (trips && node["round_trip_seconds"].is_number()) trips->push_back(node["round_trip_seconds"]);
    }
    return sum;
  };
  std::vector<double> trips;
  const double heard_before = heard(nullptr), cpu = cpu_seconds(), began = now();
  std::this_thread::sleep_for(std::chrono::duration<double>(kAtRest));
  const double spent = now() - began, used = cpu_seconds() - cpu;
  figures.heartbeats = (heard(&trips) - heard_before) / spent;
  figures.round_trip_median = median(trips);
  figures.round_trip_p99 = percentile(trips, 99);
  figures.cpu_at_rest = used / spent;
  figures.descriptors = open_descriptors();
}

/// One after the other, at once after the one before: what that still stirs up stands in the way of the next.
void decide(Head& head, const HeadScale& scale, HeadFigures& figures) {
  const double cpu = cpu_seconds(), began = now();
  for (int i = 0; i < scale.demands; ++i)
    figures.demands.push_back(head.change_demand(i * 7 % scale.jobs, i * 7 % scale.jobs + 1 + i % 11));
  figures.cpu_deciding = (cpu_seconds() - cpu) / (now() - began);
  for (int i = 0; i < scale.submissions; ++i) {
    head.ask("stop", {{"job", job_name(i)}});
    const int job = scale.jobs + i;
    const double submitted = now();
    head.submit(job);
    const double told = head.hearing().first_word(job_name(job), kLimit);
    if (told == 0) throw ErrorException({.what = "a job was not told what it has", .where = job_name(job)});
    figures.submissions.push_back(told - submitted);
  }
}

void lose_some(Head& head, std::vector<NodeHost>& hosts, const HeadScale& scale, HeadFigures& figures) {
  for (int i = 0; i < scale.losses; ++i) {
    auto& host = hosts[static_cast<std::size_t>(i) % hosts.size()];
    const int node = i / static_cast<int>(hosts.size()) % host.nodes();
    settle(head);
    head.hearing().forget();
    const double began = host.drop(node);
    if (head.hearing().loss_heard(host.name(node), scale.jobs, kLimit) == 0)
      throw ErrorException({.what = "a node's loss was not told", .where = host.name(node)});
    head.two_rounds();
    figures.losses.push_back(now() - began);
    if (!host.join_again(node)) throw ErrorException({.what = "a node did not come back"});
  }
}

/// kill -9 of a process with a tenth of all nodes.
void lose_many(Head& head, std::vector<NodeHost>& hosts, const HeadScale& scale, HeadFigures& figures) {
  settle(head);
  head.hearing().forget();
  NodeHost& host = hosts.front();
  figures.lost = host.nodes();
  const double began = now();
  host.kill();
  double known = 0;
  for (int node = 0; node < host.nodes(); ++node)
    known = std::max(known, head.hearing().loss_heard(host.name(node), scale.jobs, kLimit));
  figures.loss_known = known - began;
  figures.loss_told = std::max(known, settle(head)) - began;
}

void hand_over(std::FILE* to, const HeadFigures& f) {
  const Json json = {{"join_seconds", f.join_seconds},
                     {"demands", f.demands},
                     {"submissions", f.submissions},
                     {"losses", f.losses},
                     {"heartbeats", f.heartbeats},
                     {"round_trip_median", f.round_trip_median},
                     {"round_trip_p99", f.round_trip_p99},
                     {"cpu_at_rest", f.cpu_at_rest},
                     {"cpu_deciding", f.cpu_deciding},
                     {"bytes_empty", f.bytes_empty},
                     {"bytes", f.bytes},
                     {"lost", f.lost},
                     {"loss_known", f.loss_known},
                     {"loss_told", f.loss_told},
                     {"descriptors", f.descriptors}};
  const std::string text = json.dump();
  std::fwrite(text.data(), 1, text.size(), to);
  std::fflush(to);
}

HeadFigures taken(const std::string& text) {
  const Json j = Json::parse(text);
  return {.join_seconds = j["join_seconds"],
          .demands = j["demands"],
          .submissions = j["submissions"],
          .losses = j["losses"],
          .heartbeats = j["heartbeats"],
          .round_trip_median = j["round_trip_median"],
          .round_trip_p99 = j["round_trip_p99"],
          .cpu_at_rest = j["cpu_at_rest"],
          .cpu_deciding = j["cpu_deciding"],
          .bytes_empty = j["bytes_empty"],
          .bytes = j["bytes"],
          .lost = j["lost"],
          .loss_known = j["loss_known"],
          .loss_told = j["loss_told"],
          .descriptors = j["descriptors"]};
}

HeadFigures measure(const HeadScale& scale) {
  std::vector<NodeHost> hosts;
  const int processes = std::min(kHosts, scale.nodes);
  for (int h = 0; h < processes; ++h)
    hosts.emplace_back("n" + std::to_string(h) + "-",
                       scale.nodes / processes + (h < scale.nodes % processes ? 1 : 0), scale.cores,
                       scale.failure_timeout);
  HeadFigures figures;
  Head head(scale);
  figures.bytes_empty = resident_bytes();
  join_all(head, hosts, figures);
  submit_all(head, scale);
  if (nodes_up(head) != scale.nodes)
    throw ErrorException({.what = "nodes were lost for no reason", .given = std::to_string(nodes_up(head))});
  rest(head, figures);
  decide(head, scale, figures);
  lose_some(head, hosts, scale, figures);
  lose_many(head, hosts, scale, figures);
  figures.bytes = resident_bytes();
  return figures;
}

/// In the child: measures, takes the cluster down, hands the figures over and is gone.
[[noreturn]] void child(int to, const HeadScale& scale) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  try {
    hand_over(::fdopen(to, "w"), measure(scale));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%d nodes: %s\n", scale.nodes, e.what());
    ::_exit(1);
  }
  ::_exit(0);
}

}  // namespace

std::optional<HeadFigures> measure_head(const HeadScale& scale) {
  int ends[2];
  if (::pipe(ends) != 0) return std::nullopt;
  std::fflush(nullptr);
  const pid_t process = ::fork();
  if (process == 0) {
    allow_many_descriptors();  // a node takes some twenty in its process, and eight in the head's
    child(ends[1], scale);
  }
  ::close(ends[1]);
  std::string text;
  char buffer[65536];
  for (ssize_t n = 0; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(n));
  ::close(ends[0]);
  int status = 0;
  if (process > 0) ::waitpid(process, &status, 0);
  if (WIFSIGNALED(status))
    std::fprintf(stderr, "%d nodes: ended by signal %d\n", scale.nodes, WTERMSIG(status));
  return process > 0 && status == 0 ? std::optional(taken(text)) : std::nullopt;
}

}  // namespace troupe::bench
