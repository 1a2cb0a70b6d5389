#include "transport/join_desk.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>
#include <vector>

#include "transport/hex.hpp"
#include "transport/key_readers.hpp"
#include "transport/openssl_ptr.hpp"

namespace troupe {
namespace {

using nlohmann::json;

using Digest = std::unique_ptr<EVP_MD_CTX, ossl::Freed<EVP_MD_CTX_free>>;

constexpr std::size_t kChallengeBytes = 32;
constexpr std::size_t kMostProof = 16 << 10;  // bytes of text

/// For this purpose, this cluster and this time alone. The challenge is of one length: no two readings.
std::string signed_text(const std::string& cluster, const std::string& challenge, const std::string& card) {
  return "troupe: a node joins\n" + cluster + "\n" + challenge + "\n" + card;
}

bool verifies(const std::string& certificate, const std::string& text, const std::string& signature) {
  const auto shown = ossl::parse_certificate(certificate);
  const auto bytes = from_hex(signature);
  const Digest digest(EVP_MD_CTX_new());
  EVP_PKEY* key = shown ? X509_get0_pubkey(shown.get()) : nullptr;
  const bool good = key != nullptr && digest && !bytes.empty() &&
                    EVP_DigestVerifyInit(digest.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
                    EVP_DigestVerify(digest.get(), bytes.data(), bytes.size(),
                                     reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1;
  ERR_clear_error();
  return good;
}

Error unproven(const std::string& why) {
  return {.code = ErrorCode::bad_config,
          .what = "a node has to prove whose key it holds, and this proof does not",
          .where = "a node that would join",
          .given = why};
}

std::string text_in(const json& all, const char* field) {
  const auto found = all.find(field);
  return found != all.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

Result<std::string> prove_join(const Keys& keys, const std::string& challenge, const std::string& card) {
  const auto key = ossl::parse_key(keys.private_key.reveal());
  const std::string text = signed_text(keys.cluster, challenge, card);
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  const Digest digest(EVP_MD_CTX_new());
  std::size_t size = 0;
  std::vector<unsigned char> signature;
  bool good = key && digest &&
              EVP_DigestSignInit(digest.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
              EVP_DigestSign(digest.get(), nullptr, &size, bytes, text.size()) == 1;
  if (good) {
    signature.resize(size);
    good = EVP_DigestSign(digest.get(), signature.data(), &size, bytes, text.size()) == 1;
  }
  if (!good) return fail(ossl::failure("a join can't be signed"));
  return json{
      {"challenge", challenge}, {"certificate", keys.certificate}, {"signature", hex(signature.data(), size)}}
      .dump();
}

Result<std::string> JoinDesk::challenge() {
  auto made = random_hex(kChallengeBytes);
  if (!made) return made;
  open_.push_back(*made);
  if (open_.size() > kMost) open_.pop_front();
  return open_.back();
}

tl::expected<KeyCard, JoinDesk::Refused> JoinDesk::check(const std::string& card, const std::string& proof,
                                                         double unix_time) {
  const auto refused = [](const char* reason, Error error) {
    return tl::unexpected(Refused{reason, std::move(error)});
  };
  const auto all = proof.size() <= kMostProof ? json::parse(proof, nullptr, false) : json();
  if (!all.is_object()) return refused("join_unproven", unproven("no proof at all"));
  const std::string challenge = text_in(all, "challenge"), certificate = text_in(all, "certificate");
  const auto asked = std::find(open_.begin(), open_.end(), challenge);
  if (asked == open_.end())
    return refused("join_replayed",
                   {.code = ErrorCode::not_connected,
                    .what = "this join was sent before, or its head is gone: each is good once",
                    .where = "a node that would join"});
  open_.erase(asked);
  const std::string where = "the certificate of a node that would join";
  const auto facts = read_certificate(certificate, where);
  if (!facts) return refused("join_unproven", facts.error());
  auto good = check_signed(certificate, keys_->authority, where);
  if (good) good = check_time(*facts, unix_time, where);
  if (!good) return refused("join_unproven", good.error());
  if (!verifies(certificate, signed_text(keys_->cluster, challenge, card), text_in(all, "signature")))
    return refused("join_unproven", unproven("a signature that is not of " + facts->card.name + "'s key"));
  return facts->card;
}

}  // namespace troupe
