// Of any pyramid, wherever it comes from.
#include <string>

#include "data/pyramid.hpp"

namespace troupe {

void Pyramid::read(Part part, int size, std::int64_t index, std::span<float> out) const {
  const auto from = levels(part, size, index);
  if (out.size() != from.size()) {
    throw ErrorException({ErrorCode::internal, "the room for an image does not fit it", "",
                          std::to_string(out.size()), std::to_string(from.size()), ""});
  }
  for (std::size_t i = 0; i < from.size(); ++i) out[i] = static_cast<float>(from[i]) / 127.5F - 1;
}

}  // namespace troupe
