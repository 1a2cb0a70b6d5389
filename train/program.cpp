#include "train/program.hpp"

#include "gpu/collective.hpp"

namespace troupe {

void Program::use(DeviceSlice&) {
  throw ErrorException({ErrorCode::bad_config, "this kind of job can't run on a GPU", "its program", "", "",
                        "Write gpu = \"none\" in the job"});
}

Result<std::vector<Image>> Replica::sample(int, std::int64_t, const Moment&) const {
  return fail({ErrorCode::bad_usage, "this network makes no images", name(), "", "", "Ask a generator."});
}

std::optional<PhaseForecast> Program::forecast(int) const { return {}; }
int Program::parts(int) const { return 0; }
bool Program::holds_parts(int) const { return false; }

std::uint64_t Program::data_identity() const { return 0; }
void Program::finish(int, int, int, std::int64_t) {}
std::vector<Elements> Program::writes(int, int) const { return {}; }

std::vector<Score> Program::scores() const {
  std::vector<Score> all;
  const auto names = score_names();
  const auto n = static_cast<std::size_t>(shards());
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::vector<double> shares(n);
    std::vector<const double*> members(n);
    for (std::size_t s = 0; s < n; ++s) {
      shares[s] = shard_score(static_cast<int>(i), static_cast<int>(s));
      members[s] = &shares[s];
    }
    Score score{names[i], 0};
    tree_sum(std::span<const double* const>(members), &score.value, 0, 1, 1.0 / static_cast<double>(n));
    all.push_back(std::move(score));
  }
  return all;
}

std::vector<Image> Program::real_images(int, const Moment&) const { return {}; }

}  // namespace troupe
