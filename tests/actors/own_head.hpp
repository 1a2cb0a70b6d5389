#pragma once
// A head in a process of its own, so that it can be killed: this very program, told to run one disabled test.
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/leases_file.hpp"
#include "actors/losses_file.hpp"
#include "tests/actors/nodes.hpp"

namespace troupe::toy {

/// What the other process is told: by its environment.
struct HeadOrder {
  std::filesystem::path run;
  JobConfig job;
  std::size_t nodes = 0;  // it submits the job when so many have joined
  bool hangs_at_phase_end = false;
};
constexpr const char* kHeadOrder = "TROUPE_TEST_HEAD";

inline void set_order(const HeadOrder& order) {
  const nlohmann::json json = {{"run", order.run.string()},
                               {"nodes", order.nodes},
                               {"job", to_toml(order.job)},
                               {"hangs", order.hangs_at_phase_end}};
  ::setenv(kHeadOrder, json.dump().c_str(), 1);
}

/// The body of that disabled test; ends with its parent, or by a signal.
inline void be_head(double failure_timeout) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const char* order = std::getenv(kHeadOrder);
  ASSERT_TRUE(order) << "this is started by other tests";
  const auto json = nlohmann::json::parse(order);
  Options toy = slow();
  toy.hang_in_samples = json.at("hangs");
  auto options = head_options(json.at("run").get<std::string>(), toy, 1);
  options.config.cluster.failure_timeout_seconds = failure_timeout;
  const auto head = start(std::move(options));
  ASSERT_TRUE(head);
  while (ask(*head, "nodes").size() <= json.at("nodes"))
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // between two looks, not for an outcome
  submit(*head, parse_job(json.at("job").get<std::string>(), "job.toml").value());
  for (;;) ::pause();
}

class OwnHead {
 public:
  OwnHead(const HeadOrder& order, const std::string& test) : run_(order.run) {
    set_order(order);
    std::string self = "/proc/self/exe", filter = "--gtest_filter=" + test,
                disabled = "--gtest_also_run_disabled_tests";
    char* arguments[] = {self.data(), filter.data(), disabled.data(), nullptr};
    if (::posix_spawn(&pid_, self.c_str(), nullptr, nullptr, arguments, environ) != 0)
      ADD_FAILURE() << "no process";
    ::unsetenv(kHeadOrder);
  }
  ~OwnHead() { kill(); }
  OwnHead(const OwnHead&) = delete;

  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

  /// Its control port, once it is open.
  int port() const {
    int port = 0;
    until("its port", [&] {
      const auto control = nlohmann::json::parse(slurp(run_ / "control.json"), nullptr, false);
      port = control.is_object() ? control.at("port").get<int>() : 0;
      return port > 0;
    });
    return port;
  }

  /// After four minutes it never comes (a sanitizer is slow).
  template <class Look>
  void until(const std::string& what, Look look) const {
    for (int i = 0; i < 120000; ++i) {
      if (look()) return;
      if (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) != 0) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));  // between two looks, not for an outcome
    }
    ADD_FAILURE() << "never came: " << what << "\n" << slurp(run_ / "journal.jsonl");
  }

  /// The newest lease names so many other nodes, and so many rows are written, fifty of them its own.
  void until_rows(const std::string& job, std::size_t nodes, std::int64_t rows) const {
    until("rows", [&] {
      const auto leases = read_leases(run_ / job / "leases.csv");
      return leases && awaited_nodes(*leases).size() == nodes &&
             count_losses(run_ / job / "losses.csv") >= std::max(rows, leases->back().first + 50);
    });
  }

 private:
  std::filesystem::path run_;
  pid_t pid_ = -1;
};

}  // namespace troupe::toy
