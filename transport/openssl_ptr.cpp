#include "transport/openssl_ptr.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

namespace troupe::ossl {
namespace {

Bio reader(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

/// Without it OpenSSL would ask the terminal.
int no_password(char*, int, int, void*) { return -1; }

}  // namespace

std::string take_reason() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  std::string text = reason != nullptr ? reason : "";
  ERR_clear_error();
  return text;
}

Error failure(const std::string& doing) {
  return {.code = ErrorCode::internal, .what = doing + ": " + take_reason(), .where = "OpenSSL"};
}

Certificate parse_certificate(const std::string& pem) {
  const Bio bio = reader(pem);
  Certificate certificate(bio ? PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr) : nullptr);
  ERR_clear_error();
  return certificate;
}

Key parse_key(const std::string& pem) {
  const Bio bio = reader(pem);
  Key key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr) : nullptr);
  ERR_clear_error();
  return key;
}

}  // namespace troupe::ossl
