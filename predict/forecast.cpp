#include "predict/forecast.hpp"

#include <algorithm>

namespace troupe {

void Work::convolution(Pass pass, double in, double out, double flops) {
  const double at = std::clamp(0.5 * std::log2(in * out) - std::log2(kNarrowest), 0.0, kWidths - 1.0);
  const auto low = std::min(static_cast<std::size_t>(at), static_cast<std::size_t>(kWidths - 2));
  const double above = at - static_cast<double>(low);
  auto& classes = convolution_flops[static_cast<std::size_t>(pass)];
  classes[low] += (1 - above) * flops;
  classes[low + 1] += above * flops;
  ++convolutions[static_cast<std::size_t>(pass)];
}

double Work::flops() const {
  double sum = product_flops;
  for (const auto& pass : convolution_flops)
    for (const double flops : pass) sum += flops;
  return sum;
}

}  // namespace troupe
