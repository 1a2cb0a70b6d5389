#include "data/png.hpp"

#include <png.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>

#include "base/files.hpp"

namespace troupe {
namespace {

constexpr int kMostPixelsASide = 16384;
constexpr std::size_t kHeaderBytes = 26;                // up to the colour type in IHDR
constexpr png_alloc_size_t kMostBytesAChunk = 8 << 20;  // ancillary chunks only: text, profiles
constexpr std::int64_t kMostExpansion = 1032;           // of deflate

// What libpng's callbacks see. Plain data: a longjmp runs past every destructor.
struct Source {
  const std::uint8_t* bytes = nullptr;
  std::size_t size = 0, at = 0;
  char message[128] = "";
};

void take(png_structp png, png_bytep out, std::size_t count) {
  auto* source = static_cast<Source*>(png_get_io_ptr(png));
  if (count > source->size - source->at) png_error(png, "cut short");
  std::memcpy(out, source->bytes + source->at, count);
  source->at += count;
}

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
  auto* source = static_cast<Source*>(png_get_error_ptr(png));
  std::strncpy(source->message, message, sizeof source->message - 1);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

struct Reader {
  Source source;
  png_structp png = nullptr;
  png_infop info = nullptr;
  Reader(std::span<const std::uint8_t> bytes) {
    source.bytes = bytes.data();
    source.size = bytes.size();
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &source, on_error, on_warning);
    info = png ? png_create_info_struct(png) : nullptr;
  }
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
};

// The two functions that libpng may leave by longjmp: C-like, nothing in them has a destructor.
bool read_header(Reader* r) {
  if (setjmp(png_jmpbuf(r->png))) return false;
  png_set_read_fn(r->png, &r->source, take);
  png_set_user_limits(r->png, kMostPixelsASide, kMostPixelsASide);
  png_set_chunk_malloc_max(r->png, kMostBytesAChunk);
  png_read_info(r->png, r->info);
  png_set_expand(r->png);  // palettes to colour, 1-4 bit grey to 8, transparent colours to alpha
  if (std::endian::native == std::endian::little) png_set_swap(r->png);
  png_set_interlace_handling(r->png);
  png_read_update_info(r->png, r->info);
  return true;
}

bool read_rows(Reader* r, png_bytep* rows) {
  if (setjmp(png_jmpbuf(r->png))) return false;
  png_read_image(r->png, rows);
  png_read_end(r->png, nullptr);
  return true;
}

// Composes `stored` samples (1 grey, 2 grey+alpha, 3 colour, 4 colour+alpha) over black.
template <class T>
void convert(const std::vector<std::uint8_t>& raw, std::size_t row_bytes, int stored, Image& out) {
  constexpr float kScale = 1.0F / static_cast<float>(static_cast<T>(~T{0}));
  const bool alpha = stored % 2 == 0;
  float* to = out.pixels.data();
  for (int y = 0; y < out.height; ++y) {
    const std::uint8_t* from = raw.data() + static_cast<std::size_t>(y) * row_bytes;
    for (int x = 0; x < out.width; ++x, from += static_cast<std::size_t>(stored) * sizeof(T)) {
      std::array<T, 4> sample{};
      std::memcpy(sample.data(), from, static_cast<std::size_t>(stored) * sizeof(T));
      const float weight =
          alpha ? kScale * static_cast<float>(sample[static_cast<std::size_t>(stored - 1)]) : 1.0F;
      for (int c = 0; c < out.channels; ++c) {
        *to++ = weight * kScale * static_cast<float>(sample[static_cast<std::size_t>(c)]);
      }
    }
  }
}

tl::unexpected<Error> broken(const std::string& name, const std::string& why) {
  return fail(
      {ErrorCode::bad_data, "is no valid PNG: " + why, name, "", "", "Fetch or write the file again"});
}

std::string sides(std::int64_t width, std::int64_t height) {
  return std::to_string(width) + " x " + std::to_string(height);
}

// libpng's own check of the limits says only "invalid IHDR data": look first, to say it in words.
Result<void> check_start(std::span<const std::uint8_t> bytes, const std::string& name) {
  static constexpr std::uint8_t kStart[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  if (bytes.size() < kHeaderBytes || !std::equal(std::begin(kStart), std::end(kStart), bytes.begin())) {
    return broken(name, bytes.size() < kHeaderBytes ? "cut short" : "it does not begin as one");
  }
  const auto number = [&](std::size_t at) {
    return std::int64_t{bytes[at]} << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3];
  };
  const auto width = number(16), height = number(20);
  if (width < 1 || height < 1 || width > kMostPixelsASide || height > kMostPixelsASide) {
    return fail({ErrorCode::bad_data, "the PNG's sides are out of range", name, sides(width, height),
                 "1 … " + std::to_string(kMostPixelsASide) + " each", ""});
  }
  return {};
}

}  // namespace

Result<Image> parse_png(std::span<const std::uint8_t> bytes, const std::string& name) {
  if (const auto ok = check_start(bytes, name); !ok) return fail(ok.error());
  Reader reader(bytes);
  if (!reader.info) throw std::bad_alloc();
  if (!read_header(&reader)) return broken(name, reader.source.message);
  const auto height = png_get_image_height(reader.png, reader.info);
  const std::size_t row_bytes = png_get_rowbytes(reader.png, reader.info);
  const int stored = png_get_channels(reader.png, reader.info);
  const int depth = png_get_bit_depth(reader.png, reader.info);
  // rows as they are packed in the file, at one bit a pixel at the least
  const auto least = static_cast<std::int64_t>(height) * (png_get_image_width(reader.png, reader.info) / 8);
  if (least / kMostExpansion > static_cast<std::int64_t>(bytes.size())) {
    return fail({ErrorCode::bad_data, "the PNG claims more pixels than its data can hold", name,
                 sides(png_get_image_width(reader.png, reader.info), height), "", ""});
  }
  std::vector<std::uint8_t> raw(row_bytes * height);
  std::vector<png_bytep> rows(height);
  for (std::size_t y = 0; y < height; ++y) rows[y] = raw.data() + y * row_bytes;
  if (!read_rows(&reader, rows.data())) return broken(name, reader.source.message);
  Image image;
  image.width = static_cast<int>(png_get_image_width(reader.png, reader.info));
  image.height = static_cast<int>(height);
  image.channels = stored <= 2 ? 1 : 3;
  image.pixels.resize(static_cast<std::size_t>(image.width) * height *
                      static_cast<std::size_t>(image.channels));
  depth == 16 ? convert<std::uint16_t>(raw, row_bytes, stored, image)
              : convert<std::uint8_t>(raw, row_bytes, stored, image);
  return image;
}

Result<Image> read_png(const std::filesystem::path& file) {
  const auto bytes = read_file(file);
  if (!bytes) return fail(bytes.error());
  return parse_png({reinterpret_cast<const std::uint8_t*>(bytes->data()), bytes->size()}, file.string());
}

Result<int> png_channels(const std::filesystem::path& file) {
  std::array<char, kHeaderBytes> bytes{};
  std::ifstream in(file, std::ios::binary);
  if (!in) return fail(io_error("cannot be opened", file, errno));
  in.read(bytes.data(), bytes.size());
  const std::span start(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                        static_cast<std::size_t>(in.gcount()));
  if (const auto ok = check_start(start, file.string()); !ok) return fail(ok.error());
  return (start[25] & PNG_COLOR_MASK_COLOR) != 0 ? 3 : 1;
}

std::vector<std::uint8_t> encode_png(const Image& image) {
  const auto samples = std::int64_t{image.width} * image.height * image.channels;
  const bool sides_fit =
      image.width > 0 && image.height > 0 && std::max(image.width, image.height) <= kMostPixelsASide;
  if (!sides_fit || (image.channels != 1 && image.channels != 3) ||
      samples != static_cast<std::int64_t>(image.pixels.size())) {
    throw ErrorException({ErrorCode::internal, "an image of these sides cannot be written as PNG", "",
                          sides(image.width, image.height) + " x " + std::to_string(image.channels), "", ""});
  }
  std::vector<std::uint8_t> levels(image.pixels.size());
  std::transform(image.pixels.begin(), image.pixels.end(), levels.begin(), [](float v) {
    return static_cast<std::uint8_t>(
        std::lround(255 * (v > 0 ? std::min(v, 1.0F) : 0.0F)));  // not-a-number: black
  });
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.width = static_cast<png_uint_32>(image.width);
  header.height = static_cast<png_uint_32>(image.height);
  header.format = image.channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(header);
  std::vector<std::uint8_t> out(size);
  if (!png_image_write_to_memory(&header, out.data(), &size, 0, levels.data(), 0, nullptr)) {
    throw ErrorException({ErrorCode::internal, std::string("libpng: ") + header.message, "", "", "", ""});
  }
  out.resize(size);
  return out;
}

Result<void> write_png(const std::filesystem::path& file, const Image& image) try {
  const auto bytes = encode_png(image);
  return write_file(file, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
} catch (...) {
  return fail(from_current_exception(file.string()));
}

}  // namespace troupe
