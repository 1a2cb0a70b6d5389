#include "train/manifest.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/whole.hpp"

namespace troupe {
namespace {
using nlohmann::json;
namespace fs = std::filesystem;

constexpr int kFormat = 1;
constexpr std::uintmax_t kMaxManifest = 1 << 20;  // bytes; a real one has a few hundred
constexpr std::size_t kBlock = 1 << 20;           // bytes read at a time while summing

std::string dump(const json& value) { return value.dump(1, ' ', false, json::error_handler_t::replace); }

json body(const Manifest& m) {
  json files = json::array();
  for (const auto& f : m.files)
    files.push_back({{"name", f.name}, {"bytes", f.bytes}, {"xxh3_64", hex(f.checksum)}});
  return {{"format", kFormat},
          {"job", m.job},
          {"kind", m.kind},
          {"version", m.version},
          {"step", m.step},
          {"phase", m.phase},
          {"config_hash", hex(m.config_hash)},
          {"unix_time", m.unix_time},
          {"files", std::move(files)}};
}

Error bad(const fs::path& where, std::string what, std::string given = "", std::string allowed = "") {
  return {ErrorCode::bad_data, std::move(what), where.string(), std::move(given), std::move(allowed), ""};
}

/// 16 hexadecimal digits; throws json's own kind of error otherwise, which parse_manifest turns into ours.
std::uint64_t parse_hex(const json& value) {
  const auto& text = value.get_ref<const std::string&>();
  std::uint64_t out = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out, 16);
  if (text.size() != 16 || code != std::errc{} || end != text.data() + text.size())
    throw std::invalid_argument("not 16 hexadecimal digits: " + text);
  return out;
}

Manifest from_json(const json& value) {
  Manifest m;
  m.job = value.at("job").get<std::string>();
  m.kind = value.at("kind").get<std::string>();
  m.version = value.at("version").get<std::string>();
  m.step = whole<std::int64_t>(value.at("step"));
  m.phase = value.at("phase").get<std::string>();
  m.config_hash = parse_hex(value.at("config_hash"));
  m.unix_time = value.at("unix_time").get<double>();
  for (const auto& f : value.at("files"))
    m.files.push_back(
        {f.at("name").get<std::string>(), whole<std::int64_t>(f.at("bytes")), parse_hex(f.at("xxh3_64"))});
  return m;
}
}  // namespace

bool is_plain_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos && name != kManifestName;
}

std::string manifest_text(const Manifest& manifest) {
  json value = body(manifest);
  const auto text = dump(value);
  value["manifest_xxh3_64"] = hex(hash_bytes(text.data(), text.size()));
  return dump(value) + "\n";
}

Result<Manifest> parse_manifest(const std::string& text, const fs::path& where) {
  // the callback cuts nesting short, so that nothing recurses on what a stranger wrote
  bool deep = false;
  const auto watch = [&](int depth, json::parse_event_t, json&) {
    deep = deep || depth > 4;
    return !deep;
  };
  json value = json::parse(text, watch, false);
  if (deep || !value.is_object()) return fail(bad(where, "the manifest is no valid JSON"));
  try {
    const auto given = parse_hex(value.at("manifest_xxh3_64"));
    value.erase("manifest_xxh3_64");
    const auto plain = dump(value);
    const auto sum = hash_bytes(plain.data(), plain.size());
    if (sum != given) return fail(bad(where, "the manifest was altered", hex(sum), hex(given)));
    if (value.at("format") != kFormat)
      return fail(bad(where, "a manifest of another format", dump(value["format"]), std::to_string(kFormat)));
    auto manifest = from_json(value);
    for (const auto& f : manifest.files)
      if (!is_plain_name(f.name) || f.bytes < 0)
        return fail(bad(where, "the manifest names an impossible file", f.name));
    return manifest;
  } catch (const std::exception& e) {
    return fail(bad(where, fmt::format("the manifest lacks a field or has a wrong one: {}", e.what())));
  }
}

Result<Manifest> read_manifest(const fs::path& folder, std::int64_t step) {
  const auto file = folder / kManifestName;
  std::error_code code;
  const auto size = fs::file_size(file, code);
  if (code) return fail(bad(file, "the manifest is missing or unreadable", code.message()));
  if (size > kMaxManifest)
    return fail(bad(file, "the manifest is too large", fmt::format("{} bytes", size),
                    fmt::format("at most {}", kMaxManifest)));
  const auto text = read_file(file);
  if (!text) return fail(text.error());
  auto manifest = parse_manifest(*text, file);
  if (manifest && manifest->step != step)
    return fail(
        bad(file, "the manifest is of another step", std::to_string(manifest->step), std::to_string(step)));
  return manifest;
}

Result<CheckpointFile> sum_file(const fs::path& folder, const std::string& name) {
  const auto path = folder / name;
  std::error_code code;
  if (!fs::is_regular_file(path, code)) return fail(bad(path, "a file of the checkpoint is missing"));
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(io_error("cannot be opened", path, errno));
  std::vector<char> block(kBlock);
  Hasher hasher;
  CheckpointFile result{name, 0, 0};
  while (in) {
    in.read(block.data(), static_cast<std::streamsize>(block.size()));
    hasher.add(block.data(), static_cast<std::size_t>(in.gcount()));
    result.bytes += in.gcount();
  }
  if (in.bad()) return fail(io_error("cannot be read", path, errno));
  result.checksum = hasher.value();
  return result;
}

Result<void> verify_files(const fs::path& folder, const Manifest& manifest, bool contents) {
  for (const auto& expected : manifest.files) {
    const auto path = folder / expected.name;
    std::error_code code;
    if (!fs::is_regular_file(path, code)) return fail(bad(path, "a file of the checkpoint is missing"));
    const auto size = fs::file_size(path, code);
    if (code || static_cast<std::int64_t>(size) != expected.bytes)
      return fail(bad(path, "a file of the checkpoint is truncated or has grown",
                      fmt::format("{} bytes", size), fmt::format("{} bytes", expected.bytes)));
    if (!contents) continue;
    const auto now = sum_file(folder, expected.name);
    if (!now) return fail(now.error());
    if (now->checksum != expected.checksum)
      return fail(
          bad(path, "a file of the checkpoint was altered", hex(now->checksum), hex(expected.checksum)));
  }
  return {};
}

}  // namespace troupe
