#include <bit>
#include <string>

#include "train/gan.hpp"
#include "train/gan/device/program.hpp"
#include "train/gan/program.hpp"

namespace troupe {

namespace {
Error refuse(const JobConfig& job, std::string what, std::string given, std::string allowed) {
  return {ErrorCode::bad_config, std::move(what),    "job " + job.name,
          std::move(given),      std::move(allowed), "Change [job.gan]."};
}

/// What the schema cannot see: how the keys and the data fit one another.
Result<void> check(const JobConfig& job, const Pyramid& pyramid) {
  const GanConfig& g = job.gan;
  const auto power = [](int n) { return n >= 4 && std::has_single_bit(static_cast<unsigned>(n)); };
  if (!power(g.from) || !power(g.to) || g.from > g.to)
    return fail(refuse(job, "the resolutions do not make phases",
                       std::to_string(g.from) + " to " + std::to_string(g.to),
                       "powers of two from 4, `from` not above `to`"));
  if (g.from < pyramid.smallest() || g.to > pyramid.largest())
    return fail(refuse(job, "the data set has not all resolutions of the job",
                       std::to_string(g.from) + " to " + std::to_string(g.to),
                       std::to_string(pyramid.smallest()) + " to " + std::to_string(pyramid.largest())));
  if (g.generators < 1 || g.shards < 1 || g.shards % g.generators != 0)
    return fail(refuse(job, "the shards do not divide among the generators",
                       std::to_string(g.shards) + " shards, " + std::to_string(g.generators) + " generators",
                       "a multiple of `generators`"));
  if (g.shard_batch < 1 || g.latent < 1 || g.fmap_base < 1 || g.fmap_max < 1)
    return fail(
        refuse(job, "a size is not positive", "", "shard_batch, latent, fmap_base, fmap_max of at least 1"));
  if (pyramid.channels() != 1 && pyramid.channels() != 3)
    return fail(refuse(job, "the images have an odd number of channels", std::to_string(pyramid.channels()),
                       "1 or 3"));
  if (pyramid.count(Pyramid::Part::train) < 1)
    return fail(refuse(job, "the data set has no training image", "0", "at least 1"));
  return {};
}
}  // namespace

Result<std::shared_ptr<Program>> make_gan(const JobConfig& job, std::shared_ptr<const Pyramid> pyramid) {
  if (auto fits = check(job, *pyramid); !fits) return fail(fits.error());
  auto program = std::make_shared<gan::GanProgram>(job, std::move(pyramid));
  if (job.gpu == GpuUse::require)
    return std::make_shared<gan::DeviceProgram>(
        std::move(program), job.precision == Precision::bfloat16 ? at::kBFloat16 : at::kFloat);
  return program;
}

Result<std::shared_ptr<Program>> make_gan(const ProgramContext& context) {
  const JobConfig& job = context.job;
  const auto cache = job.data.cache.empty() ? context.runs / ".pyramids" : job.data.cache;
  PyramidListener listener;
  if (context.progress)
    listener = [&context](const PyramidProgress& p) { context.progress(p.stage, p.done, p.total); };
  auto pyramid = open_pyramid(job.data, job.gan.from, job.gan.to, cache, context.threads, listener);
  if (!pyramid) return fail(pyramid.error());
  return make_gan(job, std::move(*pyramid));
}

}  // namespace troupe
