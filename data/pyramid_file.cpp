#include "data/pyramid_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <string>

#include "base/descriptor.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "data/pyramid_cache.hpp"

namespace troupe {
namespace {

static_assert(std::endian::native == std::endian::little, "the file is in the machine's order");
constexpr char kMagic[8] = {'T', 'R', 'P', 'Y', 'R', 'A', 'M', '\n'};
constexpr std::uint32_t kVersion = 2;
constexpr std::int64_t kRecordsAt = 4096;  // a page: records begin aligned

struct Header {
  char magic[8];
  std::uint32_t version, channels, smallest, largest;
  std::uint64_t key;
  std::int64_t train, holdout, record_bytes, order_at, file_bytes;
  std::uint64_t order_hash, content, header_hash;
};
static_assert(sizeof(Header) == 96);

std::uint64_t hash_of(const Header& h) { return hash_bytes(&h, offsetof(Header, header_hash)); }

std::int64_t order_place(std::int64_t records, std::int64_t record_bytes) {
  return (kRecordsAt + records * record_bytes + 7) / 8 * 8;
}

class MappedPyramid final : public Pyramid {
 public:
  MappedPyramid(const std::uint8_t* bytes, const Header& header, PyramidUse use)
      : use_(std::move(use)), bytes_(bytes), header_(header) {
    shape_ = {static_cast<int>(header.channels), static_cast<int>(header.smallest),
              static_cast<int>(header.largest)};
    order_ = reinterpret_cast<const std::int64_t*>(bytes_ + header_.order_at);
  }
  ~MappedPyramid() override {
    ::munmap(const_cast<std::uint8_t*>(bytes_), static_cast<std::size_t>(header_.file_bytes));
  }
  MappedPyramid(const MappedPyramid&) = delete;
  MappedPyramid& operator=(const MappedPyramid&) = delete;
  int channels() const override { return shape_.channels; }
  int smallest() const override { return shape_.smallest; }
  int largest() const override { return shape_.largest; }
  std::int64_t count(Part part) const override {
    return part == Part::train ? header_.train : header_.holdout;
  }
  std::uint64_t key() const override { return header_.key; }
  std::uint64_t content() const override { return header_.content; }
  std::span<const std::uint8_t> levels(Part part, int size, std::int64_t index) const override {
    if (index < 0 || index >= count(part) || size < smallest() || size > largest() ||
        !std::has_single_bit(static_cast<unsigned>(size))) {
      throw ErrorException({ErrorCode::internal, "the pyramid has no such image", "",
                            "image " + std::to_string(index) + " at " + std::to_string(size),
                            std::to_string(count(part)) + " images at " + std::to_string(smallest()) + " … " +
                                std::to_string(largest()),
                            ""});
    }
    const auto record = order_[part == Part::train ? index : header_.train + index];
    return {bytes_ + kRecordsAt + record * header_.record_bytes + shape_.offset(size),
            static_cast<std::size_t>(shape_.channels) * static_cast<std::size_t>(size) *
                static_cast<std::size_t>(size)};
  }
  bool order_is_sound() const {
    const auto records = header_.train + header_.holdout;
    return hash_bytes(order_, static_cast<std::size_t>(records) * sizeof(std::int64_t)) ==
               header_.order_hash &&
           std::all_of(order_, order_ + records, [&](auto r) { return r >= 0 && r < records; });
  }

 private:
  PyramidUse use_;
  const std::uint8_t* bytes_;
  Header header_;
  PyramidShape shape_;
  const std::int64_t* order_ = nullptr;
};

// Nothing, or what is wrong with the header. It bears our checksum, so lies are accidents, not attacks.
const char* flaw(const Header& h, const PyramidPath& path, std::int64_t file_bytes) {
  if (std::memcmp(h.magic, kMagic, sizeof kMagic) != 0) return "is no pyramid";
  if (h.version != kVersion) return "is a pyramid of another version";
  if (hash_of(h) != h.header_hash) return "is a pyramid whose header is damaged";
  if (h.key != path.key) return "is a pyramid of other data or settings";
  if (h.file_bytes != file_bytes) return "is a pyramid cut short";
  return nullptr;
}

int lock(int fd) {
  int result = 0;
  while ((result = ::flock(fd, LOCK_EX)) != 0 && errno == EINTR) {
  }
  return result;
}

}  // namespace

std::int64_t PyramidShape::offset(int size) const {
  std::int64_t pixels = 0;
  for (std::int64_t s = smallest; s < size; s *= 2) pixels += s * s;
  return channels * pixels;
}
std::int64_t PyramidShape::record_bytes() const { return offset(2 * largest); }

Result<std::shared_ptr<const Pyramid>> open_pyramid_file(const PyramidPath& path) {
  const Descriptor file(::open(path.file.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return fail(io_error("cannot be opened", path.file, errno));
  const auto bad = [&](const char* what) {
    return fail({ErrorCode::bad_data, what, path.file.string(), "", "", "It is built again"});
  };
  struct stat s {};
  Header header{};
  if (::fstat(file.get(), &s) != 0) return fail(io_error("cannot be read", path.file, errno));
  if (::pread(file.get(), &header, sizeof header, 0) != static_cast<ssize_t>(sizeof header)) {
    return bad("is a pyramid cut short");
  }
  if (const char* what = flaw(header, path, s.st_size)) return bad(what);
  void* bytes = ::mmap(nullptr, static_cast<std::size_t>(s.st_size), PROT_READ, MAP_SHARED, file.get(), 0);
  if (bytes == MAP_FAILED) return fail(io_error("cannot be mapped", path.file, errno));
  // images are drawn in random order: reading ahead would only fill the page cache
  ::madvise(bytes, static_cast<std::size_t>(s.st_size), MADV_RANDOM);
  auto pyramid = std::make_shared<const MappedPyramid>(static_cast<const std::uint8_t*>(bytes), header,
                                                       PyramidUse::take(path.file));
  if (!pyramid->order_is_sound()) return bad("is a pyramid whose order is damaged");
  return pyramid;
}

PyramidWriter::PyramidWriter(PyramidPath path, std::filesystem::path part, int fd)
    : path_(std::move(path)), part_(std::move(part)), fd_(fd) {}

Result<std::unique_ptr<PyramidWriter>> PyramidWriter::create(const PyramidPath& path) {
  auto part = path.file;
  part += ".part";
  for (;;) {
    Descriptor file(::open(part.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
    if (file.get() < 0 || lock(file.get()) != 0) return fail(io_error("cannot be created", part, errno));
    // While we waited, the other builder may have renamed or removed the file that we hold: then begin again.
    struct stat held {
    }, named{};
    if (::fstat(file.get(), &held) != 0) return fail(io_error("cannot be read", part, errno));
    if (::stat(part.c_str(), &named) != 0 || held.st_ino != named.st_ino || held.st_dev != named.st_dev)
      continue;
    if (::ftruncate(file.get(), 0) != 0) return fail(io_error("cannot be emptied", part, errno));
    return std::unique_ptr<PyramidWriter>(new PyramidWriter(path, part, file.release()));
  }
}

PyramidWriter::~PyramidWriter() {
  if (!part_.empty()) ::unlink(part_.c_str());
  ::close(fd_);
}

Result<void> PyramidWriter::put(std::int64_t at, const void* bytes, std::size_t count) const {
  const auto* from = static_cast<const char*>(bytes);
  while (count > 0) {
    const auto written = ::pwrite(fd_, from, count, at);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail(io_error("the pyramid cannot be written", path_.file, errno));
    from += written;
    at += written;
    count -= static_cast<std::size_t>(written);
  }
  return {};
}

/// The parts' sizes are in it: the same images, others of them held out, are other data.
std::uint64_t PyramidWriter::content(const std::vector<std::int64_t>& order, std::size_t train) const {
  Hasher hasher;
  const std::uint64_t shape[] = {static_cast<std::uint64_t>(shape_.channels),
                                 static_cast<std::uint64_t>(shape_.smallest),
                                 static_cast<std::uint64_t>(shape_.largest), train, order.size()};
  hasher.add(shape, sizeof shape);
  for (const auto record : order) {
    const std::uint64_t hash = hashes_.at(static_cast<std::size_t>(record));
    hasher.add(&hash, sizeof hash);
  }
  return hasher.value();
}

Result<void> PyramidWriter::write(std::int64_t record, std::span<const std::uint8_t> bytes) {
  const std::uint64_t hash = hash_bytes(bytes.data(), bytes.size());
  {
    const std::lock_guard lock(mutex_);
    const auto at = static_cast<std::size_t>(record);
    if (hashes_.size() <= at) hashes_.resize(at + 1);
    hashes_[at] = hash;
  }
  return put(kRecordsAt + record * shape_.record_bytes(), bytes.data(), bytes.size());
}

Result<void> PyramidWriter::finish(const std::vector<std::int64_t>& train,
                                   const std::vector<std::int64_t>& holdout) {
  auto order = train;
  order.insert(order.end(), holdout.begin(), holdout.end());
  Header h{};
  std::memcpy(h.magic, kMagic, sizeof kMagic);
  h.version = kVersion;
  h.channels = static_cast<std::uint32_t>(shape_.channels);
  h.smallest = static_cast<std::uint32_t>(shape_.smallest);
  h.largest = static_cast<std::uint32_t>(shape_.largest);
  h.key = path_.key;
  h.train = static_cast<std::int64_t>(train.size());
  h.holdout = static_cast<std::int64_t>(holdout.size());
  h.record_bytes = shape_.record_bytes();
  h.order_at = order_place(h.train + h.holdout, h.record_bytes);
  const auto order_bytes = order.size() * sizeof(std::int64_t);
  h.file_bytes = h.order_at + static_cast<std::int64_t>(order_bytes);
  h.order_hash = hash_bytes(order.data(), order_bytes);
  h.content = content(order, train.size());
  h.header_hash = hash_of(h);
  if (auto ok = put(h.order_at, order.data(), order_bytes); !ok) return ok;
  if (auto ok = put(0, &h, sizeof h); !ok) return ok;
  if (::fsync(fd_) != 0) return fail(io_error("the pyramid cannot be synced", path_.file, errno));
  if (::rename(part_.c_str(), path_.file.c_str()) != 0) {
    return fail(io_error("the pyramid cannot be renamed", path_.file, errno));
  }
  part_.clear();
  return sync_folder(path_.file.parent_path());
}

}  // namespace troupe
