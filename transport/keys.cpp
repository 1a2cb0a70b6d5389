#include "transport/keys.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <ctime>

#include "transport/certificate.hpp"
#include "transport/curve_keys.hpp"
#include "transport/hex.hpp"
#include "transport/key_files.hpp"
#include "transport/key_readers.hpp"

namespace troupe {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

constexpr std::size_t kIdBytes = 16;  // of a cluster
constexpr int kAuthorityDays = 7300;  // names are renewed under it: longer than any of them

Error usage(std::string what, std::string where, std::string given, std::string allowed, std::string hint) {
  return {ErrorCode::bad_usage, std::move(what),    std::move(where),
          std::move(given),     std::move(allowed), std::move(hint)};
}

Result<void> check_days(int days) {
  if (days >= 1 && days <= kMostKeyDays) return {};
  return fail(usage("a certificate can't be valid for so long", "--days", std::to_string(days),
                    fmt::format("1 … {}", kMostKeyDays), ""));
}

/// An error after the old keys were moved says where they are.
Error with_old(Error error, const fs::path& replaced) {
  if (!replaced.empty())
    error.hint += (error.hint.empty() ? "" : ". ") + ("The keys that were there are in " + replaced.string());
  return error;
}

/// Signs one name and writes its files.
Result<MadeKeys> make_name(const fs::path& folder, const CertifiedKey& authority, const std::string& cluster,
                           const NewName& wanted, KeyRole role, double now) {
  const std::string& name = wanted.name;
  auto all = read_public(folder, cluster);
  if (!all) return fail(all.error());
  const auto made = make_certificate(authority, name, role, now, wanted.days);
  if (!made) return fail(made.error());
  auto curve = make_curve_keys();
  if (!curve) return fail(curve.error());
  const Secret curve_secret(curve->secret_key + "\n");
  OPENSSL_cleanse(curve->secret_key.data(), curve->secret_key.size());
  const fs::path pem = folder / key_files::certificate(name);
  auto facts = read_certificate(made->certificate, pem.string());
  if (!facts) return fail(facts.error());
  MadeKeys out{facts->card, {}, {}};
  out.card.curve = curve->public_key;
  (*all)["names"][name] = {
      {"role", to_string(role)}, {"curve", curve->public_key}, {"fingerprint", out.card.fingerprint}};
  const fs::path key = folder / key_files::private_key(name), secret = folder / key_files::curve(name);
  if (wanted.renew) {  // all that may fail but the disk has not
    const auto aside = set_aside(folder, {pem.filename(), key.filename(), secret.filename()}, now);
    if (!aside) return fail(aside.error());
    out.replaced = *aside;
  }
  Result<void> written = write_private_file(key, made->key);
  if (written) written = write_private_file(secret, curve_secret);
  if (written) written = write_public_file(pem, made->certificate);
  if (written) written = write_public_file(folder / key_files::kPublic, all->dump(2) + "\n");
  if (!written) return fail(with_old(written.error(), out.replaced));
  out.files = {folder / key_files::kAuthority, pem, key, secret, folder / key_files::kPublic};
  return out;
}

/// 128 random bits in hexadecimal.
/// Makes the folder ready for new keys; returns where those are that it held.
Result<fs::path> clear_folder(const fs::path& folder, double now, bool force) {
  const auto entries = entries_of(folder);
  if (!entries) return fail(entries.error());
  if (!entries->others.empty())
    return fail(usage("this folder holds other things than keys", folder.string(), entries->others.front(),
                      "a folder that is empty or not there yet", "Name another"));
  if (entries->keys.empty()) return fs::path();
  if (!force)
    return fail(
        usage("this folder holds keys already", folder.string(), "", "",
              "`troupe keys add` makes one more name; --force makes a new cluster's keys and keeps the old "
              "ones in a folder beside them"));
  return set_aside(folder, entries->keys, now);
}

/// The authority with its private key.
Result<CertifiedKey> signing_authority(const fs::path& folder, const Authority& authority, double now) {
  const fs::path file = folder / key_files::kAuthorityKey;
  auto key = read_private_file(file);
  if (!key) {
    Error error = key.error();
    std::error_code ignored;
    if (!fs::exists(file, ignored))
      error.hint = "Names are added where `troupe keys init` was run, or bring ca.key back";
    return fail(error);
  }
  if (auto good = check_belongs(authority.certificate, *key, file.string()); !good) return fail(good.error());
  if (auto good = check_time(authority.facts, now, (folder / key_files::kAuthority).string()); !good)
    return fail(good.error());
  return CertifiedKey{authority.certificate, *key};
}

/// Whether the name may be made now; its role.
Result<KeyRole> check_wanted(const fs::path& folder, const NewName& wanted) {
  if (!is_key_name(wanted.name))
    return fail(usage("no name for keys", "NAME", wanted.name,
                      "1 to 40 of a-z, 0-9 and -, not beginning with -; not ca", ""));
  const fs::path file = folder / key_files::certificate(wanted.name);
  std::error_code ignored;
  bool there = false;
  for (const auto& part : {key_files::certificate(wanted.name), key_files::private_key(wanted.name),
                           key_files::curve(wanted.name)})
    there = there || fs::exists(folder / part, ignored);
  if (there && !wanted.renew)
    return fail(usage("this name has keys already", file.string(), wanted.name, "",
                      "--renew replaces them by new ones; or choose another name"));
  if (!there && wanted.renew)
    return fail(usage("there is no such name to renew", folder.string(), wanted.name, "",
                      "`troupe keys show` lists them; without --renew it is made"));
  if (!there || wanted.role) return wanted.role.value_or(KeyRole::node);
  const auto old = read_key_file(file);
  const auto facts = old ? read_certificate(*old, file.string()) : fail(old.error());
  if (!facts) {
    Error error = facts.error();
    error.hint = "Say which role it shall have: --role node or --role client";
    return fail(error);
  }
  return facts->card.role;
}

}  // namespace

Result<MadeKeys> init_keys(const fs::path& folder, double now, int days, bool force) {
  if (auto good = check_days(days); !good) return fail(good.error());
  if (auto made = make_key_folder(folder); !made) return fail(made.error());
  if (auto good = check_key_folder(folder); !good) return fail(good.error());
  const auto lock = lock_key_folder(folder);
  if (!lock) return fail(lock.error());
  const auto replaced = clear_folder(folder, now, force);
  if (!replaced) return fail(replaced.error());
  const auto id = random_hex(kIdBytes);
  if (!id) return fail(id.error());
  const auto authority = make_authority(*id, now, kAuthorityDays);
  if (!authority) return fail(authority.error());
  auto written = write_private_file(folder / key_files::kAuthorityKey, authority->key);
  if (written) written = write_public_file(folder / key_files::kAuthority, authority->certificate);
  if (!written) return fail(with_old(written.error(), *replaced));
  auto made = make_name(folder, *authority, *id, {.name = kHeadKey, .days = days}, KeyRole::node, now);
  if (!made) return fail(with_old(made.error(), *replaced));
  made->replaced = *replaced;
  return made;
}

Result<MadeKeys> add_key(const fs::path& folder, const NewName& wanted, double now) {
  if (auto good = check_days(wanted.days); !good) return fail(good.error());
  const auto authority = read_authority(folder);
  if (!authority) return fail(authority.error());
  const auto lock = lock_key_folder(folder);
  if (!lock) return fail(lock.error());
  const auto role = check_wanted(folder, wanted);
  if (!role) return fail(role.error());
  const auto signer = signing_authority(folder, *authority, now);
  if (!signer) return fail(signer.error());
  const double left = (authority->facts.card.not_after - now) / 86400;
  if (wanted.days > left)
    return fail(usage("the cluster's authority itself ends before that", "--days",
                      std::to_string(wanted.days), fmt::format("at most {}", static_cast<int>(left)),
                      "It ends at " + utc_text(authority->facts.card.not_after)));
  return make_name(folder, *signer, authority->facts.card.name, wanted, *role, now);
}

const char* to_string(KeyRole role) noexcept { return role == KeyRole::node ? "node" : "client"; }

Secret::Secret(std::string text)
    : text_(new std::string(std::move(text)), [](const std::string* held) {
        OPENSSL_cleanse(const_cast<char*>(held->data()), held->size());
        delete held;
      }) {}

const std::string& Secret::reveal() const {
  static const std::string none;
  return text_ ? *text_ : none;
}

std::string utc_text(double unix_time) {
  const auto seconds = static_cast<std::time_t>(unix_time);
  std::tm t{};
  gmtime_r(&seconds, &t);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
                     t.tm_hour, t.tm_min, t.tm_sec);
}

}  // namespace troupe
