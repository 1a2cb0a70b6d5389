#pragma once
// How errors name the tables of a file, and what they advise about unknown keys.
#include <string>
#include <vector>

namespace troupe::schema {

struct Words {
  bool nested = true;  // jobs stand below [[job]], not at the top level of a file of their own

  /// "job.gan" -> "[job.gan]", or "[gan]" in a job's own file.
  std::string title(const std::string& section) const;
  /// Where an unknown key belongs, or which known one it resembles; may be empty.
  std::string hint(const std::string& key, const std::vector<std::string>& known) const;
};

/// A key between backticks, or as a cut and escaped text when it is no plain one.
std::string ticked(const std::string& key);

}  // namespace troupe::schema
