#pragma once
// The rates of the machine at hand, by the very kernels that a step runs.
#include "gpu/devices.hpp"
#include "predict/roofline.hpp"

namespace troupe::gan {

/// Takes some tenths of a second, on a thread of its own for each core, and at its end on all of them at
/// once. Counts the threads' own processor time: who else wants the cores meanwhile does not make them
/// slower.
DeviceRates calibrate(const CpuDevice& device);

/// What rates are of: a CPU's model, its instruction set, its cores, and the versions that run on it.
std::string device_key(const CpuDevice& device);

}  // namespace troupe::gan
