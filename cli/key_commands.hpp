#pragma once
// `troupe keys`: makes and shows the keys of a cluster. Each returns its exit code.
#include <string>

#include "cli/services.hpp"
#include "cli/terminal.hpp"
#include "transport/keys.hpp"

namespace troupe {

struct KeyOptions {
  std::filesystem::path folder;
  std::string name;
  std::string role;  // "node", "client"; empty: as it was, or node
  int days = kKeyDays;
  bool force = false, renew = false, json = false;
};

int run_keys_init(const KeyOptions& options, const Services& services, const Terminal& terminal);
int run_keys_add(const KeyOptions& options, const Services& services, const Terminal& terminal);
/// 1 where a name can't be used.
int run_keys_show(const KeyOptions& options, const Services& services, const Terminal& terminal);

}  // namespace troupe
