#include "bench/quality_figures.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "bench/quality_trainer.hpp"
#include "data/png.hpp"
#include "data/sampler.hpp"
#include "train/gan.hpp"
#include "train/grid.hpp"

namespace troupe::bench {
namespace {

constexpr int kPairs = 400;  // of MS-SSIM
constexpr int kColumns = 12, kCell = 64;
constexpr std::int64_t kSeed = 20;  // of samples, patches, directions: the same at every moment
constexpr double kProbeSeconds = 1.5;

template <class T>
T need(Result<T> result) {
  if (!result) throw ErrorException(result.error());
  return std::move(*result);
}

std::vector<Image> real_images(const Pyramid& pyramid, Pyramid::Part part, int size, int count) {
  const Sampler order(kSeed, pyramid.count(part));
  const int channels = pyramid.channels();
  const auto pixels = static_cast<std::size_t>(size) * size;
  std::vector<Image> images;
  for (int i = 0; i < count; ++i) {
    const auto levels = pyramid.levels(part, size, order.running(i));
    Image image{size, size, channels, std::vector<float>(levels.size())};
    for (int c = 0; c < channels; ++c)
      for (std::size_t p = 0; p < pixels; ++p)
        image.pixels[p * channels + c] = levels[c * pixels + p] / 255.0f;
    images.push_back(std::move(image));
  }
  return images;
}

std::vector<std::vector<Image>> sample_all(Program& program, const Moment& moment, int count) {
  std::vector<std::vector<Image>> sets;
  for (const auto& replica : program.replicas())
    if (replica->makes_images()) sets.push_back(need(replica->sample(count, kSeed, moment)));
  return sets;
}

/// As many images as one set holds, in equal parts from each.
std::vector<Image> together(const std::vector<std::vector<Image>>& sets) {
  std::vector<Image> mixed;
  for (std::size_t i = 0; i < sets.front().size(); ++i) mixed.push_back(sets[i % sets.size()][i]);
  return mixed;
}

/// Distances to the held-out images of one size.
class Yardstick {
 public:
  Yardstick(const QualityRun& run, int size, int count) : options_{.seed = kSeed, .threads = run.threads} {
    held_ = real_images(*run.pyramid, Pyramid::Part::holdout, size, count);
    reference_ = need(SlicedSet::make(held_, options_));
    floor_ = to(real_images(*run.pyramid, Pyramid::Part::train, size, count));
    real_ms_ssim_ = sameness(held_);
  }
  double to(const std::vector<Image>& images) const {
    return need(SlicedSet::distance(need(SlicedSet::make(images, options_)), reference_));
  }
  double sameness(const std::vector<Image>& images) const {
    return need(mean_ms_ssim(images, kPairs, kSeed, options_.threads));
  }
  double floor() const { return floor_; }
  double real_ms_ssim() const { return real_ms_ssim_; }
  const std::vector<Image>& held() const { return held_; }

 private:
  SlicedOptions options_;
  std::vector<Image> held_;
  SlicedSet reference_;
  double floor_ = 0, real_ms_ssim_ = 0;
};

class Measurement {
 public:
  Measurement(const QualityRun& run, Figures& figures)
      : run_(run),
        figures_(figures),
        trainer_(need(make_gan(run.job, run.pyramid)), run.threads),
        count_(static_cast<int>(
            std::min({static_cast<std::int64_t>(run.count), run.pyramid->count(Pyramid::Part::holdout),
                      run.pyramid->count(Pyramid::Part::train)}))) {}

  void run() {
    for (const auto& start : phase_starts(trainer_.program())) measure_phase(start);
  }

 private:
  void put(const std::string& name, double value) { figures_[name + run_.suffix].push_back(value); }

  /// The same networks, grown to the same size, with the weights they begin with.
  std::vector<std::vector<Image>> untrained(const Moment& start) const {
    Trainer fresh(need(make_gan(run_.job, run_.pyramid)), 1);
    fresh.jump(start.phase_first);
    return sample_all(fresh.program(), fresh.program().moment(start.phase_end - 1), count_);
  }

  void measure_phase(const Moment& start) {
    const Yardstick yardstick(run_, start.resolution, count_);
    const auto length = start.phase_end - start.phase_first;
    const double faded = start.phase == 0 ? 0.1 : run_.job.gan.fade;  // the first phase fades nothing in
    const auto first =
        start.phase_first + std::max<std::int64_t>(1, static_cast<std::int64_t>(faded * length) + 1);
    const auto middle = (first + start.phase_end) / 2;
    std::vector<double> trend;
    std::vector<std::vector<Image>> sets;
    const double seconds = trainer_.seconds();
    for (const auto step : {first, middle, start.phase_end}) {
      trainer_.until(std::min(step, start.phase_end));
      sets = sample_all(trainer_.program(), trainer_.program().moment(trainer_.at() - 1), count_);
      trend.push_back(yardstick.to(together(sets)));
    }
    const double rate = static_cast<double>(length * trainer_.program().images_per_step()) /
                        std::max(1e-9, trainer_.seconds() - seconds);
    report(start, yardstick, sets, trend, rate);
    if (run_.grids) draw_grid(start, yardstick, sets);
  }

  void report(const Moment& start, const Yardstick& yardstick, const std::vector<std::vector<Image>>& sets,
              const std::vector<double>& trend, double rate) {
    const auto size = std::to_string(start.resolution);
    const auto fresh = untrained(start);
    const double all = trend.back(), none = yardstick.to(together(fresh));
    const double same = yardstick.sameness(together(sets));
    put("swd_" + size, all);
    put("swd_untrained_" + size, none);
    put("swd_improvement_" + size, none / all);
    put("swd_over_floor_" + size, all / yardstick.floor());
    put("swd_trend_" + size, trend.front() / all);
    put("swd_trend_middle_" + size, trend.front() / trend[1]);
    put("ms_ssim_" + size, same);
    if (run_.suffix.empty()) {  // the data's own figures, once
      put("swd_floor_" + size, yardstick.floor());
      put("ms_ssim_real_" + size, yardstick.real_ms_ssim());
    }
    for (std::size_t k = 0; k < sets.size() && sets.size() > 1; ++k) {
      const auto which = fmt::format("{}_g{}", size, k);
      put("swd_improvement_" + which, yardstick.to(fresh[k]) / yardstick.to(sets[k]));
      put("ms_ssim_" + which, yardstick.sameness(sets[k]));
    }
    put("images_per_second_" + size, rate);
    run_.note(
        fmt::format("{0}x{0}{1}: distance {2:.1f} -> {3:.1f} -> {4:.1f} (untrained {5:.1f}, floor {6:.1f}), "
                    "MS-SSIM {7:.3f} (real {8:.3f}), {9:.0f} images/s",
                    size, run_.suffix, trend[0], trend[1], trend[2], none, yardstick.floor(), same,
                    yardstick.real_ms_ssim(), rate));
  }

  void draw_grid(const Moment& start, const Yardstick& yardstick,
                 std::vector<std::vector<Image>> rows) const {
    rows.push_back(yardstick.held());
    for (auto& row : rows) row.resize(std::min<std::size_t>(row.size(), kColumns));
    const auto file = *run_.grids / fmt::format("grid{}-{:04}.png", run_.suffix, start.resolution);
    if (auto written = write_png(file, image_grid(rows, kCell)); !written)
      throw ErrorException(written.error());
  }

  const QualityRun& run_;
  Figures& figures_;
  Trainer trainer_;
  int count_;
};
}  // namespace

void measure_quality(const QualityRun& run, Figures& figures) { Measurement(run, figures).run(); }

std::vector<std::int64_t> images_for_minutes(const QualityRun& run, double minutes) {
  Trainer probe(need(make_gan(run.job, run.pyramid)), run.threads);
  const auto starts = phase_starts(probe.program());
  const auto per_step = probe.program().images_per_step();
  double total = 0;
  std::vector<std::int64_t> images;
  for (const auto& start : starts) {
    probe.jump(start.phase_first);
    const double before = probe.seconds();
    std::int64_t steps = 0;
    while (probe.at() < start.phase_end && (steps < 2 || probe.seconds() - before < kProbeSeconds))
      probe.until(probe.at() + 1), ++steps;
    images.push_back((start.phase_end - start.phase_first) * per_step);
    total += (probe.seconds() - before) / static_cast<double>(steps * per_step) *
             static_cast<double>(images.back());
  }
  for (auto& i : images)
    i = std::max<std::int64_t>(per_step * 3,
                               static_cast<std::int64_t>(static_cast<double>(i) * 60 * minutes / total));
  return images;
}

}  // namespace troupe::bench
