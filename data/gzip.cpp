#include "data/gzip.hpp"

#include <libdeflate.h>

#include <algorithm>
#include <memory>

namespace troupe {
namespace {

// Deflate cannot expand by more than 1032 (a match of 258 bytes in 2 bits), whatever the trailer says.
constexpr std::int64_t kMostExpansion = 1032;
constexpr std::int64_t kFirstGuess = 64 << 10;

struct Free {
  void operator()(libdeflate_decompressor* d) const { libdeflate_free_decompressor(d); }
  void operator()(libdeflate_compressor* c) const { libdeflate_free_compressor(c); }
};

// The last four bytes state the size modulo 2^32, of the last member only.
std::int64_t stated_size(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < 18) return 0;
  const auto* p = bytes.data() + bytes.size() - 4;
  return std::int64_t{p[0]} | std::int64_t{p[1]} << 8 | std::int64_t{p[2]} << 16 | std::int64_t{p[3]} << 24;
}

Error too_large(const std::string& name, Bytes limit) {
  return {ErrorCode::bad_data,           "the gzip data unpack to more than the limit", name, "",
          "at most " + to_string(limit), "Split the file, or raise the limit"};
}

}  // namespace

bool is_gzip(std::span<const std::uint8_t> bytes) {
  return bytes.size() >= 3 && bytes[0] == 0x1f && bytes[1] == 0x8b && bytes[2] == 8;
}

Result<std::vector<std::uint8_t>> gunzip(std::span<const std::uint8_t> bytes, const std::string& name,
                                         Bytes limit) {
  std::unique_ptr<libdeflate_decompressor, Free> engine(libdeflate_alloc_decompressor());
  if (!engine) throw std::bad_alloc();
  if (!is_gzip(bytes))
    return fail({ErrorCode::bad_data, "is not gzip", name, "", "a file that begins 1f 8b 08", ""});
  const auto ceiling = std::min(limit.count, static_cast<std::int64_t>(bytes.size()) * kMostExpansion);
  std::vector<std::uint8_t> out(
      static_cast<std::size_t>(std::clamp(stated_size(bytes), std::min(kFirstGuess, ceiling), ceiling)));
  std::size_t read = 0, written = 0;
  while (read < bytes.size()) {
    const auto rest = bytes.subspan(read);
    if (read > 0 && std::all_of(rest.begin(), rest.end(), [](auto b) { return b == 0; })) break;
    std::size_t used = 0, made = 0;
    const auto status = libdeflate_gzip_decompress_ex(
        engine.get(), rest.data(), rest.size(), out.data() + written, out.size() - written, &used, &made);
    if (status == LIBDEFLATE_INSUFFICIENT_SPACE) {
      if (static_cast<std::int64_t>(out.size()) >= ceiling) return fail(too_large(name, limit));
      out.resize(static_cast<std::size_t>(
          std::min(ceiling, std::max(kFirstGuess, 2 * static_cast<std::int64_t>(out.size())))));
      continue;
    }
    if (status != LIBDEFLATE_SUCCESS) {
      return fail({ErrorCode::bad_data,
                   "the gzip data are damaged: cut short, or their checksum does not match", name,
                   "member at byte " + std::to_string(read) + " of " + std::to_string(bytes.size()), "",
                   "Fetch the file again"});
    }
    read += used;
    written += made;
  }
  out.resize(written);
  return out;
}

std::vector<std::uint8_t> gzip(std::span<const std::uint8_t> bytes) {
  std::unique_ptr<libdeflate_compressor, Free> engine(libdeflate_alloc_compressor(6));
  if (!engine) throw std::bad_alloc();
  std::vector<std::uint8_t> out(libdeflate_gzip_compress_bound(engine.get(), bytes.size()));
  out.resize(libdeflate_gzip_compress(engine.get(), bytes.data(), bytes.size(), out.data(), out.size()));
  return out;
}

}  // namespace troupe
