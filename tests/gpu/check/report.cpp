#include "tests/gpu/check/report.hpp"

#include <fstream>

namespace troupe::cuda::check {

void Report::add(nlohmann::ordered_json row) {
  row["section"] = section_;
  rows_.push_back(std::move(row));
  // whole or as it was: whoever is stopped leaves what he has found
  const std::filesystem::path anew = file_.string() + ".new";
  std::ofstream out(anew);
  out << rows_.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  out.close();
  std::error_code failed;
  if (out.good()) std::filesystem::rename(anew, file_, failed);
  written_ = out.good() && !failed;
}

}  // namespace troupe::cuda::check
