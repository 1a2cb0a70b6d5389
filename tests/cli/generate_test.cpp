#include "cli/generate.hpp"

#include <gmock/gmock.h>

#include "tests/actors/toy_program.hpp"
#include "tests/cli/fakes.hpp"
#include "train/checkpoint.hpp"

namespace troupe {
namespace {

using testing::HasSubstr;
using testing::Not;

/// A run with one job and a checkpoint of it.
struct GenerateCommand : testing::Test {
  TempFolder run;
  FakeCommand troupe;

  GenerateCommand() { troupe.services.kinds["gan"] = toy::factory({}); }
  void write_config(const std::string& more) {
    run.write("config.toml", std::string(kCluster) + "[job.gan]\n" + more);
  }
  void write_checkpoint() {
    const auto config = load_config(run / "config.toml");
    ASSERT_TRUE(config);
    const JobConfig& job = config->jobs.front();
    CheckpointStore store(run / job.name / "checkpoints", 2);
    const auto folder = store.begin(12);
    ASSERT_TRUE(folder) << folder.error().text();
    std::ofstream(*folder / "generator0.safetensors") << "state";
    const auto done = store.commit(12,
                                   {.job = job.name,
                                    .kind = job.kind,
                                    .version = "0",
                                    .phase = "8x8",
                                    .config_hash = config_hash(job),
                                    .files = {}},
                                   {"generator0.safetensors"});
    ASSERT_TRUE(done) << done.error().text();
  }
};

TEST_F(GenerateCommand, ACheckpointOfAnotherConfigurationIsRefused) {
  write_config("latent = 32\n");
  write_checkpoint();
  write_config("latent = 64\n");
  EXPECT_EQ(troupe.run({"generate", run.path().string()}), 2);
  EXPECT_THAT(troupe.err, HasSubstr("the checkpoint is of another configuration"));
  EXPECT_THAT(troupe.err, HasSubstr("job.toml"));
  EXPECT_THAT(troupe.err, Not(HasSubstr("generator0.safetensors"))) << "nothing was made of it";
}

TEST_F(GenerateCommand, OneOfItsOwnIsTaken) {
  write_config("latent = 32\n");
  write_checkpoint();
  write_config("latent = 32\n");
  troupe.run({"generate", run.path().string()});
  EXPECT_THAT(troupe.err, HasSubstr("generator0.safetensors"))
      << "it came to the networks, which were never written";
  EXPECT_THAT(troupe.err, Not(HasSubstr("another configuration")));
}

}  // namespace
}  // namespace troupe
