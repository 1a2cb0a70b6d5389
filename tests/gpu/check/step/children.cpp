#include "tests/gpu/check/step/children.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tests/gpu/check/sections.hpp"

extern char** environ;

namespace troupe::cuda::check {
namespace {

Error io(const std::string& what, int code) {
  return {ErrorCode::io, what + ": " + std::strerror(code), "a process of gpu-check"};
}

}  // namespace

Result<std::unique_ptr<Child>> Child::start(const std::vector<std::string>& command) {
  int in[2] = {-1, -1}, out[2] = {-1, -1};
  // closed in whatever else is started: a child ends where the last end of its input is closed
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) {
    const int code = errno;
    for (const int fd : {in[0], in[1]})
      if (fd >= 0) ::close(fd);
    return fail(io("no pipe", code));
  }
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  std::unique_ptr<Child> child(new Child);
  const int code =
      ::posix_spawn(&child->process_, command.front().c_str(), &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(in[0]);
  ::close(out[1]);
  child->to_ = in[1];
  child->from_ = out[0];
  if (code != 0) {
    child->process_ = -1;
    return fail(io("it can't be started", code));
  }
  return child;
}

Child::~Child() {
  for (const int fd : {to_, from_})
    if (fd >= 0) ::close(fd);
  int status = 0;
  while (process_ > 0 && ::waitpid(process_, &status, 0) < 0 && errno == EINTR) {
  }
}

Result<void> Child::tell(const std::string& line) {
  const std::string text = line + "\n";
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t wrote = ::write(to_, text.data() + at, text.size() - at);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return fail(io("it does not listen", errno));
    at += static_cast<std::size_t>(wrote);
  }
  return {};
}

Result<std::string> Child::hear(const std::string& word, double seconds) {
  const double until = seconds_now() + seconds;
  while (true) {
    for (std::size_t end; (end = read_.find('\n')) != std::string::npos;) {
      const std::string line = read_.substr(0, end);
      read_.erase(0, end + 1);
      if (line.rfind(word + " ", 0) == 0) return line.substr(word.size() + 1);
    }
    const double left = until - seconds_now();
    if (left <= 0)
      return fail(
          {ErrorCode::peer_missing, "it did not answer \"" + word + "\" in time", "a process of gpu-check"});
    pollfd waits{from_, POLLIN, 0};
    const int ready = ::poll(&waits, 1, static_cast<int>(left * 1e3) + 1);
    if (ready < 0 && errno != EINTR) return fail(io("poll", errno));
    if (ready <= 0) continue;
    char some[4096];
    const ssize_t got = ::read(from_, some, sizeof some);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      return fail(
          {ErrorCode::peer_failed, "it ended before it answered \"" + word + "\"", "a process of gpu-check"});
    read_.append(some, static_cast<std::size_t>(got));
  }
}

}  // namespace troupe::cuda::check
