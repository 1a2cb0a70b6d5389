#pragma once
// The keys of a cluster: who may come in, and as what. A folder of keys holds
//   ca.pem       the cluster's authority: its certificate, public
//   ca.key       its private key, needed to add names alone; may be kept elsewhere
//   public.json  every name with its role, fingerprint and public CURVE key; may be shared
//   NAME.pem, NAME.key, NAME.curve   one name's certificate, private key and secret CURVE key
// Certificates are X.509 over P-256 and speak for the control link (TLS); CURVE keys are ZeroMQ's, for the
// data plane. Private files are of mode 0600. Nothing here says a secret: not in an error, not in a text.
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace troupe {

/// A node may be connected to, and connects; a client (a user's command) connects alone.
enum class KeyRole { node, client };
const char* to_string(KeyRole role) noexcept;

inline constexpr int kKeyDays = 825;
inline constexpr int kMostKeyDays = 3650;
/// The name that `init_keys` makes, for the head and the commands beside it.
inline constexpr const char* kHeadKey = "head";

/// A text that is wiped when its last copy goes, and that nothing prints by accident.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text);
  const std::string& reveal() const;

 private:
  std::shared_ptr<const std::string> text_;
};

/// What may be told of a name.
struct KeyCard {
  std::string name;
  KeyRole role = KeyRole::node;
  std::string fingerprint;               // SHA-256 of the certificate, "AB:CD:…"
  double not_before = 0, not_after = 0;  // Unix time
  std::string curve;                     // public CURVE key (Z85, 40 characters); may be empty in a list
  std::optional<Error> trouble = {};     // in a list: why this name can't be used
};

/// One name's keys, checked.
struct Keys {
  std::string cluster;  // random id of the authority
  KeyCard card;
  std::string authority, certificate;  // PEM
  Secret private_key;                  // PEM
  Secret curve_secret;                 // Z85
};

struct KeyFolder {
  std::string cluster;
  double not_after = 0;  // of the authority
  std::vector<KeyCard> cards;
};

struct MadeKeys {
  KeyCard card;
  std::vector<std::filesystem::path> files;  // all that its holder needs
  std::filesystem::path replaced;            // where keys that were there before are now; empty: none
};

/// A new authority and the name "head". `folder` must be absent or empty; with `force` it may hold keys,
/// which are moved to a folder inside it. Errors: bad_usage (days, folder), io.
Result<MadeKeys> init_keys(const std::filesystem::path& folder, double now, int days = kKeyDays,
                           bool force = false);

struct NewName {
  std::string name;
  std::optional<KeyRole> role;  // nothing: node; at a renewal: the role it has
  int days = kKeyDays;
  bool renew = false;  // the name exists: it gets a new certificate and new keys
};
/// One name more, signed by the authority. Errors: bad_usage (name, days, exists, does not exist), bad_config
/// (the authority can't be used), io.
Result<MadeKeys> add_key(const std::filesystem::path& folder, const NewName& wanted, double now);

/// All names of a folder; those that can't be used with their `trouble`. Reads no private file. Errors:
/// bad_config where it is no folder of keys.
Result<KeyFolder> list_keys(const std::filesystem::path& folder, double now);

/// The keys of a name; of none given: "head" where it is there, else the only one whose private key is.
/// Errors: bad_config for what can't be used: private files that others may read, a certificate that is
/// expired, not yet valid, of another authority, broken, or that does not belong to the key.
Result<std::shared_ptr<const Keys>> load_keys(const std::filesystem::path& folder, double now,
                                              const std::string& name = "");

/// Public CURVE keys by name, from FOLDER/public.json.
Result<std::map<std::string, std::string>> public_curve_keys(const std::filesystem::path& folder);

/// "2026-01-31 14:22:33 UTC"
std::string utc_text(double unix_time);

}  // namespace troupe
