#include "cli/detach.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <ostream>

#include "base/files.hpp"
#include "cli/run_folder.hpp"
#include "cli/target.hpp"
#include "cli/text.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;

constexpr double kPollSeconds = 0.05;
constexpr double kStartSeconds = 60;
constexpr int kLogLines = 20;

/// The child gets no signal mask of ours, no terminal, and a session of its own.
Result<pid_t> spawn(const fs::path& program, const std::vector<std::string>& arguments, const fs::path& log) {
  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  posix_spawnattr_t how;
  posix_spawnattr_init(&how);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&how, &none);
  posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, program.c_str(), &files, &how, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&how);
  if (error != 0) return fail(io_error("the detached cluster can't be started", program, error));
  return pid;
}

int tell_failure(const Terminal& terminal, int status, const fs::path& log) {
  const auto text = read_file(log);
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : kFailed;
  terminal.err << "the detached cluster ended at once ("
               << (WIFEXITED(status) ? fmt::format("exit {}", code)
                                     : fmt::format("signal {}", WTERMSIG(status)))
               << "); the end of " << log.string() << ":\n"
               << (text ? last_lines(*text, kLogLines) : text.error().text()) << "\n";
  terminal.err.flush();
  return code == kDone ? kFailed : code;
}

int tell_success(const UpOptions& options, const fs::path& run, pid_t pid, const ClusterAddress& address,
                 const Terminal& terminal) {
  const int port = address.port;
  // the run folder names host and keys too
  const std::string there = address.keys.empty() ? fmt::format("--port {}", port) : "--run " + run.string();
  if (options.json) {
    terminal.out << Json{{"pid", pid}, {"run", run.string()}, {"port", port}}.dump(2) << "\n";
  } else {
    terminal.out << fmt::format("process {}\nrun folder {}\nport {}\n", pid, run.string(), port)
                 << fmt::format("See it with `troupe jobs {0}`, end it with `troupe stop --all {0}`\n",
                                there);
  }
  terminal.out.flush();
  return kDone;
}

}  // namespace

std::vector<std::string> detached_arguments(const UpOptions& options, const fs::path& run) {
  std::vector<std::string> arguments;
  if (options.resume) {
    arguments = {"resume", run.string()};
  } else {
    arguments = {"up", fs::absolute(options.file).string(), "--run", run.string()};
  }
  if (options.stay) arguments.push_back("--stay");
  if (options.port) arguments.insert(arguments.end(), {"--port", std::to_string(*options.port)});
  if (options.metrics_port) {
    arguments.insert(arguments.end(), {"--metrics-port", std::to_string(*options.metrics_port)});
  }
  return arguments;
}

std::string last_lines(const std::string& text, int lines) {
  std::size_t end = text.size();
  while (end > 0 && text[end - 1] == '\n') --end;
  std::size_t begin = end;
  for (; begin > 0; --begin) {
    if (text[begin - 1] == '\n' && --lines == 0) break;
  }
  return text.substr(begin, end - begin);
}

int run_detached(const UpOptions& options, const fs::path& run, const Services& services,
                 const Terminal& terminal) {
  {
    // the child takes it for good: here it is only seen that nobody has it, before the log is written to
    const auto lock = RunLock::take(run);
    if (!lock) return report(terminal, lock.error());
    std::error_code ignored;
    fs::remove(run / "control.json", ignored);
  }
  const fs::path log = run / "log.txt";
  const auto pid = spawn(services.executable, detached_arguments(options, run), log);
  if (!pid) return report(terminal, pid.error());
  const double deadline = services.unix_time() + kStartSeconds;
  while (services.unix_time() < deadline) {
    int status = 0;
    if (::waitpid(*pid, &status, WNOHANG) == *pid) {
      const bool done = WIFEXITED(status) && WEXITSTATUS(status) == kDone;
      if (!done) return tell_failure(terminal, status, log);
      terminal.out << "done already; run folder " << run.string() << "\n";
      return kDone;
    }
    const auto address = resolve_address({.run = run}, services);
    if (address && services.connect(*address)) return tell_success(options, run, *pid, *address, terminal);
    if (services.interrupts->wait(kPollSeconds)) {
      ::kill(*pid, SIGTERM);
      return kInterrupted;
    }
  }
  return report(terminal,
                Error{ErrorCode::not_connected, "the detached cluster does not answer", run.string(),
                      fmt::format("process {}, nothing for {}", *pid, duration_text(kStartSeconds)), "",
                      "Look into " + log.string()});
}

}  // namespace troupe
