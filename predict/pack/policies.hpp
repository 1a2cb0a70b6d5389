#pragma once
// The policies that ours is compared with, and ours.
#include <memory>
#include <vector>

#include "predict/pack/policy.hpp"

namespace troupe::pack {

/// Any node, any of its GPUs that has enough.
std::unique_ptr<Policy> random_fit(std::int64_t seed);
/// Alignment of what is left with what is asked (Tetris, Grandl et al., SIGCOMM 2014), as the artifact of
/// Weng et al. has it: the GPUs of a node as one dimension, the smaller product preferred.
std::unique_ptr<Policy> dot_product();
/// Tasks of one kind together (Gandiva, Xiao et al., OSDI 2018).
std::unique_ptr<Policy> gpu_clustering();
/// Shared GPUs first, then free GPUs of nodes in use, then idle nodes (MLaaS in the wild, NSDI 2022).
std::unique_ptr<Policy> gpu_packing();
/// The least weighted sum of what is left of CPU and GPUs.
std::unique_ptr<Policy> best_fit();
/// Where the expected GPU fragments for the typical tasks grow least.
std::unique_ptr<Policy> gradient_descent(const std::vector<Typical>& typical);
/// Where the least is expected to be stranded: see stranding.hpp.
std::unique_ptr<Policy> least_stranded(std::vector<Machine> machines);

}  // namespace troupe::pack
