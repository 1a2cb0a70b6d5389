#pragma once
// The one table of the configuration: every member of config.hpp's structs with its key, rule, unit and
// explanation. Reading, checking, writing and explaining all go through it.
#include <filesystem>
#include <vector>

#include "base/config.hpp"
#include "base/config_rule.hpp"

namespace troupe::schema {

template <class Owner>
struct Field {
  std::string key;
  Rule rule;
  std::string unit;
  std::string text;
  bool decides_bits;  // whether another value makes another training
  bool
      came_later;  // at its default it is left out of what decides, which checkpoints from before it bear out
  Value (*get)(const Owner&);
  void (*set)(Owner&, const Value&);
};

const std::vector<Field<ClusterConfig>>& cluster_fields();
const std::vector<Field<NodeConfig>>& node_fields();
const std::vector<Field<UserConfig>>& user_fields();
const std::vector<Field<JobConfig>>& job_fields();
const std::vector<Field<DataConfig>>& data_fields();
const std::vector<Field<GanConfig>>& gan_fields();

/// The kind whose keys stand in [job.gan].
inline constexpr const char* kGan = "gan";
inline constexpr const char* kOptionsText =
    "free keys of a kind other than \"gan\": a text, a finite number or a flag each, handed over as text";

}  // namespace troupe::schema
