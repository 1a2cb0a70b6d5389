#include "train/gan/topology.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <stdexcept>

namespace troupe::gan {

namespace {
constexpr std::size_t kAlign = 16;  // floats: one cache line
std::size_t padded(std::size_t n) { return (n + kAlign - 1) / kAlign * kAlign; }
const double kGain = std::sqrt(2.0);
std::string at_size(int resolution, const char* what) { return std::to_string(resolution) + "." + what; }
}  // namespace

int NetShape::width(int resolution) const {
  const int stage = std::bit_width(static_cast<unsigned>(resolution)) - 2;
  return std::max(1, std::min(fmap_base >> stage, fmap_max));
}
int NetShape::dense_width() const { return std::max(1, std::min(fmap_base, fmap_max)); }
int NetShape::phases() const {
  return std::bit_width(static_cast<unsigned>(to)) - std::bit_width(static_cast<unsigned>(from)) + 1;
}

const Param& ParamTable::at(const std::string& name) const {
  const auto it =
      std::find_if(params_.begin(), params_.end(), [&](const Param& p) { return p.name == name; });
  if (it == params_.end()) throw std::out_of_range("no parameter " + name);
  return *it;
}

std::size_t ParamTable::count(int phase) const {
  std::size_t n = 0;
  for (const auto& p : params_)
    if (p.phase <= phase) n = p.offset + padded(p.count);
  return n;
}

std::size_t ParamTable::effective_count(int phase) const {
  std::size_t n = 0;
  for (const auto& p : params_)
    if (p.phase <= phase) n = p.effective + padded(p.effective_count);
  return n;
}

std::int64_t ParamTable::parameters(int phase) const {
  std::int64_t n = 0;
  for (const auto& p : params_)
    if (p.phase <= phase) n += static_cast<std::int64_t>(p.count);
  return n;
}

void ParamTable::append(Param p) {
  p.count = static_cast<std::size_t>(
      std::accumulate(p.shape.begin(), p.shape.end(), std::int64_t{1}, std::multiplies<>()));
  p.effective_count = p.kernel == Kernel::plain ? p.count : p.count / 9 * 16;
  if (!params_.empty()) {
    p.offset = params_.back().offset + padded(params_.back().count);
    p.effective = params_.back().effective + padded(params_.back().effective_count);
  }
  params_.push_back(std::move(p));
}

void ParamTable::add(int phase, std::string name, std::vector<std::int64_t> shape, double fan_in, double gain,
                     Kernel kernel) {
  Param p;
  p.name = std::move(name);
  p.shape = std::move(shape);
  p.scale = static_cast<float>(gain / std::sqrt(fan_in));
  p.random = true;
  p.phase = phase;
  p.kernel = kernel;
  append(std::move(p));
}

void ParamTable::add_bias(int phase, std::string name, int n) {
  Param p;
  p.name = std::move(name);
  p.shape = {n};
  p.phase = phase;
  append(std::move(p));
}

ParamTable critic_table(const NetShape& s) {
  ParamTable t;
  const int c4 = s.width(4), dense = s.dense_width();
  t.add(0, "4.conv.weight", {c4, 3, 3, c4}, (c4 + 1) * 9.0, kGain, Kernel::plain);
  t.add(0, "4.deviation.weight", {3, 3, c4}, (c4 + 1) * 9.0, kGain, Kernel::plain);
  t.add_bias(0, "4.conv.bias", c4);
  t.add(0, "4.dense.weight", {dense, 16 * c4}, 16.0 * c4, kGain, Kernel::plain);
  t.add_bias(0, "4.dense.bias", dense);
  t.add(0, "4.head.weight", {s.heads(), dense}, dense, 1, Kernel::plain);
  t.add_bias(0, "4.head.bias", s.heads());
  for (int r = 4; r <= s.to; r *= 2) {
    const int c = s.width(r);
    const int phase = r <= s.from ? 0 : std::countr_zero(static_cast<unsigned>(r / s.from));
    if (r > 4) {
      t.add(phase, at_size(r, "conv.weight"), {c, 3, 3, c}, c * 9.0, kGain, Kernel::plain);
      t.add_bias(phase, at_size(r, "conv.bias"), c);
      t.add(phase, at_size(r, "down.weight"), {s.width(r / 2), 3, 3, c}, c * 9.0, kGain, Kernel::down);
      t.add_bias(phase, at_size(r, "down.bias"), s.width(r / 2));
    }
    if (r < s.from) continue;
    t.add(phase, at_size(r, "rgb.weight"), {s.image_channels, c}, s.image_channels, kGain, Kernel::plain);
    t.add_bias(phase, at_size(r, "rgb.bias"), c);
  }
  return t;
}

ParamTable generator_table(const NetShape& s) {
  ParamTable t;
  const int c4 = s.width(4);
  t.add(0, "4.dense.weight", {16 * c4, s.latent}, s.latent, kGain / 4, Kernel::plain);
  t.add_bias(0, "4.dense.bias", c4);
  t.add(0, "4.conv.weight", {c4, 3, 3, c4}, c4 * 9.0, kGain, Kernel::plain);
  t.add_bias(0, "4.conv.bias", c4);
  for (int r = 4; r <= s.to; r *= 2) {
    const int c = s.width(r);
    const int phase = r <= s.from ? 0 : std::countr_zero(static_cast<unsigned>(r / s.from));
    if (r > 4) {
      t.add(phase, at_size(r, "up.weight"), {s.width(r / 2), 3, 3, c}, s.width(r / 2) * 9.0, kGain,
            Kernel::up);
      t.add_bias(phase, at_size(r, "up.bias"), c);
      t.add(phase, at_size(r, "conv.weight"), {c, 3, 3, c}, c * 9.0, kGain, Kernel::plain);
      t.add_bias(phase, at_size(r, "conv.bias"), c);
    }
    if (r < s.from) continue;
    t.add(phase, at_size(r, "rgb.weight"), {s.image_channels, c}, c, 1, Kernel::plain);
    t.add_bias(phase, at_size(r, "rgb.bias"), s.image_channels);
  }
  return t;
}

PhaseCost phase_cost(const NetShape& s, int phase) {
  PhaseCost cost;
  // Passes over the critic for each image of the shard: 3 forward, 3 backward to data, 1 linear forward and 3
  // to weights in its own stage, 2 in the generator's; the generator runs forward and twice backward.
  constexpr double kCriticPasses = 12, kGeneratorPasses = 3;
  double critic = 0, generator = 0, features = 0;
  const int top = s.resolution(phase);
  for (int r = 4; r <= top; r *= 2) {
    const double pixels = static_cast<double>(r) * r, c = s.width(r);
    if (r == 4) {
      critic += 2 * pixels * 9 * c * c + 2 * pixels * c * s.dense_width();
      generator += 2 * pixels * 9 * c * c + 2 * pixels * c * s.latent;
      features += 2 * pixels * c;
    } else {
      const double low = s.width(r / 2);
      critic += 2 * pixels * (9 * c * c + 4 * c * low);
      generator += 2 * pixels * (9 * c * c + 4 * c * low);
      features += pixels * (2 * c + low / 4);
    }
  }
  const double levels = std::bit_width(static_cast<unsigned>(top)) - 2.0;
  cost.flops = kCriticPasses * critic + kGeneratorPasses * generator;
  // three images' features and their gradients in the critic, one of the generator kept between the stages
  cost.activation_bytes = sizeof(float) * (6 * features + 2 * features + 4.0 * top * top * s.image_channels);
  cost.launches = 40 + 60 * levels;
  return cost;
}

bool holds_parts(const NetShape& shape, int shard_batch, int phase) {
  constexpr double kLittle = 8 << 20;
  return shard_batch * phase_cost(shape, phase).activation_bytes < kLittle;
}

}  // namespace troupe::gan
