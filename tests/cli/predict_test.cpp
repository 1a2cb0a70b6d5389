#include "cli/predict.hpp"

#include <gmock/gmock.h>

#include "base/files.hpp"
#include "predict/correction.hpp"
#include "tests/actors/toy_program.hpp"
#include "tests/cli/fakes.hpp"
#include "tests/predict/rates.hpp"

namespace troupe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class PredictCommand : public ::testing::Test {
 protected:
  PredictCommand() {
    command.services.kinds["gan"] = toy::factory({.phases = 3, .steps_per_phase = 10, .tells = true});
    command.services.make_rates = [](const CpuDevice&, const std::filesystem::path& runs) {
      return std::make_shared<RatesSource>(runs / ".rates.json", "even",
                                           [] { return testing::even_rates(); });
    };
  }
  int run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "predict");
    return command.run(arguments);
  }
  std::string config(const std::string& jobs) {
    return folder.write("cluster.toml", "[cluster]\nruns = \"" + (folder / "runs").string() + "\"\n" + jobs)
        .string();
  }
  TempFolder folder;
  FakeCommand command;
  const std::string two =
      "[[job]]\nname = \"gan\"\npriority = 3\n[job.data]\npath = \"data\"\n[[job]]\nname = \"scout\"\n"
      "max_cores = 1\n[job.data]\npath = \"data\"\n";
};

TEST_F(PredictCommand, TellsEachPhaseOfAJob) {
  ASSERT_EQ(run({config(two)}), kDone) << command.err;
  for (const char* part :
       {"job gan on 2 cores of Test CPU", "p0", "p1", "p2", "64 MiB", "256 MiB", "STEP ON 2",
        "never measured", "smallest slice that all phases fit in: 1 core, 265 MiB", "the whole run's steps"})
    EXPECT_THAT(command.out, HasSubstr(part));
}

TEST_F(PredictCommand, TellsMachinesTheSame) {
  ASSERT_EQ(run({config(two), "--job", "scout", "--cores", "4", "--json"}), kDone) << command.err;
  const auto told = Json::parse(command.out);
  EXPECT_EQ(told["job"], "scout");
  ASSERT_EQ(told["phases"].size(), 3u);
  EXPECT_EQ(told["phases"][1]["peak"], mib(128).count);
  EXPECT_EQ(told["phases"][1]["peak_a_further_core"], mib(32).count);
  EXPECT_EQ(told["phases"][1]["wanted_cores"], 1);
  EXPECT_EQ(told["phases"][1]["step_seconds"].size(), 4u);
  EXPECT_EQ(told["phases"][1]["learned_steps"], 0);
  EXPECT_EQ(told["run_seconds"].size(), 4u);
}

TEST_F(PredictCommand, KnowsWhatEarlierRunsLearned) {
  const auto file = config(two);
  ASSERT_EQ(run({file, "--json"}), kDone) << command.err;
  const double before = Json::parse(command.out)["phases"][0]["step_seconds"][0];
  Correction learned;
  for (int i = 0; i < 9; ++i) learned.step({"gan", "p0", 1}, 1, 3);
  folder.write(std::filesystem::path("runs") / kCorrectionFile, learned.text());
  ASSERT_EQ(run({file, "--json"}), kDone) << command.err;
  EXPECT_NEAR(Json::parse(command.out)["phases"][0]["step_seconds"][0], 3 * before, 1e-12);
  EXPECT_EQ(Json::parse(command.out)["phases"][0]["learned_steps"], 9);
  folder.write(std::filesystem::path("runs") / kCorrectionFile, "{");
  ASSERT_EQ(run({file}), kDone);
  EXPECT_THAT(command.err, HasSubstr("begun anew"));
}

TEST_F(PredictCommand, WritesATableAndAPicture) {
  const auto out = folder / "told";
  ASSERT_EQ(run({config(two), "--out", out.string()}), kDone) << command.err;
  EXPECT_THAT(*read_file(out / "phases.csv"), HasSubstr("p2,10,268435456,67108864,"));
  EXPECT_EQ(read_file(out / "forecast.png")->substr(1, 3), "PNG");
}

TEST_F(PredictCommand, TellsBytesWhereNobodyMeasuredTheMachine) {
  command.services.make_rates = {};
  ASSERT_EQ(run({config(two)}), kDone) << command.err;
  EXPECT_THAT(command.out, HasSubstr("not known"));
  EXPECT_THAT(command.out, HasSubstr("64 MiB"));
  EXPECT_THAT(command.out, Not(HasSubstr("whole run")));
}

TEST_F(PredictCommand, RefusesWhatItCannotTell) {
  const auto refused = [&](const std::vector<std::string>& arguments, const std::string& why) {
    EXPECT_EQ(run(arguments), kWrongUse) << command.out;
    EXPECT_THAT(command.err, HasSubstr(why));
    EXPECT_EQ(command.out, "");
  };
  refused({(folder / "none.toml").string()}, "none.toml");
  refused({config(two), "--job", "gun"}, "gan, scout");
  refused({config("")}, "no job at all");
  refused({config(two), "--cores", "0"}, "--cores");
  refused({folder.write("job.toml", "name = \"a\"\n[gan]\nto = 17\n").string()}, "job.toml");
  refused({folder.write("small.toml", kJob).string(), "--job", "other"}, "small");
  command.services.kinds["gan"] = toy::factory({});
  refused({config(two)}, "can't tell");
}

TEST_F(PredictCommand, FailsWhereTheJobCannotBeOpened) {
  command.services.kinds["gan"] = [](const ProgramContext&) -> Result<std::shared_ptr<Program>> {
    return fail({ErrorCode::io, "the disk is gone", "data", "", "", ""});
  };
  EXPECT_EQ(run({config(two)}), kFailed);
  EXPECT_THAT(command.err, HasSubstr("the disk is gone"));
}

}  // namespace
}  // namespace troupe
