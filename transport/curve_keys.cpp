#include "transport/curve_keys.hpp"

#include <openssl/crypto.h>
#include <zmq.h>

#include <array>

namespace troupe {
namespace {

constexpr std::size_t kKeyBytes = 32;
using Text = std::array<char, kCurveText + 1>;

Error bad_key(std::string what, const std::string& where) {
  return {.code = ErrorCode::bad_config,
          .what = std::move(what),
          .where = where,
          .allowed = "40 characters of Z85",
          .hint = "`troupe keys init` makes keys"};
}

}  // namespace

Result<CurveKeys> make_curve_keys() {
  Text open{};
  Text secret{};
  if (zmq_curve_keypair(open.data(), secret.data()) != 0)
    return fail({.code = ErrorCode::internal,
                 .what = "this ZeroMQ was built without CURVE",
                 .hint = "install the distribution's libzmq5"});
  CurveKeys pair{open.data(), secret.data()};
  OPENSSL_cleanse(secret.data(), secret.size());
  return pair;
}

std::string curve_public(const std::string& secret) {
  if (secret.size() != kCurveText || secret.find('\0') != std::string::npos) return "";
  Text open{};
  return zmq_curve_public(open.data(), secret.c_str()) == 0 ? open.data() : "";
}

Result<void> check_curve_key(const std::string& key, const std::string& where) {
  std::array<std::uint8_t, kKeyBytes> bytes{};
  if (key.size() != kCurveText || key.find('\0') != std::string::npos ||
      zmq_z85_decode(bytes.data(), key.c_str()) == nullptr)
    return fail(bad_key("this is no CURVE key", where));
  return {};
}

Result<void> check_curve_keys(const CurveKeys& keys, const std::string& where) {
  for (const auto* key : {&keys.public_key, &keys.secret_key})
    if (auto good = check_curve_key(*key, where); !good) return good;
  if (curve_public(keys.secret_key) != keys.public_key)
    return fail(bad_key("the public key does not belong to the secret one", where));
  return {};
}

}  // namespace troupe
