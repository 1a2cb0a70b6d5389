// The door through which troupe comes in: one more kind of job, "classifier".
#include "actors/plugin.hpp"

#include "classifier.hpp"

namespace {

troupe::Result<std::shared_ptr<troupe::Program>> make_classifier(const troupe::ProgramContext& context) {
  const auto options = classifier::read_options(context.job);
  if (!options) return troupe::fail(options.error());
  classifier::DataSets sets;
  const std::array<std::string, classifier::kClasses> axes = {"axial", "coronal", "sagittal"};
  for (std::size_t label = 0; label < axes.size(); ++label) {
    troupe::DataConfig data = context.job.data;
    data.axes = {axes[label]};
    const auto cache = data.cache.empty() ? context.runs / ".pyramids" : data.cache;
    auto pyramid = troupe::open_pyramid(data, options->size, options->size, cache, context.threads);
    if (!pyramid) return troupe::fail(pyramid.error());
    if ((*pyramid)->channels() != 1)
      return troupe::fail({.code = troupe::ErrorCode::bad_data,
                           .what = "the classifier wants grey slices of volumes",
                           .where = data.path.string()});
    sets[label] = *pyramid;
  }
  return std::make_shared<classifier::Classifier>(*options, context.job.seed, std::move(sets));
}

}  // namespace

TROUPE_PLUGIN(registry) { registry.add("classifier", make_classifier); }
