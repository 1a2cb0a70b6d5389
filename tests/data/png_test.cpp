// Every kind of PNG becomes grey or colour between 0 and 1; broken ones are refused.
#include "data/png.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>

#include <cmath>
#include <filesystem>

namespace troupe {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;
using Bytes8 = std::vector<std::uint8_t>;

struct Stored {
  int width, height, depth, type;
  Bytes8 samples;  // packed as in the file, rows one after the other
  int interlace = PNG_INTERLACE_NONE;
  std::vector<png_color> palette = {};
  Bytes8 transparent = {};  // alpha of the palette's entries
};

Bytes8 encode(Stored s) {
  Bytes8 out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  const auto append = [](png_structp p, png_bytep from, std::size_t n) {
    auto* to = static_cast<Bytes8*>(png_get_io_ptr(p));
    to->insert(to->end(), from, from + n);
  };
  png_set_write_fn(png, &out, append, nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(s.width), static_cast<png_uint_32>(s.height), s.depth,
               s.type, s.interlace, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!s.palette.empty()) png_set_PLTE(png, info, s.palette.data(), static_cast<int>(s.palette.size()));
  if (!s.transparent.empty()) {
    png_set_tRNS(png, info, s.transparent.data(), static_cast<int>(s.transparent.size()), nullptr);
  }
  png_write_info(png, info);
  std::vector<png_bytep> rows;
  const auto row_bytes = s.samples.size() / static_cast<std::size_t>(s.height);
  for (int y = 0; y < s.height; ++y)
    rows.push_back(s.samples.data() + static_cast<std::size_t>(y) * row_bytes);
  png_write_image(png, rows.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return out;
}

Image parsed(const Bytes8& bytes) {
  const auto image = parse_png(bytes, "a.png");
  EXPECT_TRUE(image) << image.error().text();
  return image ? *image : Image{};
}

TEST(Png, GreyOfEveryDepthIsRead) {
  EXPECT_THAT(parsed(encode({2, 1, 8, PNG_COLOR_TYPE_GRAY, {0, 51}})).pixels, ElementsAre(0, FloatEq(0.2F)));
  EXPECT_THAT(parsed(encode({2, 1, 16, PNG_COLOR_TYPE_GRAY, {0x33, 0x33, 0xff, 0xff}})).pixels,
              ElementsAre(FloatEq(0.2F), 1));
  EXPECT_THAT(parsed(encode({4, 1, 1, PNG_COLOR_TYPE_GRAY, {0b10010000}})).pixels, ElementsAre(1, 0, 0, 1));
  EXPECT_THAT(parsed(encode({2, 1, 4, PNG_COLOR_TYPE_GRAY, {0x3f}})).pixels, ElementsAre(FloatEq(0.2F), 1));
}

TEST(Png, ColourIsReadInterleaved) {
  const auto image = parsed(encode({2, 1, 8, PNG_COLOR_TYPE_RGB, {255, 0, 51, 0, 102, 255}}));
  EXPECT_EQ(image.channels, 3);
  EXPECT_THAT(image.pixels, Pointwise(FloatNear(1e-6F), {1.F, 0.F, 0.2F, 0.F, 0.4F, 1.F}));
  const auto deep = parsed(encode({1, 1, 16, PNG_COLOR_TYPE_RGB, {0xff, 0xff, 0, 0, 0x33, 0x33}}));
  EXPECT_THAT(deep.pixels, Pointwise(FloatNear(1e-6F), {1.F, 0.F, 0.2F}));
}

TEST(Png, PalettesAndAlphaAreResolvedOverBlack) {
  const auto palette = parsed(
      encode({2, 1, 8, PNG_COLOR_TYPE_PALETTE, {1, 0}, PNG_INTERLACE_NONE, {{255, 0, 0}, {0, 255, 51}}}));
  EXPECT_THAT(palette.pixels, Pointwise(FloatNear(1e-6F), {0.F, 1.F, 0.2F, 1.F, 0.F, 0.F}));
  const auto transparent = parsed(encode(
      {2, 1, 8, PNG_COLOR_TYPE_PALETTE, {1, 0}, PNG_INTERLACE_NONE, {{255, 0, 0}, {0, 255, 51}}, {255, 0}}));
  EXPECT_THAT(transparent.pixels, Pointwise(FloatNear(1e-6F), {0.F, 0.F, 0.F, 1.F, 0.F, 0.F}));
  const auto grey = parsed(encode({2, 1, 8, PNG_COLOR_TYPE_GRAY_ALPHA, {255, 51, 255, 0}}));
  EXPECT_EQ(grey.channels, 1);
  EXPECT_THAT(grey.pixels, Pointwise(FloatNear(1e-6F), {0.2F, 0.F}));
  const auto colour = parsed(encode({1, 1, 8, PNG_COLOR_TYPE_RGB_ALPHA, {255, 0, 255, 51}}));
  EXPECT_THAT(colour.pixels, Pointwise(FloatNear(1e-6F), {0.2F, 0.F, 0.2F}));
}

TEST(Png, InterlacedImagesAreTheSame) {
  Bytes8 samples;
  for (int i = 0; i < 13 * 11; ++i) samples.push_back(static_cast<std::uint8_t>(i));
  const auto plain = parsed(encode({13, 11, 8, PNG_COLOR_TYPE_GRAY, samples}));
  const auto laced = parsed(encode({13, 11, 8, PNG_COLOR_TYPE_GRAY, samples, PNG_INTERLACE_ADAM7}));
  EXPECT_EQ(plain.pixels, laced.pixels);
  EXPECT_EQ(laced.width, 13);
}

TEST(Png, WhatIsWrittenIsReadAgainAndClipped) {
  const auto file = std::filesystem::path(::testing::TempDir()) / "png_test.png";
  Image image{2, 2, 3, {0, 0.2F, 0.4F, 0.6F, 0.8F, 1, -7, 7, std::nanf(""), 0, 0, 0}};
  ASSERT_TRUE(write_png(file, image));
  const auto again = read_png(file);
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_THAT(again->pixels,
              Pointwise(FloatNear(1e-6F), {0.F, 0.2F, 0.4F, 0.6F, 0.8F, 1.F, 0.F, 1.F, 0.F, 0.F, 0.F, 0.F}));
  EXPECT_EQ(*png_channels(file), 3);
  ASSERT_TRUE(write_png(file, {1, 1, 1, {0.2F}}));
  EXPECT_EQ(*png_channels(file), 1);
  std::filesystem::remove(file);
}

TEST(Png, AnImageThatContradictsItselfIsNotWritten) {
  const auto file = std::filesystem::path(::testing::TempDir()) / "png_bad.png";
  EXPECT_FALSE(write_png(file, {2, 2, 1, {0}}));
  EXPECT_FALSE(write_png(file, {0, 0, 1, {}}));
  EXPECT_FALSE(write_png(file, {1, 1, 2, {0, 0}}));
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_THROW(encode_png({2, 2, 1, {0}}), ErrorException);
}

std::string refusal(const Bytes8& bytes) {
  const auto image = parse_png(bytes, "bad.png");
  if (image) return "was read";
  EXPECT_EQ(image.error().code, ErrorCode::bad_data);
  EXPECT_THAT(image.error().text(), HasSubstr("bad.png"));
  return image.error().text();
}

Bytes8 some_png() {
  Bytes8 samples;
  for (int i = 0; i < 64 * 64; ++i) samples.push_back(static_cast<std::uint8_t>(i * i / 7));
  return encode({64, 64, 8, PNG_COLOR_TYPE_GRAY, samples});
}

constexpr std::size_t kHeader = 8;  // where the chunk IHDR begins; the one after it
constexpr std::size_t kData = kHeader + 12 + 13;

std::uint32_t number_at(const Bytes8& bytes, std::size_t at) {
  return std::uint32_t{bytes[at]} << 24 | std::uint32_t{bytes[at + 1]} << 16 |
         std::uint32_t{bytes[at + 2]} << 8 | bytes[at + 3];
}
void put_number(Bytes8& bytes, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

// Makes the checksum of the chunk that begins at `chunk` right again: only what it holds is wrong then.
Bytes8 with_right_checksum(Bytes8 bytes, std::size_t chunk) {
  const std::size_t end = chunk + 8 + number_at(bytes, chunk);
  std::uint32_t crc = ~0U;
  for (std::size_t i = chunk + 4; i < end; ++i) {
    crc ^= bytes[i];
    for (int k = 0; k < 8; ++k) crc = (crc >> 1) ^ (0xedb88320U & (0U - (crc & 1)));
  }
  put_number(bytes, end, ~crc);
  return bytes;
}

Bytes8 with_sides(std::uint32_t width, std::uint32_t height) {
  auto bytes = some_png();
  put_number(bytes, kHeader + 8, width);
  put_number(bytes, kHeader + 12, height);
  return with_right_checksum(bytes, kHeader);
}

Bytes8 with_header_byte(std::size_t index, std::uint8_t value) {
  auto bytes = some_png();
  bytes[kHeader + 8 + index] = value;
  return with_right_checksum(bytes, kHeader);
}

TEST(HostilePng, EveryPrefixIsRefused) {
  const auto bytes = some_png();
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    ASSERT_FALSE(parse_png(std::span(bytes).first(n), "cut.png")) << n;
  }
  EXPECT_THAT(refusal(Bytes8(bytes.begin(), bytes.begin() + 60)), HasSubstr("cut short"));
}

TEST(HostilePng, DamageIsSeen) {
  auto bytes = some_png();
  bytes[bytes.size() / 2] ^= 0x10;
  EXPECT_THAT(refusal(bytes), HasSubstr("is no valid PNG"));
  bytes = some_png();
  bytes[30] ^= 1;  // checksum of IHDR
  EXPECT_THAT(refusal(bytes), HasSubstr("CRC"));
  bytes = some_png();
  bytes[24] = 3;  // depth
  EXPECT_THAT(refusal(bytes), HasSubstr("is no valid PNG"));
}

TEST(HostilePng, AHeaderThatContradictsItselfIsRefusedUnderARightChecksum) {
  EXPECT_THAT(refusal(with_header_byte(8, 3)), HasSubstr("is no valid PNG"));    // depth
  EXPECT_THAT(refusal(with_header_byte(9, 5)), HasSubstr("is no valid PNG"));    // colour type
  EXPECT_THAT(refusal(with_header_byte(9, 3)), HasSubstr("is no valid PNG"));    // a palette that is missing
  EXPECT_THAT(refusal(with_header_byte(9, 6)), HasSubstr("is no valid PNG"));    // four channels, data of one
  EXPECT_THAT(refusal(with_header_byte(10, 1)), HasSubstr("is no valid PNG"));   // compression
  EXPECT_THAT(refusal(with_header_byte(11, 7)), HasSubstr("is no valid PNG"));   // filter
  EXPECT_THAT(refusal(with_header_byte(12, 99)), HasSubstr("is no valid PNG"));  // interlace
}

TEST(HostilePng, PackedDataThatAreDamagedAreRefusedUnderARightChecksum) {
  const auto whole = some_png();
  const std::size_t first = kData + 8, size = number_at(whole, kData);
  for (const std::size_t at : {first, first + 1, first + 2, first + size / 2, first + size - 1}) {
    auto bytes = whole;
    bytes[at] ^= 0x55;
    bytes = with_right_checksum(bytes, kData);
    EXPECT_THAT(refusal(bytes), HasSubstr("is no valid PNG")) << at - first;
  }
}

TEST(HostilePng, ChunksThatAreMissingOrLieAreRefused) {
  const auto whole = some_png();
  const auto at = [&](std::size_t i) { return whole.begin() + static_cast<std::ptrdiff_t>(i); };
  const std::size_t end = kData + 12 + number_at(whole, kData);
  Bytes8 headless(at(0), at(kHeader)), empty(at(0), at(kData));
  headless.insert(headless.end(), at(kData), whole.end());
  empty.insert(empty.end(), at(end), whole.end());
  EXPECT_THAT(refusal(headless), HasSubstr("sides are out of range"));  // of what stands there instead
  EXPECT_THAT(refusal(empty), HasSubstr("is no valid PNG"));
  auto lying = whole;
  put_number(lying, kData, 0x7fffffff);
  EXPECT_THAT(refusal(lying), HasSubstr("bad.png"));
  put_number(lying, kData, 0xffffffff);
  EXPECT_THAT(refusal(lying), HasSubstr("bad.png"));
}

TEST(HostilePng, WhatIsNoPngIsRefused) {
  EXPECT_THAT(refusal(Bytes8(100, 'x')), HasSubstr("does not begin as one"));
  EXPECT_THAT(refusal({}), HasSubstr("cut short"));
}

TEST(HostilePng, SidesThatLieAreRefusedBeforeAnythingIsAllocated) {
  EXPECT_THAT(refusal(with_sides(0, 64)), HasSubstr("sides are out of range"));
  EXPECT_THAT(refusal(with_sides(64, 0)), HasSubstr("sides are out of range"));
  EXPECT_THAT(refusal(with_sides(0x7fffffff, 0x7fffffff)), HasSubstr("2147483647 x 2147483647"));
  EXPECT_THAT(refusal(with_sides(16385, 64)), HasSubstr("1 … 16384"));
  EXPECT_THAT(refusal(with_sides(16384, 16384)), HasSubstr("claims more pixels than its data can hold"));
  EXPECT_THAT(refusal(with_sides(64, 65)), HasSubstr("is no valid PNG"));
}

TEST(ReadPng, NamesWhatIsNotThere) {
  const auto image = read_png("/nowhere/a.png");
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().code, ErrorCode::not_found);
  EXPECT_THAT(image.error().text(), HasSubstr("/nowhere/a.png"));
}

}  // namespace
}  // namespace troupe
