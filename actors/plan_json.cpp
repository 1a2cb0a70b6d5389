#include "actors/plan_json.hpp"

#include "actors/gpu_choice.hpp"

namespace troupe {

nlohmann::json grants_to_json(const std::vector<Grant>& grants) {
  auto all = nlohmann::json::array();
  for (const auto& g : grants)
    all.push_back({{"node", g.node},
                   {"cores", g.cores},
                   {"unit", names_gpu(g.node) ? kPieceWord : "core"},
                   {"memory", g.memory.count}});
  return all;
}

nlohmann::json plan_to_json(const Plan& plan) {
  auto jobs = nlohmann::json::object();
  for (const auto& [name, d] : plan.jobs)
    jobs[name] = {
        {"grants", grants_to_json(d.grants)}, {"wanted_cores", d.wanted_cores}, {"reason", d.reason}};
  return jobs;
}

}  // namespace troupe
