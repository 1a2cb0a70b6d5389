#include "bench/head_scale_nodes.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <utility>

#include "actors/node_process.hpp"
#include "bench/bench.hpp"
#include "bench/virtual_cores.hpp"

namespace troupe::bench {
namespace {

struct Order {
  char what = 0;  // 'j' join all, 'd' drop one, 'a' join again
  int node = 0, port = 0;
  char runs[256] = {};
};

template <class T>
bool whole_write(int to, const T& value) {
  return ::write(to, &value, sizeof value) == static_cast<ssize_t>(sizeof value);
}
template <class T>
bool whole_read(int from, T& value) {
  return ::read(from, &value, sizeof value) == static_cast<ssize_t>(sizeof value);
}

struct Host {
  std::string prefix;
  int cores = 0;
  double failure_timeout = 0;
  int port = 0;
  std::filesystem::path runs;
  std::vector<std::unique_ptr<NodeProcess>> nodes;

  bool start(int number) {
    NodeProcessOptions o;
    o.cluster = "troupe";
    o.node.name = prefix + std::to_string(number);
    o.head.port = port;
    o.runs = runs / o.node.name;
    o.device = virtual_cores(cores);
    o.failure_timeout_seconds = failure_timeout;
    o.say = [](const std::string&) {};
    o.log = quiet_log();
    auto started = NodeProcess::start(std::move(o));
    if (!started) return told(started.error());
    auto& node = nodes[static_cast<std::size_t>(number)];
    node = std::move(*started);
    for (int knocks = 0;; ++knocks) {
      const auto in = node->join();
      if (in) return true;
      if (in.error().code != ErrorCode::not_connected || knocks == 10) return told(in.error());
    }
  }

  bool told(const Error& error) {
    std::fprintf(stderr, "%s\n", error.text().c_str());
    return false;
  }

  double obey(const Order& order) {
    if (order.what == 'j') {
      port = order.port;
      runs = order.runs;
      for (std::size_t n = 0; n < nodes.size(); ++n)
        if (!start(static_cast<int>(n))) return 0;
      return 1;
    }
    if (order.what == 'a') return start(order.node) ? 1 : 0;
    const double began = now();
    nodes[static_cast<std::size_t>(order.node)].reset();
    return began;
  }
};

}  // namespace

NodeHost::NodeHost(std::string prefix, int nodes, int cores, double failure_timeout)
    : prefix_(std::move(prefix)), nodes_(nodes) {
  int orders[2] = {-1, -1}, answers[2] = {-1, -1};
  if (::pipe(orders) != 0 || ::pipe(answers) != 0) return;
  std::fflush(nullptr);
  process_ = ::fork();
  to_ = process_ == 0 ? answers[1] : orders[1];
  from_ = process_ == 0 ? orders[0] : answers[0];
  ::close(process_ == 0 ? orders[1] : orders[0]);
  ::close(process_ == 0 ? answers[0] : answers[1]);
  if (process_ == 0) serve(cores, failure_timeout);
}

NodeHost::NodeHost(NodeHost&& other) noexcept
    : prefix_(std::move(other.prefix_)),
      nodes_(other.nodes_),
      to_(std::exchange(other.to_, -1)),
      from_(std::exchange(other.from_, -1)),
      process_(std::exchange(other.process_, -1)) {}

NodeHost::~NodeHost() {
  kill();
  if (to_ >= 0) ::close(to_);
  if (from_ >= 0) ::close(from_);
}

void NodeHost::serve(int cores, double failure_timeout) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // the head's process may end early
  Host host;
  host.prefix = prefix_;
  host.cores = cores;
  host.failure_timeout = failure_timeout;
  host.nodes.resize(static_cast<std::size_t>(nodes_));
  Order order;
  while (whole_read(from_, order))
    if (!whole_write(to_, host.obey(order))) break;
  ::_exit(0);
}

void NodeHost::begin_joining(int port, const std::string& runs) {
  Order order{.what = 'j', .node = 0, .port = port};
  std::strncpy(order.runs, runs.c_str(), sizeof order.runs - 1);
  if (!whole_write(to_, order)) std::perror("nodes can't be told to join");
}

bool NodeHost::joined() {
  double good = 0;
  return whole_read(from_, good) && good > 0;
}

double NodeHost::ask(char what, int node) {
  double answer = 0;
  if (!whole_write(to_, Order{.what = what, .node = node})) return 0;
  return whole_read(from_, answer) ? answer : 0;
}

double NodeHost::drop(int node) { return ask('d', node); }
bool NodeHost::join_again(int node) { return ask('a', node) > 0; }

void NodeHost::kill() {
  if (process_ <= 0) return;
  ::kill(process_, SIGKILL);
  ::waitpid(std::exchange(process_, -1), nullptr, 0);
}

}  // namespace troupe::bench
