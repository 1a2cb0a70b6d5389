#pragma once
// What the networks read and what their gradients are written to: flat buffers with a table over them.
#include <cstdint>
#include <string>

#include "train/gan/topology.hpp"

namespace troupe::gan {

/// Effective weights of `param` from raw ones: times the He constant; a resampled 3x3 kernel becomes its 4x4
/// one.
void make_effective(const Param& param, const float* raw, float* effective);
/// The gradient to the raw weights from that to the effective ones (the transposed map).
void gradient_to_raw(const Param& param, const float* effective_gradient, float* raw_gradient);

/// A network's view of one replica: effective weights and the shard's flat gradient buffer.
struct Weights {
  const ParamTable* table = nullptr;
  const float* effective = nullptr;
  float* gradient = nullptr;  // null where none is wanted
  const float* read(const Param& p) const { return effective + p.effective; }
  const float* read(const std::string& name) const { return read(table->at(name)); }
  /// Where a bias's gradient goes: raw and effective are the same.
  float* bias_gradient(const Param& p) const { return gradient + p.offset; }
};

}  // namespace troupe::gan
