#pragma once
// The network: three strided convolutions and one linear layer, over one flat buffer of parameters. The only
// file of the example that sees LibTorch is network.cpp.
#include <cstdint>
#include <span>

namespace classifier {

constexpr int kClasses = 3;  // axial, coronal, sagittal

/// Elements of the flat parameter buffer for images of `size` x `size`, a multiple of 8.
std::size_t parameter_count(int size);

/// He's initialisation, a pure function of the seed.
void initialise(std::span<float> parameters, int size, std::int64_t seed);

struct ShardResult {
  double loss = 0;     // summed over the images
  double correct = 0;  // images whose class was guessed
};
/// Loss of images [n, 1, size, size] and its gradient, written to `gradient`. Any thread; shares nothing but
/// `parameters`, which it only reads.
ShardResult loss_and_gradient(std::span<const float> parameters, std::span<const float> images,
                              std::span<const std::int64_t> labels, int size, std::span<float> gradient);

}  // namespace classifier
