#include "tests/gpu/ranks/remote_end.hpp"

#include <fcntl.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <system_error>

#include "tests/gpu/ranks/own_process.hpp"
#include "tests/gpu/ranks/worker.hpp"

extern char** environ;

namespace troupe::test {
namespace {

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> all;
  for (auto& word : words) all.push_back(word.data());
  all.push_back(nullptr);
  return all;
}

class RemoteEnd final : public OwnProcess<RemoteEnd> {
 public:
  RemoteEnd(std::shared_ptr<RankProcess> process, const GroupOrder& order)
      : OwnProcess(order.rank, order.ranks), process_(std::move(process)) {
    Message message = asked(Ask::make);
    message.put_text(order.file);
    message.put(order.rank);
    message.put(order.ranks);
    message.put(static_cast<std::int64_t>(order.timeout_seconds * 1e3));
    message.put_text(order.way);
    if (const auto made = told(process_->ask(message)); !made) throw ErrorException(made.error());
  }
  ~RemoteEnd() override { (void)process_->ask(asked(Ask::drop)); }

  Result<void> sum_each(std::span<const FloatSum> sums, const ParallelFor& parallel,
                        const Then& then) override {
    Message message = asked(Ask::several);
    message.put(static_cast<std::int64_t>(sums.size()));
    for (const auto& s : sums) put_sum(message, s.mine, s.out, s.n, s.scale);
    auto answer = process_->ask(message);
    const auto summed = called_back(answer, [&](std::size_t i, Message& from) {
      take(from, sums[i].out);
      spread(parallel, sums[i].n, [&](std::size_t begin, std::size_t end) { then(i, begin, end); });
    });
    for (std::size_t i = 0; summed && i < sums.size(); ++i) take(*answer, sums[i].out);
    return summed;
  }
  Result<void> barrier() override { return told(process_->ask(asked(Ask::barrier))); }
  Result<std::int64_t> broadcast(std::int64_t value) override {
    Message message = asked(Ask::broadcast);
    message.put(value);
    auto answer = process_->ask(message);
    if (const auto heard = told(answer); !heard) return fail(heard.error());
    return answer->get();
  }
  void abort(const std::string& reason) noexcept override {
    Message message = aside(Aside::abort);
    message.put_text(reason);
    (void)process_->ask_aside(message);
  }
  std::optional<Error> failure() const override {
    auto answer = process_->ask_aside(aside(Aside::failure));
    return answer ? answer->get_result() : gone();
  }
  std::int64_t bytes() const noexcept override {
    auto answer = process_->ask_aside(aside(Aside::bytes));
    return answer ? answer->get() : 0;
  }
  double seconds() const noexcept override { return 0; }

 private:
  static Message asked(Ask what) {
    Message message;
    message.put(static_cast<std::int64_t>(what));
    return message;
  }
  static Message aside(Aside what) {
    Message message;
    message.put(static_cast<std::int64_t>(what));
    return message;
  }
  Error gone() const {
    return {ErrorCode::peer_missing, "this rank's own process is gone", "rank " + std::to_string(rank_)};
  }
  Result<void> told(std::optional<Message>&& answer) const { return told(answer); }
  Result<void> told(std::optional<Message>& answer) const {
    if (!answer) return fail(gone());
    (void)answer->get();
    if (auto error = answer->get_result()) return fail(*error);
    return {};
  }

  template <class T>
  static void put_sum(Message& message, const Contribution<T>& mine, const T* out, std::size_t n, T scale) {
    message.put(mine.members);
    message.put(mine.first);
    message.put(static_cast<std::int64_t>(n));
    message.put(static_cast<std::int64_t>(mine.buffers.size()));
    std::int64_t in_place = -1;
    for (std::size_t m = 0; m < mine.buffers.size(); ++m) {
      message.put_all(std::span<const T>(mine.buffers[m], n));
      if (mine.buffers[m] == out) in_place = static_cast<std::int64_t>(m);
    }
    message.put(in_place);
    message.put_all(std::span<const T>(&scale, 1));
  }
  template <class T>
  static void take(Message& from, T* out) {
    const auto values = from.get_all<T>();
    std::copy(values.begin(), values.end(), out);
  }

  /// Answers what the rank's process calls back, then takes what the call came to.
  template <class F>
  Result<void> called_back(std::optional<Message>& answer, const F& serve) const {
    while (answer && answer->get() == static_cast<std::int64_t>(Told::called_back)) {
      Message word;
      try {
        serve(static_cast<std::size_t>(answer->get()), *answer);
        word.put_text("");
      } catch (const std::exception& e) {
        word = Message();
        word.put_text(e.what());
      }
      answer = process_->ask(word);
    }
    if (!answer) return fail(gone());
    if (auto error = answer->get_result()) return fail(*error);
    return {};
  }

  friend OwnProcess<RemoteEnd>;
  template <class T>
  Result<void> sum_any(const Contribution<T>& mine, T* out, std::size_t n, T scale, bool all,
                       const ParallelFor& parallel) {
    Message message = asked(Ask::sum);
    constexpr auto kBytes = static_cast<std::int64_t>(sizeof(T));
    message.put(std::is_integral_v<T> ? -kBytes : kBytes);
    put_sum(message, mine, out, n, scale);
    message.put(all);
    message.put(parallel != nullptr);
    auto answer = process_->ask(message);
    const auto summed = called_back(answer, [&](std::size_t, Message& from) {
      take(from, out);
      spread(parallel, n, [](std::size_t, std::size_t) {});
    });
    if (summed) take(*answer, out);
    return summed;
  }

  const std::shared_ptr<RankProcess> process_;
};

}  // namespace

RankProcess::RankProcess(const std::vector<std::string>& command,
                         const std::vector<std::string>& environment) {
  int call[2], aside[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, call) != 0 ||
      ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, aside) != 0)
    throw std::system_error(errno, std::generic_category(), "socketpair");
  std::vector<std::string> words = command, all = environment;
  for (char** at = environ; *at != nullptr; ++at) all.emplace_back(*at);  // the first of a name counts
  const auto arguments = pointers(words), variables = pointers(all);
  pid_ = ::fork();
  if (pid_ == 0) {  // nothing that takes memory: other threads may have held its lock
    const int high[2] = {::fcntl(call[1], F_DUPFD, 64), ::fcntl(aside[1], F_DUPFD, 64)};
    ::dup2(high[0], kCallSocket);
    ::dup2(high[1], kAsideSocket);
    ::close(high[0]);
    ::close(high[1]);
    ::execve(arguments[0], arguments.data(), variables.data());
    ::_exit(127);
  }
  ::close(call[1]);
  ::close(aside[1]);
  call_ = call[0];
  aside_ = aside[0];
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
}

RankProcess::~RankProcess() {
  kill();
  ::close(call_);
  ::close(aside_);
}

void RankProcess::kill() {
  const std::lock_guard lock(mutex_);
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::optional<Message> RankProcess::ask(const Message& message) const {
  if (!message.send(call_)) return std::nullopt;
  return Message::receive(call_);
}

std::optional<Message> RankProcess::ask_aside(const Message& message) {
  const std::lock_guard lock(mutex_);
  if (!message.send(aside_)) return std::nullopt;
  return Message::receive(aside_);
}

RankProcess& RankProcesses::process(int number) {
  const auto at = static_cast<std::size_t>(number);
  if (all_.size() <= at) all_.resize(at + 1);
  if (!all_[at]) {
    const auto command = command_(number);
    all_[at] = std::make_shared<RankProcess>(command.words, command.environment);
  }
  return *all_[at];
}

std::vector<std::shared_ptr<Collective>> RankProcesses::make(const std::vector<int>& processes,
                                                             double timeout_seconds, const std::string& way) {
  ::unlink((folder_ + "/group-" + std::to_string(groups_)).c_str());
  const std::string file = folder_ + "/group-" + std::to_string(++groups_);
  for (const int number : processes) (void)process(number);  // all of them: they may wait for each other
  std::vector<std::shared_ptr<Collective>> ends;
  for (std::size_t r = 0; r < processes.size(); ++r) {
    ends.push_back(std::make_shared<RemoteEnd>(
        all_[static_cast<std::size_t>(processes[r])],
        GroupOrder{file, static_cast<int>(r), static_cast<int>(processes.size()), timeout_seconds, way}));
  }
  return ends;
}

}  // namespace troupe::test
