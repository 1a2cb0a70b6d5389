#pragma once
// The text of an address of the data plane: tcp://ADDRESS:PORT (port 0: any) or ipc://PATH.
#include <string>

#include "base/error.hpp"

namespace troupe::plane {

/// Error bad_config where the text is no such address.
Result<void> check_endpoint(const std::string& endpoint);
/// True for ipc:// and for addresses that only this machine can reach. `endpoint` has passed check_endpoint.
bool is_local(const std::string& endpoint);

}  // namespace troupe::plane
