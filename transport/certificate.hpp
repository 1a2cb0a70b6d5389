#pragma once
// X.509 certificates of a cluster: an authority and the names that it vouches for. No files: texts in, texts
// out.
#include <string>

#include "transport/keys.hpp"

namespace troupe {

/// A certificate and its private key, both PEM.
struct CertifiedKey {
  std::string certificate;
  Secret key;
};

/// A self-signed authority over P-256 that may sign names and nothing else; its common name is `id`.
Result<CertifiedKey> make_authority(const std::string& id, double now, int days);
/// A new key and its certificate. A node's may be used on both ends of TLS, a client's on the connecting end.
Result<CertifiedKey> make_certificate(const CertifiedKey& authority, const std::string& name, KeyRole role,
                                      double now, int days);

struct CertificateFacts {
  KeyCard card;  // without its CURVE key
  bool authority = false;
};
/// Error bad_config, naming `where`, for what is no certificate of this kind.
Result<CertificateFacts> read_certificate(const std::string& pem, const std::string& where);
/// Error bad_config unless `certificate` was signed by `authority`.
Result<void> check_signed(const std::string& certificate, const std::string& authority,
                          const std::string& where);
/// Error bad_config unless the private key is the certificate's.
Result<void> check_belongs(const std::string& certificate, const Secret& key, const std::string& where);
/// Error bad_config unless `now` lies within its time.
Result<void> check_time(const CertificateFacts& facts, double now, const std::string& where);

}  // namespace troupe
