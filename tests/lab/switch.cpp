// A network switch in userspace, for tests and benches of several machines on one: each network namespace
// that it is given gets a network card lab0 (a TAP device) whose frames pass through here, at the rate and
// with the delay, the losses, the duplicates and the disorder that it is told. It stands in for netem, which
// not every kernel has; it wants root.
//
//   lab_switch [--seed N] [--mtu BYTES] NAMESPACE=ADDRESS/PREFIX ...
//
// Commands come on standard input, one a line; each is answered with "ok" or "error: …":
//   port NAME [rate=BITS] [delay=SECONDS] [loss=SHARE] [duplicate=SHARE] [reorder=SHARE]
//                        what NAME sends from now on: bits a second (0: no limit), shares from 0 to 1
//   cut NAME [NAME ...]  these reach each other alone, and the others each other
//   heal                 everybody reaches everybody
//   count                {"NAME": {"frames": …, "bytes": …, "lost": …, …}, …}: what each has sent
// The end of its input is its end.
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <queue>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "base/descriptor.hpp"

namespace {
using troupe::Descriptor;

constexpr double kLongestQueue = 0.05;  // seconds at the port's rate; what comes then is lost, as in a switch
constexpr std::size_t kAddress = 6;     // bytes of an Ethernet address

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Failure : std::runtime_error {
  explicit Failure(const std::string& what) : runtime_error(what + ": " + std::strerror(errno)) {}
};

/// How a port treats what it sends.
struct Quality {
  double rate = 0, delay = 0, loss = 0, duplicate = 0, reorder = 0;
};

struct Port {
  std::string name;
  Descriptor tap;
  Quality quality;
  bool apart = false;  // on the other side of a cut
  double out_free = 0, in_free = 0;
  std::int64_t frames = 0, bytes = 0, lost = 0, duplicated = 0, reordered = 0, refused = 0;
};

struct Flight {
  double due = 0;
  std::uint64_t number = 0;  // of two that are due at once, the earlier goes first
  std::size_t to = 0;
  std::shared_ptr<const std::string> frame;
  bool operator<(const Flight& other) const {
    return std::tie(due, number) > std::tie(other.due, other.number);
  }
};

/// The card lab0 of a namespace; the namespace of this process is as before.
Descriptor open_tap(const std::string& space) {
  const Descriptor here(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  const Descriptor there(::open(("/run/netns/" + space).c_str(), O_RDONLY | O_CLOEXEC));
  if (there.get() < 0) throw Failure("no network namespace " + space);
  if (::setns(there.get(), CLONE_NEWNET) != 0) throw Failure("can't enter " + space);
  Descriptor tap(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  ifreq request{};
  std::strcpy(request.ifr_name, "lab0");
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  const bool made = tap.get() >= 0 && ::ioctl(tap.get(), TUNSETIFF, &request) == 0;
  const int why = errno;
  if (::setns(here.get(), CLONE_NEWNET) != 0) throw Failure("can't come back from " + space);
  errno = why;
  if (!made) throw Failure("no TAP device in " + space);
  return tap;
}

void command(const std::string& line) {
  if (std::system(line.c_str()) != 0) throw std::runtime_error("failed: " + line);
}

class Switch {
 public:
  Switch(std::uint64_t seed, int mtu) : random_(seed), mtu_(mtu) {}

  void add(const std::string& space, const std::string& address) {
    Port port{.name = space, .tap = open_tap(space), .quality = {}};
    const std::string ip = "ip -n " + space + " ";
    command(ip + "link set lab0 mtu " + std::to_string(mtu_) + " up && " + ip + "addr add " + address +
            " dev lab0 && " + ip + "link set lo up");
    ports_.push_back(std::move(port));
  }

  /// Until the input ends.
  void run() {
    std::vector<pollfd> watched;
    for (const auto& port : ports_) watched.push_back({port.tap.get(), POLLIN, 0});
    watched.push_back({STDIN_FILENO, POLLIN, 0});
    for (;;) {
      const double wait = flights_.empty() ? 1.0 : std::max(0.0, flights_.top().due - now());
      const timespec limit{static_cast<time_t>(wait), static_cast<long>(1e9 * (wait - std::floor(wait)))};
      if (::ppoll(watched.data(), watched.size(), &limit, nullptr) < 0 && errno != EINTR)
        throw Failure("ppoll");
      deliver();
      for (std::size_t p = 0; p < ports_.size(); ++p)
        if (watched[p].revents != 0) take(p);
      if (watched.back().revents != 0 && !obey()) return;
    }
  }

 private:
  bool happens(double share) { return share > 0 && std::uniform_real_distribution<>()(random_) < share; }

  void take(std::size_t from) {
    static thread_local char buffer[1 << 16];
    for (int i = 0; i < 64; ++i) {  // then the others have their turn
      const auto size = ::read(ports_[from].tap.get(), buffer, sizeof buffer);
      if (size < static_cast<ssize_t>(2 * kAddress)) return;
      const auto frame = std::make_shared<const std::string>(buffer, static_cast<std::size_t>(size));
      home_[frame->substr(kAddress, kAddress)] = from;
      const auto known = home_.find(frame->substr(0, kAddress));
      for (std::size_t to = 0; to < ports_.size(); ++to)
        if (to != from && (known == home_.end() || known->second == to)) send(from, to, frame);
    }
  }

  /// The sender's line, then the receiver's, each one frame at a time; then the delay.
  void send(std::size_t from, std::size_t to, const std::shared_ptr<const std::string>& frame) {
    auto &sender = ports_[from], &receiver = ports_[to];
    const auto& q = sender.quality;
    ++sender.frames;
    sender.bytes += static_cast<std::int64_t>(frame->size());
    if (sender.apart != receiver.apart || happens(q.loss)) return void(++sender.lost);
    const double start = now(), bits = 8.0 * static_cast<double>(frame->size());
    const auto take_line = [&](double& free, double rate, double at) {
      if (rate > 0) free = std::max(free + bits / rate, at + bits / rate);
      return rate > 0 ? free : at;
    };
    if (std::max(sender.out_free, receiver.in_free) > start + kLongestQueue) return void(++sender.lost);
    const double sent = take_line(sender.out_free, q.rate, start);
    const double received = std::max(sent, take_line(receiver.in_free, receiver.quality.rate, start));
    const bool early = happens(q.reorder);  // it overtakes what waits: netem's way
    if (early) ++sender.reordered;
    const double due = received + (early ? 0 : q.delay);
    flights_.push({due, ++number_, to, frame});
    if (!happens(q.duplicate)) return;
    ++sender.duplicated;
    flights_.push({due, ++number_, to, frame});
  }

  void deliver() {
    for (; !flights_.empty() && flights_.top().due <= now(); flights_.pop()) {
      const auto& flight = flights_.top();
      if (::write(ports_[flight.to].tap.get(), flight.frame->data(), flight.frame->size()) < 0)
        ++ports_[flight.to].refused;  // its card is down, or its queue is full
    }
  }

  /// False: the input has ended.
  bool obey() {
    char some[4096];
    const auto size = ::read(STDIN_FILENO, some, sizeof some);
    if (size <= 0) return false;
    input_.append(some, static_cast<std::size_t>(size));
    for (auto end = input_.find('\n'); end != std::string::npos; end = input_.find('\n')) {
      const auto line = input_.substr(0, end);
      input_.erase(0, end + 1);
      try {
        std::cout << answer(line) << std::endl;
      } catch (const std::exception& e) {
        std::cout << "error: " << line << ": " << e.what() << std::endl;
      }
    }
    return true;
  }

  std::string answer(const std::string& line) {
    std::istringstream words(line);
    std::string verb, word;
    words >> verb;
    if (verb == "count") return counts();
    if (verb == "heal" || verb == "cut") {
      for (auto& port : ports_) port.apart = false;
      if (verb == "cut")
        while (words >> word) find(word).apart = true;
      return "ok";
    }
    if (verb != "port") throw std::invalid_argument("no such command; there are port, cut, heal, count");
    words >> word;
    auto& port = find(word);
    Quality quality = port.quality;
    const std::map<std::string, double*> keys = {{"rate", &quality.rate},
                                                 {"delay", &quality.delay},
                                                 {"loss", &quality.loss},
                                                 {"duplicate", &quality.duplicate},
                                                 {"reorder", &quality.reorder}};
    while (words >> word) {
      const auto at = word.find('=');
      const auto key = keys.find(word.substr(0, at));
      if (at == std::string::npos || key == keys.end()) throw std::invalid_argument("no such key: " + word);
      *key->second = std::stod(word.substr(at + 1));
      if (!(*key->second >= 0)) throw std::invalid_argument("below 0: " + word);
    }
    port.quality = quality;
    return "ok";
  }

  Port& find(const std::string& name) {
    for (auto& port : ports_)
      if (port.name == name) return port;
    throw std::invalid_argument("no port " + name);
  }

  std::string counts() const {
    nlohmann::json all;
    for (const auto& p : ports_)
      all[p.name] = {{"frames", p.frames},         {"bytes", p.bytes},         {"lost", p.lost},
                     {"duplicated", p.duplicated}, {"reordered", p.reordered}, {"refused", p.refused}};
    return all.dump();
  }

  std::mt19937_64 random_;
  int mtu_;
  std::vector<Port> ports_;
  std::map<std::string, std::size_t> home_;  // of an Ethernet address
  std::priority_queue<Flight> flights_;
  std::uint64_t number_ = 0;
  std::string input_;
};

/// A real switch does not wait for a core. Where the process may not be preferred it goes on without.
void be_on_time() {
  prctl(PR_SET_TIMERSLACK, 1);
  const sched_param first{.sched_priority = 1};
  ::sched_setscheduler(0, SCHED_RR, &first);
}

int serve(const std::vector<std::string>& words) {
  std::uint64_t seed = 1;
  int mtu = 1500;
  std::vector<std::pair<std::string, std::string>> spaces;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto at = words[i].find('=');
    if (words[i] == "--seed" && i + 1 < words.size())
      seed = std::stoull(words[++i]);
    else if (words[i] == "--mtu" && i + 1 < words.size())
      mtu = std::stoi(words[++i]);
    else if (at != std::string::npos)
      spaces.emplace_back(words[i].substr(0, at), words[i].substr(at + 1));
    else
      throw std::invalid_argument("NAMESPACE=ADDRESS/PREFIX is wanted, not " + words[i]);
  }
  Switch lab(seed, mtu);
  for (const auto& [space, address] : spaces) lab.add(space, address);
  be_on_time();
  std::cout << "ready" << std::endl;
  lab.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return serve({argv + 1, argv + argc});
  } catch (const std::exception& e) {
    std::cerr << "lab_switch: error: " << e.what() << "\n";
    return 1;
  }
}
