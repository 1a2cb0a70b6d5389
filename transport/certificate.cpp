#include "transport/certificate.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <cmath>
#include <ctime>

#include "transport/openssl_ptr.hpp"

namespace troupe {
namespace {

constexpr double kDay = 86400;
/// A certificate is valid from a little before it was made: clocks of machines differ.
constexpr double kClockSlack = 3600;

Error bad(const std::string& what, const std::string& where, const std::string& hint) {
  return {.code = ErrorCode::bad_config, .what = what, .where = where, .hint = hint};
}

std::string pem_of(X509* certificate) {
  const ossl::Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_X509(bio.get(), certificate) != 1) return "";
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

Secret pem_of(EVP_PKEY* key) {
  const ossl::Bio bio(BIO_new(BIO_s_secmem()));
  if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return {};
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return Secret(std::string(data, static_cast<std::size_t>(size)));
}

bool extend(X509* certificate, X509* issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const ossl::Extension extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool set_serial(X509* certificate) {
  unsigned char bytes[20];
  if (RAND_bytes(bytes, sizeof bytes) != 1) return false;
  bytes[0] &= 0x7f;  // positive, and at most 20 bytes long (RFC 5280, 4.1.2.2)
  bytes[0] |= 0x40;
  const std::unique_ptr<BIGNUM, ossl::Freed<BN_free>> number(BN_bin2bn(bytes, sizeof bytes, nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_name(X509_NAME* name, const std::string& common_name) {
  return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                                    0) == 1;
}

/// All of a certificate but its extensions, issuer and signature.
ossl::Certificate blank(const std::string& name, EVP_PKEY* key, double now, int days) {
  ossl::Certificate certificate(X509_new());
  X509* c = certificate.get();
  const auto begin = static_cast<std::time_t>(now - kClockSlack);
  const auto end = static_cast<std::time_t>(now + days * kDay);
  const bool made = c != nullptr && X509_set_version(c, X509_VERSION_3) == 1 && set_serial(c) &&
                    set_name(X509_get_subject_name(c), name) &&
                    ASN1_TIME_set(X509_getm_notBefore(c), begin) != nullptr &&
                    ASN1_TIME_set(X509_getm_notAfter(c), end) != nullptr && X509_set_pubkey(c, key) == 1;
  return made ? std::move(certificate) : nullptr;
}

std::string common_name(const X509_NAME* name) {
  const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (at < 0) return "";
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
  if (size < 0) return "";
  std::string out(reinterpret_cast<char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  return out;
}

double unix_time(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? static_cast<double>(timegm(&parts)) : NAN;
}

std::string fingerprint_of(const X509* certificate) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (X509_digest(certificate, EVP_sha256(), digest, &size) != 1) return "";
  std::string out;
  for (unsigned int i = 0; i < size; ++i) {
    constexpr char digits[] = "0123456789ABCDEF";
    if (i > 0) out += ':';
    out += digits[digest[i] >> 4];
    out += digits[digest[i] & 15];
  }
  return out;
}

}  // namespace

Result<CertifiedKey> make_authority(const std::string& id, double now, int days) {
  const ossl::Key key(EVP_EC_gen("P-256"));
  if (!key) return fail(ossl::failure("no key can be made"));
  const auto certificate = blank(id, key.get(), now, days);
  X509* c = certificate.get();
  const bool made = c != nullptr && X509_set_issuer_name(c, X509_get_subject_name(c)) == 1 &&
                    extend(c, c, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
                    extend(c, c, NID_key_usage, "critical,keyCertSign,cRLSign") &&
                    extend(c, c, NID_subject_key_identifier, "hash") &&
                    X509_sign(c, key.get(), EVP_sha256()) > 0;
  CertifiedKey out{made ? pem_of(c) : "", pem_of(key.get())};
  if (out.certificate.empty() || out.key.reveal().empty())
    return fail(ossl::failure("the authority's certificate can't be made"));
  return out;
}

Result<CertifiedKey> make_certificate(const CertifiedKey& authority, const std::string& name, KeyRole role,
                                      double now, int days) {
  const auto issuer = ossl::parse_certificate(authority.certificate);
  const auto issuer_key = ossl::parse_key(authority.key.reveal());
  const ossl::Key key(EVP_EC_gen("P-256"));
  if (!issuer || !issuer_key || !key) return fail(ossl::failure("no key can be made"));
  const auto certificate = blank(name, key.get(), now, days);
  X509* c = certificate.get();
  const char* usage = role == KeyRole::node ? "serverAuth,clientAuth" : "clientAuth";
  const bool made = c != nullptr && X509_set_issuer_name(c, X509_get_subject_name(issuer.get())) == 1 &&
                    extend(c, issuer.get(), NID_basic_constraints, "critical,CA:FALSE") &&
                    extend(c, issuer.get(), NID_key_usage, "critical,digitalSignature") &&
                    extend(c, issuer.get(), NID_ext_key_usage, usage) &&
                    extend(c, issuer.get(), NID_subject_key_identifier, "hash") &&
                    extend(c, issuer.get(), NID_authority_key_identifier, "keyid:always") &&
                    extend(c, issuer.get(), NID_subject_alt_name, ("DNS:" + name).c_str()) &&
                    X509_sign(c, issuer_key.get(), EVP_sha256()) > 0;
  CertifiedKey out{made ? pem_of(c) : "", pem_of(key.get())};
  if (out.certificate.empty() || out.key.reveal().empty())
    return fail(ossl::failure("the certificate can't be made"));
  return out;
}

Result<CertificateFacts> read_certificate(const std::string& pem, const std::string& where) {
  const auto certificate = ossl::parse_certificate(pem);
  if (!certificate)
    return fail(bad("this is no certificate in PEM", where, "Copy it anew from where `troupe keys` made it"));
  CertificateFacts facts;
  facts.authority = X509_check_ca(certificate.get()) == 1;
  const auto usage = X509_get_extended_key_usage(certificate.get());
  facts.card.role = !facts.authority && (usage & XKU_SSL_SERVER) != 0 ? KeyRole::node : KeyRole::client;
  facts.card.name = common_name(X509_get_subject_name(certificate.get()));
  facts.card.fingerprint = fingerprint_of(certificate.get());
  facts.card.not_before = unix_time(X509_get0_notBefore(certificate.get()));
  facts.card.not_after = unix_time(X509_get0_notAfter(certificate.get()));
  ERR_clear_error();
  const bool known = facts.authority || (usage != UINT32_MAX && (usage & XKU_SSL_CLIENT) != 0);
  if (!known || !std::isfinite(facts.card.not_before) || !std::isfinite(facts.card.not_after))
    return fail(bad("this certificate is none of troupe's", where, "Make one by `troupe keys add`"));
  return facts;
}

Result<void> check_signed(const std::string& certificate, const std::string& authority,
                          const std::string& where) {
  const auto leaf = ossl::parse_certificate(certificate), issuer = ossl::parse_certificate(authority);
  const bool good = leaf && issuer && X509_check_issued(issuer.get(), leaf.get()) == X509_V_OK &&
                    X509_verify(leaf.get(), X509_get0_pubkey(issuer.get())) == 1;
  ERR_clear_error();
  if (good) return {};
  Error error = bad("this certificate is of another cluster: ca.pem beside it did not sign it", where,
                    "Copy ca.pem and the certificate from the same folder of keys");
  if (leaf) error.given = "signed by " + common_name(X509_get_issuer_name(leaf.get()));
  if (issuer) error.allowed = "signed by " + common_name(X509_get_subject_name(issuer.get()));
  return fail(error);
}

Result<void> check_belongs(const std::string& certificate, const Secret& key, const std::string& where) {
  const auto leaf = ossl::parse_certificate(certificate);
  const auto secret = ossl::parse_key(key.reveal());
  if (!secret)
    return fail(bad("this is no private key in PEM without a password", where,
                    "Copy it anew, or make another by `troupe keys add --renew`"));
  const bool good = leaf && X509_check_private_key(leaf.get(), secret.get()) == 1;
  ERR_clear_error();
  if (good) return {};
  return fail(bad("this private key does not belong to the certificate beside it", where,
                  "Copy both from the same folder of keys"));
}

Result<void> check_time(const CertificateFacts& facts, double now, const std::string& where) {
  const KeyCard& card = facts.card;
  if (now >= card.not_before && now <= card.not_after) return {};
  Error error = bad("", where, "");
  if (now > card.not_after) {
    error.what = "this certificate is expired since " + utc_text(card.not_after);
    error.hint = facts.authority ? "It is the cluster's authority: make new keys by `troupe keys init`"
                                 : "Renew it by `troupe keys add DIR " + card.name + " --renew`";
  } else {
    error.what = "this certificate is not valid before " + utc_text(card.not_before);
    error.hint = "Is this machine's clock right?";
  }
  error.given = "now " + utc_text(now);
  return fail(error);
}

}  // namespace troupe
