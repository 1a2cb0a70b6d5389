#include "train/program.hpp"

namespace troupe {

Result<std::vector<Image>> Replica::sample(int, std::int64_t, const Moment&) const {
  return fail({ErrorCode::bad_usage, "this network makes no images", name(), "", "", "Ask a generator."});
}

std::vector<Image> Program::real_images(int, const Moment&) const { return {}; }

}  // namespace troupe
