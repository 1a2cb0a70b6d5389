// Snapshots of a replica, their files, and images by the moving average.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "base/random.hpp"
#include "train/gan/generator.hpp"
#include "train/gan/replica.hpp"
#include "train/gan/weights.hpp"
#include "train/safetensors.hpp"

namespace troupe::gan {

namespace {
/// One LibTorch thread while it lives, so that a sample's bits do not depend on the caller's setting.
class OneThread {
 public:
  OneThread() : before_(at::get_num_threads()) { at::set_num_threads(1); }
  ~OneThread() { at::set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

Error bad(const std::filesystem::path& file, std::string what, std::string given = "",
          std::string allowed = "") {
  return {ErrorCode::bad_data, std::move(what),
          file.string(),       std::move(given),
          std::move(allowed),  "The file belongs to another job, or to another configuration of it."};
}
}  // namespace

struct GanReplica::Saved final : Snapshot {
  std::string prefix;
  ParamTable table;
  int phase = 0;
  Side side;
  std::map<std::string, std::string> metadata;

  Result<void> write(const std::filesystem::path& file) const override {
    std::vector<TensorRef> tensors;
    for (const Param& p : table.params()) {
      if (p.phase > phase) break;
      const auto add = [&](const Floats& values, const char* suffix) {
        if (!values.empty())
          tensors.push_back({prefix + p.name + suffix, p.shape, {values.data() + p.offset, p.count}});
      };
      add(side.p, "");
      add(side.v, ".v");
      add(side.e, ".average");
    }
    return write_safetensors(file, tensors, metadata);
  }
};

std::shared_ptr<const Snapshot> GanReplica::snapshot() const {
  auto saved = std::make_shared<Saved>();
  saved->prefix = makes_images() ? "generator." : "critic.";
  saved->table = table_;
  saved->phase = phase_;
  saved->side = sides_[committed_];
  saved->metadata = {{"replica", settings_.name}, {"phase", std::to_string(phase_)}};
  return saved;
}

Result<void> GanReplica::restore(const std::filesystem::path& file, const Moment& moment) {
  auto loaded = load(file, moment);
  if (loaded) enter(moment);
  return loaded;
}

Result<void> GanReplica::load(const std::filesystem::path& file, const Moment& moment) {
  auto read = read_safetensors(file);
  if (!read) return fail(read.error());
  const std::string& owner = read->metadata["replica"];
  if (owner != settings_.name) return fail(bad(file, "the state of another replica", owner, settings_.name));
  const std::string& text = read->metadata["phase"];
  int phase = -1;
  std::from_chars(text.data(), text.data() + text.size(), phase);
  if (phase < 0 || phase > moment.phase)
    return fail(bad(file, "the phase of a replica's state does not fit its step", text,
                    "0 … " + std::to_string(moment.phase)));
  Side side;
  const std::size_t n = table_.count(phase);
  side.p.resize(n);
  side.v.resize(n);
  if (makes_images()) side.e.resize(n);
  const std::string prefix = makes_images() ? "generator." : "critic.";
  for (const Param& p : table_.params()) {
    if (p.phase > phase) break;
    for (auto [values, suffix] : {std::pair{&side.p, ""}, {&side.v, ".v"}, {&side.e, ".average"}}) {
      if (values->empty()) continue;
      const std::string name = prefix + p.name + suffix;
      const auto found = read->shapes.find(name);
      if (found == read->shapes.end()) return fail(bad(file, "a tensor is missing", name));
      if (found->second != p.shape)
        return fail(bad(file, "a tensor has another shape than this job's", name));
      const auto& stored = read->values[name];
      std::copy(stored.begin(), stored.end(), values->begin() + static_cast<std::ptrdiff_t>(p.offset));
    }
  }
  sides_[0] = side;
  sides_[1] = std::move(side);
  committed_ = 0;
  phase_ = phase;
  effective_.assign(table_.effective_count(phase), 0.0F);
  pending_ = false;
  stale_ = true;
  return {};
}

Result<std::vector<Image>> GanReplica::sample(int count, std::int64_t seed, const Moment& moment) const {
  if (!makes_images() || phase_ < 0) return Replica::sample(count, seed, moment);
  try {
    const c10::InferenceMode no_autograd;
    const OneThread one_thread;
    const Side& side = sides_[committed_];
    Floats weights(table_.effective_count(phase_), 0.0F);
    for (const Param& p : table_.params())
      if (p.phase <= phase_) make_effective(p, side.e.data() + p.offset, weights.data() + p.effective);
    const Generator network(settings_.shape, table_, phase_);
    const float alpha = moment.phase == phase_ ? static_cast<float>(moment.fade) : 1.0F;
    const int size = network.size(), channels = settings_.shape.image_channels;
    std::vector<Image> images;
    for (std::int64_t first = 0; first < count; first += kSampleChunk) {
      at::Tensor latent = at::empty({kSampleChunk, settings_.shape.latent});
      for (std::int64_t i = 0; i < kSampleChunk; ++i)
        Draw(seed, first + i, settings_.generator, Purpose::sample)
            .fill_normal({data(latent) + i * settings_.shape.latent,
                          static_cast<std::size_t>(settings_.shape.latent)});
      const GeneratorPass pass = network.forward(weights.data(), latent, alpha);
      const std::int64_t each = static_cast<std::int64_t>(size) * size * channels;
      for (std::int64_t i = 0; i < std::min<std::int64_t>(kSampleChunk, count - first); ++i) {
        Image image{size, size, channels, std::vector<float>(static_cast<std::size_t>(each))};
        const float* from = data(pass.image) + i * each;
        std::transform(from, from + each, image.pixels.begin(),
                       [](float x) { return std::clamp(0.5F * (x + 1), 0.0F, 1.0F); });
        images.push_back(std::move(image));
      }
    }
    return images;
  } catch (...) {
    return fail(from_current_exception(settings_.name + ": sample"));
  }
}

}  // namespace troupe::gan
