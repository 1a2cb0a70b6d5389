// No bytes crash the PNG reader; what it accepts lies between 0 and 1.
#include <cstdlib>

#include "data/png.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  // A picture of 16384 x 16384 that is all one colour is legal and slow: leave those out.
  if (size >= 24 && ((bytes[16] | bytes[17] | bytes[20] | bytes[21]) != 0 || bytes[18] > 2 || bytes[22] > 2)) return 0;
  const auto image = troupe::parse_png({bytes, size}, "fuzz");
  if (!image) {
    if (image.error().what.empty() || image.error().code != troupe::ErrorCode::bad_data) std::abort();
    return 0;
  }
  const auto samples = static_cast<std::size_t>(image->width) * static_cast<std::size_t>(image->height) *
                       static_cast<std::size_t>(image->channels);
  if (samples != image->pixels.size()) std::abort();
  for (const float v : image->pixels) {
    if (!(v >= 0 && v <= 1)) std::abort();
  }
  return 0;
}
