#pragma once

namespace troupe {
struct Point {
  double x = 0, y = 0;
};
}  // namespace troupe
