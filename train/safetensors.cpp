#include "train/safetensors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <tuple>

#include "base/files.hpp"

namespace troupe {
namespace {
using nlohmann::json;
static_assert(std::endian::native == std::endian::little,
              "safetensors is little-endian; so are all our machines");

constexpr std::uint64_t kMaxHeader = 100'000'000;  // the format's own limit
constexpr int kMaxDepth = 3;                       // {"name": {"shape": [ … ]}}
constexpr std::size_t kAlign = 8;                  // data starts at a multiple of it
constexpr const char* kMetadata = "__metadata__";

Error bad(const std::filesystem::path& file, std::string what, std::string given = "",
          std::string allowed = "") {
  return {ErrorCode::bad_data, std::move(what),    file.string(),
          std::move(given),    std::move(allowed), "The file is damaged or no safetensors file."};
}

/// Product of the dimensions; nothing where one is negative or the product overflows.
std::optional<std::int64_t> elements(const std::vector<std::int64_t>& shape) {
  std::int64_t n = 1;
  for (const auto d : shape)
    if (d < 0 || __builtin_mul_overflow(n, d, &n)) return std::nullopt;
  return n;
}

/// Deepest nesting of brackets outside strings, so that no parser recurses on what a stranger wrote.
int nesting(std::string_view text) {
  int depth = 0, deepest = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return deepest;
}

struct Entry {
  std::string name;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;
};
struct Header {
  std::vector<Entry> entries;  // by place in the file
  std::map<std::string, std::string> metadata;
};

Result<json> parse_json(const std::filesystem::path& file, const std::string& text) {
  if (text.empty() || text.front() != '{') return fail(bad(file, "the header does not begin with {"));
  if (nesting(text) > kMaxDepth)
    return fail(bad(file, "the header is nested too deeply", "", fmt::format("{} levels", kMaxDepth)));
  std::vector<std::set<std::string>> keys;
  std::string twice;
  const auto watch = [&](int, json::parse_event_t event, json& value) {
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second)
      twice = value.get<std::string>();
    return true;
  };
  auto parsed = json::parse(text, watch, false);
  if (parsed.is_discarded()) return fail(bad(file, "the header is no valid JSON"));
  if (!twice.empty()) return fail(bad(file, "a key stands twice in the header", twice));
  return parsed;
}

Result<Entry> parse_entry(const std::filesystem::path& file, const std::string& name, const json& value,
                          std::uint64_t data_bytes) {
  const auto lies = [&](std::string what, std::string given, std::string allowed = "") {
    return fail(bad(file, fmt::format("tensor {}: {}", name, what), std::move(given), std::move(allowed)));
  };
  if (!value.is_object() || !value.contains("dtype") || !value.contains("shape") ||
      !value.contains("data_offsets"))
    return lies("dtype, shape or data_offsets is missing",
                value.dump(-1, ' ', false, json::error_handler_t::replace));
  if (value["dtype"] != "F32")
    return lies("the type of its elements is not supported", value["dtype"].dump(), "\"F32\"");
  Entry entry{name, {}, 0, 0};
  const auto& shape = value["shape"];
  const auto natural = [](const json& v) {
    return v.is_number_unsigned() && v.get<std::uint64_t>() <= std::uint64_t{INT64_MAX};
  };
  if (!shape.is_array() || !std::all_of(shape.begin(), shape.end(), natural))
    return lies("the shape is no list of whole numbers from 0", shape.dump());
  entry.shape = shape.get<std::vector<std::int64_t>>();
  const auto& offsets = value["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2 || !natural(offsets[0]) || !natural(offsets[1]))
    return lies("data_offsets are no two whole numbers from 0", offsets.dump());
  entry.begin = offsets[0].get<std::uint64_t>(), entry.end = offsets[1].get<std::uint64_t>();
  if (entry.begin > entry.end || entry.end > data_bytes)
    return lies("data_offsets lie outside the file", offsets.dump(), fmt::format("0 … {}", data_bytes));
  const auto n = elements(entry.shape);
  std::int64_t bytes = 0;
  if (!n || __builtin_mul_overflow(*n, std::int64_t{sizeof(float)}, &bytes) ||
      static_cast<std::uint64_t>(bytes) != entry.end - entry.begin)
    return lies("shape and data_offsets disagree", shape.dump() + " in " + offsets.dump());
  return entry;
}

Result<Header> parse_header(const std::filesystem::path& file, const std::string& text,
                            std::uint64_t data_bytes) {
  const auto parsed = parse_json(file, text);
  if (!parsed) return fail(parsed.error());
  Header header;
  for (const auto& [name, value] : parsed->items()) {
    if (name == kMetadata) {
      if (!value.is_object()) return fail(bad(file, "__metadata__ is no table"));
      for (const auto& [key, text_value] : value.items()) {
        if (!text_value.is_string())
          return fail(bad(file, "__metadata__ holds something that is no text", key));
        header.metadata[key] = text_value.get<std::string>();
      }
      continue;
    }
    auto entry = parse_entry(file, name, value, data_bytes);
    if (!entry) return fail(entry.error());
    header.entries.push_back(std::move(*entry));
  }
  std::sort(header.entries.begin(), header.entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  std::uint64_t at = 0;
  for (const auto& entry : header.entries) {
    if (entry.begin != at)
      return fail(bad(file, fmt::format("tensor {} overlaps another, or leaves a gap before it", entry.name),
                      fmt::format("begins at {}", entry.begin), fmt::format("{}", at)));
    at = entry.end;
  }
  if (at != data_bytes)
    return fail(bad(file, "bytes after the last tensor", fmt::format("{} bytes of data", data_bytes),
                    fmt::format("{} bytes", at)));
  return header;
}

Result<std::string> header_text(const std::filesystem::path& file, std::span<const TensorRef> tensors,
                                const std::map<std::string, std::string>& metadata) {
  const auto wrong = [&](std::string what, const TensorRef& t) {
    return fail({ErrorCode::internal, std::move(what), file.string(), t.name, "", ""});
  };
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header[kMetadata] = metadata;
  std::uint64_t at = 0;
  std::set<std::string> names{kMetadata};
  for (const auto& t : tensors) {
    const auto n = elements(t.shape);
    if (!n || static_cast<std::size_t>(*n) != t.values.size())
      return wrong("a tensor's shape does not fit its values", t);
    if (!names.insert(t.name).second) return wrong("a tensor's name is used twice or reserved", t);
    header[t.name] = {
        {"dtype", "F32"}, {"shape", t.shape}, {"data_offsets", {at, at + t.values.size_bytes()}}};
    at += t.values.size_bytes();
  }
  auto text = header.dump(-1, ' ', false, json::error_handler_t::replace);
  text.append((kAlign - text.size() % kAlign) % kAlign, ' ');
  return text;
}
}  // namespace

Result<void> write_safetensors(const std::filesystem::path& file, std::span<const TensorRef> tensors,
                               const std::map<std::string, std::string>& metadata) {
  const auto header = header_text(file, tensors, metadata);
  if (!header) return fail(header.error());
  std::size_t total = sizeof(std::uint64_t) + header->size();
  for (const auto& t : tensors) total += t.values.size_bytes();
  std::string bytes;
  bytes.reserve(total);
  const std::uint64_t length = header->size();
  bytes.append(reinterpret_cast<const char*>(&length), sizeof length);
  bytes += *header;
  for (const auto& t : tensors)
    bytes.append(reinterpret_cast<const char*>(t.values.data()), t.values.size_bytes());
  return write_file(file, bytes);
}

Result<TensorFile> read_safetensors(const std::filesystem::path& file) {
  std::error_code code;
  if (!std::filesystem::exists(file, code))
    return fail({ErrorCode::not_found, "no such file", file.string(), "", "", ""});
  if (!std::filesystem::is_regular_file(file, code)) return fail(bad(file, "not a file"));
  const auto size = std::filesystem::file_size(file, code);
  std::ifstream in(file, std::ios::binary);
  if (code || !in) return fail(io_error("cannot be opened", file, code ? code.value() : errno));
  std::uint64_t length = 0;
  if (size < sizeof length || !in.read(reinterpret_cast<char*>(&length), sizeof length))
    return fail(bad(file, "the file is too short for a header", fmt::format("{} bytes", size)));
  if (length > kMaxHeader || length > size - sizeof length)
    return fail(bad(file, "the header's length lies outside the file", fmt::format("{} bytes", length),
                    fmt::format("at most {}", std::min<std::uint64_t>(kMaxHeader, size - sizeof length))));
  std::string text(length, '\0');
  if (!in.read(text.data(), static_cast<std::streamsize>(length)))
    return fail(bad(file, "the header is cut short"));
  const auto header = parse_header(file, text, size - sizeof length - length);
  if (!header) return fail(header.error());
  TensorFile result{{}, {}, header->metadata};
  for (const auto& entry : header->entries) {
    std::vector<float> values((entry.end - entry.begin) / sizeof(float));
    if (!in.read(reinterpret_cast<char*>(values.data()),
                 static_cast<std::streamsize>(entry.end - entry.begin)))
      return fail(bad(file, fmt::format("tensor {} is cut short", entry.name)));
    result.values[entry.name] = std::move(values);
    result.shapes[entry.name] = entry.shape;
  }
  return result;
}

}  // namespace troupe
