#include "predict/module/script_file.hpp"

#include <libdeflate.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace troupe::meta {
namespace {

constexpr std::string_view kNotScript = "this is no TorchScript file";
constexpr std::string_view kMakeOne =
    "Make one with torch.jit.script(module).save(PATH) or torch.jit.trace(module, input).save(PATH)";

tl::unexpected<Error> bad(std::string what, std::string given = {},
                          std::string hint = std::string(kMakeOne)) {
  return fail({.code = ErrorCode::bad_data,
               .what = std::move(what),
               .given = std::move(given),
               .hint = std::move(hint)});
}

tl::unexpected<Error> broken(const std::string& how) {
  return bad("this TorchScript file is broken or was tampered with: " + how, {}, "Save it once more");
}

/// Little-endian numbers out of bytes; nothing where they end before.
class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  std::optional<std::uint64_t> number(std::uint64_t at, int size) const {
    if (at > bytes_.size() || bytes_.size() - at < static_cast<std::uint64_t>(size)) return std::nullopt;
    std::uint64_t value = 0;
    for (int i = size - 1; i >= 0; --i) value = value << 8 | bytes_[at + static_cast<std::uint64_t>(i)];
    return value;
  }
  /// 0 where the bytes end before: for fields of a header that is known to be there.
  std::uint64_t field(std::uint64_t at, int size) const { return number(at, size).value_or(0); }
  std::optional<std::span<const std::uint8_t>> part(std::uint64_t at, std::uint64_t size) const {
    if (at > bytes_.size() || bytes_.size() - at < size) return std::nullopt;
    return bytes_.subspan(at, size);
  }
  std::uint64_t size() const { return bytes_.size(); }

 private:
  std::span<const std::uint8_t> bytes_;
};

struct Directory {
  std::uint64_t entries = 0, at = 0, size = 0;
};

constexpr std::uint64_t kEndHeader = 0x06054b50, kEnd64Header = 0x06064b50, kEnd64Place = 0x07064b50;
constexpr std::uint64_t kEntryHeader = 0x02014b50, kRecordHeader = 0x04034b50;
constexpr std::uint64_t kEndSize = 22, kEnd64PlaceSize = 20, kEntrySize = 46, kRecordSize = 30;
constexpr std::uint64_t kIn64 = 0xffffffff, kDeflated = 8;

std::optional<Directory> find_directory(const Reader& file) {
  if (file.size() < kEndSize) return std::nullopt;
  const std::uint64_t last = file.size() - kEndSize;
  const std::uint64_t first = last > 0xffff ? last - 0xffff : 0;  // a comment of 64 KiB may follow
  for (std::uint64_t end = last + 1; end-- > first;) {
    if (file.number(end, 4) != kEndHeader) continue;
    Directory found{file.field(end + 10, 2), file.field(end + 16, 4), file.field(end + 12, 4)};
    if (end >= kEnd64PlaceSize && file.number(end - kEnd64PlaceSize, 4) == kEnd64Place) {
      const std::uint64_t at = file.field(end - kEnd64PlaceSize + 8, 8);
      if (file.number(at, 4) != kEnd64Header || !file.number(at + 48, 8)) return std::nullopt;
      found = {file.field(at + 32, 8), file.field(at + 48, 8), file.field(at + 40, 8)};
    }
    return found;
  }
  return std::nullopt;
}

struct Entry {
  std::string name;
  std::uint64_t packed = 0, size = 0, at = 0;
  bool deflated = false;
};

/// The extra field with 64-bit sizes, of those that did not fit.
void widen(const Reader& file, std::uint64_t extra, std::uint64_t length, Entry& entry) {
  for (std::uint64_t at = extra; at + 4 <= extra + length;) {
    const std::uint64_t id = file.field(at, 2), size = file.field(at + 2, 2);
    if (id == 1) {
      std::uint64_t next = at + 4;
      for (std::uint64_t* value : {&entry.size, &entry.packed, &entry.at})
        if (*value == kIn64) {
          *value = file.field(next, 8);
          next += 8;
        }
    }
    at += 4 + size;
  }
}

Result<std::vector<Entry>> read_directory(const Reader& file, const Directory& directory,
                                          const ScriptFileLimits& limits) {
  if (directory.entries > static_cast<std::uint64_t>(limits.records))
    return broken("it claims too many records");
  if (!file.part(directory.at, directory.size)) return broken("its directory lies outside of it");
  std::vector<Entry> entries;
  std::uint64_t at = directory.at;
  for (std::uint64_t i = 0; i < directory.entries; ++i) {
    if (file.number(at, 4) != kEntryHeader || !file.part(at, kEntrySize))
      return broken("its directory ends early");
    const std::uint64_t name = file.field(at + 28, 2), extra = file.field(at + 30, 2),
                        comment = file.field(at + 32, 2);
    const auto text = file.part(at + kEntrySize, name + extra + comment);
    if (!text) return broken("its directory ends early");
    Entry entry{{text->begin(), text->begin() + static_cast<std::ptrdiff_t>(name)},
                file.field(at + 20, 4),
                file.field(at + 24, 4),
                file.field(at + 42, 4)};
    widen(file, at + kEntrySize + name, extra, entry);
    if (file.field(at + 8, 2) & 1) return broken(entry.name + " is encrypted");
    entry.deflated = file.field(at + 10, 2) == kDeflated;
    if (entry.deflated ? entry.name.find("/code/") == std::string::npos
                       : file.field(at + 10, 2) != 0 || entry.packed != entry.size)
      return broken(entry.name + " is compressed, as torch.jit.save does with source alone");
    entries.push_back(std::move(entry));
    at += kEntrySize + name + extra + comment;
  }
  return entries;
}

/// Records must lie beside each other: what is claimed can't be more than is there.
Result<ScriptFile> read_records(const Reader& file, const std::vector<Entry>& entries) {
  ScriptFile result;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> spans;
  std::string folder;
  for (const Entry& entry : entries) {
    if (file.number(entry.at, 4) != kRecordHeader || !file.part(entry.at, kRecordSize))
      return broken(entry.name + " is not where the directory says");
    const std::uint64_t start =
        entry.at + kRecordSize + file.field(entry.at + 26, 2) + file.field(entry.at + 28, 2);
    const auto bytes = file.part(start, entry.packed);
    if (!bytes) return broken(entry.name + " claims more bytes than the file has");
    const auto slash = entry.name.find('/');
    if (slash == std::string::npos || slash == 0)
      return bad(std::string(kNotScript), "a ZIP archive of something else");
    if (folder.empty()) folder = entry.name.substr(0, slash);
    if (entry.name.compare(0, slash, folder) != 0)
      return bad(std::string(kNotScript), "a ZIP archive of something else");
    if (entry.name.find("..") != std::string::npos) return broken("a record is named " + entry.name);
    const std::string name = entry.name.substr(slash + 1);
    if (!result.records.emplace(name, *bytes).second) return broken(entry.name + " is there twice");
    spans.emplace_back(entry.at, start + entry.packed);
    if (entry.deflated) result.deflated[name] = static_cast<std::int64_t>(entry.size);
    if (name.rfind("data/", 0) == 0 || name.rfind("constants/", 0) == 0)
      result.largest_tensor = std::max(result.largest_tensor, static_cast<std::int64_t>(entry.size));
  }
  std::sort(spans.begin(), spans.end());
  for (std::size_t i = 1; i < spans.size(); ++i)
    if (spans[i].first < spans[i - 1].second) return broken("two records overlap");
  return result;
}

/// Source text; nothing where the record does not inflate to the size that it claims.
std::optional<std::string> inflated(std::span<const std::uint8_t> record, std::int64_t size) {
  const std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)> inflater(
      libdeflate_alloc_decompressor(), &libdeflate_free_decompressor);
  std::string text(static_cast<std::size_t>(size), '\0');
  std::size_t written = 0;
  if (!inflater || libdeflate_deflate_decompress(inflater.get(), record.data(), record.size(), text.data(),
                                                 text.size(), &written) != LIBDEFLATE_SUCCESS)
    return std::nullopt;
  if (written != text.size()) return std::nullopt;
  return text;
}

std::string looks_like(std::span<const std::uint8_t> file) {
  if (file.empty()) return "an empty file";
  if (file[0] == 0x80) return "a pickle, whose loading may run any code";
  if (file.size() > 4 && std::memcmp(file.data(),
                                     "\x7f"
                                     "ELF",
                                     4) == 0)
    return "a program";
  if (file.size() > 4 && std::memcmp(file.data(), "PK\x03\x04", 4) == 0)
    return "the beginning of a ZIP archive";
  return "neither a ZIP archive nor anything that is known";
}

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

Result<ScriptFile> check_script_file(std::span<const std::uint8_t> bytes, const std::string& where,
                                     const ScriptFileLimits& limits) {
  const auto at = [&](Error e) {
    e.where = e.where.empty() ? where : where + ", " + e.where;
    return fail(std::move(e));
  };
  const Reader file(bytes);
  const auto directory = find_directory(file);
  if (!directory) return at(bad(std::string(kNotScript), looks_like(bytes)).value());
  const auto entries = read_directory(file, *directory, limits);
  if (!entries) return at(entries.error());
  auto script = read_records(file, *entries);
  if (!script) return at(script.error());
  const auto has = [&](const char* name) { return script->records.count(name) != 0; };
  if (has("data.pkl") && !has("constants.pkl"))
    return at(bad(std::string(kNotScript), "tensors or a module of torch.save, without its code").value());
  if (!has("data.pkl") || !has("constants.pkl") || (!has("version") && !has(".data/version")))
    return at(bad(std::string(kNotScript), "a ZIP archive of something else").value());
  std::uint64_t text = 0;
  bool code = false;
  for (const auto& [name, record] : script->records) {
    const bool source = name.rfind("code/", 0) == 0 && ends_with(name, ".py"),
               pickle = ends_with(name, ".pkl");
    if (!source && !pickle) continue;
    code = code || source;
    const auto packed = script->deflated.find(name);
    text += packed == script->deflated.end() ? record.size() : static_cast<std::uint64_t>(packed->second);
    if (text > static_cast<std::uint64_t>(limits.code.count))
      return at(bad("its code is too long", {}, "At most " + to_string(limits.code)).value());
    std::optional<std::string> unpacked;
    std::span<const std::uint8_t> bare = record;
    if (packed != script->deflated.end()) {
      unpacked = inflated(record, packed->second);
      if (!unpacked) return at(broken(name + " does not unpack to what it claims").value());
      bare = {reinterpret_cast<const std::uint8_t*>(unpacked->data()), unpacked->size()};
    }
    auto good = pickle ? check_pickle(bare)
                       : check_code({reinterpret_cast<const char*>(bare.data()), bare.size()}, limits);
    if (!good) {
      good.error().where = name;
      return at(good.error());
    }
  }
  if (!code) return at(bad(std::string(kNotScript), "an archive without code").value());
  return script;
}

Result<std::string> read_script_file(const std::string& path, const ScriptFileLimits& limits) {
  namespace fs = std::filesystem;
  std::error_code error;
  const auto status = fs::status(path, error);
  if (!fs::exists(status))
    return fail({.code = ErrorCode::not_found, .what = "there is no such file", .where = path});
  if (!fs::is_regular_file(status))
    return fail({.code = ErrorCode::bad_data,
                 .what = std::string(kNotScript),
                 .where = path,
                 .given = fs::is_directory(status) ? "a folder" : "no regular file",
                 .hint = std::string(kMakeOne)});
  const auto size = fs::file_size(path, error);
  if (error)
    return fail({.code = ErrorCode::io, .what = "it can't be read: " + error.message(), .where = path});
  if (size > static_cast<std::uintmax_t>(limits.file.count))
    return fail({.code = ErrorCode::bad_data,
                 .what = "the file is too large",
                 .where = path,
                 .given = to_string(Bytes{static_cast<std::int64_t>(size)}),
                 .allowed = "up to " + to_string(limits.file)});
  std::ifstream in(path, std::ios::binary);
  std::string bytes(size, '\0');
  if (!in || !in.read(bytes.data(), static_cast<std::streamsize>(size)))
    return fail({.code = ErrorCode::io,
                 .what = std::string("it can't be read: ") + std::strerror(errno),
                 .where = path});
  return bytes;
}

}  // namespace troupe::meta
