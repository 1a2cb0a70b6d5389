// Any text is either refused with errors that stand in the file, or reads back as itself.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/config.hpp"

namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

void look_at(const troupe::Errors& errors) {
  require(!errors.empty(), "a refusal has a reason");
  require(errors.size() <= 101, "errors are capped");
  for (const auto& error : errors) {
    require(error.where.starts_with("/fuzz/file.toml"), "every error has its place");
    require(!error.what.empty() && error.exit_code() == 2, "every error says what the user did");
    (void)nlohmann::json(error.text()).dump();  // throws on invalid UTF-8
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::filesystem::path file = "/fuzz/file.toml";
  if (const auto config = troupe::parse_config(text, file)) {
    const auto again = troupe::parse_config(troupe::to_toml(*config), file);
    require(again.has_value(), "what was written can be read");
    require(*again == *config, "a configuration reads back as itself");
    for (const auto& job : config->jobs)
      require(troupe::validate(job).empty(), "a job that was read is valid");
  } else {
    look_at(config.error());
  }
  if (const auto job = troupe::parse_job(text, file)) {
    const auto again = troupe::parse_job(troupe::to_toml(*job), file);
    require(again.has_value(), "what was written can be read");
    require(*again == *job, "a job reads back as itself");
    require(troupe::hash_relevant(*again) == troupe::hash_relevant(*job), "the deciding text stays");
  } else {
    look_at(job.error());
  }
  return 0;
}
