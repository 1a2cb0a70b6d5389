// A device's program on the devices of several ranks: each holds a copy, computes a part of the shards, and
// sums with the others by its slice's collective. The device is the host, and there is no NCCL: the sums go
// by way of the host's collective.
#include <gtest/gtest.h>

#include <thread>

#include "tests/train/gan_fakes.hpp"
#include "tests/train/gan_steps.hpp"
#include "tests/train/host_parts.hpp"
#include "train/gan/device/program.hpp"

namespace troupe::gan {
namespace {

/// A rank: a device of its own, the job's slice of it, and the copy that runs there.
struct DeviceRank {
  std::shared_ptr<test::HostDriver> driver = std::make_shared<test::HostDriver>();
  std::shared_ptr<Collective> host;
  std::unique_ptr<DeviceSlice> slice;
  std::shared_ptr<DeviceProgram> program;
  std::vector<double> scores;  // of the last step
  std::optional<Error> error;

  explicit DeviceRank(std::shared_ptr<Collective> end) : host(std::move(end)) {
    slice = make_gpu_slices(test::host_parts(driver))(
                {"small", std::make_shared<Account>("job small", gib(1)), {0}, gib(1)})
                .value();
    program = std::make_shared<DeviceProgram>(
        std::make_shared<GanProgram>(test::small_job(), std::make_shared<test::BlobPyramid>(1, 4, 16, 40)),
        at::kFloat);
    program->use(*slice);
  }
  ~DeviceRank() { program->leave(); }

  /// The steps [first, end), of one phase, with this rank's part of the shards.
  void run(std::int64_t first, std::int64_t end) {
    use_one_torch_thread();
    const auto sums = slice->sums(host);
    if (!sums) {
      error = sums.error();
      return;
    }
    EXPECT_EQ(*sums, slice->sums(host).value()) << "a group's collective is made once";
    EXPECT_EQ((*sums)->ranks(), host->ranks());
    const std::jthread loader = test::enter_and_load(program, first, end);
    CpuSlice cpu({{.cpu = -1}}, nullptr, use_one_torch_thread);
    const auto runs =
        split_shards(program->shards(), std::vector<int>(static_cast<std::size_t>(host->ranks()), 1));
    const auto on_step = [&](const StepStats& stats) {
      scores.clear();
      for (const Score& score : stats.scores) scores.push_back(score.value);
    };
    const auto ended = run_steps({program, std::make_shared<StepControl>(), first, end}, cpu, **sums,
                                 runs[static_cast<std::size_t>(host->rank())], on_step, test::wall_seconds);
    error = ended.error;
    program->batches().restart(end);
  }
};

struct Outcome {
  std::vector<std::vector<std::uint64_t>> hashes;  // of every rank's copy
  std::vector<double> scores;
};
Outcome train(int ranks) {
  std::vector<std::unique_ptr<DeviceRank>> all;
  for (auto& end : make_in_process(ranks, 60)) all.push_back(std::make_unique<DeviceRank>(std::move(end)));
  const auto& program = *all.front()->program;
  for (std::int64_t from = 0; from < program.steps();) {
    const std::int64_t end = program.moment(from).phase_end;
    std::vector<std::jthread> threads;
    for (auto& rank : all) threads.emplace_back([&rank, from, end] { rank->run(from, end); });
    threads.clear();
    for (const auto& rank : all)
      if (rank->error) ADD_FAILURE() << rank->error->text();
    from = end;
  }
  Outcome outcome{{}, all.front()->scores};
  for (const auto& rank : all) {
    outcome.hashes.emplace_back();
    for (const auto& replica : rank->program->replicas()) outcome.hashes.back().push_back(replica->hash());
  }
  return outcome;
}

TEST(ADeviceProgramOfSeveralRanks, HasTheBitsOfOne) {
  const auto one = train(1), two = train(2), three = train(3);
  for (const auto* several : {&two, &three}) {
    for (const auto& copy : several->hashes) EXPECT_EQ(copy, one.hashes.front());
    ASSERT_EQ(several->scores.size(), one.scores.size());
    for (std::size_t i = 0; i < one.scores.size(); ++i)
      EXPECT_NEAR(several->scores[i], one.scores[i], 1e-9 * std::abs(one.scores[i]));
  }
}

TEST(ADeviceProgramOfSeveralRanks, ARankThatFailsIsNamedToTheOthers) {
  auto ends = make_in_process(2, 60);
  DeviceRank one(ends[0]), other(ends[1]);
  std::jthread running([&] { one.run(0, one.program->moment(0).phase_end); });
  ends[1]->abort("no more memory");
  running.join();
  ASSERT_TRUE(one.error);
  EXPECT_NE(one.error->text().find("rank 1 of 2 failed: no more memory"), std::string::npos)
      << one.error->text();
}

}  // namespace
}  // namespace troupe::gan
