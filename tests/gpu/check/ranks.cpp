// NCCL between two processes on one device: each claims to be another host, since NCCL refuses a device twice
// else.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <thread>

#include "gpu/cuda/nccl_rank.hpp"
#include "tests/gpu/check/sections.hpp"

namespace troupe::cuda::check {
namespace {

namespace fs = std::filesystem;
using State = ReduceMachine::State;

constexpr double kFormSeconds = 60, kSumSeconds = 10;     // the second is what a lost rank costs
constexpr std::size_t kElements = std::size_t{16} << 18;  // 16 MiB
constexpr int kSums = 20;

fs::path note(const std::string& folder, const std::string& name) {
  return fs::path(folder) / ("rank-" + name);
}
/// Whole or absent.
void leave(const fs::path& at, const std::string& text) {
  std::ofstream(at.string() + ".new", std::ios::binary) << text;
  fs::rename(at.string() + ".new", at);
}
std::string await(const fs::path& at) {
  for (const double until = seconds_now() + kFormSeconds; seconds_now() < until;) {
    if (fs::exists(at)) {
      std::ifstream in(at, std::ios::binary);
      return {std::istreambuf_iterator<char>(in), {}};
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  throw ErrorException({ErrorCode::peer_missing, "the other process left no word", at.string()});
}

/// What was last asked of the communicator is in the stream: what comes behind it is behind it.
Result<void> in_the_stream(Nccl& nccl, Comm comm) {
  for (const double until = seconds_now() + kSumSeconds; seconds_now() < until; std::this_thread::yield()) {
    const auto ready = nccl.ready(comm);
    if (!ready) return fail(ready.error());
    if (*ready) return {};
  }
  return fail({ErrorCode::peer_missing, "NCCL did not start a sum in time", "NCCL"});
}

struct Rank {
  std::shared_ptr<Driver> driver;
  Bench bench;
  std::shared_ptr<Nccl> nccl;
  Owned<Event> done;
  std::unique_ptr<NcclRank> end;

  explicit Rank(const std::vector<std::string>& names) : driver(want(open_driver())) {
    want(driver->enter(0));
    bench.driver = driver;
    bench.cut = want(cut_device(*driver, 0));
    bench.table = want(ContextTable::open(driver, bench.cut, {0, bench.cut->grid.pieces}, 2));
    bench.pool = Owned<Pool>(driver, want(driver->make_pool(0, gib(1))));
    nccl = want(open_nccl(names));
    done = Owned<Event>(driver, want(driver->make_event()));
    ReduceLimits limits;
    limits.init = kFormSeconds;
    limits.sum = kSumSeconds;
    end = std::make_unique<NcclRank>(
        nccl, limits, [](std::function<void()> f) { std::thread(std::move(f)).detach(); }, ReduceWatch{});
  }
  Stream stream() const { return bench.table->now().stream; }
  void form(const Group& group) {
    end->rebuild(group, seconds_now());
    poll_until([&] { return end->state() == State::ready && end->epoch() == group.epoch; }, kFormSeconds);
    if (end->state() != State::ready)
      throw ErrorException({ErrorCode::peer_missing, "no group was formed", "NCCL"});
  }
  template <class F>
  void poll_until(const F& over, double seconds) {
    for (const double until = seconds_now() + seconds; !over() && seconds_now() < until;)
      end->poll(seconds_now());
  }
  /// In place; `times` one behind another, as one sum to whoever waits for it.
  Result<void> sum(float* data, std::size_t n, int times = 1) {
    std::optional<Result<void>> told;
    end->start({[&](Nccl& library, Comm comm) -> Result<void> {
                  for (int i = 0; i < times; ++i) {
                    if (auto ok = library.all_reduce(comm, data, data, n, stream()); !ok) return ok;
                    if (auto ok = in_the_stream(library, comm); !ok) return ok;
                  }
                  return driver->record(done.get(), stream());
                },
                [&] { return driver->done(done.get()); }, [&](Result<void> r) { told = std::move(r); }},
               seconds_now());
    poll_until([&] { return told.has_value(); }, 2 * kSumSeconds);
    if (!told) return fail({ErrorCode::peer_missing, "a sum was never reported", "NCCL"});
    return *told;
  }
};

NcclId id_of(const std::string& bytes) {
  NcclId id;
  std::copy_n(bytes.begin(), std::min(bytes.size(), id.bytes.size()), id.bytes.begin());
  return id;
}

/// Rank 0, which lives on: figures as lines of `what|value|unit`.
void survive(Rank& rank, const std::string& folder, std::ofstream& out) {
  Array<float> data(rank.bench, std::vector<float>(kElements, 1.0F));
  want(rank.sum(data.data(), kElements));
  out << "right|" << (data.values() == std::vector<float>(kElements, 2.0F)) << "|\n";
  const double start = seconds_now();
  for (int i = 0; i < kSums; ++i) want(rank.sum(data.data(), kElements));
  const double each = (seconds_now() - start) / kSums;
  out << "sum of 16 MiB by two processes|" << each * 1e3 << "|ms\n" << std::flush;
  const double begun = seconds_now();
  want(rank.sum(data.data(), kElements, kSums));
  out << "a rank's sum against NCCL's bare call|" << each / ((seconds_now() - begun) / kSums) << "|ratio\n"
      << std::flush;
  leave(note(folder, "kill"), "now");
  await(note(folder, "killed"));
  const double lost = seconds_now();
  const auto told = rank.sum(data.data(), kElements);
  out << "noticed|" << !told.has_value() << "|\n";
  rank.form({2, 1, 0, want(rank.nccl->make_id())});
  want(rank.sum(data.data(), 1));
  out << "from a killed rank to the next sum|" << seconds_now() - lost << "|s\n";
  out << "abandoned|" << rank.end->abandoned() << "|communicators\n" << std::flush;
}

pid_t start(const std::string& program, int rank, const std::string& folder,
            const std::vector<std::string>& nccl) {
  const pid_t child = fork();
  if (child != 0) return child;
  setenv("NCCL_HOSTID", ("troupe-check-" + std::to_string(rank)).c_str(), 1);
  setenv("NCCL_SOCKET_IFNAME", "lo", 0);
  const std::string number = std::to_string(rank);
  std::vector<const char*> arguments = {program.c_str(), "--rank", number.c_str(), folder.c_str()};
  for (const auto& name : nccl) arguments.push_back(name.c_str());
  arguments.push_back(nullptr);
  execv(program.c_str(), const_cast<char**>(arguments.data()));
  _exit(127);
}

}  // namespace

int run_rank(int number, const std::string& folder, const std::vector<std::string>& names) {
  std::ofstream out(note(folder, std::to_string(number)));
  try {
    Rank rank(names);
    if (number == 0) {
      const auto id = want(rank.nccl->make_id());
      leave(note(folder, "id"), {id.bytes.begin(), id.bytes.end()});
    }
    const double start = seconds_now();
    rank.form({1, 2, number, id_of(await(note(folder, "id")))});
    out << "forming a group of two processes|" << seconds_now() - start << "|s\n" << std::flush;
    if (number == 0) {
      survive(rank, folder, out);
    } else {
      Array<float> data(rank.bench, std::vector<float>(kElements, 1.0F));
      for (int i = 0; i <= kSums; ++i) want(rank.sum(data.data(), kElements));
      want(rank.sum(data.data(), kElements, kSums));
      leave(note(folder, "killable"), "now");
      std::this_thread::sleep_for(std::chrono::seconds(120));
    }
  } catch (const std::exception& e) {
    out << "failed: " << e.what() << '\n' << std::flush;
    _exit(1);  // an abort that hangs is not waited for
  }
  out.close();
  _exit(0);
}

void check_ranks(const std::string& program, const std::string& folder, const std::vector<std::string>& nccl,
                 Report& report) {
  if (const auto there = open_nccl(nccl); !there)
    return report.not_run("NCCL between two processes", there.error().text());
  for (const char* name : {"0", "1", "id", "kill", "killable", "killed"}) fs::remove(note(folder, name));
  const pid_t zero = start(program, 0, folder, nccl), one = start(program, 1, folder, nccl);
  int zero_ended = 0;
  try {
    await(note(folder, "kill"));
    await(note(folder, "killable"));
    kill(one, SIGKILL);
    waitpid(one, nullptr, 0);
    leave(note(folder, "killed"), "yes");
    const double until = seconds_now() + kFormSeconds;
    while ((zero_ended = waitpid(zero, nullptr, WNOHANG)) == 0 && seconds_now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
  } catch (const ErrorException& e) {
    report.failed("NCCL between two processes", e.error());
    kill(one, SIGKILL);
    waitpid(one, nullptr, 0);
  }
  if (zero_ended == 0) {
    kill(zero, SIGKILL);
    waitpid(zero, nullptr, 0);
  }
  std::ifstream told(note(folder, "0"));
  bool recovered = false;
  for (std::string line; std::getline(told, line);) {
    const auto bar = line.find('|'), last = line.rfind('|');
    if (bar == std::string::npos || last == bar) {
      report.must("NCCL between two processes", false, line);
      continue;
    }
    const std::string what = line.substr(0, bar), value = line.substr(bar + 1, last - bar - 1);
    recovered = recovered || what == "from a killed rank to the next sum";
    if (what == "right")
      report.must("two processes on one device get the right sum", value == "1");
    else if (what == "noticed")
      report.must("a sum without the killed rank fails", value == "1");
    else
      report.figure(what, std::stod(value), line.substr(last + 1));
  }
  report.must("a kill -9 of one process is recovered by the other", recovered);
  for (const char* name : {"0", "1", "id", "kill", "killable", "killed"}) fs::remove(note(folder, name));
}

}  // namespace troupe::cuda::check
