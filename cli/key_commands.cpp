#include "cli/key_commands.hpp"

#include <fmt/format.h>

#include <ostream>

#include "cli/text.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;

constexpr double kDay = 86400;
constexpr double kSoonDays = 30;  // a key that ends earlier is pointed out

Json card_json(const KeyCard& card) {
  return {{"name", card.name},
          {"role", to_string(card.role)},
          {"fingerprint", card.fingerprint},
          {"not_before", utc_text(card.not_before)},
          {"not_after", utc_text(card.not_after)},
          {"curve", card.curve},
          {"trouble", card.trouble ? Json(card.trouble->text()) : Json(nullptr)}};
}

std::string state_of(const KeyCard& card, double now) {
  if (card.trouble) return card.trouble->what;
  const double days = (card.not_after - now) / kDay;
  return days < kSoonDays ? fmt::format("ends in {}", counted(static_cast<long>(days), "day")) : "good";
}

int tell_json(const MadeKeys& made, const Terminal& terminal) {
  Json files = Json::array();
  for (const auto& file : made.files) files.push_back(file.string());
  Json told = card_json(made.card);
  told.erase("trouble");
  told["files"] = files;
  told["replaced"] = made.replaced.empty() ? Json(nullptr) : Json(made.replaced.string());
  terminal.out << told.dump(2) << "\n";
  return kDone;
}

void tell_made(const MadeKeys& made, const Terminal& terminal) {
  if (!made.replaced.empty())
    terminal.out << "the keys that were there are kept in " << made.replaced.string() << "\n";
  terminal.out << fmt::format("{}: {}, valid until {}\nfingerprint {}\n", made.card.name,
                              to_string(made.card.role), utc_text(made.card.not_after),
                              made.card.fingerprint);
}

}  // namespace

int run_keys_init(const KeyOptions& options, const Services& services, const Terminal& terminal) {
  const auto made = init_keys(options.folder, services.unix_time(), options.days, options.force);
  if (!made) return report(terminal, made.error());
  if (options.json) return tell_json(*made, terminal);
  tell_made(*made, terminal);
  if (!made->replaced.empty())
    terminal.out << "this is a new cluster: who holds keys of the old one is not let in\n";
  const std::string folder = fs::absolute(options.folder).lexically_normal().string();
  terminal.out
      << "\nGive them to the cluster in its file:\n  [cluster]\n  keys = \"" << folder << "\"\n"
      << "Keys for others: `troupe keys add " << options.folder.string() << " NAME`\n"
      << "ca.key signs names. Whoever has it may let anyone in: keep it where nobody else can read it.\n";
  return kDone;
}

int run_keys_add(const KeyOptions& options, const Services& services, const Terminal& terminal) {
  NewName wanted{.name = options.name, .role = {}, .days = options.days, .renew = options.renew};
  if (!options.role.empty()) wanted.role = options.role == "client" ? KeyRole::client : KeyRole::node;
  const auto made = add_key(options.folder, wanted, services.unix_time());
  if (!made) return report(terminal, made.error());
  if (options.json) return tell_json(*made, terminal);
  tell_made(*made, terminal);
  terminal.out << "\nIts holder needs these files, in a folder of mode 0700 (scp -p keeps their modes):\n";
  for (const auto& file : made->files) terminal.out << "  " << file.string() << "\n";
  return kDone;
}

int run_keys_show(const KeyOptions& options, const Services& services, const Terminal& terminal) {
  const auto list = list_keys(options.folder, services.unix_time());
  if (!list) return report(terminal, list.error());
  bool good = true;
  Json names = Json::array();
  std::vector<std::vector<std::string>> rows = {{"NAME", "ROLE", "VALID UNTIL", "STATE", "FINGERPRINT"}};
  for (const auto& card : list->cards) {
    good = good && !card.trouble;
    names.push_back(card_json(card));
    const std::string until = card.fingerprint.empty() ? "-" : utc_text(card.not_after);
    rows.push_back({card.name, card.fingerprint.empty() ? "-" : to_string(card.role), until,
                    state_of(card, services.unix_time()), card.fingerprint.empty() ? "-" : card.fingerprint});
  }
  if (options.json) {
    terminal.out
        << Json{{"cluster", list->cluster}, {"not_after", utc_text(list->not_after)}, {"names", names}}.dump(
               2, ' ', false, Json::error_handler_t::replace)
        << "\n";
  } else {
    terminal.out << "cluster " << list->cluster << ", its authority valid until " << utc_text(list->not_after)
                 << "\n\n"
                 << table(rows);
  }
  for (const auto& card : list->cards)
    if (card.trouble) report(terminal, *card.trouble);
  return good ? kDone : kFailed;
}

}  // namespace troupe
