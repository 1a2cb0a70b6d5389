#pragma once
// A job kind of the user's, in a shared library that a job file names (`plugin = "libclassifier.so"`).
// The library defines, once:
//
//   TROUPE_PLUGIN(registry) { registry.add("classifier", make_classifier); }
#include <functional>
#include <map>
#include <string>

#include "base/version.hpp"
#include "train/program.hpp"

namespace troupe {

class KindRegistry {
 public:
  void add(const std::string& kind, ProgramFactory factory) { kinds_[kind] = std::move(factory); }
  const std::map<std::string, ProgramFactory>& kinds() const { return kinds_; }

 private:
  std::map<std::string, ProgramFactory> kinds_;
};

/// Opens the library (kept open for the life of the process) and returns its kinds. Errors: not_found,
/// wrong_version (built against another troupe), bad_data (no troupe plugin).
Result<std::map<std::string, ProgramFactory>> load_plugin(const std::filesystem::path& library);

}  // namespace troupe

// NOLINTBEGIN(bugprone-macro-parentheses): the argument names a parameter
#define TROUPE_PLUGIN(registry)                                                 \
  extern "C" const char* troupe_plugin_version() { return ::troupe::kVersion; } \
  extern "C" void troupe_plugin_register(::troupe::KindRegistry& registry)
// NOLINTEND(bugprone-macro-parentheses)
