// No text crashes what reads keys: certificates and private keys in PEM, public.json, CURVE keys, and the
// proof of a node that would join.

#include "tests/fuzz/require.hpp"
#include "transport/certificate.hpp"
#include "transport/curve_keys.hpp"
#include "transport/join_desk.hpp"
#include "transport/key_readers.hpp"
#include "transport/openssl_ptr.hpp"

namespace {

using namespace troupe;

constexpr const char* kCluster = "0123456789abcdef0123456789abcdef";
constexpr double kNow = 1.8e9;

struct Cluster {
  CertifiedKey authority = make_authority(kCluster, kNow, 100).value();
  CertifiedKey node = make_certificate(authority, "a", KeyRole::node, kNow, 10).value();
};

void look_at(const std::string& text, const Cluster& own) {
  if (const auto facts = read_certificate(text, "fuzz"); !facts) {
    require(!facts.error().what.empty() && facts.error().exit_code() == 2, "a refusal has a reason");
  } else {
    require(!facts->card.fingerprint.empty(), "a certificate has a fingerprint");
    (void)check_time(*facts, kNow, "fuzz");
    require(!check_signed(text, own.authority.certificate, "fuzz") ||
                text.find("CERTIFICATE") != std::string::npos,
            "nothing else is signed");
  }
  require(!check_belongs(own.node.certificate, Secret(text), "fuzz"), "nobody guesses a private key");
  (void)ossl::parse_key(text);
}

void look_at_list(const std::string& text) {
  const auto all = parse_public(text, "public.json", kCluster);
  if (!all) {
    require(all.error().exit_code() == 2, "a refusal says what the user did");
    return;
  }
  for (const auto& [name, told] : (*all)["names"].items())
    require(curve_in(*all, name).empty() || curve_in(*all, name).size() == kCurveText,
            "a key has its length");
  require(curve_in(*all, "nobody at all").empty(), "a name that is not there has none");
}

/// Where the text names the challenge "C", the desk's own takes its place; "P" stands for the node's
/// certificate.
void look_at_proof(std::string text, const std::shared_ptr<const Keys>& keys) {
  JoinDesk desk(keys);
  const auto put = [&text](const std::string& what, const std::string& with) {
    if (const auto at = text.find(what); at != std::string::npos) text.replace(at, what.size(), with);
  };
  put("\"C\"", nlohmann::json(desk.challenge().value()).dump());
  put("\"P\"", nlohmann::json(keys->certificate).dump());
  const auto shown = desk.check("{}", text, kNow);
  require(!shown && !shown.error().error.what.empty(), "nobody guesses a signature");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const Cluster own;
  static const auto keys = [] {
    auto made = std::make_shared<Keys>();
    *made = {kCluster, {.name = "a"}, own.authority.certificate, own.node.certificate, own.node.key, {}};
    return std::shared_ptr<const Keys>(made);
  }();
  const std::string text(reinterpret_cast<const char*>(bytes), size);
  look_at(text, own);
  look_at_list(text);
  look_at_proof(text, keys);
  (void)check_curve_key(text, "fuzz");
  require(curve_public(text).empty() || size == kCurveText, "a CURVE key has its length");
  (void)is_key_name(text);
  return 0;
}
