#include <algorithm>
#include <array>
#include <cmath>

#include "base/random.hpp"
#include "train/quality.hpp"
#include "train/quality_parts.hpp"

namespace troupe {
namespace {
using quality::Plane;

constexpr std::array<double, 5> kWeights = {0.0448, 0.2856, 0.3001, 0.2363,
                                            0.1333};  // Wang et al., section 3.2
constexpr int kWindow = 11;
constexpr double kDeviation = 1.5, kC1 = 0.01 * 0.01, kC2 = 0.03 * 0.03;  // (K L)^2 with L = 1

std::vector<double> window(int side) {
  std::vector<double> w(static_cast<std::size_t>(side));
  const double deviation = kDeviation * side / kWindow;
  double sum = 0;
  for (int i = 0; i < side; ++i) {
    const double x = i - 0.5 * (side - 1);
    sum += w[i] = std::exp(-x * x / (2 * deviation * deviation));
  }
  for (double& v : w) v /= sum;
  return w;
}

/// Separable filter where the window fits whole ("valid").
std::vector<double> filter(const std::vector<double>& in, int width, int height,
                           const std::vector<double>& w) {
  const int side = static_cast<int>(w.size()), out_width = width - side + 1, out_height = height - side + 1;
  std::vector<double> across(static_cast<std::size_t>(height) * out_width);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < out_width; ++x) {
      double sum = 0;
      for (int k = 0; k < side; ++k) sum += w[k] * in[static_cast<std::size_t>(y) * width + x + k];
      across[static_cast<std::size_t>(y) * out_width + x] = sum;
    }
  std::vector<double> out(static_cast<std::size_t>(out_height) * out_width);
  for (int y = 0; y < out_height; ++y)
    for (int x = 0; x < out_width; ++x) {
      double sum = 0;
      for (int k = 0; k < side; ++k) sum += w[k] * across[static_cast<std::size_t>(y + k) * out_width + x];
      out[static_cast<std::size_t>(y) * out_width + x] = sum;
    }
  return out;
}

struct Similarity {
  double ssim = 0, contrast = 0;  // means over the image; contrast is the contrast-structure term alone
};

Similarity similarity(const Plane& a, const Plane& b) {
  const auto w = window(std::min({kWindow, a.width, a.height}));
  const auto n = a.values.size();
  std::vector<double> x(a.values.begin(), a.values.end()), y(b.values.begin(), b.values.end()), xx(n), yy(n),
      xy(n);
  for (std::size_t i = 0; i < n; ++i) xx[i] = x[i] * x[i], yy[i] = y[i] * y[i], xy[i] = x[i] * y[i];
  const auto f = [&](const std::vector<double>& v) { return filter(v, a.width, a.height, w); };
  const auto mx = f(x), my = f(y), sxx = f(xx), syy = f(yy), sxy = f(xy);
  Similarity sum;
  for (std::size_t i = 0; i < mx.size(); ++i) {
    const double means = mx[i] * mx[i] + my[i] * my[i];
    const double contrast = (2 * (sxy[i] - mx[i] * my[i]) + kC2) / (sxx[i] + syy[i] - means + kC2);
    sum.contrast += contrast;
    sum.ssim += contrast * (2 * mx[i] * my[i] + kC1) / (means + kC1);
  }
  const auto count = static_cast<double>(mx.size());
  return {sum.ssim / count, sum.contrast / count};
}

Plane halve(const Plane& in) {
  Plane out{in.width / 2, in.height / 2, {}};
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x)
      out.values.push_back(0.25f * (in.at(2 * x, 2 * y) + in.at(2 * x + 1, 2 * y) + in.at(2 * x, 2 * y + 1) +
                                    in.at(2 * x + 1, 2 * y + 1)));
  return out;
}

std::size_t scales_of(int side) {
  std::size_t scales = 1;
  while (scales < kWeights.size() && (side >> scales) >= kWindow) ++scales;
  return scales;
}
}  // namespace

Result<double> ms_ssim(const Image& a, const Image& b) {
  const std::array<Image, 2> both{a, b};
  if (auto checked = quality::check_same(both, 2); !checked) return fail(checked.error());
  auto x = quality::planes_of(a), y = quality::planes_of(b);
  const auto scales = scales_of(std::min(a.width, a.height));
  double total_weight = 0, product = 1;
  for (std::size_t s = 0; s < scales; ++s) total_weight += kWeights[s];
  for (std::size_t s = 0; s < scales; ++s) {
    Similarity mean;
    for (std::size_t c = 0; c < x.size(); ++c) {
      const auto one = similarity(x[c], y[c]);
      mean.ssim += one.ssim / static_cast<double>(x.size());
      mean.contrast += one.contrast / static_cast<double>(x.size());
    }
    const double term = s + 1 == scales ? mean.ssim : mean.contrast;
    product *= std::pow(std::max(0.0, term), kWeights[s] / total_weight);
    if (s + 1 == scales) break;
    for (auto& plane : x) plane = halve(plane);
    for (auto& plane : y) plane = halve(plane);
  }
  return product;
}

Result<double> mean_ms_ssim(std::span<const Image> images, int pairs, std::int64_t seed, int threads) {
  if (auto checked = quality::check_same(images, 2); !checked) return fail(checked.error());
  std::vector<double> found(static_cast<std::size_t>(std::max(1, pairs)));
  quality::parallel_each(threads, found.size(), [&](std::size_t i) {
    Draw draw(seed, static_cast<std::int64_t>(i), 0, Purpose::mix);
    const auto first = draw.below(images.size()), step = 1 + draw.below(images.size() - 1);
    found[i] = ms_ssim(images[first], images[(first + step) % images.size()]).value_or(0);
  });
  double sum = 0;
  for (const double f : found) sum += f;
  return sum / static_cast<double>(found.size());
}

}  // namespace troupe
