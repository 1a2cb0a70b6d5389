#pragma once
// What both making and loading keys read from a folder.
#include <nlohmann/json.hpp>

#include "transport/certificate.hpp"
#include "transport/key_files.hpp"

namespace troupe {

/// Whether a name may have keys: 1 to 40 of a-z, 0-9 and -; not "ca".
bool is_key_name(const std::string& text);

struct Authority {
  std::string certificate;
  CertificateFacts facts;
};
/// FOLDER/ca.pem; not judged by its time.
Result<Authority> read_authority(const std::filesystem::path& folder);

/// FOLDER/public.json, checked; {"cluster": id, "names": {}} where there is none.
Result<nlohmann::json> read_public(const std::filesystem::path& folder, const std::string& cluster);
/// Its text. Error bad_config, naming `file`, unless it is a list of this cluster.
Result<nlohmann::json> parse_public(const std::string& text, const std::filesystem::path& file,
                                    const std::string& cluster);
/// The public CURVE key of a name in it, or an empty text.
std::string curve_in(const nlohmann::json& all, const std::string& name);

}  // namespace troupe
