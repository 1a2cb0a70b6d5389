#pragma once
// Whole numbers out of JSON that somebody else wrote. The library's own conversion cuts off what does not
// fit, and has no defined result for 1e300.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.hpp"

namespace troupe {

/// Throws ErrorException bad_data for what is no whole number, or none that the type can hold.
template <class T>
T whole(const nlohmann::json& j) {
  if (j.is_number_unsigned()) {
    if (const auto v = j.get<std::uint64_t>(); std::in_range<T>(v)) return static_cast<T>(v);
  } else if (j.is_number_integer()) {
    if (const auto v = j.get<std::int64_t>(); std::in_range<T>(v)) return static_cast<T>(v);
  }
  throw ErrorException({.code = ErrorCode::bad_data,
                        .what = "this is no whole number that can be",
                        .given = j.is_number() ? j.dump() : j.type_name()});
}

/// The same of a field, or `otherwise` where there is none.
template <class T>
T whole_at(const nlohmann::json& object, const char* field, T otherwise) {
  const auto found = object.find(field);
  return found == object.end() ? otherwise : whole<T>(*found);
}

}  // namespace troupe
