#include "transport/node_group_wire.hpp"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <type_traits>

namespace troupe::group {

static_assert(std::endian::native == std::endian::little, "headers go as they lie in memory");
static_assert(std::is_trivially_copyable_v<Head> && std::is_trivially_copyable_v<SumShape>);

namespace {

template <class T>
void put(std::string& to, const T* from, std::size_t count) {
  if (count > 0) to.append(reinterpret_cast<const char*>(from), count * sizeof(T));
}

/// Exactly `count` of them, no more and no fewer.
template <class T>
bool get(std::string_view from, std::size_t count, std::vector<T>& to) {
  if (from.size() != count * sizeof(T)) return false;
  to.resize(count);
  if (count > 0) std::memcpy(to.data(), from.data(), from.size());
  return true;
}

}  // namespace

const char* to_string(Kind kind) noexcept {
  switch (kind) {
    case Kind::none:
      return "nothing";
    case Kind::barrier:
      return "barrier";
    case Kind::barrier_here:
      return "barrier within a process";
    case Kind::broadcast:
      return "broadcast";
    case Kind::sum_float:
      return "sum of float";
    case Kind::sum_double:
      return "sum of double";
    case Kind::sum_int64:
      return "sum of int64";
    case Kind::several:
      return "several sums of float";
  }
  return "unknown";
}

std::string difference(int a, const SumShape& x, int b, const SumShape& y) {
  if (x.n != y.n) return fmt::format("rank {} sums {} elements, rank {} sums {}", a, x.n, b, y.n);
  if (x.members != y.members)
    return fmt::format("rank {} counts {} members, rank {} counts {}", a, x.members, b, y.members);
  if (x.scale != y.scale || x.all != y.all)
    return fmt::format("ranks {} and {} differ in scale or in who gets the sum", a, b);
  return {};
}

std::string encode(const Head& head, const std::vector<SumShape>& sums,
                   const std::vector<std::int32_t>& ranks) {
  std::string text;
  text.reserve(sizeof head + sums.size() * sizeof(SumShape) + ranks.size() * sizeof(std::int32_t));
  put(text, &head, 1);
  put(text, sums.data(), sums.size());
  put(text, ranks.data(), ranks.size());
  return text;
}

std::string encode_note(const std::string& key, const std::string& value) {
  return encode({.what = What::note, .count = static_cast<std::uint32_t>(key.size())}) + key + value;
}

std::optional<Parsed> parse(std::string_view header) {
  Parsed parsed;
  auto& head = parsed.head;
  // Into the enumerations only what is one of them.
  if (header.size() < sizeof head) return std::nullopt;
  const auto what = static_cast<std::uint8_t>(header[offsetof(Head, what)]);
  const auto kind = static_cast<std::uint8_t>(header[offsetof(Head, kind)]);
  if (what < static_cast<std::uint8_t>(What::call) || what > static_cast<std::uint8_t>(What::note))
    return std::nullopt;
  if (kind > static_cast<std::uint8_t>(Kind::several)) return std::nullopt;
  std::memcpy(&head, header.data(), sizeof head);
  if (head.magic != Head{}.magic || head.zero != 0 || head.also_zero != 0) return std::nullopt;
  const auto rest = header.substr(sizeof head);
  bool whole = rest.empty() && head.count == 0;
  if (head.what == What::call) whole = head.count <= kMostSums && get(rest, head.count, parsed.sums);
  if (head.what == What::tell || head.what == What::left)
    whole = head.count <= kMostRanks && get(rest, head.count, parsed.ranks);
  if (head.what == What::note) {
    whole =
        head.count <= kLongestKey && head.count <= rest.size() && rest.size() - head.count <= kLongestValue;
    if (whole) parsed.key = rest.substr(0, head.count), parsed.value = rest.substr(head.count);
  }
  return whole ? std::optional(std::move(parsed)) : std::nullopt;
}

}  // namespace troupe::group
