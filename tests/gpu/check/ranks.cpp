// Two processes on one device: what their sums come to against NCCL called bare, and one of them killed in
// the middle of a sum.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <thread>

#include "tests/gpu/check/rank_bench.hpp"
#include "tests/gpu/ranks/shared_host.hpp"

namespace troupe::cuda::check {
namespace {

namespace fs = std::filesystem;

constexpr double kFormSeconds = 60, kNotes = 60;
constexpr double kFailureTimeout = 30;  // cluster.failure_timeout's default
constexpr std::size_t kFloatsAMiB = (std::size_t{1} << 20) / sizeof(float);
constexpr const char* kFiles[] = {
    "0",           "1",         "id",         "killable",        "killed",
    "host-bare",   "host-fast", "host-exact", "host-fast-clock", "host-exact-clock",
    "host-beside", "host-alone"};

std::string note(const std::string& folder, const std::string& name) {
  return (fs::path(folder) / ("rank-" + name)).string();
}
/// Whole or absent.
void leave(const std::string& at, const std::string& text) {
  std::ofstream(at + ".new", std::ios::binary) << text;
  fs::rename(at + ".new", at);
}
std::string await(const std::string& at) {
  for (const double until = seconds_now() + kNotes * patience(); seconds_now() < until;) {
    if (fs::exists(at)) {
      std::ifstream in(at, std::ios::binary);
      return {std::istreambuf_iterator<char>(in), {}};
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  throw ErrorException({ErrorCode::peer_missing, "the other process left no word", at});
}

int sums_of(int mebibytes) { return std::clamp(128 / mebibytes, 3, 20); }

/// NCCL's all-reduce called by itself, a sum at a time, each waited for.
class BareNccl {
 public:
  BareNccl(const RankBench& rank, Comm comm) : nccl_(rank.nccl), memory_(rank.memory(false)), comm_(comm) {
    ready();
  }
  ~BareNccl() { (void)nccl_->abort(comm_); }
  void sum(float* data, std::size_t n) {
    want(nccl_->all_reduce(comm_, data, data, n, memory_->stream()));
    ready();
    want(memory_->mark());
    while (!want(memory_->passed())) std::this_thread::yield();
  }

 private:
  void ready() {
    for (const double until = seconds_now() + kFormSeconds; seconds_now() < until; std::this_thread::yield())
      if (want(nccl_->ready(comm_))) return;
    throw ErrorException({ErrorCode::peer_missing, "NCCL was not ready in time", "NCCL"});
  }
  const std::shared_ptr<Nccl> nccl_;
  const std::shared_ptr<DeviceMemory> memory_;
  const Comm comm_;
};

/// The least of a few runs of some sums each, s a sum; both ranks call it.
template <class F>
double seconds_a_sum(Collective& host, int sums, const F& sum) {
  double least = 1e9;
  for (int run = 0; run < 3; ++run) {
    want(host.barrier());
    const double start = seconds_now();
    for (int i = 0; i < sums; ++i) sum();
    least = std::min(least, (seconds_now() - start) / sums);
  }
  return least;
}

std::string size_text(int mebibytes) { return std::to_string(mebibytes) + " MiB"; }

/// Of a sum between two ranks its bus bandwidth is its bytes over its time.
double gigabytes_a_second(int mebibytes, double seconds) {
  return static_cast<double>(mebibytes) * (1 << 20) / seconds * 1e-9;
}

struct Ranks {
  const int number;
  const std::string& folder;
  RankBench& rank;
  std::ofstream& out;  // figures as lines of `what|value|unit`
  std::vector<double> bare = {};
  const std::vector<int> sizes = timed_sums();  // MiB
  const std::size_t most = static_cast<std::size_t>(sizes.back()) * kFloatsAMiB;

  void tell(const std::string& what, double value, const std::string& unit) {
    out << what << '|' << value << '|' << unit << '\n' << std::flush;
  }
  std::shared_ptr<Collective> host(const std::string& name, int ranks = 2) const {
    return test::open_shared_host(note(folder, "host-" + name), ranks == 1 ? 0 : number, ranks,
                                  kFailureTimeout);
  }

  void measure_bare(float* data) {
    if (number == 0) {
      const auto id = want(rank.nccl->make_id());
      leave(note(folder, "id"), {id.bytes.begin(), id.bytes.end()});
    }
    const auto meeting = host("bare");
    const std::string bytes = await(note(folder, "id"));
    NcclId id;
    std::copy_n(bytes.begin(), std::min(bytes.size(), id.bytes.size()), id.bytes.begin());
    const double start = seconds_now();
    BareNccl nccl(rank, want(rank.nccl->start_init(2, number, id)));
    nccl.sum(data, kFloatsAMiB);
    tell("forming a group of two processes, with its first sum", seconds_now() - start, "s");
    for (const int size : sizes)
      bare.push_back(seconds_a_sum(*meeting, sums_of(size),
                                   [&] { nccl.sum(data, static_cast<std::size_t>(size) * kFloatsAMiB); }));
    for (std::size_t i = 0; i < bare.size(); ++i)
      tell("NCCL called bare, " + size_text(sizes[i]), gigabytes_a_second(sizes[i], bare[i]), "GB/s");
    want(meeting->barrier());  // the other one is done with the communicator
  }

  void measure_ours(const std::string& way, const float* data, float* sum) {
    const auto meeting = host(way + "-clock");
    const auto end =
        rank.end(host(way),
                 {.exact = way == "exact", .timeout_seconds = kFailureTimeout, .bucket = rank.bucket}, false);
    const auto add = [&](std::size_t n) {
      want(end->sum(Contribution<float>{2, number, {&data, 1}}, sum, n, 1, false, {}));
    };
    add(most);
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      const double each = seconds_a_sum(*meeting, sums_of(sizes[i]),
                                        [&] { add(static_cast<std::size_t>(sizes[i]) * kFloatsAMiB); });
      tell("an actor's " + way + " sum, " + size_text(sizes[i]), gigabytes_a_second(sizes[i], each), "GB/s");
      tell("an actor's " + way + " sum against NCCL called bare, " + size_text(sizes[i]), bare[i] / each,
           "x");
    }
    want(end->barrier());
  }

  /// Rank 1 comes to a sum and is killed between its buckets; rank 0 goes on alone.
  void lose_one(const float* data, float* sum) {
    const Bytes bucket = std::min(rank.bucket, Bytes{static_cast<std::int64_t>(most * sizeof(float) / 8)});
    auto end = rank.end(host("beside"), {.timeout_seconds = kFailureTimeout, .bucket = bucket}, true);
    FloatSum one{{2, number, {&data, 1}}, sum, most, 1};
    const auto then = [](std::size_t, std::size_t, std::size_t) {};
    want(end->sum_each({&one, 1}, {}, then));
    want(end->barrier());
    if (number == 1)
      one.ready = [&](std::size_t begin, std::size_t) {
        if (begin == 0) return;
        leave(note(folder, "killable"), "now");
        std::this_thread::sleep_for(std::chrono::seconds(120));
      };
    const auto told = end->sum_each({&one, 1}, {}, then);
    const bool named = !told && told.error().text().find("rank 1 of 2") != std::string::npos;
    out << "named|" << named << '|' << (told ? "no error" : told.error().text()) << '\n' << std::flush;
    end.reset();
    end = rank.end(host("alone", 1), {.timeout_seconds = kFailureTimeout}, false);
    want(end->sum(Contribution<float>{1, 0, {&data, 1}}, sum, kFloatsAMiB, 1, true, {}));
    const double lost = std::stod(await(note(folder, "killed")));
    tell("from a kill -9 of one process to the other's next sum", seconds_now() - lost, "s");
  }

  void run() {
    Array<float> data(rank.bench, std::vector<float>(most, static_cast<float>(number + 1)));
    Array<float> sum(rank.bench, most);
    measure_bare(sum.data());
    for (const char* way : {"fast", "exact"}) {
      measure_ours(way, data.data(), sum.data());
      out << "right|" << (sum.values() == std::vector<float>(most, 3)) << '|' << way << '\n' << std::flush;
    }
    lose_one(data.data(), sum.data());
  }
};

pid_t start(const std::string& program, int rank, const std::string& folder, const std::string& kernels,
            const std::vector<std::string>& nccl) {
  std::vector<std::string> words{program, "--rank", std::to_string(rank), folder, kernels};
  words.insert(words.end(), nccl.begin(), nccl.end());
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  auto environment = rank_environment(rank);
  const pid_t child = fork();
  if (child != 0) return child;
  for (auto& variable : environment) putenv(variable.data());
  execv(program.c_str(), arguments.data());
  _exit(127);
}

/// What rank 0 told.
void report_lines(const std::string& folder, Report& report) {
  std::ifstream told(note(folder, "0"));
  bool recovered = false;
  for (std::string line; std::getline(told, line);) {
    const auto bar = line.find('|'), last = bar == std::string::npos ? bar : line.find('|', bar + 1);
    if (last == std::string::npos) {
      report.must("NCCL between two processes", false, line);
      continue;
    }
    const std::string what = line.substr(0, bar), value = line.substr(bar + 1, last - bar - 1),
                      rest = line.substr(last + 1);
    if (what == "right")
      report.must("two processes on one device get the right sum, " + rest, value == "1");
    else if (what == "named")
      report.must("a sum without the killed process fails and names its rank", value == "1", rest);
    else
      report.figure(what, std::stod(value), rest);
    if (what.starts_with("from a kill")) recovered = std::stod(value) < kFailureTimeout;
  }
  report.must("a kill -9 of one process is recovered by the other within failure_timeout", recovered);
}

}  // namespace

int run_rank(int number, const std::string& folder, const std::string& kernels,
             const std::vector<std::string>& names) {
  std::ofstream out(note(folder, std::to_string(number)));
  try {
    RankBench rank = open_rank_bench(kernels, names, gib(4));
    Ranks{number, folder, rank, out}.run();
  } catch (const std::exception& e) {
    out << "failed: " << e.what() << '\n' << std::flush;
    _exit(1);  // an abort that hangs is not waited for
  }
  out.close();
  _exit(0);
}

void check_ranks(const std::string& program, const std::string& folder, const std::string& kernels,
                 const std::vector<std::string>& nccl, Report& report) {
  if (kernels == "none") return report.not_run("NCCL between two processes", "the kernels are not built");
  if (const auto there = look_for_nccl(nccl); !there)
    return report.not_run("NCCL between two processes", there.error().text());
  const auto clear = [&] {
    for (const char* name : kFiles) fs::remove(note(folder, name));
  };
  clear();
  const pid_t zero = start(program, 0, folder, kernels, nccl), one = start(program, 1, folder, kernels, nccl);
  bool zero_lives = true, one_lives = true;
  const auto look = [](pid_t process, bool& lives) {
    lives = lives && waitpid(process, nullptr, WNOHANG) == 0;
    return lives;
  };
  const auto end = [&](pid_t process, bool& lives) {
    if (!look(process, lives)) return;
    kill(process, SIGKILL);
    waitpid(process, nullptr, 0);
    lives = false;
  };
  const auto nap = [] { std::this_thread::sleep_for(std::chrono::milliseconds(1)); };
  const auto ready = [&] { return fs::exists(note(folder, "killable")); };
  double until = seconds_now() + kNotes * patience();
  while (!ready() && look(zero, zero_lives) && look(one, one_lives) && seconds_now() < until) nap();
  if (ready()) leave(note(folder, "killed"), fmt::format("{}", seconds_now()));
  end(one, one_lives);
  until = seconds_now() + (ready() ? 2 * kFailureTimeout : 1);
  while (look(zero, zero_lives) && seconds_now() < until) nap();
  end(zero, zero_lives);
  report_lines(folder, report);
  clear();
}

}  // namespace troupe::cuda::check
