#include "train/program.hpp"

namespace troupe {

Result<std::vector<Image>> Replica::sample(int, std::int64_t, const Moment&) const {
  return fail({ErrorCode::bad_usage, "this network makes no images", name(), "", "", "Ask a generator."});
}

int Program::parts(int) const { return 0; }
bool Program::holds_parts(int) const { return false; }
void Program::finish(int, int, int, std::int64_t) {}

std::vector<Image> Program::real_images(int, const Moment&) const { return {}; }

}  // namespace troupe
