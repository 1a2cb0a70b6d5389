#include "tests/gpu/check/report.hpp"

#include <fstream>

namespace troupe::cuda::check {

void Report::add(nlohmann::ordered_json row) {
  row["section"] = section_;
  rows_.push_back(std::move(row));
  std::ofstream out(file_);
  out << rows_.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  out.flush();
  written_ = out.good();
}

}  // namespace troupe::cuda::check
