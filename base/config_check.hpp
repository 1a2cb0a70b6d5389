#pragma once
// Rules that bind several keys of a configuration together, whoever put the values there.
#include <initializer_list>
#include <map>
#include <set>
#include <string>

#include "base/config.hpp"

namespace troupe::schema {

/// Where the values of one job (or of the cluster's table) stand, by key: "gan.to".
struct Places {
  std::map<std::string, std::string> at;
  std::set<std::string> failed;  // keys whose own value was refused: rules that use them are not tried
  std::string otherwise;         // for keys that were left out

  std::string where(const std::string& key) const;
  bool usable(std::initializer_list<const char*> keys) const;
};

void check_job(const JobConfig& job, const Places& places, Errors& errors);
/// What a job can't have in its cluster.
void check_fit(const JobConfig& job, const ClusterConfig& cluster, const Places& places, Errors& errors);
/// Quotas against the nodes of the file.
void check_quotas(const Config& config, const Places& places, Errors& errors);
void check_cluster(const ClusterConfig& cluster, const Places& places, Errors& errors);

Error config_error(std::string where, std::string what);

}  // namespace troupe::schema
