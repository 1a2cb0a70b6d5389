#pragma once
// The multi-generator progressive GAN of docs/design.md, as a Program. The only header of train/ that a
// wiring main() needs; it includes no LibTorch.
#include "data/pyramid.hpp"
#include "train/program.hpp"

namespace troupe {
/// Program of kind "gan": opens (or builds) the pyramid of job.data, then trains as job.gan says; of a job
/// that requires a GPU, one that runs on slices of train/gan/device/gpu_slices.hpp.
Result<std::shared_ptr<Program>> make_gan(const ProgramContext& context);
/// The same over a pyramid that is already open (tests, benches).
Result<std::shared_ptr<Program>> make_gan(const JobConfig& job, std::shared_ptr<const Pyramid> pyramid);
}  // namespace troupe
