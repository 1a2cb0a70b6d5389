#pragma once
// What the GAN's program holds of a device in a phase, told before it is there: its step runs on LibTorch's
// meta device, whose tensors have sizes and no memory (predict/module/step.hpp), and its buffers are counted
// as the program asks for them.
#include "base/config.hpp"
#include "base/units.hpp"
#include "predict/module/measured.hpp"
#include "train/gan/device/weights.hpp"
#include "train/gan/topology.hpp"

namespace troupe::gan {

struct DeviceBytes {
  Bytes blocks;  // that stay for the phase: parameters, optimiser state, gradients, sums, scores
  Bytes
      tensors;  // of LibTorch, at most: weights as the step reads them, its input, what a stage goes through
};

/// Exact for the host's memory, whose convolutions' scratch it counts: that of this machine's processor, each
/// measured once (up to some tenths of a second). `options`: its device is not looked at. Throws
/// ErrorException where a step can't be foreseen.
DeviceBytes forecast_device(const GanConfig& config, const NetShape& shape, int phase,
                            const DeviceOptions& options, meta::Measured& measured);

/// What a slice of a GPU is asked for on top. From how LibTorch's pools work, not from a GPU: none has been
/// seen.
struct GpuAllowance {
  /// A stage that is replayed has its tensors in the graphs' pool, while what its eager runs took is kept for
  /// reuse.
  int pools = 2;
  /// Of each pool: what its last segments are not full by, one for small blocks (2 MiB) and one of 20 MiB.
  Bytes segments = mib(22);
  /// cuBLAS's, of each pool (32 MiB on compute capability 9.0), and as much for cuDNN's beyond the scratch of
  /// a CPU.
  Bytes workspaces = mib(64);
};
Bytes on_gpu(const DeviceBytes& bytes, const GpuAllowance& allowance = {});

}  // namespace troupe::gan
