#include "bench/job_kinds.hpp"

#include <cmath>
#include <cstdlib>

#include "base/random.hpp"
#include "bench/kind_program.hpp"
#include "bench/mri_data.hpp"
#include "bench/processes.hpp"
#include "bench/unet_shard.hpp"
#include "data/png.hpp"
#include "examples/custom_job/network.hpp"
#include "train/gan.hpp"

namespace troupe::bench {

const std::vector<std::string> kKinds = {"gan8", "gan32", "unet", "classifier", "stream", "reader"};

namespace {

constexpr int kShards = 4;
constexpr int kBatches = 4;  // different ones, taken in turn

std::int64_t steps_of(const JobConfig& job) {
  const auto found = job.options.find("steps");
  return found == job.options.end() ? 1 : std::max(1L, std::atol(found->second.c_str()));
}

/// `count` images of `side` pixels: noise, for what they show is nothing to the time.
Batch noise(int number, int count, int side, int classes) {
  Batch batch{.count = count, .channels = 1, .size = side};
  batch.images.resize(static_cast<std::size_t>(count) * static_cast<std::size_t>(side * side));
  Draw draw(1, number, 0, Purpose::test);
  for (float& v : batch.images) v = 2 * draw.uniform() - 1;
  for (int i = 0; i < count; ++i)
    batch.labels.push_back(static_cast<std::int64_t>(draw.below(static_cast<std::uint64_t>(classes))));
  return batch;
}

std::function<Batch(std::int64_t)> in_turn(int count, int side, int classes) {
  auto all = std::make_shared<std::vector<Batch>>();
  for (int b = 0; b < kBatches; ++b) all->push_back(noise(b, count, side, classes));
  return [all](std::int64_t step) { return (*all)[static_cast<std::size_t>(step % kBatches)]; };
}

ProgramFactory gan(int size) {
  return [size](const ProgramContext& context) {
    ProgramContext inner = context;
    auto& job = inner.job;
    job.data = mri_data();
    job.gan.generators = 2;
    job.gan.fmap_base = 512;
    job.gan.from = job.gan.to = size;
    job.gan.shards = kShards;
    job.gan.shard_batch = size <= 8 ? 8 : 2;
    job.gan.images = {steps_of(job) * job.gan.shards * job.gan.shard_batch};
    return make_gan(inner);
  };
}

KindSpec unet() {
  const UNetShape shape;
  struct Shard final : KindWork {
    explicit Shard(UNetShape s, std::span<const float> p) : shard(s, p) {}
    double run(std::span<const float> images, std::span<const std::int64_t>, std::span<float> out) override {
      return shard.run(images, out);
    }
    UNetShard shard;
  };
  KindSpec spec{.name = "64x64"};
  spec.parameters = unet_parameters(shape);
  spec.begin = [shape](std::span<float> p) { unet_begin(shape, p); };
  spec.work = [shape](std::span<const float> p) { return std::make_unique<Shard>(shape, p); };
  spec.batch = in_turn(kShards * shape.batch, shape.side, kTissues);
  spec.forecast = unet_forecast(shape, kShards);
  return spec;
}

KindSpec classifier() {
  constexpr int kSide = 64, kImages = 16;
  struct Shard final : KindWork {
    explicit Shard(std::span<const float> p) : parameters(p) {}
    double run(std::span<const float> images, std::span<const std::int64_t> labels,
               std::span<float> out) override {
      return ::classifier::loss_and_gradient(parameters, images, labels, kSide, out).loss;
    }
    std::span<const float> parameters;
  };
  KindSpec spec{.name = "64x64", .shard_batch = kImages};
  spec.parameters = ::classifier::parameter_count(kSide);
  spec.begin = [](std::span<float> p) { ::classifier::initialise(p, kSide, 1); };
  spec.work = [](std::span<const float> p) { return std::make_unique<Shard>(p); };
  spec.batch = in_turn(kShards * kImages, kSide, ::classifier::kClasses);
  auto& told = spec.forecast;
  told.shards = kShards;
  int side = kSide;
  for (const auto& [in, out] : {std::pair{1, 8}, std::pair{8, 16}, std::pair{16, 32}}) {
    side /= 2;
    const double pixels = static_cast<double>(kImages) * side * side;
    for (const auto pass : {Work::forward, Work::backward_data, Work::backward_weight})
      told.shard.convolution(pass, in, out, 2 * 9 * in * out * pixels);
    // the activation and its derivative, read and written
    for (int kernel = 0; kernel < 2; ++kernel) told.shard.elementwise(3 * sizeof(float) * out * pixels);
  }
  told.shard.product_flops =
      3.0 * 2 * kImages * static_cast<double>(32 * side * side) * ::classifier::kClasses;
  told.shard.products = 3;
  told.bytes = mib(24);
  told.bytes_a_worker = mib(8);
  return spec;
}

/// z = a x + y, x = b z, over and over: memory's bytes a second.
class Streaming final : public KindWork {
 public:
  static constexpr std::size_t kFloats = 1 << 20;
  Streaming() : x_(kFloats, 1), y_(kFloats, 0.5F), z_(kFloats) {}
  double run(std::span<const float> images, std::span<const std::int64_t>, std::span<float> out) override {
    const float a = 0.5F + 0.01F * images.front();
    for (std::size_t i = 0; i < kFloats; ++i) z_[i] = a * x_[i] + y_[i];
    for (std::size_t i = 0; i < kFloats; ++i) x_[i] = 0.5F * (z_[i] + y_[i]);
    out.front() = x_.front();
    return x_.back();
  }
  static PhaseForecast forecast() {
    PhaseForecast told;
    told.shards = kShards;
    told.bytes = Bytes{3 * static_cast<std::int64_t>(kFloats * sizeof(float)) * kShards} + mib(1);
    for (int kernel = 0; kernel < 2; ++kernel) told.shard.elementwise(3 * sizeof(float) * kFloats);
    return told;
  }

 private:
  std::vector<float> x_, y_, z_;
};

KindSpec stream() {
  KindSpec spec{.name = "all"};
  spec.work = [](std::span<const float>) { return std::make_unique<Streaming>(); };
  spec.batch = in_turn(kShards, 4, 2);
  spec.forecast = Streaming::forecast();
  return spec;
}

KindSpec reader(const std::filesystem::path& folder) {
  constexpr int kSide = 128, kImages = 4, kFiles = 64;
  std::filesystem::create_directories(folder);
  for (int f = 0; f < kFiles; ++f) {
    Image image{kSide, kSide, 1, std::vector<float>(kSide * kSide)};
    Draw draw(1, f, 0, Purpose::test);
    for (int i = 0; i < kSide * kSide; ++i)
      image.pixels[static_cast<std::size_t>(i)] =
          0.5F + 0.4F * std::sin(0.05F * static_cast<float>(i % kSide + f)) + 0.02F * draw.uniform();
    must(write_png(folder / (std::to_string(f) + ".png"), image));
  }
  struct Mean final : KindWork {
    double run(std::span<const float> images, std::span<const std::int64_t>, std::span<float> out) override {
      double sum = 0;
      for (const float v : images) sum += v;
      out.front() = static_cast<float>(sum / static_cast<double>(images.size()));
      return out.front();
    }
  };
  KindSpec spec{.name = "all", .shard_batch = kImages};
  spec.work = [](std::span<const float>) { return std::make_unique<Mean>(); };
  spec.batch = [folder](std::int64_t step) {
    Batch batch{.count = kShards * kImages, .channels = 1, .size = kSide};
    for (int i = 0; i < batch.count; ++i) {
      const auto file = (step * batch.count + i) % kFiles;
      const auto image = must(read_png(folder / (std::to_string(file) + ".png")));
      batch.images.insert(batch.images.end(), image.pixels.begin(), image.pixels.end());
    }
    return batch;
  };
  spec.forecast.shards = kShards;
  spec.forecast.bytes = mib(4);
  spec.forecast.shard.near_bytes = sizeof(float) * kImages * kSide * kSide;
  spec.forecast.shard.kernels = 1;
  return spec;
}

}  // namespace

std::map<std::string, ProgramFactory> job_kinds(const std::filesystem::path& folder) {
  std::map<std::string, ProgramFactory> kinds{{"gan8", gan(8)}, {"gan32", gan(32)}};
  const std::pair<const char*, KindSpec> specs[] = {{"unet", unet()},
                                                    {"classifier", classifier()},
                                                    {"stream", stream()},
                                                    {"reader", reader(folder / "images")}};
  for (const auto& [name, spec] : specs)
    kinds[name] = [spec = spec](const ProgramContext& c) -> Result<std::shared_ptr<Program>> {
      return make_kind(spec, steps_of(c.job));
    };
  return kinds;
}

}  // namespace troupe::bench
