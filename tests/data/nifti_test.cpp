// Volumes come out the same whatever datatype, byte order, version or orientation they were stored in.
#include "data/nifti.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "data/gzip.hpp"
#include "tests/data/nifti_builder.hpp"

namespace troupe {
namespace {

using ::testing::ElementsAre;
using testing::NiftiBuilder;

Volume parsed(const std::vector<std::uint8_t>& bytes) {
  const auto volume = parse_nifti(bytes, "a.nii");
  EXPECT_TRUE(volume) << volume.error().text();
  return volume ? *volume : Volume{};
}

struct TypeCase {
  const char* name;
  int datatype, bitpix;
  std::function<void(NiftiBuilder&, double)> append;
  std::vector<double> values;
};

template <class T>
TypeCase number(const char* name, int datatype, std::vector<double> values) {
  return {name, datatype, 8 * static_cast<int>(sizeof(T)),
          [](NiftiBuilder& b, double v) { b.append(static_cast<T>(v)); }, std::move(values)};
}

const std::vector<TypeCase>& types() {
  static const std::vector<TypeCase> all = {
      number<std::uint8_t>("uint8", 2, {0, 1, 127, 255}),
      number<std::int8_t>("int8", 256, {0, 1, 127, -128}),
      number<std::int16_t>("int16", 4, {0, 258, 32767, -32768}),
      number<std::uint16_t>("uint16", 512, {0, 258, 32768, 65535}),
      number<std::int32_t>("int32", 8, {0, 16909060, -65536, -2147483648.0}),
      number<std::uint32_t>("uint32", 768, {0, 16909060, 2147483648.0, 4294901760.0}),
      number<std::int64_t>("int64", 1024, {0, 258, 1099511627776.0, -1099511627776.0}),
      number<std::uint64_t>("uint64", 1280, {0, 258, 1099511627776.0, 9223372036854775808.0}),
      number<float>("float32", 16, {0, 0.5, -1.25e20, 3}),
      number<double>("float64", 64, {0, 0.5, -1.25e20, 3}),
  };
  return all;
}

class EveryDatatype : public ::testing::TestWithParam<std::tuple<std::size_t, bool, int>> {};

TEST_P(EveryDatatype, IsReadInBothByteOrdersAndVersions) {
  const auto& type = types()[std::get<0>(GetParam())];
  NiftiBuilder b;
  b.swapped = std::get<1>(GetParam());
  b.version = std::get<2>(GetParam());
  b.dim = {3, 2, 2, 1};
  b.datatype = type.datatype;
  b.bitpix = type.bitpix;
  for (const double v : type.values) type.append(b, v);
  const auto volume = parsed(b.bytes());
  ASSERT_EQ(volume.voxels.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(volume.voxels[i], static_cast<float>(type.values[i])) << i;
  EXPECT_EQ(volume.not_finite, 0);

  b.slope = 2;
  b.intercept = -1;
  const auto scaled = parsed(b.bytes());
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_EQ(scaled.voxels[i], static_cast<float>(2 * type.values[i] - 1)) << i;
}

INSTANTIATE_TEST_SUITE_P(Nifti, EveryDatatype,
                         ::testing::Combine(::testing::Range<std::size_t>(0, 10), ::testing::Bool(),
                                            ::testing::Values(1, 2)),
                         [](const auto& test) {
                           return std::string(types()[std::get<0>(test.param)].name) +
                                  (std::get<1>(test.param) ? "_swapped" : "_native") + "_nifti" +
                                  std::to_string(std::get<2>(test.param));
                         });

TEST(Nifti, ColoursBecomeGreyAndAreNotScaled) {
  NiftiBuilder b;
  b.dim = {3, 2, 1, 1};
  b.datatype = 128;
  b.bitpix = 24;
  b.slope = 7;
  b.voxels = {100, 100, 100, 255, 0, 0};
  EXPECT_THAT(parsed(b.bytes()).voxels, ElementsAre(100.0F, static_cast<float>(0.299 * 255)));
  b.datatype = 2304;
  b.bitpix = 32;
  b.voxels = {100, 100, 100, 9, 0, 0, 255, 9};
  EXPECT_THAT(parsed(b.bytes()).voxels, ElementsAre(100.0F, static_cast<float>(0.114 * 255)));
}

TEST(Nifti, ASlopeOfZeroOrNotANumberMeansNone) {
  NiftiBuilder b;
  b.count_up().intercept = 5;
  EXPECT_EQ(parsed(b.bytes()).voxels[3], 3.0F);
  b.slope = std::nan("");
  EXPECT_EQ(parsed(b.bytes()).voxels[3], 3.0F);
}

TEST(Nifti, VoxelsThatAreNoNumbersAreCountedAndZero) {
  NiftiBuilder b;
  b.dim = {3, 4, 1, 1};
  b.datatype = 64;
  b.bitpix = 64;
  const double inf = std::numeric_limits<double>::infinity();
  b.append(std::nan("")).append(inf).append(2.0).append(1e300);  // the last is past the largest float
  const auto v = parsed(b.bytes());
  EXPECT_THAT(v.voxels, ElementsAre(0.0F, 0.0F, 2.0F, 0.0F));
  EXPECT_EQ(v.not_finite, 3);
}

TEST(Nifti, OfFourDimensionsTheFirstVolumeIsTaken) {
  NiftiBuilder b;
  b.dim = {4, 2, 2, 1, 3};
  b.count_up();
  EXPECT_THAT(parsed(b.bytes()).voxels, ElementsAre(0.0F, 1.0F, 2.0F, 3.0F));
}

TEST(Nifti, MissingDimensionsAreOne) {
  NiftiBuilder b;
  b.dim = {2, 3, 2, 99};  // dim[3] lies past dim[0]
  b.voxels.assign(6, 1);
  EXPECT_THAT(parsed(b.bytes()).size, ElementsAre(3, 2, 1));
}

// Stored voxel (i, j, k) has the value i + 2 j + 6 k.
TEST(NiftiOrientation, ComesFromTheSformFirst) {
  NiftiBuilder b;
  b.count_up();
  b.sform = 1;
  b.qform = 1;  // contradicts; loses
  b.srow = {0, 0, -4, 0, /**/ 2, 0, 0, 0, /**/ 0, -3, 0, 0};
  const auto v = parsed(b.bytes());
  EXPECT_EQ(v.orientation, "AIL");
  EXPECT_THAT(v.size, ElementsAre(4, 2, 3));
  EXPECT_THAT(v.spacing, ElementsAre(4, 2, 3));
  // x is k backwards, y is i, z is j backwards
  for (int x = 0; x < 4; ++x) {
    for (int y = 0; y < 2; ++y) {
      for (int z = 0; z < 3; ++z) {
        ASSERT_EQ(v.voxels[static_cast<std::size_t>(x + 4 * (y + 2 * z))], y + 2 * (2 - z) + 6 * (3 - x));
      }
    }
  }
}

TEST(NiftiOrientation, ThenFromTheQuaternion) {
  NiftiBuilder b;
  b.count_up();
  b.qform = 1;
  b.pixdim = {-1, 2, 3, 4};
  b.quatern = {0, 1, 0};  // half a turn about y; with pixdim[0] < 0 the third axis is mirrored back
  const auto v = parsed(b.bytes());
  EXPECT_EQ(v.orientation, "LAS");
  EXPECT_THAT(v.spacing, ElementsAre(2, 3, 4));
  EXPECT_EQ(v.voxels[0], 1.0F);
}

TEST(NiftiOrientation, ThenFromPixdimAlone) {
  NiftiBuilder b;
  b.count_up();
  b.pixdim = {-1, -2, 0, 4};
  b.quatern = {0, 1, 0};
  const auto v = parsed(b.bytes());
  EXPECT_EQ(v.orientation, "RAS");
  EXPECT_THAT(v.spacing, ElementsAre(2, 1, 4));
  EXPECT_EQ(v.voxels[1], 1.0F);
}

TEST(NiftiOrientation, ObliqueAxesGoToTheNearest) {
  NiftiBuilder b;
  b.count_up();
  b.sform = 2;
  const double c = std::cos(0.5), s = std::sin(0.5);
  b.srow = {-c, -s, 0, 0, /**/ -s, c, 0, 0, /**/ 0, 0, 1, 0};
  const auto v = parsed(b.bytes());
  EXPECT_EQ(v.orientation, "LAS");
  EXPECT_NEAR(v.spacing[0], 1, 1e-6);
}

TEST(NiftiOrientation, UnitsBecomeMillimetres) {
  NiftiBuilder b;
  b.count_up().units = 1;
  EXPECT_DOUBLE_EQ(parsed(b.bytes()).spacing[0], 1000);
  b.units = 3;
  EXPECT_DOUBLE_EQ(parsed(b.bytes()).spacing[0], 0.001);
}

TEST(NiftiGzip, OneMemberOrManyAreRead) {
  NiftiBuilder b;
  const auto plain = b.count_up().bytes();
  const auto expected = parsed(plain).voxels;
  const auto whole = gzip(plain);
  EXPECT_EQ(parsed(whole).voxels, expected);
  auto members = gzip(std::span(plain).first(100));
  const auto rest = gzip(std::span(plain).subspan(100));
  members.insert(members.end(), rest.begin(), rest.end());
  members.insert(members.end(), 512, 0);  // padding, as tape and some tools leave it
  EXPECT_EQ(parsed(members).voxels, expected);
}

TEST(NiftiGzip, ManyTimesItsSizeIsUnpacked) {
  NiftiBuilder b;
  b.dim = {3, 200, 200, 200};
  b.voxels.assign(8'000'000, 3);
  const auto v = parsed(gzip(b.bytes()));
  ASSERT_EQ(v.voxels.size(), 8'000'000U);
  EXPECT_EQ(v.voxels.back(), 3.0F);
}

}  // namespace
}  // namespace troupe
