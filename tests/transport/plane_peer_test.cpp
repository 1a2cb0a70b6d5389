// Peers that are other processes, and die.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <csignal>

#include "../temp_folder.hpp"
#include "plane_fixture.hpp"

namespace troupe::test {
namespace {

using ::testing::HasSubstr;

/// Another process with a data plane of its own, forked before this one starts threads.
class Child {
 public:
  template <class Main>
  explicit Child(Main main) : pid_(fork()) {
    if (pid_ < 0) throw std::runtime_error("fork");
    if (pid_ == 0) {
      int code = 1;
      try {
        code = main();
      } catch (const std::exception& e) {
        std::fprintf(stderr, "child: %s\n", e.what());
      }
      std::_Exit(code);
    }
  }
  ~Child() {
    if (pid_ > 0) stop(SIGKILL);
  }
  void signal(int number) const { ::kill(pid_, number); }
  void stop(int number) {
    ::kill(pid_, number);
    ::waitpid(std::exchange(pid_, -1), nullptr, 0);
  }

 private:
  pid_t pid_;
};

/// Where both processes find each other: keys made and addresses agreed on before the fork.
struct Meeting {
  TempFolder folder;
  CurveKeys a = new_keys(), b = new_keys();
  std::string address(const std::string& name) const { return "ipc://" + (folder / name).string(); }
  Process join(const std::string& name, double failure_timeout) const {
    const bool is_a = name == "a";
    Process process{name, is_a ? a : b, {}};
    auto options = options_of(name, process.keys);
    options.bind = address(name);
    options.failure_timeout = failure_timeout;
    auto plane = DataPlane::start(options);
    if (!plane) throw std::runtime_error(plane.error().text());
    process.plane = std::move(*plane);
    const std::string other = is_a ? "b" : "a";
    const auto added = process.plane->add_peer({other, address(other), (is_a ? b : a).public_key});
    if (!added) throw std::runtime_error(added.error().text());
    return process;
  }
};

/// Sends back what comes on channel 1, for ever.
int echo(const Meeting& meeting, double failure_timeout) {
  const auto b = meeting.join("b", failure_timeout);
  while (true) {
    auto channel = b.plane->open("a", 1, Priority::state);
    while (channel) {
      const auto message = channel->receive();
      if (!message) break;
      if (!channel->send((*message)->header(), Payload{(*message)->parts(), (*message)->owner()})) break;
    }
  }
}

void ask(Channel& channel, std::size_t bytes) {
  const Pattern pattern(bytes);
  const auto sent = channel.send("there?", pattern.payload(), kGenerous);
  ASSERT_TRUE(sent) << sent.error().text();
  const auto message = next(channel);
  ASSERT_TRUE(message);
  EXPECT_TRUE(flat(*message) == *pattern.bytes);
}

/// What is heard of a peer that has just been struck; it must be within failure_timeout.
void expect_loss(Channel& channel, double failure_timeout) {
  const auto before = std::chrono::steady_clock::now();
  const auto lost = channel.receive(kGenerous);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, ErrorCode::peer_missing);
  EXPECT_THAT(lost.error().text(), HasSubstr("peer b"));
  EXPECT_EQ(channel.send("").error().code, ErrorCode::peer_missing);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - before;
  EXPECT_LT(took.count(), failure_timeout);
}

TEST(DataPlanePeer, KilledIsFoundOutAndComesBackAsAnother) {
  const Meeting meeting;
  constexpr double kTimeout = 5;
  auto child = std::make_unique<Child>([&] { return echo(meeting, kTimeout); });
  auto a = meeting.join("a", kTimeout);
  auto channel = open(a, "b", 1);
  ask(channel, 5 << 20);
  child->stop(SIGKILL);
  expect_loss(channel, kTimeout);
  EXPECT_FALSE(of_peer(a, "b").up);
  EXPECT_EQ(of_peer(a, "b").losses, 1U);
  child.reset();
}

TEST(DataPlanePeer, RestartedWorksWithNewChannels) {
  const Meeting meeting;
  constexpr double kTimeout = 5;
  // Both forks come before this process has threads; the second waits for its turn.
  int turn[2];
  ASSERT_EQ(pipe(turn), 0);
  Child second([&] {
    char byte = 0;
    return read(turn[0], &byte, 1) == 1 ? echo(meeting, kTimeout) : 1;
  });
  Child first([&] { return echo(meeting, kTimeout); });
  auto a = meeting.join("a", kTimeout);
  {
    auto channel = open(a, "b", 1);
    ask(channel, 1000);
    first.stop(SIGKILL);
    expect_loss(channel, kTimeout);
  }
  auto channel = open(a, "b", 1);  // before it is there
  ASSERT_EQ(write(turn[1], "x", 1), 1);
  ask(channel, 5 << 20);
  EXPECT_TRUE(of_peer(a, "b").up);
  close(turn[0]);
  close(turn[1]);
}

TEST(DataPlanePeer, StoppedIsFoundOutAndComesBack) {
  const Meeting meeting;
  constexpr double kTimeout = 2;
  Child child([&] { return echo(meeting, kTimeout); });
  auto a = meeting.join("a", kTimeout);
  {
    auto channel = open(a, "b", 1);
    ask(channel, 1000);
    child.signal(SIGSTOP);
    expect_loss(channel, kTimeout);
  }
  child.signal(SIGCONT);
  ASSERT_TRUE(a.plane->wait_for("b", kGenerous));
  auto channel = open(a, "b", 1);
  ask(channel, 5 << 20);
}

TEST(DataPlanePeer, StoppedWhileBulkIsUnderWayIsFoundOut) {
  const Meeting meeting;
  constexpr double kTimeout = 2;
  Child child([&] { return echo(meeting, kTimeout); });
  auto a = meeting.join("a", kTimeout);
  auto channel = open(a, "b", 1);
  ask(channel, 1000);
  child.signal(SIGSTOP);
  // more than every buffer on the way takes: nothing can be written any more, so that no answer is expected
  // either
  const Pattern pattern(16 << 20);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(channel.try_send("", pattern.payload()));
  expect_loss(channel, kTimeout);
  EXPECT_TRUE(eventually([&] { return pattern.bytes.use_count() == 1; })) << "its memory is let go of";
}

TEST(DataPlanePeer, NeverThereFailsItsChannelsInTime) {
  auto a = start("a", [](DataPlaneOptions& options) { options.failure_timeout = 0.3; });
  ASSERT_TRUE(a.plane->add_peer({"b", "tcp://127.0.0.1:1", new_keys().public_key}));
  auto channel = open(a, "b", 1);
  const auto sent = channel.send("", {}, kGenerous);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::peer_missing);
  EXPECT_THAT(sent.error().text(), HasSubstr("peer b"));
}

TEST(DataPlanePeer, RemovedFailsItsChannelsAndIsLetInNoMore) {
  Pair pair([](DataPlaneOptions& options) { options.failure_timeout = 2; });
  auto here = open(pair.a, "b", 1);
  auto there = open(pair.b, "a", 1);
  ASSERT_TRUE(there.send("hello"));
  ASSERT_TRUE(next(here));
  pair.a.plane->remove_peer("b");
  EXPECT_EQ(here.receive(kGenerous).error().code, ErrorCode::peer_missing);
  EXPECT_EQ(there.receive(kGenerous).error().code, ErrorCode::peer_missing);
  EXPECT_TRUE(eventually([&] { return pair.a.plane->statistics().refusals(Refusal::wrong_key) > 0; }));
  EXPECT_FALSE(of_peer(pair.b, "a").up);
  ASSERT_TRUE(pair.a.plane->add_peer(pair.b.address()));
  ASSERT_TRUE(pair.a.plane->wait_for("b", kGenerous));
  ASSERT_TRUE(pair.b.plane->wait_for("a", kGenerous));
  here = open(pair.a, "b", 1);
  there = Channel(open(pair.b, "a", 2));
  auto again = open(pair.b, "a", 1);
  ASSERT_TRUE(again.send("again"));
  EXPECT_EQ(next(here)->header(), "again");
}

TEST(DataPlanePeer, GivenUpByOneSideIsGivenUpByTheOtherAndBothMeetAgain) {
  Pair pair;
  for (int round = 0; round < 10; ++round) {
    auto here = open(pair.a, "b", 1);
    auto there = open(pair.b, "a", 1);
    const auto sent = here.send("hello", {}, kGenerous);
    ASSERT_TRUE(sent) << round << ": " << sent.error().text();
    ASSERT_TRUE(next(there));
    auto& striker = round % 2 == 0 ? pair.a : pair.b;
    auto& struck = round % 2 == 0 ? pair.b : pair.a;
    striker.plane->remove_peer(struck.name);
    ASSERT_TRUE(striker.plane->add_peer(struck.address()));
    EXPECT_EQ(here.receive(kGenerous).error().code, ErrorCode::peer_missing);
    EXPECT_EQ(there.receive(kGenerous).error().code, ErrorCode::peer_missing);
    ASSERT_TRUE(pair.a.plane->wait_for("b", kGenerous));
    ASSERT_TRUE(pair.b.plane->wait_for("a", kGenerous));
  }
}

TEST(DataPlanePeer, AnOldIncarnationIsRefused) {
  auto a = start("a");
  auto b = start("b", [](DataPlaneOptions& options) { options.incarnation = 1; });
  introduce(a, b);
  ASSERT_TRUE(a.plane->wait_for("b", kGenerous));
  auto newer_options = options_of("b", b.keys);
  newer_options.incarnation = 2;
  auto newer = DataPlane::start(newer_options);
  ASSERT_TRUE(newer);
  ASSERT_TRUE((*newer)->add_peer(a.address()));
  EXPECT_TRUE(eventually([&] { return a.plane->statistics().refusals(Refusal::old_incarnation) > 0; }));
  EXPECT_TRUE(eventually([&] { return !of_peer(b, "a").trouble.empty(); }));
  EXPECT_THAT(of_peer(b, "a").trouble, HasSubstr("a newer process"));
}

TEST(DataPlanePeer, TheEndOfADataPlaneWakesEverybody) {
  auto pair = std::make_unique<Pair>();
  auto here = open(pair->a, "b", 1);
  auto there = open(pair->b, "a", 1);
  std::jthread waits([&] {
    const auto ended = here.receive(kGenerous);
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().code, ErrorCode::interrupted);
  });
  pair->a.plane.reset();
  waits.join();
  EXPECT_EQ(there.receive(kGenerous).error().code, ErrorCode::peer_missing);
  pair.reset();  // the channels' ends outlive it
}

}  // namespace
}  // namespace troupe::test
