#include "base/units.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace troupe {
namespace {

TEST(Bytes, AreWrittenWithThreeDigits) {
  EXPECT_EQ(to_string(Bytes{0}), "0 B");
  EXPECT_EQ(to_string(Bytes{999}), "999 B");
  EXPECT_EQ(to_string(Bytes{1000}), "0.977 KiB");
  EXPECT_EQ(to_string(Bytes{1023}), "0.999 KiB");
  EXPECT_EQ(to_string(kib(1)), "1 KiB");
  EXPECT_EQ(to_string(Bytes{27996979}), "26.7 MiB");
  EXPECT_EQ(to_string(mib(1000)), "0.977 GiB");
  EXPECT_EQ(to_string(gib(3)), "3 GiB");
  EXPECT_EQ(to_string(Bytes{-mib(2).count}), "-2 MiB");
  EXPECT_EQ(to_string(Bytes{std::numeric_limits<std::int64_t>::max()}), "8192 PiB");
}

TEST(Bytes, AreReadInPowersOf1024And1000) {
  EXPECT_EQ(parse_bytes("512 MiB").value(), mib(512));
  EXPECT_EQ(parse_bytes("1.5GiB").value(), mib(1536));
  EXPECT_EQ(parse_bytes(" 64 B ").value(), Bytes{64});
  EXPECT_EQ(parse_bytes("2 kB").value(), Bytes{2000});
  EXPECT_EQ(parse_bytes("2 GB").value(), Bytes{2'000'000'000});
  EXPECT_EQ(parse_bytes(".5 KiB").value(), Bytes{512});
  EXPECT_EQ(parse_bytes("0.3 B").value(), Bytes{0});
  EXPECT_EQ(parse_bytes("0.6 B").value(), Bytes{1});
  EXPECT_EQ(parse_bytes("9223372036854775807 B").value().count, std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(parse_bytes("0.50000000000000000000000000001 KiB").value(), Bytes{512});
}

TEST(Bytes, AreRefusedInWords) {
  const auto what = [](std::string_view text) {
    const auto bytes = parse_bytes(text);
    return bytes ? "accepted as " + to_string(*bytes) : bytes.error().what;
  };
  EXPECT_EQ(what(""), "a size needs a number");
  EXPECT_EQ(what("GiB"), "a size needs a number");
  EXPECT_EQ(what("."), "a size needs a number");
  EXPECT_EQ(what("512"), "a size needs a unit");
  EXPECT_EQ(what("-1 GiB"), "a size can't be negative");
  EXPECT_EQ(what("1 Gb"), "unknown unit of size");
  EXPECT_EQ(what("1 2 GiB"), "unknown unit of size");
  EXPECT_EQ(what("1e3 B"), "unknown unit of size");
  EXPECT_EQ(what("9223372036854775808 B"), "a size too large for any machine");
  EXPECT_EQ(what("8192 PiB"), "a size too large for any machine");
  EXPECT_EQ(what(std::string(5000, '9') + " PiB"), "a size too large for any machine");
  EXPECT_EQ(
      parse_bytes("1 Gb").error().text(),
      "error: unknown unit of size (given \"1 Gb\"; allowed a number and a unit, such as \"512 MiB\" or "
      "\"1.5 GiB\")");
}

TEST(Duration, IsWrittenForPeople) {
  EXPECT_EQ(format_duration(0), "0 s");
  EXPECT_EQ(format_duration(2.5e-8), "25 ns");
  EXPECT_EQ(format_duration(1.46e-6), "1.46 us");
  EXPECT_EQ(format_duration(0.0008), "0.8 ms");
  EXPECT_EQ(format_duration(0.25), "250 ms");
  EXPECT_EQ(format_duration(0.9999), "1 s");
  EXPECT_EQ(format_duration(12.34), "12.3 s");
  EXPECT_EQ(format_duration(59.99), "1 min 00 s");
  EXPECT_EQ(format_duration(125), "2 min 05 s");
  EXPECT_EQ(format_duration(3599.6), "1 h 00 min");
  EXPECT_EQ(format_duration(90000), "1 d 01 h");
  EXPECT_EQ(format_duration(-3), "-3 s");
  EXPECT_EQ(format_duration(std::numeric_limits<double>::infinity()), "unknown");
  EXPECT_EQ(format_duration(std::numeric_limits<double>::quiet_NaN()), "unknown");
  EXPECT_EQ(format_duration(1e300), "unknown");
}

}  // namespace
}  // namespace troupe
