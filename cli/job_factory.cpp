#include "cli/job_factory.hpp"

#include "actors/plugin.hpp"

namespace troupe {

Result<ProgramFactory> factory_of(const JobConfig& job, const Services& services) {
  auto kinds = services.kinds;
  if (!job.plugin.empty()) {
    auto more = load_plugin(job.plugin);
    if (!more) return fail(more.error());
    kinds.merge(*more);
  }
  const auto found = kinds.find(job.kind);
  if (found != kinds.end()) return found->second;
  return fail({ErrorCode::bad_config, "no such kind of job", "job " + job.name, job.kind, "", ""});
}

}  // namespace troupe
