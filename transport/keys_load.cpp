#include "transport/key_readers.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "transport/curve_keys.hpp"

namespace troupe {
namespace fs = std::filesystem;

using nlohmann::json;

namespace {

constexpr const char* kReserved = "ca";  // ca.pem is the authority's

std::string without_newline(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

KeyCard card_of(const fs::path& folder, const std::string& name, const Authority& authority, const json& all,
                double now) {
  KeyCard card;
  const fs::path file = folder / key_files::certificate(name);
  const auto text = read_key_file(file);
  auto facts = text ? read_certificate(*text, file.string()) : fail(text.error());
  if (facts) card = facts->card;
  card.name = name;
  card.curve = curve_in(all, name);
  Result<void> good;
  if (!facts) good = fail(facts.error());
  if (good) good = check_signed(*text, authority.certificate, file.string());
  if (good) good = check_time(*facts, now, file.string());
  if (!good) card.trouble = good.error();
  return card;
}

std::vector<std::string> names_in(const KeyEntries& entries, const char* ending) {
  std::vector<std::string> names;
  for (const auto& file : entries.keys) {
    const std::string name = file.substr(0, file.rfind('.'));
    if (file.ends_with(ending) && is_key_name(name)) names.push_back(name);
  }
  return names;
}

/// Whose keys are meant where no name was given.
Result<std::string> only_name(const fs::path& folder) {
  const auto entries = entries_of(folder);
  if (!entries) return fail(entries.error());
  const auto names = names_in(*entries, ".key");
  if (names.size() == 1) return names[0];
  if (std::find(names.begin(), names.end(), kHeadKey) != names.end()) return std::string(kHeadKey);
  Error error{.code = ErrorCode::bad_config,
              .what = "this folder holds no private key of a name",
              .where = folder.string(),
              .hint = "Copy NAME.pem, NAME.key and NAME.curve into it, or make them by `troupe keys add`"};
  if (!names.empty()) {
    error.what = "this folder holds the private keys of several names, and none is \"head\"";
    error.given = fmt::format("{}", fmt::join(names, ", "));
    error.hint = "Keep one name's files in it";
  }
  return fail(error);
}

/// The CURVE key of a name, whose public half must be the one that the others were told.
Result<void> read_curve(const fs::path& folder, const json& all, Keys& keys) {
  const fs::path file = folder / key_files::curve(keys.card.name);
  const auto text = read_private_file(file);
  if (!text) return fail(text.error());
  keys.curve_secret = Secret(without_newline(text->reveal()));
  keys.card.curve = curve_public(keys.curve_secret.reveal());
  const std::string told = curve_in(all, keys.card.name);
  if (!keys.card.curve.empty() && (told.empty() || told == keys.card.curve)) return {};
  return fail(
      {.code = ErrorCode::bad_config,
       .what = keys.card.curve.empty() ? "this is no CURVE key"
                                       : "this CURVE key is not the one that public.json tells of",
       .where = file.string(),
       .hint = "Copy both anew from the same folder of keys, or make another by `troupe keys add --renew`"});
}

}  // namespace

bool is_key_name(const std::string& text) {
  const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !text.empty() && text.size() <= 40 && text[0] != '-' && text != kReserved &&
         std::all_of(text.begin(), text.end(), good);
}

Result<json> read_public(const fs::path& folder, const std::string& cluster) {
  const fs::path file = folder / key_files::kPublic;
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return json{{"cluster", cluster}, {"names", json::object()}};
  const auto text = read_key_file(file);
  if (!text) return fail(text.error());
  return parse_public(*text, file, cluster);
}

Result<json> parse_public(const std::string& text, const fs::path& file, const std::string& cluster) {
  auto all = json::parse(text, nullptr, false);
  const bool good = all.is_object() && all.contains("names") && all["names"].is_object() &&
                    all.value("cluster", json()) == cluster;
  if (good) return all;
  return fail({.code = ErrorCode::bad_config,
               .what = "this is no list of this cluster's public keys",
               .where = file.string(),
               .hint = "Copy it anew from where `troupe keys` made it"});
}

std::string curve_in(const json& all, const std::string& name) {
  const auto found = all["names"].find(name);
  if (found == all["names"].end() || !found->is_object()) return "";
  const auto curve = found->find("curve");
  const bool good =
      curve != found->end() && curve->is_string() && curve->get<std::string>().size() == kCurveText;
  return good ? curve->get<std::string>() : "";
}

Result<Authority> read_authority(const fs::path& folder) {
  if (auto good = check_key_folder(folder); !good) return fail(good.error());
  const fs::path file = folder / key_files::kAuthority;
  const auto text = read_key_file(file);
  if (!text) return fail(text.error());
  auto facts = read_certificate(*text, file.string());
  if (!facts) return fail(facts.error());
  if (!facts->authority)
    return fail({.code = ErrorCode::bad_config,
                 .what = "this is the certificate of a name, not of an authority",
                 .where = file.string(),
                 .hint = "Copy ca.pem anew from where `troupe keys` made it"});
  return Authority{*text, *facts};
}

Result<KeyFolder> list_keys(const fs::path& folder, double now) {
  const auto authority = read_authority(folder);
  if (!authority) return fail(authority.error());
  const auto all = read_public(folder, authority->facts.card.name);
  if (!all) return fail(all.error());
  const auto entries = entries_of(folder);
  if (!entries) return fail(entries.error());
  KeyFolder out{authority->facts.card.name, authority->facts.card.not_after, {}};
  for (const auto& name : names_in(*entries, ".pem"))
    out.cards.push_back(card_of(folder, name, *authority, *all, now));
  return out;
}

Result<std::shared_ptr<const Keys>> load_keys(const fs::path& folder, double now, const std::string& name) {
  const auto authority = read_authority(folder);
  if (!authority) return fail(authority.error());
  if (auto good = check_time(authority->facts, now, (folder / key_files::kAuthority).string()); !good)
    return fail(good.error());
  const auto whose = name.empty() ? only_name(folder) : Result<std::string>(name);
  if (!whose) return fail(whose.error());
  const auto all = read_public(folder, authority->facts.card.name);
  if (!all) return fail(all.error());
  const fs::path pem = folder / key_files::certificate(*whose),
                 secret = folder / key_files::private_key(*whose);
  const auto certificate = read_key_file(pem);
  if (!certificate) return fail(certificate.error());
  const auto facts = read_certificate(*certificate, pem.string());
  if (!facts) return fail(facts.error());
  if (facts->card.name != *whose)
    return fail({ErrorCode::bad_config, "this certificate is another name's", pem.string(), facts->card.name,
                 *whose, "Give the file the name that `troupe keys` gave it"});
  auto key = read_private_file(secret);
  if (!key) return fail(key.error());
  auto good = check_signed(*certificate, authority->certificate, pem.string());
  if (good) good = check_belongs(*certificate, *key, secret.string());
  if (good) good = check_time(*facts, now, pem.string());
  if (!good) return fail(good.error());
  auto keys = std::make_shared<Keys>();
  *keys = {authority->facts.card.name, facts->card, authority->certificate, *certificate, *key, {}};
  if (good = read_curve(folder, *all, *keys); !good) return fail(good.error());
  return std::shared_ptr<const Keys>(keys);
}

Result<std::map<std::string, std::string>> public_curve_keys(const fs::path& folder) {
  const auto authority = read_authority(folder);
  if (!authority) return fail(authority.error());
  const auto all = read_public(folder, authority->facts.card.name);
  if (!all) return fail(all.error());
  std::map<std::string, std::string> keys;
  for (const auto& [name, told] : (*all)["names"].items())
    if (const auto curve = curve_in(*all, name); !curve.empty()) keys[name] = curve;
  return keys;
}

}  // namespace troupe
