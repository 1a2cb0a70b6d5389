#pragma once
// The networks as tables: which parameters there are, in which order they lie in the flat buffers, how wide
// each resolution is, what a step costs. Pure; no LibTorch.
//
// Generator, resolution r = 4, 8, … (channels-last throughout; PN = pixel norm, act = leaky ReLU 0.2):
//   4:  PN(latent) -> dense -> +bias, act, PN -> conv 3x3 -> +bias, act, PN
//   r:  [nearest x2, conv 3x3] -> +bias, act, PN -> conv 3x3 -> +bias, act, PN          ("up", "conv")
//   rgb 1x1 of the last resolution; while fading: alpha * rgb_r + (1 - alpha) * nearest x2 (rgb_{r/2})
// Critic, from resolution R down:
//   rgb 1x1 -> +bias, act;  r: conv 3x3 -> +bias, act -> [conv 3x3, 2x2 average] -> +bias, act   ("conv",
//   "down") 4:  conv 3x3 over (features, minibatch deviation) -> +bias, act -> dense -> +bias, act -> head:
//   score, K classes
// The brackets are computed as one strided 4x4 convolution (16 taps for four pixels instead of 36); the
// parameters stay those of the 3x3 kernel.
#include <cstdint>
#include <string>
#include <vector>

namespace troupe::gan {

struct NetShape {
  int generators = 1, latent = 64, image_channels = 1;
  int fmap_base = 1024, fmap_max = 48;
  int from = 4, to = 64;
  /// Feature channels at a resolution: nf(s) = min(fmap_base / 2^s, fmap_max), s = log2(resolution) - 1, at
  /// least 1.
  int width(int resolution) const;
  /// Width of the critic's dense layer: nf(0).
  int dense_width() const;
  int phases() const;
  int resolution(int phase) const { return from << phase; }
  /// Outputs of the critic: its score, and a class for each generator where there is more than one.
  int heads() const { return generators > 1 ? 1 + generators : 1; }
};

/// How the network reads a parameter: as stored, or as the 4x4 kernel that a 3x3 one makes with resampling.
enum class Kernel { plain, down, up };

struct Param {
  std::string name;  // "8.conv.weight"
  std::vector<std::int64_t>
      shape;  // as stored: [out, 3, 3, in]; "up" [in, 3, 3, out]; rgb [image channel, feature]
  std::size_t offset = 0, count = 0;               // in the flat raw buffer
  std::size_t effective = 0, effective_count = 0;  // in the buffer that the network reads
  float scale = 1;      // He constant: effective = raw * scale (equalised learning rate)
  bool random = false;  // standard normal at first; else zero
  int phase = 0;        // that introduced it
  Kernel kernel = Kernel::plain;
};

/// Parameters in order of their phase: a phase's active ones are a prefix, so growth appends.
class ParamTable {
 public:
  const std::vector<Param>& params() const { return params_; }
  const Param& at(const std::string& name) const;  // throws std::out_of_range: a bug
  std::size_t count(int phase) const;              // floats of the flat buffer up to `phase`
  std::size_t effective_count(int phase) const;
  std::int64_t parameters(int phase) const;  // without padding
  void add(int phase, std::string name, std::vector<std::int64_t> shape, double fan_in, double gain,
           Kernel kernel);
  void add_bias(int phase, std::string name, int n);

 private:
  void append(Param param);
  std::vector<Param> params_;
};

ParamTable critic_table(const NetShape& shape);
ParamTable generator_table(const NetShape& shape);

/// What one step costs in a phase, for one image of the batch; estimates to scale measurements by.
struct PhaseCost {
  double flops = 0;             // of convolutions and matrix products
  double activation_bytes = 0;  // alive at the peak of the critic's stage
  double launches = 0;          // operators a shard and step
};
PhaseCost phase_cost(const NetShape& shape, int phase);
/// Program::holds_parts: where a shard's tensors are small.
bool holds_parts(const NetShape& shape, int shard_batch, int phase);

}  // namespace troupe::gan
