#include "actors/leases_file.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

namespace troupe {
namespace {

/// A whole number of at least 0, up to `end`; moves `at` past it.
bool read_number(const char*& at, const char* end, char stop, std::int64_t& number) {
  const auto [after, error] = std::from_chars(at, end, number);
  if (error != std::errc() || number < 0 || after == end || *after != stop) return false;
  at = after + 1;
  return true;
}

bool read_line(const std::string& line, LeaseNote& lease) {
  const char *at = line.data(), *end = at + line.size();
  if (!read_number(at, end, ',', lease.epoch) || !read_number(at, end, ',', lease.first)) return false;
  std::istringstream names(std::string(at, end));
  for (std::string name; names >> name;) lease.nodes.push_back(name);
  return true;
}

}  // namespace

std::string lease_line(const LeaseNote& lease) {
  const auto blank = [](char c) { return static_cast<unsigned char>(c) <= ' '; };
  std::string names;
  for (const auto& node : lease.nodes)
    if (std::none_of(node.begin(), node.end(), blank)) names += (names.empty() ? "" : " ") + node;
  return fmt::format("{},{},{}\n", lease.epoch, lease.first, names);
}

Result<std::vector<LeaseNote>> read_leases(const std::filesystem::path& file) {
  std::vector<LeaseNote> leases;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line) && !in.eof();) {
    LeaseNote lease;
    if (!read_line(line, lease))
      return fail({.code = ErrorCode::bad_data,
                   .what = "this is no lease",
                   .where = file.string(),
                   .given = line.substr(0, 100),
                   .allowed = "EPOCH,FIRST,NODE NODE …"});
    leases.push_back(std::move(lease));
  }
  return leases;
}

}  // namespace troupe
