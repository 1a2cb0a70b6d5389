#include "bench/speed_peer.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

namespace troupe::bench {

Peer::Peer(const std::vector<std::string>& command) {
  int to[2], from[2];
  if (::pipe2(to, O_CLOEXEC) != 0 || ::pipe2(from, O_CLOEXEC) != 0)
    throw std::runtime_error("no pipe to a peer");
  std::vector<char*> arguments;
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  child_ = ::fork();
  if (child_ == 0) {
    ::dup2(to[0], 0);
    ::dup2(from[1], 1);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::close(to[0]);
  ::close(from[1]);
  if (child_ < 0) throw std::runtime_error("no process for a peer");
  in_ = ::fdopen(to[1], "w");
  out_ = ::fdopen(from[0], "r");
}

Peer::~Peer() {
  if (in_ != nullptr) std::fclose(in_);  // the end of its input is its end
  if (child_ > 0) ::waitpid(child_, nullptr, 0);
  if (out_ != nullptr) std::fclose(out_);
}

nlohmann::json Peer::ask(const std::string& line) {
  ::signal(SIGPIPE, SIG_IGN);
  std::fputs((line + "\n").c_str(), in_);
  std::fflush(in_);
  char* text = nullptr;
  std::size_t size = 0;
  while (::getline(&text, &size, out_) > 0)
    if (auto answer = nlohmann::json::parse(text, nullptr, false); answer.is_object()) {
      ::free(text);
      return answer;
    }
  ::free(text);
  throw std::runtime_error("a Python peer died at: " + line);
}

namespace {
const std::string kScript = std::string(TROUPE_PEERS) + "/gan_peer.py";
}

Peer eager_peer() { return Peer({TROUPE_VENV "/bin/python", kScript}); }
Peer ddp_peer() {
  return Peer({TROUPE_VENV "/bin/python", "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2",
               kScript});
}

}  // namespace troupe::bench
