#pragma once
// OpenSSL's objects, owned; and its words for what went wrong. For sources of transport/ alone.
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "base/error.hpp"

namespace troupe::ossl {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Context = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;
using Stream = std::unique_ptr<SSL, Freed<SSL_free>>;

/// The reason of this thread's last error, without the data that may go with it; empties the thread's queue.
std::string take_reason();

/// What could not be done, and that reason.
Error failure(const std::string& doing);

/// A certificate in PEM; null where there is none. Leaves the thread's error queue empty.
Certificate parse_certificate(const std::string& pem);
/// A private key in PEM without a password; null where there is none. Never asks a terminal for a password.
Key parse_key(const std::string& pem);

}  // namespace troupe::ossl
