// What is wrong with a NIfTI file is said by the field's name; nothing crashes and nothing large is
// allocated.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>

#include "data/gzip.hpp"
#include "data/nifti.hpp"
#include "tests/data/nifti_builder.hpp"

namespace troupe {
namespace {

using ::testing::HasSubstr;
using testing::NiftiBuilder;

NiftiBuilder good() {
  NiftiBuilder b;
  b.count_up();
  return b;
}

struct Hostile {
  const char* name;
  std::function<void(NiftiBuilder&)> harm;
  const char* message;
};

class HostileHeader : public ::testing::TestWithParam<Hostile> {};

TEST_P(HostileHeader, IsRefusedByTheFieldsName) {
  auto b = good();
  GetParam().harm(b);
  const auto v = parse_nifti(b.bytes(), "scan.nii");
  ASSERT_FALSE(v);
  EXPECT_EQ(v.error().code, ErrorCode::bad_data);
  EXPECT_THAT(v.error().text(), HasSubstr("scan.nii"));
  EXPECT_THAT(v.error().text(), HasSubstr(GetParam().message));
}

using B = NiftiBuilder;
const double kInf = std::numeric_limits<double>::infinity();
INSTANTIATE_TEST_SUITE_P(
    Nifti, HostileHeader,
    ::testing::Values(Hostile{"no_nifti", [](B& b) { b.sizeof_hdr = 12345; }, "sizeof_hdr"},
                      Hostile{"pair", [](B& b) { b.magic = "ni1"; }, ".hdr/.img pair"},
                      Hostile{"analyze", [](B& b) { b.magic = "\0\0\0"; }, "magic"},
                      Hostile{"rank_zero", [](B& b) { b.dim[0] = 0; }, "dim[0]"},
                      Hostile{"rank_negative", [](B& b) { b.dim[0] = -3; }, "dim[0]"},
                      Hostile{"rank_eight", [](B& b) { b.dim[0] = 8; }, "dim[0]"},
                      Hostile{"side_zero", [](B& b) { b.dim[2] = 0; }, "dim[2]"},
                      Hostile{"side_negative", [](B& b) { b.dim[3] = -4; }, "dim[3]"},
                      Hostile{"time_zero",
                              [](B& b) {
                                b.dim = {4, 2, 3, 4, 0};
                              },
                              "dim[4]"},
                      Hostile{"absurd",
                              [](B& b) {
                                b.dim = {3, 32767, 32767, 32767};
                              },
                              "dim claims a volume past the limit"},
                      Hostile{"side_of_2_to_62",
                              [](B& b) {
                                b.version = 2;
                                b.dim = {3, std::int64_t{1} << 62, 4, 4};
                              },
                              "dim[1]"},
                      Hostile{"larger_than_file",
                              [](B& b) {
                                b.dim = {3, 100, 100, 100};
                              },
                              "cut short, or dim or vox_offset lies"},
                      Hostile{"truncated", [](B& b) { b.voxels.pop_back(); },
                              "cut short, or dim or vox_offset lies"},
                      Hostile{"offset_past_end", [](B& b) { b.vox_offset = 1e9; }, "vox_offset"},
                      Hostile{"offset_huge", [](B& b) { b.vox_offset = 1e30; }, "vox_offset"},
                      Hostile{"offset_in_header", [](B& b) { b.vox_offset = 4; }, "vox_offset"},
                      Hostile{"offset_negative", [](B& b) { b.vox_offset = -352; }, "vox_offset"},
                      Hostile{"offset_nan", [](B& b) { b.vox_offset = std::nan(""); }, "vox_offset"},
                      Hostile{"offset_2_to_62",
                              [](B& b) {
                                b.version = 2;
                                b.vox_offset = 4.6e18;
                              },
                              "vox_offset"},
                      Hostile{"complex",
                              [](B& b) {
                                b.datatype = 32;
                                b.bitpix = 64;
                              },
                              "complex64"},
                      Hostile{"float128",
                              [](B& b) {
                                b.datatype = 1536;
                                b.bitpix = 128;
                              },
                              "float128"},
                      Hostile{"binary",
                              [](B& b) {
                                b.datatype = 1;
                                b.bitpix = 1;
                              },
                              "binary"},
                      Hostile{"unheard_of", [](B& b) { b.datatype = 4242; }, "4242"},
                      Hostile{"bitpix", [](B& b) { b.bitpix = 32; }, "bitpix"},
                      Hostile{"slope_infinite", [](B& b) { b.slope = kInf; }, "scl_slope"},
                      Hostile{"intercept_nan",
                              [](B& b) {
                                b.slope = 1;
                                b.intercept = std::nan("");
                              },
                              "scl_inter"},
                      Hostile{"pixdim_nan", [](B& b) { b.pixdim[2] = std::nan(""); }, "pixdim[2]"},
                      Hostile{"pixdim_absurd", [](B& b) { b.pixdim[2] = 1e30; }, "voxel size along axis 2"},
                      Hostile{"sform_nan",
                              [](B& b) {
                                b.sform = 1;
                                b.srow.fill(std::nan(""));
                              },
                              "srow_x"},
                      Hostile{"sform_zero", [](B& b) { b.sform = 1; }, "srow_x"},
                      Hostile{"sform_flat",
                              [](B& b) {
                                b.sform = 1;
                                b.srow = {1, 1, 1, 0};
                              },
                              "srow_x, _y, _z span no volume"},
                      Hostile{"quaternion_nan",
                              [](B& b) {
                                b.qform = 1;
                                b.quatern[1] = std::nan("");
                              },
                              "quatern_b"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(HostileNifti, EveryPrefixIsRefused) {
  for (const int version : {1, 2}) {
    auto b = good();
    b.version = version;
    const auto bytes = b.bytes();
    for (std::size_t n = 0; n < bytes.size(); ++n) {
      ASSERT_FALSE(parse_nifti(std::span(bytes).first(n), "cut.nii")) << n;
    }
    ASSERT_TRUE(parse_nifti(bytes, "whole.nii"));
  }
}

TEST(HostileNifti, ALimitIsAWall) {
  const auto bytes = good().bytes();  // 24 voxels: 96 bytes decoded
  EXPECT_TRUE(parse_nifti(bytes, "a.nii", {Bytes{96}}));
  const auto v = parse_nifti(bytes, "a.nii", {Bytes{95}});
  ASSERT_FALSE(v);
  EXPECT_THAT(v.error().text(), HasSubstr("dim claims a volume past the limit"));
}

TEST(HostileGzip, DamageIsSeen) {
  const auto packed = gzip(good().bytes());
  for (std::size_t n = 3; n < packed.size(); ++n) {
    const auto v = parse_nifti(std::span(packed).first(n), "a.nii.gz");
    ASSERT_FALSE(v) << n;
    ASSERT_THAT(v.error().text(), HasSubstr("gzip data are damaged")) << n;
  }
  auto checksum = packed;
  checksum[packed.size() - 8] ^= 1;
  const auto v = parse_nifti(checksum, "a.nii.gz");
  ASSERT_FALSE(v);
  EXPECT_THAT(v.error().text(), HasSubstr("checksum"));
  auto rubbish = packed;
  rubbish.push_back(7);
  EXPECT_FALSE(parse_nifti(rubbish, "a.nii.gz"));
}

TEST(HostileGzip, AStatedSizeThatLiesIsNotBelieved) {
  // libdeflate checks the size of the last member: the lie is refused, and four gigabytes are not allocated
  // for it
  auto packed = gzip(good().bytes());
  for (std::size_t i = 1; i <= 4; ++i) packed[packed.size() - i] = 0xff;
  const auto v = parse_nifti(packed, "a.nii.gz");
  ASSERT_FALSE(v);
  EXPECT_THAT(v.error().text(), HasSubstr("gzip data are damaged"));
  // a last member of no bytes makes the stated size far too small
  auto members = gzip(good().bytes());
  const auto nothing = gzip({});
  members.insert(members.end(), nothing.begin(), nothing.end());
  EXPECT_TRUE(parse_nifti(members, "a.nii.gz"));
}

TEST(HostileGzip, ABombIsRefusedAtTheLimit) {
  const auto bomb = gzip(std::vector<std::uint8_t>(16 << 20));
  const auto v = parse_nifti(bomb, "bomb.nii.gz", {mib(1)});
  ASSERT_FALSE(v);
  EXPECT_THAT(v.error().text(), HasSubstr("unpack to more than the limit"));
}

TEST(HostileGzip, APlainFileCalledGzIsRefused) {
  const auto v = parse_nifti(good().bytes(), "plain.nii.gz");
  ASSERT_FALSE(v);
  EXPECT_THAT(v.error().text(), HasSubstr("is not gzip"));
}

TEST(ReadNifti, NamesWhatIsNotThereOrNoFile) {
  const auto missing = read_nifti("/nowhere/brain.nii");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
  EXPECT_THAT(missing.error().text(), HasSubstr("/nowhere/brain.nii"));
  const auto folder = read_nifti(std::filesystem::temp_directory_path());
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().code, ErrorCode::io);
}

}  // namespace
}  // namespace troupe
