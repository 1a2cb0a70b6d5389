#include "options.hpp"

#include <charconv>

namespace classifier {
namespace {

template <class T>
troupe::Result<void> read(const troupe::JobConfig& job, const std::string& key, T low, T high, T& value) {
  const auto found = job.options.find(key);
  if (found == job.options.end()) return {};
  const std::string& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size() && value >= low && value <= high) return {};
  return troupe::fail({.code = troupe::ErrorCode::bad_config,
                       .what = "a value that options." + key + " can't have",
                       .where = "job " + job.name,
                       .given = text,
                       .allowed = std::to_string(low) + " to " + std::to_string(high)});
}

}  // namespace

troupe::Result<Options> read_options(const troupe::JobConfig& job) {
  Options o;
  for (const auto& [key, value] : job.options)
    if (key != "size" && key != "steps" && key != "shards" && key != "shard_batch" && key != "learning_rate")
      return troupe::fail({.code = troupe::ErrorCode::bad_config,
                           .what = "the classifier has no such option",
                           .where = "job " + job.name,
                           .given = "options." + key,
                           .allowed = "size, steps, shards, shard_batch, learning_rate"});
  auto ok =
      read(job, "size", 16, 128, o.size)
          .and_then([&] { return read(job, "steps", std::int64_t{1}, std::int64_t{1'000'000'000}, o.steps); })
          .and_then([&] { return read(job, "shards", 1, 256, o.shards); })
          .and_then([&] { return read(job, "shard_batch", 1, 1024, o.shard_batch); })
          .and_then([&] { return read(job, "learning_rate", 1e-9, 10.0, o.learning_rate); });
  if (!ok) return troupe::fail(ok.error());
  if ((o.size & (o.size - 1)) != 0)
    return troupe::fail({.code = troupe::ErrorCode::bad_config,
                         .what = "options.size is no power of two",
                         .where = "job " + job.name,
                         .given = std::to_string(o.size),
                         .allowed = "16, 32, 64, 128"});
  return o;
}

}  // namespace classifier
