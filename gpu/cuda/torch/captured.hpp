#pragma once
// A piece of a step as a CUDA graph of LibTorch's.
#include <functional>
#include <memory>

#include "gpu/cuda/step_graphs.hpp"
#include "gpu/cuda/torch/segments.hpp"

namespace troupe::cuda {

/// Captures what `work` gives to the current stream; its memory is the pool's and stays with the graph.
/// Throws what `work` or LibTorch throws, with the stream and the pool as they were before. The graph is to
/// be replayed with the same stream current.
std::unique_ptr<StepGraph> capture_graph(SegmentPool& pool, c10::DeviceIndex device,
                                         const std::function<void()>& work);

}  // namespace troupe::cuda
