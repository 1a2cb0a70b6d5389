#include "data/pyramid_build.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <mutex>
#include <string>

#include "data/holdout.hpp"
#include "data/nifti.hpp"
#include "data/parallel.hpp"
#include "data/png.hpp"
#include "data/resample.hpp"
#include "data/slices.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;

// Counts items that several threads finish and tells the listener now and then, one call at a time.
class Progress {
 public:
  Progress(const PyramidListener& listener, std::string stage, std::int64_t total)
      : listener_(listener), stage_(std::move(stage)), total_(total) {}
  void one_done() {
    if (!listener_) return;
    const std::lock_guard lock(mutex_);
    ++done_;
    if (done_ == total_ || done_ % kEvery == 0) listener_({stage_, done_, total_});
  }

 private:
  static constexpr std::int64_t kEvery = 32;
  const PyramidListener& listener_;
  std::string stage_;
  std::int64_t total_, done_ = 0;
  std::mutex mutex_;
};

class Builder {
 public:
  Builder(PyramidWriter& writer, const DataConfig& data, int threads, const PyramidListener& listener)
      : writer_(writer), data_(data), threads_(threads), listener_(listener) {}
  Result<void> add_images(const std::vector<fs::path>& files, double holdout);
  Result<void> add_volumes(const std::vector<fs::path>& files, double holdout);
  Result<void> finish();

 private:
  Result<void> add_slices(const Volume& volume, Axis axis, const std::vector<double>& contents,
                          double holdout);
  Result<void> write(std::int64_t record, std::vector<std::vector<float>> planes);
  void assign(std::int64_t count, double holdout);
  int side() const { return writer_.shape().largest; }

  PyramidWriter& writer_;
  const DataConfig& data_;
  int threads_;
  const PyramidListener& listener_;
  std::int64_t records_ = 0;
  std::vector<std::int64_t> train_, holdout_;
};

// The largest resolution comes in as floats; the smaller ones are averaged from floats too, and rounded once
// each.
Result<void> Builder::write(std::int64_t record, std::vector<std::vector<float>> planes) {
  const auto& shape = writer_.shape();
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(shape.record_bytes()));
  for (int size = shape.largest; size >= shape.smallest; size /= 2) {
    auto* to = bytes.data() + shape.offset(size);
    for (auto& plane : planes) {
      for (const float v : plane) {
        // NOLINTNEXTLINE(bugprone-incorrect-roundings): never negative; the bits of pyramids depend on it
        *to++ = static_cast<std::uint8_t>(255 * std::clamp(v, 0.0F, 1.0F) + 0.5F);
      }
      if (size > shape.smallest) plane = halve(plane, size);
    }
  }
  return writer_.write(record, bytes);
}

// The next `count` records are a run of neighbours.
void Builder::assign(std::int64_t count, double holdout) {
  const auto held =
      holdout >= 1 ? std::vector<bool>(static_cast<std::size_t>(count), true) : held_out(count, holdout);
  for (std::int64_t i = 0; i < count; ++i) {
    (held[static_cast<std::size_t>(i)] ? holdout_ : train_).push_back(records_ + i);
  }
  records_ += count;
}

Result<void> Builder::add_images(const std::vector<fs::path>& files, double holdout) {
  const auto count = static_cast<std::int64_t>(files.size());
  Progress progress(listener_, "resize", count);
  const auto one = [&](std::int64_t i) -> Result<void> {
    const auto image = read_png(files[static_cast<std::size_t>(i)]);
    if (!image) return fail(image.error());
    const int field = std::max(image->width, image->height);
    const AxisFilter columns(image->width, 1, field, side()), rows(image->height, 1, field, side());
    std::vector<std::vector<float>> planes;
    for (int c = 0; c < writer_.shape().channels; ++c) {
      // grey among colour: the same plane for each channel
      const int from = image->channels == 1 ? 0 : c;
      const PlaneView view{image->pixels.data() + from, image->width, image->height, image->channels,
                           std::int64_t{image->channels} * image->width};
      planes.push_back(resample(view, columns, rows));
    }
    auto written = write(records_ + i, std::move(planes));
    progress.one_done();
    return written;
  };
  if (auto ok = parallel_for(threads_, count, one); !ok) return ok;
  assign(count, holdout);
  return {};
}

Result<void> Builder::add_slices(const Volume& volume, Axis axis, const std::vector<double>& contents,
                                 double holdout) {
  std::vector<int> slices;
  for (std::size_t i = 0; i < contents.size(); ++i) {
    if (contents[i] >= data_.min_content) slices.push_back(static_cast<int>(i));
  }
  const auto count = static_cast<std::int64_t>(slices.size());
  const double field = field_of_view(volume);
  const auto any = cut(volume, axis, 0);
  const AxisFilter columns(any.view.width, any.column_spacing, field, side());
  const AxisFilter rows(any.view.height, any.row_spacing, field, side());
  Progress progress(listener_, "resize", count);
  const auto one = [&](std::int64_t i) -> Result<void> {
    std::vector<std::vector<float>> planes;
    planes.push_back(resample(cut(volume, axis, slices[static_cast<std::size_t>(i)]).view, columns, rows));
    auto written = write(records_ + i, std::move(planes));
    progress.one_done();
    return written;
  };
  if (auto ok = parallel_for(threads_, count, one); !ok) return ok;
  assign(count, holdout);
  return {};
}

// One volume at a time: what is held in memory is the largest of them, not their sum.
Result<void> Builder::add_volumes(const std::vector<fs::path>& files, double holdout) {
  for (std::size_t i = 0; i < files.size(); ++i) {
    auto volume = read_nifti(files[i]);
    if (!volume) return fail(volume.error());
    if (listener_)
      listener_({"decode", static_cast<std::int64_t>(i + 1), static_cast<std::int64_t>(files.size())});
    const auto window = window_of(*volume);
    if (window.empty) continue;
    apply(window, volume->voxels);
    const auto contents = contents_of(*volume);
    for (const auto& name : data_.axes) {
      const auto axis = parse_axis(name);
      if (!axis) return fail(axis.error());
      if (auto ok = add_slices(*volume, *axis, contents[static_cast<std::size_t>(through(*axis))], holdout);
          !ok)
        return ok;
    }
  }
  return {};
}

Result<void> Builder::finish() {
  if (train_.empty()) {
    return fail({ErrorCode::bad_data, "no slice has enough in it to train on", data_.path.string(),
                 "data.min_content = " + std::to_string(data_.min_content), "", "Lower data.min_content"});
  }
  if (data_.holdout_path && holdout_.empty()) {
    return fail({ErrorCode::bad_data, "no slice has enough in it to be held out",
                 data_.holdout_path->string(), "data.min_content = " + std::to_string(data_.min_content), "",
                 "Lower data.min_content"});
  }
  auto done = writer_.finish(train_, holdout_);
  if (done && listener_) listener_({"write", records_, records_});
  return done;
}

// 3 as soon as one image has colour.
Result<int> channels_of(const Sources& sources, int threads) {
  if (sources.kind == DataKind::nifti) return 1;
  std::atomic<int> most{1};
  for (const auto* files : {&sources.train, &sources.holdout}) {
    const auto one = [&](std::int64_t i) -> Result<void> {
      const auto channels = png_channels((*files)[static_cast<std::size_t>(i)]);
      if (!channels) return fail(channels.error());
      if (*channels == 3) most = 3;
      return {};
    };
    if (auto ok = parallel_for(threads, static_cast<std::int64_t>(files->size()), one); !ok)
      return fail(ok.error());
  }
  return most;
}

}  // namespace

Result<void> build_pyramid(PyramidWriter& writer, const Sources& sources, const DataConfig& data,
                           int smallest, int largest, int threads, const PyramidListener& listener) {
  const auto channels = channels_of(sources, threads);
  if (!channels) return fail(channels.error());
  writer.set_shape({*channels, smallest, largest});
  Builder builder(writer, data, threads, listener);
  const auto add = sources.kind == DataKind::nifti ? &Builder::add_volumes : &Builder::add_images;
  // with a folder of its own held out, nothing of the other is
  const double share = sources.holdout.empty() ? data.holdout : 0;
  return (builder.*add)(sources.train, share)
      .and_then([&] { return (builder.*add)(sources.holdout, 1); })
      .and_then([&] { return builder.finish(); });
}

}  // namespace troupe
