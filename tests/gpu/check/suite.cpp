// The conformance suite of all collectives over NCCL itself: the ranks are processes on the one device.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "gpu/cuda/staged_sums.hpp"
#include "tests/gpu/check/rank_bench.hpp"
#include "tests/gpu/collective_suite.hpp"
#include "tests/gpu/ranks/remote_end.hpp"
#include "tests/gpu/ranks/shared_host.hpp"
#include "tests/gpu/ranks/worker.hpp"

namespace troupe::cuda::check {
namespace {

namespace fs = std::filesystem;

constexpr int kMostRanks = 4, kAborts = 3;  // of one device's time; a group takes tenths of a second to form
constexpr Bytes kPool = gib(1), kBucket = mib(1);
struct Way {
  const char *name, *filter;
  double seconds;  // at most, for the whole suite
};
/// "staged": by way of the host's memory; "beside": exact, on a stream of its own.
constexpr Way kWays[] = {{"exact", "*", 40},
                         {"fast", "*floats*:*several*:*any_split*:*abort*", 15},
                         {"beside", "*floats*:*several*:*any_split*:*abort*", 15},
                         {"staged", "*", 10}};

std::string g_way;
std::unique_ptr<test::RankProcesses> g_processes;

test::Ends make_ends(int ranks, double timeout) {
  std::vector<int> numbers(static_cast<std::size_t>(ranks));
  std::iota(numbers.begin(), numbers.end(), 0);
  return g_processes->make(numbers, timeout, g_way);
}

struct Tally {
  int passed = 0, failed = 0;
  std::string first;
};
Tally tally_of(const fs::path& file) {
  Tally tally;
  const auto told = nlohmann::json::parse(std::ifstream(file), nullptr, false);
  if (told.is_discarded()) return tally;
  for (const auto& suite : told.value("testsuites", nlohmann::json::array()))
    for (const auto& one : suite.value("testsuite", nlohmann::json::array())) {
      if (one.value("status", "") != "RUN") continue;
      if (!one.contains("failures")) {
        ++tally.passed;
        continue;
      }
      if (tally.failed++ == 0)
        tally.first = one.value("name", "") + ": " + one["failures"].at(0).value("failure", "");
    }
  return tally;
}

}  // namespace

int run_suite(const std::string& program, const std::string& way, const std::string& folder,
              const std::string& kernels, const std::vector<std::string>& nccl) {
  g_way = way;
  g_processes = std::make_unique<test::RankProcesses>(folder, [&](int number) {
    test::RankProcesses::Command command{{program, "--worker", kernels}, rank_environment(number)};
    command.words.insert(command.words.end(), nccl.begin(), nccl.end());
    return command;
  });
  int count = 1;
  std::string name = "suite";
  char* arguments[] = {name.data(), nullptr};
  testing::InitGoogleTest(&count, arguments);  // the rest by the environment
  const int failed = RUN_ALL_TESTS();
  g_processes.reset();
  return failed;
}

int run_worker(const std::string& kernels, const std::vector<std::string>& nccl) {
  try {
    const RankBench rank = open_rank_bench(kernels, nccl, kPool);
    const Bytes bucket = std::min(kBucket, rank.bucket);
    const auto values = rank.memory(false);
    test::serve_rank(*values, [&](const test::GroupOrder& order) {
      auto host = test::open_shared_host(order.file, order.rank, order.ranks, order.timeout_seconds);
      if (order.way == "staged")
        return make_staged(rank.memory(false), std::move(host), order.timeout_seconds, bucket);
      return rank.end(
          std::move(host),
          {.exact = order.way != "fast", .timeout_seconds = order.timeout_seconds, .bucket = bucket},
          order.way == "beside");
    });
  } catch (const std::exception& e) {
    std::fprintf(stderr, "a rank of the suite: %s\n", e.what());
    _exit(1);
  }
  _exit(0);  // an abort that hangs is not waited for
}

void check_suite(const std::string& program, const std::string& folder, const std::string& kernels,
                 const std::vector<std::string>& nccl, Report& report) {
  if (kernels == "none")
    return report.not_run("the conformance suite over NCCL", "the kernels are not built");
  if (const auto there = look_for_nccl(nccl); !there)
    return report.not_run("the conformance suite over NCCL", there.error().text());
  for (const Way& way : kWays) {
    const std::string what = "the conformance suite over processes on one device, " + std::string(way.name);
    const fs::path at = fs::path(folder) / ("suite-" + std::string(way.name));
    fs::create_directories(at);
    std::vector<std::string> words{program, "--suite", way.name, at.string(), kernels};
    words.insert(words.end(), nccl.begin(), nccl.end());
    std::vector<const char*> arguments;
    for (const auto& word : words) arguments.push_back(word.c_str());
    arguments.push_back(nullptr);
    const double start = seconds_now(), limit = way.seconds * patience();
    const pid_t child = fork();
    if (child == 0) {
      setpgid(0, 0);  // with its ranks
      setenv("GTEST_OUTPUT", ("json:" + (at / "found.json").string()).c_str(), 1);
      setenv("GTEST_FILTER", way.filter, 1);
      setenv("GTEST_BRIEF", "1", 1);
      const int log = ::open((at / "log").c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
      dup2(log, 1);
      dup2(log, 2);
      execv(arguments[0], const_cast<char**>(arguments.data()));
      _exit(127);
    }
    int status = 0;
    pid_t ended = 0;
    while ((ended = waitpid(child, &status, WNOHANG)) == 0 && seconds_now() - start < limit)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    kill(-child, SIGKILL);
    if (ended == 0) {
      waitpid(child, nullptr, 0);
      std::ifstream log(at / "log");
      const std::string told(std::istreambuf_iterator<char>(log), {});
      report.not_run(what, "it was stopped after " + std::to_string(static_cast<int>(limit)) +
                               " s; so far: " + told.substr(told.size() > 1'000 ? told.size() - 1'000 : 0));
      continue;
    }
    const Tally tally = tally_of(at / "found.json");
    report.must(what + " (" + std::to_string(tally.passed) + " tests)", status == 0 && tally.passed > 0,
                tally.failed > 0 ? std::to_string(tally.failed) + " failed, first " + tally.first : "");
    report.figure(what, seconds_now() - start, "s");
  }
}

std::optional<int> play_role(const std::vector<std::string>& a) {
  if (a.size() > 4 && a[1] == "--rank")
    return run_rank(std::stoi(a[2]), a[3], a[4], {a.begin() + 5, a.end()});
  if (a.size() > 4 && a[1] == "--suite")
    return run_suite("/proc/self/exe", a[2], a[3], a[4], {a.begin() + 5, a.end()});
  if (a.size() > 2 && a[1] == "--worker") return run_worker(a[2], {a.begin() + 3, a.end()});
  return std::nullopt;
}

}  // namespace troupe::cuda::check

namespace troupe::test {
// made when GoogleTest is started: the way is known then
INSTANTIATE_TEST_SUITE_P(Nccl, CollectiveSuite,
                         testing::Values(BackEnd(&cuda::check::make_ends, cuda::check::g_way != "fast")
                                             .within(cuda::check::kMostRanks, cuda::check::kAborts)));
}  // namespace troupe::test
