#include "train/quality_parts.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "data/parallel.hpp"

namespace troupe::quality {

std::vector<Plane> planes_of(const Image& image) {
  std::vector<Plane> planes(static_cast<std::size_t>(image.channels));
  const auto pixels = static_cast<std::size_t>(image.width) * image.height;
  for (int c = 0; c < image.channels; ++c) {
    planes[c] = {image.width, image.height, std::vector<float>(pixels)};
    for (std::size_t i = 0; i < pixels; ++i) planes[c].values[i] = image.pixels[i * image.channels + c];
  }
  return planes;
}

Result<void> check_same(std::span<const Image> images, std::size_t least) {
  const auto bad = [](std::string what, std::string given, std::string allowed) {
    return fail({ErrorCode::bad_data, std::move(what), "", std::move(given), std::move(allowed), ""});
  };
  if (images.size() < least)
    return bad("too few images to compare", fmt::format("{}", images.size()),
               fmt::format("{} or more", least));
  const auto text = [](const Image& i) { return fmt::format("{}x{}x{}", i.width, i.height, i.channels); };
  const Image& first = images.front();
  for (const auto& image : images) {
    if (image.width != first.width || image.height != first.height || image.channels != first.channels)
      return bad("images of different sizes cannot be compared", text(image), text(first));
    const auto n = static_cast<std::size_t>(std::max(0, image.width)) * std::max(0, image.height) *
                   std::max(0, image.channels);
    if (n == 0 || image.pixels.size() != n)
      return bad("an image's pixels do not fit its size", fmt::format("{} values", image.pixels.size()),
                 text(image));
  }
  return {};
}

void parallel_each(int threads, std::size_t n, const std::function<void(std::size_t)>& f) {
  const auto done = parallel_for(threads, static_cast<std::int64_t>(n), [&](std::int64_t i) -> Result<void> {
    f(static_cast<std::size_t>(i));
    return {};
  });
  if (!done) throw ErrorException(done.error());
}

}  // namespace troupe::quality
