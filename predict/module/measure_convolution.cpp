#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>
#include <ATen/native/ConvUtils.h>
#include <c10/core/Allocator.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <cmath>
#include <optional>
#include <string>

#include "gpu/account.hpp"
#include "predict/module/measure.hpp"
#include "predict/module/meta_run.hpp"

namespace troupe::meta {
namespace {

/// Multiply-adds above which a convolution is measured on slabs; some 50 ms of a core.
constexpr double kWhole = 1e9;
/// Slabs have at least so many lines, and the larger one twice the smaller one's: far enough from the edges,
/// and a lever long enough.
constexpr std::int64_t kLines = 8;
/// A slab is at most this share of the whole; else the whole is measured.
constexpr std::int64_t kShare = 4;

/// A convolution's arguments by name, forward or backward.
struct Conv {
  at::Tensor out_gradient, x, w;
  std::vector<std::int64_t> stride, padding, dilation, extra;
  bool transposed = false;
  std::int64_t groups = 1;

  std::int64_t of(const std::vector<std::int64_t>& v, std::size_t i) const {
    return v.size() == 1 ? v[0] : v[i];
  }
  std::int64_t reach() const { return of(dilation, 0) * (w.size(2) - 1) + 1; }
  std::int64_t out_lines(std::int64_t lines) const {
    if (transposed) return (lines - 1) * of(stride, 0) - 2 * of(padding, 0) + reach() + of(extra, 0);
    return (lines + 2 * of(padding, 0) - reach()) / of(stride, 0) + 1;
  }
  /// Multiply-adds of one pass, about.
  double work() const {
    double taps = static_cast<double>(w.numel()) / static_cast<double>(w.size(0));
    double pixels = static_cast<double>(x.numel());
    if (!transposed) {
      taps *= static_cast<double>(w.size(0)) / static_cast<double>(x.size(1));
      for (std::int64_t i = 2; i < x.dim(); ++i)
        pixels /= static_cast<double>(of(stride, static_cast<std::size_t>(i - 2)));
    }
    return pixels * taps;
  }
};

Conv conv_of(const Arguments& a, bool backward) {
  const std::size_t x = backward ? 1 : 0, lists = x + 3;
  Conv c;
  if (backward) c.out_gradient = a[0].toTensor();
  c.x = a[x].toTensor();
  c.w = a[x + 1].toTensor();
  c.stride = a[lists].toIntVector();
  c.padding = a[lists + 1].toIntVector();
  c.dilation = a[lists + 2].toIntVector();
  c.transposed = a[lists + 3].toBool();
  c.extra = a[lists + 4].toIntVector();
  c.groups = a[lists + 5].toInt();
  return c;
}

/// Null memory: enough to ask which backend would run.
struct NoMemory final : c10::Allocator {
  c10::DataPtr allocate(std::size_t) override { return {nullptr, c10::Device(c10::DeviceType::CPU)}; }
  void copy_data(void*, const void*, std::size_t) const override {}
};

at::Tensor ghost(const at::Tensor& t) {
  static NoMemory* const nothing = new NoMemory;
  if (!t.defined()) return t;
  return at::Tensor(at::detail::empty_generic(t.sizes(), nothing, c10::DispatchKeySet(c10::DispatchKey::CPU),
                                              t.scalar_type(), t.suggest_memory_format()));
}

at::native::ConvBackend backend(const Arguments& a, bool backward) {
  const Conv c = conv_of(a, backward);
  std::optional<at::Tensor> bias;
  if (!backward && a[2].isTensor() && a[2].toTensor().defined()) bias = ghost(a[2].toTensor());
  const auto symbols = [](const std::vector<std::int64_t>& v) { return c10::fromIntArrayRefSlow(v); };
  return at::native::select_conv_backend(ghost(c.x), ghost(c.w), bias, symbols(c.stride), symbols(c.padding),
                                         symbols(c.dilation), c.transposed, symbols(c.extra), c.groups,
                                         std::nullopt);
}

at::Tensor slab(const at::Tensor& t, std::int64_t lines) {
  auto sizes = t.sizes().vec();
  sizes[2] = lines;
  at::Tensor cut = at::empty(sizes, t.options().device(at::kMeta), t.suggest_memory_format());
  if (t.requires_grad()) cut.set_requires_grad(true);
  return cut;
}

Arguments slabs(Arguments a, const Conv& c, bool backward, std::int64_t lines) {
  const c10::impl::ExcludeDispatchKeyGuard plain(kMode);
  const AccountScope uncharged(nullptr);
  a[backward ? 1 : 0] = slab(c.x, lines);
  if (backward) a[0] = slab(c.out_gradient, c.out_lines(lines));
  return a;
}

bool dense(const at::Tensor& t) { return t.is_contiguous(t.suggest_memory_format()); }

std::vector<std::int64_t> line(const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b,
                               double t) {
  std::vector<std::int64_t> out = a;
  for (std::size_t i = 0; i < a.size(); ++i)
    out[i] += static_cast<std::int64_t>(std::llround(t * static_cast<double>(b[i] - a[i])));
  return out;
}

/// `a` and `b` are of slabs; the result of a whole that lies t times their distance beyond `a`.
std::optional<Call> beyond(const Call& a, const Call& b, double t) {
  if (a.results.size() != b.results.size()) return std::nullopt;
  Call whole = a;
  whole.peak += static_cast<std::int64_t>(std::llround(t * static_cast<double>(b.peak - a.peak)));
  for (std::size_t i = 0; i < a.results.size(); ++i) {
    const Shape &x = a.results[i], &y = b.results[i];
    if (x.defined != y.defined || x.sizes.size() != y.sizes.size() || x.same >= 0 || x.view >= 0)
      return std::nullopt;
    whole.results[i].sizes = line(x.sizes, y.sizes, t);
    whole.results[i].strides = line(x.strides, y.strides, t);
    whole.results[i].bytes += std::llround(t * static_cast<double>(y.bytes - x.bytes));
  }
  return whole;
}

}  // namespace

Call measure_convolution(const c10::OperatorHandle& op, const Arguments& arguments, bool backward) {
  const Conv c = conv_of(arguments, backward);
  const std::int64_t lines = c.x.dim() >= 4 ? c.x.size(2) : 0;
  const bool cut = c.x.dim() >= 4 && c.work() > kWhole && dense(c.x) && (!backward || dense(c.out_gradient));
  if (!cut) return measure(op, arguments);
  // slabs whose remainder by the stride is the whole's, so that results lie on a line too
  const std::int64_t stride = c.transposed ? 1 : c.of(c.stride, 0);
  const auto alike = [&](std::int64_t least) { return least + ((lines - least) % stride + stride) % stride; };
  const std::int64_t small = alike(std::max(kLines, c.reach())), large = alike(2 * small);
  if (large * kShare > lines) return measure(op, arguments);
  const Arguments first = slabs(arguments, c, backward, small), second = slabs(arguments, c, backward, large);
  const auto chosen = backend(arguments, backward);
  if (backend(first, backward) != chosen || backend(second, backward) != chosen)
    return measure(op, arguments);
  const auto whole = beyond(measure(op, first), measure(op, second),
                            static_cast<double>(lines - small) / static_cast<double>(large - small));
  return whole ? *whole : measure(op, arguments);
}

}  // namespace troupe::meta
