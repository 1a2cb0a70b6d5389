#pragma once
// The headers of a group's messages. What comes is hostile until parse() has taken it; what is expected at
// that moment is checked by who takes the message.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::group {

enum class What : std::uint8_t {
  call = 1,  // the first message of a call: what is called, and the sender's members
  partial,   // of a sum: a later chunk of the sender's partial sums
  result,    // of a sum: a chunk that the sender has summed
  ask,       // which of your ranks have not come for this call?
  tell,      // these
  left,      // an end was destroyed
  note,      // for who makes fast sums: a key, and a value
};

enum class Kind : std::uint8_t {
  none,
  barrier,
  barrier_here,
  broadcast,
  sum_float,
  sum_double,
  sum_int64,
  several
};
const char* to_string(Kind kind) noexcept;

/// Both ends are little-endian machines; the bytes are these.
struct Head {
  std::uint32_t magic = 0x47505254;  // "TRPG"
  What what = What::call;
  Kind kind = Kind::none;
  std::uint16_t zero = 0;
  std::uint64_t call = 0;    // calls are counted from 1
  std::uint64_t digest = 0;  // of the group and the shape of its call
  std::uint64_t chunk = 0;
  std::int64_t value = 0;   // of a broadcast; of ask and tell: which question
  std::uint32_t count = 0;  // of shapes (call), of ranks (tell, left), of a key's bytes (note) that follow
  std::uint32_t also_zero = 0;
};
static_assert(sizeof(Head) == 48);

/// One sum of a call, as the sender's process makes it.
struct SumShape {
  std::uint64_t n = 0;
  std::uint64_t scale = 0;  // its bits
  std::int32_t members = 0;
  std::int32_t first = 0, count = 0;  // the process's members
  std::int32_t all = 0;
};
static_assert(sizeof(SumShape) == 32);
/// Why ranks `a` and `b` do not make the same sum, whoever holds which members; empty: they do.
std::string difference(int a, const SumShape& x, int b, const SumShape& y);

/// So many sums fit a header; what has more is made in lots.
constexpr std::size_t kMostSums = 512;
constexpr std::size_t kMostRanks = 4096;                         // of a process
constexpr std::size_t kLongestKey = 256, kLongestValue = 16384;  // bytes of a note's

struct Parsed {
  Head head;
  std::vector<SumShape> sums;
  std::vector<std::int32_t> ranks;
  std::string key, value;
};

std::string encode(const Head& head, const std::vector<SumShape>& sums = {},
                   const std::vector<std::int32_t>& ranks = {});
std::string encode_note(const std::string& key, const std::string& value);
/// Nothing where it is no header.
std::optional<Parsed> parse(std::string_view header);

}  // namespace troupe::group
