// [data-plane] Bulk between two processes over ipc, tcp and CURVE, by the data plane and by bare ZeroMQ, turn
// about.
#include <fmt/core.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "bench/bench.hpp"
#include "bench/data_plane_bare.hpp"
#include "bench/processes.hpp"
#include "tests/temp_folder.hpp"
#include "transport/data_plane.hpp"

namespace {
using namespace troupe;
using bench::must, bench::some_port;
using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC, the same in both processes

constexpr std::size_t kMi = std::size_t{1} << 20;
constexpr std::size_t kAhead =
    128 * kMi;  // under way at once, ours (the window) and bare (the high-water marks)
constexpr double kPatience = 60;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// One transport: where everybody listens, agreed on before the fork.
struct Way {
  std::string name;
  bool encrypted;
  std::string ours[2], bare[2];  // of sender and receiver; of 1 MiB and 16 MiB
  CurveKeys keys[2];
  Bytes piece{};  // of a payload; 0: the data plane's own

  Way(std::string its_name, bool with_curve, const std::string& folder)
      : name(std::move(its_name)), encrypted(with_curve) {
    int number = 0;
    for (auto* endpoint : {&ours[0], &ours[1], &bare[0], &bare[1]})
      *endpoint = name == "ipc" ? "ipc://" + folder + "/" + std::to_string(number++) : some_port();
    for (auto& pair : keys) pair = must(make_curve_keys());
  }
  std::unique_ptr<DataPlane> plane(int side) const {
    const char* names[] = {"sender", "receiver"};
    DataPlaneOptions options;
    options.name = names[side];
    options.cluster = "bench";
    options.bind = ours[side];
    options.unencrypted = !encrypted;
    options.window = {static_cast<std::int64_t>(kAhead)};
    options.failure_timeout = kPatience;
    if (piece.count > 0) options.piece = piece;
    if (encrypted) options.keys = keys[side];
    auto plane = must(DataPlane::start(options));
    must(plane->add_peer({names[1 - side], ours[1 - side], encrypted ? keys[1 - side].public_key : ""}));
    return plane;
  }
  bench::BareLink link(int size) const {
    return {bare[size], encrypted, keys[0], kAhead / (size == 0 ? kMi : 16 * kMi)};
  }
};

/// Lets go of all that comes; an "E" is sent back, a time is answered with how long ago that was.
void take_all(DataPlane& plane, std::uint32_t number, Priority priority) {
  auto channel = must(plane.open("sender", number, priority));
  while (true) {
    const auto received = channel.receive();
    if (!received) return;  // the sender is through
    const auto& message = *received;
    const auto header = message->header();
    if (header == "E") must(channel.send("E"));
    if (header != "T") continue;
    std::int64_t then = 0;
    std::memcpy(&then, message->parts().front().data(), sizeof then);
    must(channel.send(std::to_string(Clock::now().time_since_epoch().count() - then)));
  }
}

[[noreturn]] void receiver(const std::vector<Way>& ways) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::vector<std::unique_ptr<DataPlane>> planes;
  std::vector<std::thread> threads;
  for (const auto& way : ways) {
    auto& plane = *planes.emplace_back(way.plane(1));
    threads.emplace_back([&] { take_all(plane, 1, Priority::state); });
    threads.emplace_back([&] { take_all(plane, 2, Priority::control); });
    for (int size : {0, 1}) threads.emplace_back([&way, size] { bench::bare_receiver(way.link(size)); });
  }
  for (auto& thread : threads) thread.join();
  std::_Exit(0);
}

using Memory = std::shared_ptr<std::vector<std::byte>>;

double ours_once(Channel& channel, const Memory& memory, int messages) {
  const auto start = Clock::now();
  for (int i = 0; i < messages; ++i) must(channel.send("", {{*memory}, memory}));
  must(channel.send("E"));
  must(channel.receive());
  return static_cast<double>(memory->size()) * messages / seconds_since(start) / 1e9;
}

double bare_once(bench::BareSender& sender, const Memory& memory, int messages) {
  const auto start = Clock::now();
  sender.send(memory, messages);
  return static_cast<double>(memory->size()) * messages / seconds_since(start) / 1e9;
}

void throughput(bench::Report& report, const Way& way, Channel& channel, int runs) {
  for (int size : {0, 1}) {
    const auto bytes = size == 0 ? kMi : 16 * kMi;
    const auto memory = std::make_shared<std::vector<std::byte>>(bytes, std::byte{1});
    const auto messages = static_cast<int>((way.encrypted ? 256 : 1024) * kMi / bytes);
    bench::BareSender sender(way.link(size));
    std::vector<double> ours, bare, ratio;
    for (int run = -1; run < runs; ++run) {  // the first one warms up
      // each is first every other time
      double speed[2] = {};
      for (int turn : {0, 1}) {
        const bool is_ours = (turn + run) % 2 == 0;
        speed[is_ours ? 0 : 1] =
            is_ours ? ours_once(channel, memory, messages) : bare_once(sender, memory, messages);
      }
      if (run < 0) continue;
      ours.push_back(speed[0]);
      bare.push_back(speed[1]);
      ratio.push_back(speed[0] / speed[1]);
    }
    report.note(fmt::format("{}, {} MiB: {:.2f} GB/s, bare {:.2f}", way.name, bytes / kMi,
                            bench::median(ours), bench::median(bare)));
    const auto suffix = way.name + (size == 0 ? "_1MiB" : "_16MiB");
    report.add("ratio_" + suffix, "of bare", ratio, 0.9, true,
               "bare ZeroMQ, DEALER to ROUTER, no copy on send");
    report.add("gigabytes_per_second_" + suffix, "GB/s", ours);
    report.add("gigabytes_per_second_bare_" + suffix, "GB/s", bare);
  }
}

/// Of 64-byte control messages, one way, while 16 MiB payloads load the same link without a pause.
void latency(bench::Report& report, const std::string& name, Channel& bulk, Channel& control, int messages) {
  std::atomic<bool> over = false;
  std::thread load([&] {
    const auto memory = std::make_shared<std::vector<std::byte>>(16 * kMi, std::byte{1});
    while (!over) must(bulk.send("", {{*memory}, memory}));
    must(bulk.send("E"));
    must(bulk.receive());
  });
  std::vector<double> seconds;
  for (int i = 0; i < messages; ++i) {
    const auto memory = std::make_shared<std::vector<std::byte>>(64);
    const std::int64_t time = Clock::now().time_since_epoch().count();
    std::memcpy(memory->data(), &time, sizeof time);
    must(control.send("T", {{*memory}, memory}));
    const auto answer = must(control.receive());
    seconds.push_back(std::atof(std::string(answer->header()).c_str()) * 1e-9);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  over = true;
  load.join();
  const auto [least, most] = std::minmax_element(seconds.begin(), seconds.end());
  for (const int p : {50, 99})
    report.add({fmt::format("latency_p{}_{}seconds", p, name),
                "s",
                bench::percentile(seconds, p),
                {},
                false,
                messages,
                *least,
                *most,
                "64 bytes while 16 MiB payloads load the link"});
}

}  // namespace

int main(int argc, char** argv) {
  bench::Report report(
      argc, argv, "data-plane",
      "Bulk between two processes over ipc, tcp and CURVE (on tcp): the data plane against bare "
      "ZeroMQ, turn about, and the latency of control messages under that load. --way ipc|tcp|curve "
      "measures one alone; --piece MiB: into what payloads are cut.");
  const test::TempFolder folder;
  const auto place = folder.path().string();
  std::vector<Way> ways = {{"ipc", false, place}, {"tcp", false, place}, {"curve", true, place}};
  for (auto& way : ways) way.piece = mib(std::atoll(report.flag("piece").value_or("0").c_str()));
  const auto child = ::fork();  // before this process has threads
  if (child == 0) receiver(ways);
  const int runs = report.runs(9);
  for (const auto& way : ways) {
    if (report.flag("way").value_or(way.name) != way.name) continue;
    auto plane = way.plane(0);
    must(plane->wait_for("receiver", kPatience));
    auto bulk = must(plane->open("receiver", 1, Priority::state));
    auto control = must(plane->open("receiver", 2, Priority::control));
    throughput(report, way, bulk, runs);
    if (way.name == "tcp") latency(report, "", bulk, control, 300);
    if (way.name == "curve") latency(report, "curve_", bulk, control, 300);
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  return report.finish();
}
